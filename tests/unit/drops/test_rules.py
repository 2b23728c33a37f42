import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.drops.samples import GARMENTS, INPUT, OUTPUT, PRESETS, SETS, photo, rules
from worker.drops.manifests import plan_batch
from worker.drops.planning import plan_drop
from worker.drops.rules import load_rules
from worker.errors import RulesError

ALL = (
    GARMENTS
    + """    sidecar: true
    fanOut: {seed: [1, 2]}
    metadata: {sku: "{sku}"}
    onSuccess: {copyTo: "done/{season}/"}
  - name: sets
    match: "sets/{sku}_{part}.{ext}"
    preset: studio
    parts: {front: imageId, pose: poseImageId}
    output: "s3://shop/sets/"
    sidecar: true
  - name: everything
    match: "deep/{path...}"
    preset: studio
    output: "s3://shop/deep/"
"""
)


def refused(text, **buckets):
    given = {"input_buckets": INPUT, "output_buckets": OUTPUT} | buckets
    with pytest.raises(RulesError) as caught:
        load_rules(text, source="rules.yaml", **given)
    return [str(problem) for problem in caught.value.problems]


def rule(**fields):
    """A file of one rule, which is `garments` but for these fields."""
    lines = {
        "name": "garments",
        "match": '"inbox/{season}/{sku}.{ext}"',
        "preset": "studio",
        "output": '"s3://shop/{season}/{sku}/"',
    } | fields
    body = "".join(f"    {name}: {value}\n" for name, value in lines.items() if value is not None)
    return f"{PRESETS}\nrules:\n  -\n{body}"


def test_first_rule_that_takes_a_key_is_its_rule():
    loaded = rules(ALL)
    for key, name in [
        ("inbox/spring/a.jpg", "garments"),
        ("inbox/spring/a.JPEG", "garments"),
        ("sets/a_pose.png", "sets"),
        ("deep/a/b/c.HEIC", "everything"),
        ("deep/c.heic", "everything"),
        ("inbox/a.jpg", None),
        ("inbox/spring/a.psd", None),
        ("inbox/spring/a", None),
        ("inbox/spring/.a.jpg", None),
        ("inbox/spring/._a.jpg", None),
        ("sets/a_side.png", None),
    ]:
        match = loaded.match("catalog", key)
        assert (match and match.rule.name) == name, key
    assert loaded.match("shop", "inbox/spring/a.jpg") is None


@pytest.mark.parametrize(
    ("key", "reason"),
    [
        ("inbox/a.jpg", "wants inbox/{season}/{sku}.{ext}"),
        ("inbox/spring/a.psd", "takes the extensions jpg, jpeg, png, webp, heic, heif, tif"),
        ("inbox/spring/a", "wants inbox/{season}/{sku}.{ext}"),
        ("inbox/spring/.a.jpg", "takes no hidden files"),
        ("sets/a_side.png", "has the parts front, pose, and the name has none of them"),
        ("deep/a", "takes the extensions jpg, jpeg, png, webp, heic, heif, tif, tiff, avif: the"),
    ],
)
def test_rule_that_does_not_take_a_key_says_why(key, reason):
    assert any(why.startswith(reason) for _, why in rules(ALL).misses("catalog", key))


def test_rules_after_the_first_match_are_not_asked():
    misses = rules(ALL).misses("catalog", "sets/a_pose.png")
    assert [rule.name for rule, _ in misses] == ["garments"]
    assert rules(ALL).misses("other", "x")[0][1] == "watches the bucket catalog"


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("inbox/spring/a.json", "garments"),
        ("inbox/spring/a.yml", "garments"),
        ("sets/a_b.yaml", "sets"),
        ("inbox/a.json", None),
        ("inbox/spring/a.jpg", None),
        ("inbox/spring/a", None),
        ("deep/a.json", None),
    ],
)
def test_sidecar_is_known_for_what_it_is(key, name):
    found = rules(ALL).sidecar_of("catalog", key)
    assert (found and found.name) == name
    assert rules(ALL).sidecar_of("shop", key) is None


_key = st.text() | st.text("inboxspringsets/_.{}%jpg\u0301é", max_size=30).map("inbox/s/{}".format)


@given(st.text() | st.just("catalog"), _key | st.from_regex(r"(sets|deep|inbox/s)/.+\.JPG\Z"))
def test_loaded_rules_raise_for_no_key(bucket, key):
    match = _LOADED.match(bucket, key)
    _LOADED.misses(bucket, key)
    _LOADED.sidecar_of(bucket, key)
    if match is not None:
        assert match.belongs(key)
        assert match.siblings_prefix
        assert all(one.startswith(match.folder) for one in match.sidecar_keys)
        planned = plan_drop(match, [photo(key)])
        assert bool(planned.requests) != bool(planned.problems)


_LOADED = rules(ALL)


def test_times_have_defaults_that_fit_the_rule():
    waits = {one.name: one.settle_s for one in rules(ALL).rules}
    assert waits == {"garments": 20, "sets": 20, "everything": 0}
    assert rules(SETS).rules[0].parts_within_s == 900
    assert rules(rule(settleSeconds=0, sidecar="true")).rules[0].settle_s == 0


def test_bucket_is_only_needed_where_there_are_several():
    assert rules(GARMENTS).rules[0].bucket == "catalog"
    several = frozenset({"catalog", "drafts"})
    (problem,) = refused(GARMENTS, input_buckets=several)
    assert problem == (
        'line 9: rule "garments": bucket: is required: there are several input buckets '
        "(catalog, drafts)"
    )


def test_every_problem_is_told_at_once_with_its_line():
    text = """version: 2
presets:
  studio: {requestId: x}
rules:
  - name: a b
    match: "inbox/{sku}.{ext}"
  - name: two
    match: "/inbox"
    sidecar: maybe
  - name: three
    match: "in/{sku}.{ext}"
    preset: nothing
    output: "s3://shop/{suk}/"
extra: 1
"""
    assert refused(text) == [
        "line 1: version: 2: must be 1 (version: 1)",
        "line 3: presets.studio.requestId: cannot stand in a preset",
        (
            'line 5: rule "a b": name: "a b": must be 1 to 64 of A-Z a-z 0-9 . _ - and begin with a '
            "letter or digit"
        ),
        'line 5: rule "a b": preset: is required, or request (what is to be made of it)',
        'line 5: rule "a b": output: is required (such as "s3://shop/{sku}/")',
        'line 7: rule "two": preset: is required, or request (what is to be made of it)',
        (
            'line 8: rule "two": match: "/inbox": begins with /: keys in S3 do not (such as '
            '"inbox/{season}/{sku}.{ext}")'
        ),
        'line 9: rule "two": sidecar: "maybe": must be true or false (for example true)',
        'line 12: rule "three": preset: "nothing": is not a preset: known are studio',
        (
            'line 13: rule "three": output: s3://shop/{suk}/: {suk} is no name of in/{sku}.{ext} '
            '(did you mean "sku"?)'
        ),
        "line 14: extra: 1: is not a field of a rules file (known fields: version, presets, rules)",
    ]


def test_one_mistake_of_a_rule_hides_no_other():
    text = """version: 1
rules:
  - name: one
    match: "inbox/{sku}.{ext}"
    preset: studo
    sidcar: true
    settleSeconds: soon
    output: "s3://shop/{colour}/"
    onSuccess: {moveTo: "done/", copyTo: "x/"}
  - name: one
    match: "in/{sku}.{ext}"
    prset: studio
    output: "s3://catalog/in/"
  - name: three
    match: "b/{sku}.{ext}"
    errors: perhaps
    request: {workflow: full-noami}
    output: "s3://catalog/b/"
  - name: four
    match: "c/{sku}.{ext}"
    creditCap: 12
    request: {workflow: full-naomi, input: {aspectRatio: "7:11"}}
    output: "s3://shop/{sku"
"""
    said = [line.partition(": ")[2] for line in refused(text)]
    beginnings = [
        'rule "one": preset: "studo": is not a preset',
        'rule "one": sidcar: true: is not a field of a rule',
        'rule "one": settleSeconds: "soon": must be a whole number',
        'rule "one": output: s3://shop/{colour}/: {colour} is no name',
        'rule "one": onSuccess: moveTo, copyTo: must have either',
        'rule "one": name: "one": is the name of the rule in line 3, too',
        'rule "one": prset: "studio": is not a field of a rule',
        'rule "one": output: s3://catalog/in/: would be dropped itself: this rule',
        'rule "three": errors: "perhaps": must be true or false',
        'rule "three": workflow: "full-noami"',
        'rule "three": output: s3://catalog/b/: would be dropped itself: this rule',
        'rule "four": creditCap: 12: must be text (put it in quotes: "12")',
        'rule "four": creditCap',
        'rule "four": output: s3://shop/{sku: has a single "{"',
    ]
    for beginning in beginnings:
        assert any(one.startswith(beginning) for one in said), (beginning, said)
    assert not [one for one in said if "is required" in one]
    assert len(said) == len(beginnings) - 1


def test_error_names_the_file_and_counts():
    with pytest.raises(RulesError, match=r"^s3://x/rules.yaml has 1 problem:\n  line 1: "):
        load_rules(
            "rules: []", input_buckets=INPUT, output_buckets=OUTPUT, source="s3://x/rules.yaml"
        )


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"bucket": "other"}, 'bucket: "other": is not in WORKER_INPUT_BUCKETS (catalog)'),
        ({"match": "inbox/{part}.jpg"}, "has {part}, and the rule has no parts"),
        ({"parts": "{front: imageId}"}, "has no {part}, and the rule has parts"),
        (
            {"match": "x/{part}.jpg", "parts": "{front: a, side: a}", "output": "s3://shop/x/"},
            'parts: "a": is the field of two parts',
        ),
        (
            {"match": "x/{part}.jpg", "parts": '{"front?": imageId}', "output": "s3://shop/x/"},
            "must have one that is needed",
        ),
        ({"parts": "{fr ont: a}"}, "each part must be letters, digits"),
        ({"photo": "imageId", "parts": "{front: a}"}, "cannot stand beside parts"),
        ({"partsWithinSeconds": 5}, "is for a rule with parts"),
        ({"preset": None}, "preset: is required, or request"),
        ({"preset": "studios"}, 'did you mean "studio"?'),
        ({"request": "{origin: {}}"}, "request.origin: cannot stand in a rule's request"),
        (
            {"request": "{metadata: spring}", "metadata": '{sku: "{sku}"}'},
            "request.metadata: must have fields of its own",
        ),
        ({"fanOut": "{imageId: [a]}"}, "is the field that gets the photo"),
        ({"fanOut": "{seed: []}"}, "must have something in it"),
        ({"fanOut": "{seed: 1}"}, "fanOut.seed: 1: is not valid"),
        ({"fanOut": f"{{seed: {list(range(101))}}}"}, "gives 101 requests of each photo"),
        (
            {"fanOut": "{seed: [1, 2]}", "onSuccess": '{moveTo: "done/{season}/"}'},
            "moveTo would take the photo from under the others",
        ),
        (
            {"fanOut": "{seed: [1, 2]}", "output": "s3://shop/a.png"},
            "end it with / or put {n} in it",
        ),
        ({"onSuccess": '{copyTo: "done/"}'}, "in two folders would come to lie over each other"),
        ({"onSuccess": '{copyTo: "done/{season}"}'}, "with / at its end"),
        ({"onSuccess": "{}", "onFailure": "{to: x/}"}, "must have either copyTo or moveTo"),
        (
            {"onSuccess": '{copyTo: "s3://other/{season}/"}'},
            'bucket "other" is not in WORKER_INPUT',
        ),
        ({"output": None}, "output: is required"),
        ({"output": "s3://other/x/"}, 'bucket "other" is not in WORKER_OUTPUT_BUCKETS'),
        ({"output": '"s3://{season}/x/"'}, "the bucket must be spelled out"),
        ({"output": "{sku}"}, 'is a mapping in YAML without quotes (put it in quotes: "{sku}")'),
        ({"output": '"s3://shop/{sku/"'}, 'has a single "{"'),
        ({"metadata": '{a: "{ext} {season} {x}"}'}, "{x} is no name of inbox/{season}/{sku}.{ext}"),
        ({"request": "{input: {seed: -1}}"}, "input.seed: -1: must be at least 0"),
        ({"request": "{input: {prompt: null}}"}, "input.prompt: is required"),
        ({"request": "{workflow: naomi}"}, "input.poseId: is required"),
        ({"photo": "image"}, "input.image: s3://catalog/inbox"),
        ({"settleSeconds": 901}, "must be at most 900"),
        ({"resultsTo": "s3://shop/x/"}, "is for a rule with manifest: true"),
        ({"creditCap": '"5"'}, "is for a rule with manifest: true"),
        ({"extensions": "[jp.g]"}, "each must be letters and digits"),
        ({"Sidecar": "true"}, 'is not a field of a rule (did you mean "sidecar"?)'),
        ({"manifest": "true", "fanOut": "{seed: [1]}"}, "is not for manifests"),
        (
            {"manifest": "true", "creditCap": "much"},
            "must be a decimal number as text, more than 0",
        ),
    ],
)
def test_rule_that_cannot_work_says_why(fields, said):
    assert said in "\n".join(refused(rule(**fields)))


def test_problem_in_a_preset_is_told_with_the_line_of_the_preset():
    text = GARMENTS.replace("prompt: A jacket", "prompt: 7")
    more = "  - {name: more, match: 'x/{a}.jpg', preset: studio, output: s3://shop/x/}\n"
    (problem,) = refused(text + more)
    assert problem.startswith("line 6: presets.studio.input.prompt: 7: must be text")


def test_unknown_field_does_not_hide_what_else_is_wrong_with_a_rule_or_with_others():
    text = rule(sidcar="true", output="s3://other/x/") + (
        "  - {name: more, match: 'x/{a}.jpg', preset: studio, output: s3://shop/x/, fanOut: "
        "{seed: [-1, 2, x]}}\n"
    )
    problems = "\n".join(refused(text))
    assert 'did you mean "sidecar"?' in problems
    assert 'bucket "other" is not in WORKER_OUTPUT_BUCKETS' in problems
    assert "input.seed: -1: must be at least 0" in problems
    assert 'input.seed: "x": must be a whole number' in problems


def test_broken_preset_is_told_once_and_not_by_its_rules():
    (problem,) = refused(GARMENTS.replace("workflow: full-naomi", "requestId: x"))
    assert "presets.studio.requestId: cannot stand in a preset" in problem


def test_output_of_a_manifest_may_come_from_columns():
    manifest = {"match": "b/{name}.csv", "manifest": "true"}
    results = {"resultsTo": '"s3://shop/{name}/"'}
    assert rules(rule(**manifest, output='"{place}"', **results)).rules[0].is_manifest
    assert rules(rule(**manifest, output=None, **results)).rules
    assert "resultsTo: is required" in refused(rule(**manifest, output=None))[0]
    assert refused(rule(match="b/{name}.csv", manifest="true", output="s3://other/x/"))


def test_rule_without_a_bucket_watches_the_one_that_is_given():
    several = frozenset({"catalog", "drafts"})
    loaded = load_rules(
        GARMENTS, input_buckets=several, output_buckets=OUTPUT, drop_bucket="drafts"
    )
    assert loaded.rules[0].bucket == "drafts"


def test_what_the_path_fills_in_is_not_judged_by_the_trial():
    text = rule(request='{input: {aspectRatio: "{season}"}}')
    loaded = rules(text)
    match = loaded.match("catalog", "inbox/7:10/a.jpg")
    assert match is not None
    assert plan_drop(match, [photo(match.key)]).requests
    match = loaded.match("catalog", "inbox/spring/a.jpg")
    assert match is not None
    assert plan_drop(match, [photo(match.key)]).problems


def test_names_of_pictures_are_known_where_keys_of_pictures_are_made():
    text = rule(request='{outputOptions: {key: "{sku}/{requestId}-{n}.{ext}"}, label: "{nobody}"}')
    problems = "\n".join(refused(text))
    assert "{nobody} is no name" in problems
    assert "{requestId} is no name" not in problems


def test_names_twice_are_refused():
    text = (
        rule() + "  - {name: garments, match: 'x/{a}.jpg', preset: studio, output: s3://shop/x/}\n"
    )
    assert 'name: "garments": is the name of the rule in line 10, too' in "\n".join(refused(text))


@pytest.mark.parametrize(
    "fields",
    [
        {"output": '"s3://catalog/inbox/{sku}/"'},
        {"output": '"s3://catalog/{season}/{sku}/"'},
        {"output": '"s3://catalog/inbox/done/x.png"'},
        {"onSuccess": '{copyTo: "inbox/{season}/"}'},
        {"onFailure": '{moveTo: "s3://catalog/{season}/x/"}'},
        {"match": '"é/{sku}.{ext}"', "output": '"s3://catalog/e\u0301/"'},
        {
            "match": '"batches/{name}.{ext}"',
            "manifest": "true",
            "output": '"s3://catalog/batches/{sku}/"',
        },
        {
            "match": '"batches/{name}.{ext}"',
            "manifest": "true",
            "output": '"s3://shop/{sku}/"',
            "resultsTo": '"s3://catalog/batches/"',
        },
        {"match": '"{path...}/{sku}.{ext}"', "output": '"s3://catalog/done/{sku}/"'},
    ],
)
def test_rule_that_would_feed_itself_is_refused(fields):
    assert "would be dropped itself: this rule watches" in "\n".join(refused(rule(**fields)))


def test_column_with_slashes_may_lead_to_what_another_rule_watches():
    text = rule(match='"batches/{name}.csv"', manifest="true", output='"s3://catalog/in/{col}/x/"')
    watching = "  - {name: second, match: 'in/{a}/raw/x/{b}.{ext}', preset: studio, output: s3://shop/x/}\n"
    assert 'rule "second" (line 15) watches in/{a}/raw/x/' in "\n".join(refused(text + watching))


def test_names_of_a_manifest_are_called_as_its_columns_are():
    fields = {"match": '"batches/{name}.csv"', "manifest": "true"}
    output = '"s3://shop/{name}/{Größe (EU)}/"'
    assert rules(rule(**fields, output=output)).rules
    assert 'a single "{"' in "\n".join(refused(rule(**fields, output='"s3://shop/{Größe/"')))
    unknown = rule(output='"s3://shop/{s ku}/"')
    assert "{s ku} is no name of inbox/{season}/{sku}.{ext}" in "\n".join(refused(unknown))


def test_rules_that_would_feed_each_other_are_refused():
    text = rule(output='"s3://catalog/stage/{sku}/"') + (
        '  - {name: second, match: "stage/{a}/{b}.{ext}", preset: studio, output: s3://shop/x/}\n'
    )
    problems = refused(text)
    assert problems == [
        (
            'line 13: rule "garments": output: s3://catalog/stage/{sku}/: would be dropped itself: rule '
            '"second" (line 14) watches stage/{a}/{b}.{ext} (another bucket, or a folder that no rule '
            "watches)"
        )
    ]


NAMED = {"output": '"s3://shop/{season}/{sku}.png"'}


@pytest.mark.parametrize(
    "fields",
    [
        {**NAMED, "onSuccess": '{copyTo: "s3://shop/{season}/"}'},
        {
            **NAMED,
            "onFailure": '{moveTo: "s3://shop/{sku}/{season}/"}',
            "output": "s3://shop/{sku}/{season}/x",
        },
        {
            "onSuccess": '{copyTo: "s3://shop/{season}/{sku}/"}',
            "request": '{outputOptions: {key: "{sku}.{ext}"}}',
        },
    ],
)
def test_photos_that_would_lie_among_pictures_of_such_names_are_refused(fields):
    (problem,) = refused(rule(**fields))
    assert "is where this rule puts pictures, under names that a photo may have" in problem
    assert "a folder of its own" in problem


def test_photos_that_would_lie_among_the_pictures_of_another_rule_are_refused():
    text = rule(onFailure='{moveTo: "s3://shop/done/{season}/"}') + (
        "  - {name: second, match: 'in/{a}.{ext}', preset: studio, output: 's3://shop/done/{a}/x.png'}\n"
    )
    assert 'is where rule "second" (line 15) puts pictures' in "\n".join(refused(text))


@pytest.mark.parametrize(
    "fields",
    [
        {"onSuccess": '{copyTo: "s3://shop/{season}/{sku}/"}'},
        {**NAMED, "onSuccess": '{copyTo: "s3://shop/originals/{season}/"}'},
        {**NAMED, "onSuccess": '{copyTo: "s3://catalog/{season}/"}'},
        {
            "onSuccess": '{copyTo: "s3://shop/{season}/{sku}/"}',
            "request": '{outputOptions: {key: "{sku}/{n}.{ext}"}}',
        },
    ],
)
def test_photos_beside_pictures_whose_names_no_photo_has_are_fine(fields):
    assert rules(rule(**fields)).rules


@pytest.mark.parametrize(
    "fields",
    [
        {"output": '"s3://catalog/done/{sku}/"'},
        {"output": '"s3://catalog/{sku}/"'},
        {"onSuccess": '{copyTo: "done/{season}/"}', "onFailure": '{moveTo: "failed/{season}/"}'},
    ],
)
def test_places_beside_the_watched_ones_are_fine(fields):
    assert "would be" not in str(rules(rule(**fields)))


def test_same_path_in_another_bucket_is_no_loop():
    assert rules(rule(output='"s3://shop/inbox/{season}/"')).rules


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "line 1: the file: is empty (version: 1, and below it rules: with a list of them)"),
        ("- a", "line 1: the file: a list of 1: must have version and rules in it"),
        ("version: 1\nrules: x", 'rules: "x": must be a list of at most 200 rules'),
        ("version: 1\nrules: [x]", 'rules[0]: "x": must be a rule with name, match and the rest'),
        ("version: 1\npresets: [x]", "presets: a list of 1: must be a mapping"),
        ("version: 1\npresets: {a: x}", 'presets.a: "x": must have fields of a request'),
        ("version: true", "version: true: must be 1"),
        ("a: [", "line 1: the file: is not YAML"),
        ("a: 1\na: 2", 'line 2: the file: has the key "a" twice (keep one)'),
    ],
)
def test_file_of_another_form_is_refused(text, said):
    assert said in "\n".join(refused(text))


def test_file_with_presets_alone_is_good():
    loaded = rules(PRESETS)
    assert loaded.rules == ()
    assert loaded.presets["studio"]["workflow"] == "full-naomi"


def test_preset_of_a_manifest_whose_metadata_is_no_object_raises_for_no_key():
    loaded = rules(
        PRESETS.replace("workflow: full-naomi", "workflow: full-naomi\n    metadata: spring")
        + """
rules:
  - name: lists
    match: "lists/{name}.csv"
    manifest: true
    preset: studio
    tenant: acme
    output: "s3://shop/{name}/"
"""
    )
    match = loaded.match("catalog", "lists/spring.csv")
    assert match is not None
    assert plan_batch(match, photo("lists/spring.csv"))["request"]["metadata"] == "spring"


def test_a_loop_is_told_once_though_a_trial_of_the_rule_meets_it_too():
    loop = rule(
        output='"s3://catalog/inbox/{season}/{sku}"', onFailure='{moveTo: "inbox/{season}/"}'
    )
    said = [one for one in refused(loop) if "would be dropped itself" in one]
    assert len(said) == len({one.split(":")[0] for one in said})


def test_a_field_that_nobody_knows_may_have_been_meant_as_the_preset():
    said = "\n".join(refused(rule(preset=None, zzz="studio")))
    assert "zzz" in said
    assert "preset: is required" not in said
