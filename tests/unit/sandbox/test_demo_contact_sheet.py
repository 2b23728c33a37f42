"""The contact sheet says what happened, and cannot be made to say or do anything else."""

import json
import re

import pytest

from sandbox.demo.contact_sheet import contact_sheet
from sandbox.demo.report import Moment, Note, Picture, Row, Segment
from tests.unit.sandbox.demo_reports import a_job, a_report, an_event
from tests.unit.sandbox.test_demo_markup import Reader

HOSTILE = "</script></pre><img src=x onerror=alert(1)>\"'&<b>"


def tags_of(page: str, name: str) -> list[dict[str, str | None]]:
    return [attributes for tag, attributes in Reader(page).tags if tag == name]


def test_the_page_names_request_prompt_seed_price_and_pipeline() -> None:
    text = Reader(contact_sheet(a_report())).text

    for fact in ("demo-full-naomi", "A model in a jacket", "42", "7:10", "0.04375 credits", "p-1"):
        assert fact in text
    assert "1 job, 1 succeeded, 1 pipeline, 0.04375 made-up credits, 9.8 s" in text


def test_the_top_of_the_page_says_that_nothing_was_real_or_paid() -> None:
    top = Reader(contact_sheet(a_report()).partition("<main>")[0]).text

    for words in ("stand-in", "emulator", "nothing was paid"):
        assert words in top


def test_an_id_has_a_class_of_its_own_so_that_it_is_not_broken_in_two() -> None:
    page = contact_sheet(a_report())

    assert re.search(r'<div class="id"><dt>[^<]*</dt><dd><code>p-1</code>', page)


def test_request_and_event_can_be_copied_out_as_json() -> None:
    page = contact_sheet(a_report())

    shown = [
        json.loads(Reader(block).text) for block in re.findall(r"<pre>.*?</pre>", page, re.DOTALL)
    ]

    assert shown == [a_job().request, a_job().event]


def test_images_are_linked_beside_the_page_with_their_size_and_loaded_lazily() -> None:
    images = tags_of(contact_sheet(a_report()), "img")

    assert [image["src"] for image in images] == [
        "photos/garment.png",
        "pictures/demo-full-naomi.png",
    ]
    for image in images:
        assert (image["width"], image["height"], image["loading"]) == ("832", "1200", "lazy")
        assert image["alt"]


def test_every_link_is_relative_and_no_script_or_font_is_loaded() -> None:
    page = contact_sheet(a_report())

    links = [
        attributes.get("href") or attributes.get("src") for tag, attributes in Reader(page).tags
    ]
    assert all("//" not in link and not link.startswith("/") for link in links if link)
    assert not tags_of(page, "script")
    assert not tags_of(page, "link")
    assert "url(" not in page
    assert "@import" not in page


def test_hostile_values_make_no_tags_and_no_attributes() -> None:
    tame = a_job(event=an_event(metadata={"x": "y"}))
    hostile = a_job(
        title=HOSTILE,
        explanation=HOSTILE,
        request={
            "requestId": HOSTILE,
            "workflow": HOSTILE,
            "input": {"prompt": HOSTILE, "seed": 42, "aspectRatio": HOSTILE},
            "output": HOSTILE,
        },
        event=an_event(
            HOSTILE,
            pipelines=[{"step": HOSTILE, "pipelineId": HOSTILE, "credits": "0.1"}],
            metadata={"x": HOSTILE},
        ),
        inputs=(Picture(file=HOSTILE, caption=HOSTILE, note=HOSTILE, width=1, height=1),),
        rows=(
            Row(
                stage="pipeline",
                label=HOSTILE,
                segments=(Segment(start_s=1.0, end_s=4.0, text=HOSTILE),),
            ),
        ),
        moments=(Moment(at_s=0.1, subject=HOSTILE, change=HOSTILE, because=HOSTILE),),
    )

    tame_tags = [
        (tag, set(attributes)) for tag, attributes in Reader(contact_sheet(a_report(tame))).tags
    ]
    seen = Reader(contact_sheet(a_report(hostile)))

    assert [(tag, set(attributes)) for tag, attributes in seen.tags] == tame_tags
    assert HOSTILE in seen.text


def test_a_failed_job_shows_why_and_offers_no_picture() -> None:
    error = {"code": "image.missing", "message": "no such object", "stage": "upload"}
    job = a_job(event=an_event(status="failed", error=error, pipelines=[]), outputs=())

    page = contact_sheet(a_report(job))

    assert "image.missing at upload: no such object" in Reader(page).text
    assert "No picture: the job did not succeed." in Reader(page).text
    assert 'class="status failed"' in page


def test_a_failure_is_told_in_plain_words_first_and_linked_from_the_top() -> None:
    error = {"code": "image.unreadable", "message": "begins with 6e", "stage": "upload"}
    failed = a_job(
        title="price list.jpg",
        event=an_event(status="failed", error=error, pipelines=[]),
        plainly=("The file is not a photo.", "Save it as JPEG."),
        inputs=(),
        unseen=("price list.jpg",),
        outputs=(),
    )
    page = contact_sheet(a_report(a_job(), failed))
    top, _, cards = page.partition("<main>")

    assert "2 jobs, 1 succeeded, 1 failed" in page
    assert '<a href="#job-2">price list.jpg</a>: The file is not a photo.' in top
    assert '<article id="job-2">' in cards
    text = Reader(cards).text
    assert text.index("The file is not a photo. Save it as JPEG.") < text.index("image.unreadable")
    assert "price list.jpg: no picture that can be shown." in text


def test_a_page_without_failures_has_no_list_of_them() -> None:
    assert 'class="failures"' not in contact_sheet(a_report())


def test_notes_have_their_reasons_below() -> None:
    note = Note("autumn.csv: done (1 refused)", ("line 4: input.seed: no number",))

    page = contact_sheet(a_report(notes=(note, Note("evening.yaml: read"))))

    assert "<li>autumn.csv: done (1 refused)<ul><li>line 4: input.seed: no number</li></ul>" in page
    assert "<li>evening.yaml: read</li>" in page


def test_a_tick_near_the_edge_has_no_number_that_would_run_over_it() -> None:
    page = contact_sheet(a_report(a_job(duration_s=14.2)))

    assert re.search(r'<span class="last" style="left:98\.59%">14 s</span>', page)
    assert re.search(r'<span class="late" style="left:84\.51%">12 s</span>', page)
    assert re.search(r'<span style="left:70\.42%">10 s</span>', page)


def test_a_job_that_gives_an_id_only_says_so_and_shows_it() -> None:
    job = a_job(event=an_event(result={"poseId": "pose-7"}), outputs=())

    text = Reader(contact_sheet(a_report(job))).text

    assert "The result is an id, not a picture." in text
    assert "pose-7" in text


def test_a_job_without_an_event_is_shown_as_unfinished() -> None:
    page = contact_sheet(a_report(a_job(event=None, outputs=(), rows=(), moments=())))

    assert 'class="status unfinished"' in page
    assert "Result event" not in page
    assert "Timeline" not in page


@pytest.mark.parametrize(("drawn", "words"), [(True, "try yours with"), (False, "your own")])
def test_the_footer_says_whose_photos_they_are(drawn: bool, words: str) -> None:
    assert words in Reader(contact_sheet(a_report(photos_are_drawn=drawn))).text


def test_bars_stand_where_their_seconds_are_on_a_scale_shared_by_all_jobs() -> None:
    """The slowest job took 10 s, so 1 s to 4 s is 10 % to 40 %."""
    page = contact_sheet(a_report(a_job(), a_job(duration_s=10.0)))

    assert page.count('style="left:10.00%;width:30.00%"') == 2
    assert "pipeline p-1: 3.0 s, from 1.00 s to 4.00 s" in page


def test_no_bar_leaves_the_chart() -> None:
    late = Row(stage="announce", label="x", segments=(Segment(start_s=-1, end_s=99, text="x"),))

    page = contact_sheet(a_report(a_job(rows=(late,), duration_s=2.0)))

    assert 'style="left:0.00%;width:100.00%"' in page


def test_the_legend_explains_lighter_bars_only_where_there_are_some() -> None:
    wait = Segment(start_s=4.0, end_s=4.5, text="ended", is_wait=True)
    row = Row(stage="pipeline", label="x", segments=(wait,))

    assert "lighter" in contact_sheet(a_report(a_job(rows=(row,))))
    assert "lighter" not in Reader(contact_sheet(a_report())).text


def test_any_file_name_is_linked_as_a_file_beside_the_page() -> None:
    odd = Picture(file="pictures/javascript:a b#1%?.png", caption="Out", width=1, height=1)

    images = tags_of(contact_sheet(a_report(a_job(inputs=(), outputs=(odd,)))), "img")

    assert images[0]["src"] == "pictures/javascript%3Aa%20b%231%25%3F.png"


def test_notes_are_told_as_they_are() -> None:
    page = contact_sheet(a_report(notes=(Note("<b>.csv: 2 pictures"),)))

    assert "<li>&lt;b&gt;.csv: 2 pictures</li>" in page
    assert 'class="notes"' not in contact_sheet(a_report())
