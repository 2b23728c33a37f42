import json

import pytest

from tests.unit.drops.samples import GARMENTS, INPUT, OUTPUT, PRESETS, SETS, photo, plan, rules
from worker.contracts.batch import parse_batch
from worker.contracts.request import parse_request
from worker.drops.ids import drop_request_id
from worker.drops.manifests import plan_batch
from worker.drops.planning import missing_parts, plan_drop
from worker.drops.sidecars import SidecarError, read_sidecar
from worker.errors import Problem

FANNED = GARMENTS + '    fanOut: {seed: [1, 2], label: ["a jacket", "{sku} of {season}"]}\n'


def sidecar(text, key="inbox/spring/a.yaml"):
    return read_sidecar(key, text)


def said(plan):
    assert plan.requests == ()
    return [str(problem) for problem in plan.problems]


def test_photo_becomes_a_request_as_its_rule_says():
    (request,) = plan(GARMENTS, "inbox/spring/Jacket No 1.JPG").requests
    assert request == {
        "requestId": request["requestId"],
        "workflow": "full-naomi",
        "input": {
            "poseImageId": "s3://catalog/poses/standing.png",
            "aspectRatio": "7:10",
            "prompt": "A jacket",
            "imageId": "s3://catalog/inbox/spring/Jacket No 1.JPG?versionId=v1",
        },
        "output": "s3://shop/spring/Jacket No 1/",
        "origin": {
            "drop": {
                "source": "s3://catalog/inbox/spring/Jacket No 1.JPG?versionId=v1",
                "rule": "garments",
                "error": "s3://shop/spring/Jacket No 1/Jacket No 1.error.json",
            }
        },
    }
    assert request["requestId"].startswith("Jacket-No-1-")


def test_requests_are_what_the_queue_takes():
    for request in plan(FANNED, "inbox/spring/a.jpg").requests:
        parse_request(json.dumps(request), input_buckets=INPUT, output_buckets=OUTPUT)


def test_fan_out_gives_every_combination_with_ids_of_their_own():
    requests = plan(FANNED, "inbox/spring/a.jpg").requests
    assert [(one["input"]["seed"], one["input"]["label"]) for one in requests] == [
        (1, "a jacket"),
        (1, "a of spring"),
        (2, "a jacket"),
        (2, "a of spring"),
    ]
    stems = [one["requestId"].rpartition("-") for one in requests]
    assert [number for *_, number in stems] == ["1", "2", "3", "4"]
    assert len({stem for stem, *_ in stems}) == 1
    errors = [one["origin"]["drop"]["error"].rpartition("/")[2] for one in requests]
    assert errors == ["a.error.json", "a-2.error.json", "a-3.error.json", "a-4.error.json"]


def test_metadata_and_tenant_are_filled_and_the_sidecar_cannot_change_the_tenant():
    text = GARMENTS + '    metadata: {sku: "{sku}", kind: jacket}\n    tenant: "acme-{season}"\n'
    over = sidecar("metadata: {kind: coat, tenant: other}")
    (request,) = plan(text, "inbox/spring/a.jpg", sidecar=over).requests
    assert request["metadata"] == {"sku": "a", "kind": "coat", "tenant": "acme-spring"}


def test_sidecar_is_over_the_rule_and_null_takes_away():
    over = sidecar("input: {prompt: 'A coat {as it is}', seed: 5}\nexpiresAt: 2030-01-31T12:00:00Z")
    text = GARMENTS + "    request: {input: {label: x}}\n"
    (request,) = plan(text, "inbox/spring/a.jpg", sidecar=over).requests
    assert request["input"]["prompt"] == "A coat {as it is}"
    assert request["input"]["seed"] == 5
    assert request["input"]["label"] == "x"
    assert request["origin"]["drop"]["beside"] == ["s3://catalog/inbox/spring/a.yaml"]
    gone = plan(text, "inbox/spring/a.jpg", sidecar=sidecar("input: {label: null}"))
    assert "label" not in gone.requests[0]["input"]


def test_sidecar_settles_a_field_that_fans_out_or_fans_out_itself():
    settled = plan(FANNED, "inbox/spring/a.jpg", sidecar=sidecar("input: {seed: 9}"))
    assert [one["input"]["seed"] for one in settled.requests] == [9, 9]
    own = plan(GARMENTS, "inbox/spring/a.jpg", sidecar=sidecar("fanOut: {prompt: ['{x}', y]}"))
    assert [one["input"]["prompt"] for one in own.requests] == ["{x}", "y"]
    off = plan(FANNED, "inbox/spring/a.jpg", sidecar=sidecar("fanOut: {seed: null, label: null}"))
    assert len(off.requests) == 1


def test_sidecar_may_take_another_preset():
    text = GARMENTS.replace("presets:", "presets:\n  night: {workflow: prepare-image}")
    (request,) = plan(text, "inbox/spring/a.jpg", sidecar=sidecar("preset: night")).requests
    assert request["workflow"] == "prepare-image"
    problems = said(plan(text, "inbox/spring/a.jpg", sidecar=sidecar("preset: nigth")))
    assert 'did you mean "night"?' in problems[0]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("input: {seed: -1}", "input.seed: -1: must be at least 0"),
        ("workflow: full-noami", 'did you mean "full-naomi"?'),
        ("output: s3://elsewhere/x/", 'bucket "elsewhere" is not in WORKER_OUTPUT_BUCKETS'),
        ("output: s3://catalog/inbox/spring/", 'would be dropped itself: rule "garments" watches'),
        ("input: {wrong: 1}", "input.wrong: 1: is not a field of input"),
        ("fanOut: {seed: []}", "fanOut.seed: a list of 0: must be a list with something in it"),
        (f"fanOut: {{seed: [{', '.join(map(str, range(101)))}]}}", "at most 100 are allowed"),
    ],
)
def test_sidecar_that_leads_nowhere_gives_problems_and_a_place_to_tell_them(text, problem):
    refused = plan(GARMENTS, "inbox/spring/a.jpg", sidecar=sidecar(text))
    assert problem in "\n".join(said(refused))
    assert refused.error == "s3://shop/spring/a/a.error.json"


def test_sidecar_that_could_not_be_read_is_told_like_any_problem():
    error = SidecarError([Problem("a.yaml, line 2", "", "is not YAML")])
    refused = plan(GARMENTS, "inbox/spring/a.jpg", sidecar=error)
    assert said(refused) == ["a.yaml, line 2: is not YAML"]


def test_sidecar_that_fans_out_a_rule_that_moves_is_refused():
    text = GARMENTS + '    onSuccess: {moveTo: "done/{season}/"}\n'
    refused = plan(text, "inbox/spring/a.jpg", sidecar=sidecar("fanOut: {seed: [1, 2]}"))
    assert said(refused) == ["fanOut: 2 requests: moveTo is for one request (use copyTo)"]


def test_marks_stand_in_the_origin_and_in_the_plan_of_what_is_refused():
    text = GARMENTS + (
        '    onSuccess: {copyTo: "done/{season}/"}\n'
        '    onFailure: {moveTo: "s3://shop/failed/{season}/"}\n'
    )
    (request,) = plan(text, "inbox/spring/a.jpg").requests
    drop = request["origin"]["drop"]
    assert drop["onSuccess"] == {"copyTo": "s3://catalog/done/spring/"}
    assert drop["onFailure"] == {"moveTo": "s3://shop/failed/spring/"}
    refused = plan(text, "inbox/spring/a.jpg", sidecar=sidecar("input: {seed: -1}"))
    assert refused.on_failure == {"moveTo": "s3://shop/failed/spring/"}


def test_rule_without_errors_names_no_error_document():
    text = GARMENTS + "    errors: false\n"
    (request,) = plan(text, "inbox/spring/a.jpg").requests
    assert "error" not in request["origin"]["drop"]
    assert plan(text, "inbox/spring/a.jpg", sidecar=sidecar("input: {seed: -1}")).error is None


def test_group_becomes_one_request_whichever_photo_came_first():
    keys = ["sets/a_b_front.jpg", "sets/a_b_pose.png", "sets/a_b_back.JPG"]
    (request,) = plan(SETS, *keys).requests
    assert request["input"] == {
        "imageId": "s3://catalog/sets/a_b_front.jpg?versionId=v1",
        "poseImageId": "s3://catalog/sets/a_b_pose.png?versionId=v1",
        "backImageId": "s3://catalog/sets/a_b_back.JPG?versionId=v1",
    }
    assert request["requestId"].startswith("a_b-")
    assert len(request["origin"]["drop"]["beside"]) == 2
    assert plan(SETS, *reversed(keys)).requests == (request,)


def test_group_waits_for_the_parts_that_are_needed():
    match = rules(SETS).match("catalog", "sets/a_front.jpg")
    assert match is not None
    assert missing_parts(match, [photo("sets/a_front.jpg")]) == ("pose",)
    assert missing_parts(match, [photo("sets/a_front.jpg"), photo("sets/a_pose.jpg")]) == ()
    assert said(plan_drop(match, [photo("sets/a_front.jpg")])) == [
        "pose: is missing (drop it beside the others)"
    ]


def test_two_photos_of_one_part_are_a_question_to_the_person():
    refused = plan(SETS, "sets/a_front.jpg", "sets/a_front.png", "sets/a_pose.jpg")
    assert said(refused) == [
        'front: "a_front.jpg, a_front.png": there are several of this part (keep one)'
    ]


def test_what_lies_beside_is_known_from_any_photo_of_the_group():
    match = rules(SETS + "    sidecar: true\n").match("catalog", "sets/a_b_front.jpg")
    assert match is not None
    assert match.siblings_prefix == "sets/a_b_"
    assert match.sidecar_keys == ("sets/a_b.json", "sets/a_b.yaml", "sets/a_b.yml")
    assert match.belongs("sets/a_b_pose.PNG")
    assert not match.belongs("sets/a_b_c_pose.png")
    assert not match.belongs("sets/a_b_side.png")


def test_sidecars_of_a_name_with_accents_are_looked_for_in_both_forms():
    text = GARMENTS + "    sidecar: true\n"
    match = rules(text).match("catalog", "inbox/spring/e\u0301.jpg")
    assert match is not None
    assert match.names["sku"] == "\u00e9"
    assert match.sidecar_keys[:2] == ("inbox/spring/e\u0301.json", "inbox/spring/\u00e9.json")

    composed = rules(text).match("catalog", "inbox/spring/\u00e9.jpg")
    assert composed is not None
    assert "inbox/spring/e\u0301.yaml" in composed.sidecar_keys


def test_the_extension_of_a_sidecar_may_be_in_capitals_and_the_usual_one_ranks_first():
    match = rules(GARMENTS + "    sidecar: true\n").match("catalog", "inbox/spring/SKU.JPG")
    assert match is not None
    keys = [
        f"inbox/spring/{name}"
        for name in (
            "SKU.YAML",
            "SKU.JSON",
            "SKU.json",
            "sku.json",
            "SKU.jsonl",
            "SKU.x.json",
            "SKU",
        )
    ]
    assert match.sidecars_among(keys) == [
        "inbox/spring/SKU.json",
        "inbox/spring/SKU.JSON",
        "inbox/spring/SKU.YAML",
    ]
    beside = match.rules.sidecar_of("catalog", "inbox/spring/SKU.YML")
    assert beside is match.rule


def test_photos_of_a_group_with_accents_are_looked_for_in_the_whole_folder():
    match = rules(SETS).match("catalog", "sets/e\u0301_front.jpg")
    assert match is not None
    assert match.siblings_prefix == "sets/"
    assert match.belongs("sets/\u00e9_pose.jpg")


def test_name_that_would_be_read_as_a_version_of_another_object_is_refused():
    match = rules(GARMENTS).match("catalog", "inbox/spring/a?versionId=b.jpg")
    assert match is not None
    refused = plan_drop(match, [photo(match.key, version_id=None)])
    assert "the name ends like a version of S3" in said(refused)[0]


def test_id_of_a_group_does_not_depend_on_the_order_of_its_photos():
    photos = [photo("sets/a_front.jpg"), photo("sets/a_pose.jpg")]
    assert drop_request_id("a", photos) == drop_request_id("a", reversed(photos))


def test_same_upload_has_the_same_id_and_another_one_another():
    def request_id(key="inbox/spring/a.jpg", version_id="v1", etag="e1", again=""):
        match = rules(GARMENTS).match("catalog", key)
        assert match is not None
        found = [photo(key, version_id=version_id, etag=etag)]
        return plan_drop(match, found, again=again).requests[0]["requestId"]

    assert request_id() == request_id() == "a-6c95f170f4ef"
    others = [
        request_id(key="inbox/spring/a.png"),
        request_id(key="inbox/summer/a.jpg"),
        request_id(version_id="v2"),
        request_id(version_id=None),
        request_id(version_id=None, etag="e2"),
        request_id(again="0055AED6DCD90281E5"),
    ]
    assert len({request_id(), *others}) == 7


def test_id_does_not_depend_on_the_rule():
    other = GARMENTS.replace("name: garments", "name: other").replace("{sku}/", "x/{sku}/")
    ids = [plan(text, "inbox/spring/a.jpg").requests[0]["requestId"] for text in (GARMENTS, other)]
    assert ids[0] == ids[1]


def test_dropped_manifest_becomes_a_batch_message():
    text = (
        PRESETS
        + """
rules:
  - name: catalogue
    match: "batches/{season}/{name}.csv"
    manifest: true
    preset: studio
    request: {input: {prompt: "{colour} jacket of {season}"}}
    output: "s3://shop/{season}/{sku}/"
    tenant: acme
    resultsTo: "s3://shop/results/{season}/"
    creditCap: "12.5"
"""
    )
    match = rules(text).match("catalog", "batches/{sku}/Spring 24.CSV")
    assert match is not None
    message = plan_batch(match, photo("batches/{sku}/Spring 24.CSV"))
    parse_batch(json.dumps(message), input_buckets=INPUT, output_buckets=OUTPUT)
    assert message["batchId"].startswith("Spring-24-")
    assert message["manifest"] == "s3://catalog/batches/{sku}/Spring 24.CSV?versionId=v1"
    assert message["creditCap"] == "12.5"
    assert message["resultsTo"] == "s3://shop/results/{sku}/"
    assert message["origin"]["drop"] == {
        "source": message["manifest"],
        "rule": "catalogue",
        "error": "s3://shop/results/{sku}/Spring 24.error.json",
    }
    request = message["request"]
    # What the path gave cannot name a column: its braces are doubled.
    assert request["output"] == "s3://shop/{{sku}}/{sku}/"
    assert request["input"]["prompt"] == "{colour} jacket of {{sku}}"
    assert request["workflow"] == "full-naomi"
    assert message["tenant"] == "acme"
