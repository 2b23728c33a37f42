"""The page that the bench prints: one table of loads, one of aims. Pure but for the console."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from rich.console import Console
from rich.table import Table

from bench.figures import MB, Figures, InFlight
from bench.result import BenchResult
from bench.targets import Verdict

_MARKS = {True: "[green]✓[/green]", False: "[red]✗[/red]", None: "–"}

_ROWS: tuple[tuple[str, Callable[[Figures], str]], ...] = (
    ("jobs/s", lambda one: f"{one.jobs_per_s:.1f}"),
    ("CPU per job, worker", lambda one: _number(one.cpu_ms_per_job, "{:.1f} ms")),
    ("CPU per job, floor", lambda one: _number(one.floor_cpu_ms_per_job, "{:.1f} ms")),
    ("worker / floor", lambda one: _number(one.cpu_ratio, "{:.2f} ×")),
    ("polls per job", lambda one: f"{one.polls_per_job:.2f}"),
    ("lag to event, p50", lambda one: f"{one.lag_p50_s:.2f} s"),
    ("lag to event, p95", lambda one: f"{one.lag_p95_s:.2f} s"),
    ("peak RSS", lambda one: f"{one.peak_rss_bytes / MB:.0f} MB"),
    ("threads", lambda one: str(one.peak_threads)),
    ("SQS requests per job", lambda one: _number(one.sqs_per_job, "{:.2f}")),
)


def show(result: BenchResult, console: Console) -> None:
    """Prints all of it."""
    console.print(_loads(result.figures))
    console.print(_calls(result.figures))
    if result.in_flight is not None:
        console.print(_in_flight(result.in_flight))
    console.print(aims_table(result.verdicts()))
    machine = result.machine
    console.print(
        f"{machine['processor']}, {machine['cores']} cores shared with the emulator and the "
        f"stand-in, load {machine['loadAverageBefore']} before; Python {machine['python']}, "
        f"botocore {machine['packages']['botocore']}, requests {machine['packages']['requests']}; "
        f"{result.took_s:.0f} s in all",
        style="dim",
        highlight=False,
    )


def _loads(figures: Mapping[str, Figures]) -> Table:
    table = _table("", figures)
    for title, cell in _ROWS:
        table.add_row(title, *(cell(one) for one in figures.values()))
    return table


def _calls(figures: Mapping[str, Figures]) -> Table:
    table = _table("calls per job", figures)
    for kind in ("hautech_calls", "aws_calls"):
        columns: list[Mapping[str, float]] = [getattr(one, kind) or {} for one in figures.values()]
        for name in sorted({name for column in columns for name in column}):
            cells = (f"{column[name]:.2f}" if name in column else "–" for column in columns)
            table.add_row(name, *cells)
        table.add_section()
    return table


def _table(first: str, columns: Iterable[str]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    table.add_column(first, no_wrap=True)
    for name in columns:
        table.add_column(name, justify="right", no_wrap=True)
    return table


def _in_flight(one: InFlight) -> str:
    return (
        f"in flight   {one.pending:,} of {one.wanted:,} pipelines pending at once after "
        f"{one.intake_s:.0f} s: peak RSS {one.peak_rss_bytes / MB:.0f} MB "
        f"({one.rss_before_bytes / MB:.0f} MB before), {one.peak_threads} threads\n"
    )


def aims_table(verdicts: Iterable[Verdict]) -> Table:
    """Aims, what was found, and whether that will do."""
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    table.add_column("aim")
    for name in ("at most", "found", ""):
        table.add_column(name, justify="right")
    for one in verdicts:
        unit = f" {one.unit}" if one.unit else ""
        found = "not measured" if one.found is None else f"{one.found:.2f}{unit}"
        table.add_row(one.aim, f"{one.most:g}{unit}", found, _MARKS[one.is_met])
    return table


def _number(value: float | None, text: str) -> str:
    return "–" if value is None else text.format(value)
