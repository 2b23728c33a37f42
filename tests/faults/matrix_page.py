"""The matrix as Markdown: a table for each service, and below it what happened in every cell."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tests.faults.catalogue import Call, Fault
from tests.faults.matrix import Outcome, sorted_outcomes
from tests.faults.verdict import LEGEND, Symbol, Verdict

IMPOSSIBLE = "–"


def matrix_markdown(outcomes: Iterable[Outcome]) -> str:
    """The whole section, the same for the same outcomes."""
    ordered = sorted_outcomes(outcomes)
    calls = list(dict.fromkeys(one.cell.call for one in ordered))
    parts = [_figures(calls, ordered), _legend()]
    for service in dict.fromkeys(call.service for call in calls):
        rows = [call for call in calls if call.service == service]
        parts += [f"### {service}", _table(rows, ordered)]
        parts += [_list(call, [one for one in ordered if one.cell.call == call]) for call in rows]
    return "\n\n".join(parts)


def outcome_line(outcome: Outcome) -> str:
    """What happened in a cell, or why it cannot occur."""
    cell = outcome.cell
    if cell.reason:
        return f"- {cell.fault}: cannot occur: {cell.reason}"
    said: dict[str, list[str]] = {}
    for name, verdict in outcome.verdicts:
        said.setdefault(_words(verdict), []).append(name)
    return f"- {cell.fault}: " + " · ".join(
        f"*{', '.join(names)}*: {words}" for words, names in said.items()
    )


def _words(verdict: Verdict) -> str:
    if verdict.broken:
        return f"**promise broken**: {'; '.join(verdict.broken)} ({verdict.words})"
    return verdict.words


def _figures(calls: Sequence[Call], outcomes: Sequence[Outcome]) -> str:
    verdicts = [verdict for one in outcomes for _, verdict in one.verdicts]
    run = [one for one in outcomes if not one.cell.reason]
    figures = {
        "calls × faults": f"{len(calls)} × {len(Fault)} = {len(outcomes)} cells",
        "cells that were run": f"{len(run)}, in {len(verdicts)} variants",
        "cells that cannot occur, and say why": f"{len(outcomes) - len(run)}",
        "variants that ended with a job done, paid once": f"{_count_done(verdicts)}",
        "variants that ended with a reason, as they should": f"{_count_failed(verdicts)}",
        "variants paid twice, which nobody could know": (
            f"{sum(one.symbol is Symbol.PAID_TWICE for one in verdicts)}"
        ),
        "promises broken": f"{sum(bool(one.broken) for one in verdicts)}",
    }
    rows = [f"| {name} | {value} |" for name, value in figures.items()]
    return "\n".join(["| matrix | |", "| --- | ---: |", *rows])


def _count_done(verdicts: Sequence[Verdict]) -> int:
    return sum("; done, paid once" in one.words and not one.broken for one in verdicts)


def _count_failed(verdicts: Sequence[Verdict]) -> int:
    return sum("; failed, " in one.words and not one.broken for one in verdicts)


def _legend() -> str:
    rows = [f"| `{symbol}` | {meaning} |" for symbol, meaning in LEGEND.items()]
    rows.append(f"| `{IMPOSSIBLE}` | cannot occur; the reason is in the list below the table |")
    return "\n".join(["| sign | |", "| :---: | --- |", *rows])


def _table(rows: Sequence[Call], outcomes: Sequence[Outcome]) -> str:
    lines = [f"| call | {' | '.join(Fault)} |", f"| --- |{' :---: |' * len(Fault)}"]
    for call in rows:
        signs = [f"`{one.symbols}`" for one in outcomes if one.cell.call == call]
        lines.append(f"| {call.name} | {' | '.join(signs)} |")
    return "\n".join(lines)


def _list(call: Call, outcomes: Sequence[Outcome]) -> str:
    return "\n".join([f"#### {call.service}: {call.name}", "", *map(outcome_line, outcomes)])
