"""Whatever rules are loaded: nothing that a drop leads to is dropped itself."""

import json
import re

from hypothesis import event, given
from hypothesis import strategies as st

from tests.unit.drops.samples import photo
from worker.contracts.s3_uri import S3Uri
from worker.drops.planning import plan_drop
from worker.drops.rules import load_rules
from worker.drops.sidecars import Sidecar
from worker.errors import RulesError
from worker.jobs.output_keys import document_key, output_key

BUCKETS = frozenset({"catalog"})
STUDIO = {
    "workflow": "full-naomi",
    "input": {"poseImageId": "s3://catalog/p.png", "aspectRatio": "7:10", "prompt": "x"},
}
_NAME = re.compile(r"\{(\w+)(\.\.\.)?\}")
_segments = st.lists(
    st.sampled_from(["in", "out", "é", "e\u0301", "{x}", "a-{y}", "{p...}"]),
    max_size=3,
    unique=True,
)
_folders = st.lists(
    st.sampled_from(["in", "out", "é", "e\u0301", "a-", "{x}", "{y}", "{z}", "{p}", "e{x}"]),
    max_size=3,
)
_values = st.sampled_from(["in", "out", "a", "é", "e\u0301", "\u0301", "a-in", "in/out"])


@st.composite
def _rule(draw):
    """A rule whose places have names of its path only, and a key of it."""
    match = "/".join([*draw(_segments), draw(st.sampled_from(["{z}", "a-{z}", "in"]))]) + ".{ext}"
    names = {name for name, _ in _NAME.findall(match)}

    def folder():
        text = "/".join(draw(_folders)) + "/"
        return _NAME.sub(lambda name: name[0] if name[1] in names else "out", text).lstrip("/")

    rule = {"match": match, "output": f"s3://catalog/{folder()}", "request": STUDIO}
    if draw(st.booleans()):
        all_names = "".join(f"{{{name}}}" for name in sorted(names))
        rule["onSuccess"] = {"copyTo": f"s3://catalog/done/{folder()}{all_names}/"}
    values = {name: draw(_values) for name in names} | {"ext": "jpg"}
    return rule, _NAME.sub(lambda name: values[name[1]], match)


def _written(document):
    """Every key that a request leads to."""
    place, drop = S3Uri.parse(document["output"]), document["origin"]["drop"]
    name = drop["source"].partition("?versionId=")[0].rpartition("/")[2]
    yield output_key(place.key, document["requestId"], 0, 1, "image/png")
    yield output_key(place.key, document["requestId"], 1, 2, "image/jpeg")
    yield document_key(place.key, document["requestId"])
    yield S3Uri.parse(drop["error"]).key
    for folder in drop.get("onSuccess", {}).values():
        yield S3Uri.parse(folder).key + name


@given(
    st.lists(_rule(), min_size=1, max_size=2),
    st.booleans(),
)
def test_what_a_drop_leads_to_is_never_dropped_itself(drawn, is_sent_back):
    rules = [{"name": f"r{index}"} | rule for index, (rule, _) in enumerate(drawn)]
    text = json.dumps({"version": 1, "rules": rules})
    try:
        loaded = load_rules(text, input_buckets=BUCKETS, output_buckets=BUCKETS)
    except RulesError:
        event("refused")
        return
    # A sidecar that sends the pictures to where a photo was dropped.
    watched = drawn[-1][1].rpartition("/")[0]
    sidecar = Sidecar("x.yaml", {"output": f"s3://catalog/{watched}/"}) if is_sent_back else None
    for _, key in drawn:
        match = loaded.match("catalog", key)
        plan = plan_drop(match, [photo(key)], sidecar) if match else None
        for document in plan.requests if plan else ():
            event("tried")
            for written in _written(document):
                assert loaded.match("catalog", written) is None, (rules, key, written)
