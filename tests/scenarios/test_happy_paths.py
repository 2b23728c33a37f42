"""Each workflow from its request to its event, on the real engine."""

import hashlib

import pytest

from tests.builders import body
from tests.scenarios.harness import Service
from worker.adapters.memory.pictures import draw_png
from worker.contracts.s3_uri import S3Uri
from worker.jobs.job import JobState

CUSTOM = "11111111-2222-4333-8444-555555555555"


@pytest.mark.parametrize(
    ("workflow", "pipelines", "outputs"),
    [("full-naomi", 1, 1), ("naomi", 3, 1), ("prepare-image", 1, 1), ("prepare-pose", 1, 0)],
)
def test_each_workflow_ends_in_outputs_document_and_one_event(
    workflow: str, pipelines: int, outputs: int
) -> None:
    service = Service()
    service.send(body(workflow))
    service.run()

    event = service.event
    assert service.job.state is JobState.SUCCEEDED
    assert (event.type, event.subject) == ("ai.hautech.generation.succeeded", "sku-1042-front")
    assert len(service.events) == 1
    assert len(service.world.hautech.runs) == pipelines
    assert [use.credits for use in event.data.pipelines] == ["0.04375"] * pipelines
    assert len(event.data.outputs) == outputs
    for output in event.data.outputs:
        stored = service.world.objects.stored(S3Uri.parse(output.uri))
        assert stored is not None
        assert hashlib.sha256(stored.data).hexdigest() == output.sha256
        assert (stored.content_type, len(stored.data)) == (output.content_type, output.bytes)
        assert output.uri == "s3://shop/generated/sku-1042/sku-1042-front.png"
        assert output.width > 0
    document = service.document("generated/sku-1042/sku-1042-front.json")
    assert document["requestId"] == "sku-1042-front"
    assert document["metadata"] == {"sku": "1042"}


def test_prepared_ids_are_in_the_result() -> None:
    service = Service()
    service.send(body("naomi"))
    service.run()
    poses, garments, _ = service.world.hautech.runs
    assert service.event.data.result == {**poses.output, **garments.output}


def test_naomi_prepares_pose_and_garment_at_the_same_time() -> None:
    service = Service()
    service.send(body("naomi"))
    service.run()
    pose, garment, naomi = service.world.hautech.runs
    assert pose.created_at == garment.created_at
    assert naomi.created_at >= pose.ends_at
    assert naomi.input["poseId"] == pose.output["poseId"]
    assert naomi.input["imageId"] == garment.output["preparedImageId"]


def test_any_workflow_runs_by_its_uuid_with_images_in_place_of_ids() -> None:
    service = Service()
    uri = "s3://catalog/raw/jacket.png"
    service.send(body(CUSTOM, input={"garment": {"imageId": uri}, "refIds": [uri], "x": [1]}))
    service.run()
    (run,) = service.world.hautech.runs
    assert run.workflow_id == CUSTOM
    assert run.input["garment"]["imageId"] == run.input["refIds"][0]
    assert service.world.hautech.uploads == 1
    assert len(service.event.data.outputs) == 1


def test_several_outputs_are_numbered() -> None:
    service = Service()
    hautech = service.world.hautech
    first, second = (hautech.add_image(draw_png("several")) for _ in range(2))
    hautech.output_of = lambda _input, _output: {"imageIds": [first, second]}
    service.send(body())
    service.run()
    assert [output.uri.rsplit("/", 1)[-1] for output in service.event.data.outputs] == [
        "sku-1042-front-1.png",
        "sku-1042-front-2.png",
    ]


def test_the_run_carries_its_submission_key() -> None:
    service = Service()
    service.send(body())
    service.run()
    (run,) = service.world.hautech.runs
    mark = run.metadata["hautechWorker"]
    assert mark["jobId"] == "sku-1042-front"
    assert mark["step"] == "full-naomi"
    assert len(mark["submitKey"]) == 40


def test_waiting_holds_one_poll_message_and_no_lease() -> None:
    service = Service()
    service.world.hautech.duration_s = 60
    service.send(body())
    service.step()
    assert len(service.world.requests) == 0
    assert len(service.world.polls) == 1
    writes = service.world.store.writes
    service.step()
    assert service.job.lease is None
    assert service.world.store.writes == writes, "a pending poll writes nothing"


def test_polls_learn_how_long_a_workflow_takes() -> None:
    service = Service()
    service.world.hautech.duration_s = 12
    polls = []
    for number in range(2):
        before = service.killer.calls.count("hautech.look")
        service.send(body(requestId=f"r{number}"))
        service.run()
        polls.append(service.killer.calls.count("hautech.look") - before)
    assert polls[1] == 1
    assert polls[0] > 1


def test_the_timeline_tells_the_story() -> None:
    service = Service()
    service.send(body())
    service.run()
    told = [(entry.subject, entry.after) for entry in service.job.history]
    assert told == [
        ("job", "accepted"),
        ("image s3://catalog/poses/standing.png", "uploaded"),
        ("image s3://catalog/raw/jacket.png", "uploaded"),
        ("step full-naomi", "submitting"),
        ("step full-naomi", "running"),
        ("job", "running"),
        ("step full-naomi", "completed"),
        ("job", "announcing"),
        ("job", "succeeded"),
    ]
