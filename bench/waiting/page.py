"""The page that the bench of waiting prints. Pure but for the console."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from bench.report import aims_table
from bench.targets import Verdict
from bench.waiting import costs, prices
from bench.waiting.batches import BatchShare
from bench.waiting.invocations import LATENCY_MS, MB_PER_VCPU, MEMORY_MB, PerJob
from bench.waiting.measuring import Found

MAX_SHARE_OF_SLEEPING = 1 / 6
MAX_BILLED_S = 9.0
MAX_WAITING_S = 0.2


def verdicts(found: Found) -> list[Verdict]:
    """The aims of the project for this bench."""
    load = found.load
    worker = costs.costs_of(load).total
    sleeping = costs.costs_of_sleeping(load, found.plan.pipeline_s).total
    pipelines = f"{found.plan.pipelines} pipelines"
    return [
        Verdict(
            aim=f"cost of a job, as a share of a function that sleeps ({pipelines})",
            most=MAX_SHARE_OF_SLEEPING,
            found=worker / sleeping,
        ),
        Verdict(
            aim=f"billed seconds per job at {MEMORY_MB} MB",
            most=MAX_BILLED_S,
            found=load.reckoned_s,
            unit="s",
        ),
        Verdict(
            aim="of them for waiting, with batches as they came here",
            most=MAX_WAITING_S,
            found=load.waiting.reckoned_s,
            unit="s",
        ),
        *(
            Verdict(
                aim=f"of them for waiting, were all polls in batches of {batch.size}",
                most=MAX_WAITING_S,
                found=load.pending_polls * batch.reckoned_ms_per_poll / 1000,
                unit="s",
            )
            for batch in found.batches
        ),
    ]


def show(found: Found, console: Console) -> None:
    """Prints all of it."""
    console.print(_loads({"first jobs": found.first, "jobs": found.load}))
    console.print(_batches(found.batches))
    console.print(_costs(found))
    console.print(aims_table(verdicts(found)))
    console.print(_beside(found), highlight=False)
    machine = found.machine
    console.print(
        f"{found.plan.jobs} jobs, {found.plan.per_s:g} a second, pipelines of "
        f"{found.plan.pipelines} in real time; {machine['processor']}, {machine['cores']} cores "
        f"shared with the emulator, load {machine['loadAverageBefore']} before; "
        f"Python {machine['python']}; {found.took_s:.0f} s in all\n"
        f"reckoned: CPU time x {MB_PER_VCPU}/{MEMORY_MB}, plus for each call "
        + ", ".join(f"{name} {ms:g} ms" for name, ms in LATENCY_MS.items() if ms),
        style="dim",
        highlight=False,
    )


def _loads(loads: dict[str, PerJob]) -> Table:
    table = _table(
        *("", "invocations", "records", "handler", "CPU", "billed here"),
        *("billed, reckoned", "SQS requests"),
        title="per job",
    )
    for name, load in loads.items():
        for part, share in load.parts.items():
            table.add_row(
                f"{name}, {part}",
                f"{share.invocations:.2f}",
                f"{share.records:.2f}",
                f"{share.handler_ms:.0f} ms",
                f"{share.cpu_ms:.0f} ms",
                f"{share.billed_s:.2f} s",
                f"{share.reckoned_s:.2f} s",
                f"{share.sqs_requests:.2f}",
            )
        table.add_row(
            f"{name}, all",
            f"{load.invocations:.2f}",
            *("", "", ""),
            f"{load.billed_s:.2f} s",
            f"{load.reckoned_s:.2f} s",
            f"{load.sqs_requests:.2f}",
        )
        table.add_row(f"{name}, polls that found nothing", f"{load.pending_polls:.2f}")
        inits = sum(share.inits for share in load.parts.values())
        table.add_row(f"{name}, environments started", str(inits))
        table.add_section()
    return table


def _batches(batches: Sequence[BatchShare]) -> Table:
    table = _table(
        *("batch", "handler", "per poll", "CPU per poll", "reckoned per poll", "SQS per poll"),
        title="polls that find nothing",
    )
    for one in batches:
        table.add_row(
            str(one.size),
            f"{one.handler_ms:.0f} ms",
            f"{one.ms_per_poll:.1f} ms",
            f"{one.cpu_ms_per_poll:.1f} ms",
            f"{one.reckoned_ms_per_poll:.1f} ms",
            f"{one.sqs_per_poll:.2f}",
        )
    return table


def _costs(found: Found) -> Table:
    worker = costs.costs_of(found.load)
    sleeping = costs.costs_of_sleeping(found.load, found.plan.pipeline_s)
    table = _table("US dollars per 1,000 jobs", "this worker", "asleep until the end")
    for name, cost in worker.parts.items():
        table.add_row(name, f"{cost:.4f}", f"{sleeping.parts[name]:.4f}")
    table.add_section()
    table.add_row("all", f"{worker.total:.4f}", f"{sleeping.total:.4f}")
    return table


def _beside(found: Found) -> str:
    idle = costs.idle_usd_per_month(found.reconcile_s)
    polls = costs.idle_sqs_requests_per_month()
    every = costs.RECONCILE_EVERY_S // 60
    idle_text = (
        f"\nidle on Lambda   ${idle:.2f} a month: {polls:,.0f} long polls of Lambda "
        f"(${polls * prices.SQS_REQUEST:.2f}), and reconcile every {every} minutes, "
        f"{found.reconcile_s:.2f} s"
    )
    lines = [idle_text]
    for name, is_spot in (("Fargate", False), ("Fargate Spot", True)):
        task = costs.fargate_usd_per_month(is_spot=is_spot)
        jobs = costs.break_even_jobs_per_month(found.load, found.reconcile_s, is_spot=is_spot)
        lines.append(
            f"{name:16} ${task:.2f} a month for 0.25 vCPU and 0.5 GB; cheaper than Lambda from "
            f"{jobs:,.0f} jobs a month on"
        )
    return "\n".join(lines) + "\n"


def _table(*columns: str, title: str | None = None) -> Table:
    table = Table(
        box=None,
        pad_edge=False,
        header_style="bold",
        padding=(0, 2, 0, 0),
        title=title,
        title_justify="left",
    )
    for index, name in enumerate(columns):
        table.add_column(name, justify="right" if index else "left", no_wrap=True)
    return table
