"""`hautech-worker replay ID...`: the recorded result event of a job is published again."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from worker.contracts.result import ResultEvent
from worker.engine.announce import publish
from worker.jobs.job import Job
from worker.runtime.commands.job import unknown_job
from worker.runtime.commands.output import FAILED, fail, print_json, remark, stdout, styled
from worker.runtime.commands.services import Services, services_for
from worker.runtime.commands.wording import count

app = typer.Typer(add_completion=False)


@app.command(
    epilog="[bold]Examples[/bold]\n\n"
    "  hautech-worker replay sku-1042-front\n"
    "  hautech-worker jobs --state succeeded --json \\\n"
    "    | jq -r '.jobs\\[].requestId' | xargs hautech-worker replay"
)
def replay(
    ctx: typer.Context,
    ids: Annotated[list[str], typer.Argument(metavar="ID", help="requestIds.")],
    *,
    as_json: Annotated[bool, typer.Option("--json", help="For scripts.")] = False,
) -> None:
    """Publish the result event of jobs that are over once more.

    It is the recorded event: the same id, the same text, the same attributes. Nothing is generated,
    nothing is paid, no dead letter is sent. Consumers that saw it drop it by its id.
    """
    services = services_for(ctx, "WORKER_JOB_TABLE", "WORKER_RESULT_TOPIC_ARN")
    results = [_replay(services, request_id) for request_id in dict.fromkeys(ids)]
    if as_json:
        print_json({"replayed": results})
    else:
        for result in results:
            if result["eventId"]:
                words = f"{result['requestId']}  {result['status']}  event {result['eventId']}"
                stdout().print(styled(words), soft_wrap=True)
    done = sum(1 for result in results if result["eventId"])
    if not as_json:
        remark(f"{count(done, 'event')} published again.")
    for result in results:
        if result["error"] and not as_json:
            fail(result["error"])
    if done < len(results):
        raise typer.Exit(FAILED)


def _replay(services: Services, request_id: str) -> dict[str, Any]:
    job = services.store.load(request_id)
    refusal = _refusal(job, request_id, services)
    if refusal is not None or job is None:
        return {"requestId": request_id, "status": None, "eventId": None, "error": refusal}
    event = ResultEvent.model_validate(job.event)
    publish(services.topic, event, trace=job.trace)
    return {
        "requestId": request_id,
        "status": event.data.status,
        "eventId": event.id,
        "error": None,
    }


def _refusal(job: Job | None, request_id: str, services: Services) -> str | None:
    """Why there is no event to publish."""
    if job is None:
        return unknown_job(request_id, services.settings.job_table)
    if job.event is None:
        return (
            f'"{request_id}" is {job.state}: it has no event yet. It is published when the job is '
            f"over: hautech-worker watch {request_id}"
        )
    if not job.state.is_final:
        return (
            f'"{request_id}" is {job.state}: its event is being published. If that takes long: '
            f"hautech-worker job {request_id}"
        )
    return None
