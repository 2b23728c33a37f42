"""Writes the contact sheet: one HTML file that says of each job what went in and what came out.

It is a pure function of a report. The page needs nothing but itself and the images beside it: no
script, no font, no network.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path
from urllib.parse import quote

from sandbox.demo.markup import Markup, element, joined, json_tree, trusted
from sandbox.demo.report import DemoReport, JobReport, Note, Picture, plain_decimal
from sandbox.demo.timeline_chart import timeline_chart

_STYLE = Path(__file__).with_name("sheet.css")
# A second fence behind the escaping: even injected markup could load or run nothing.
_POLICY = "default-src 'none'; img-src 'self' file:; style-src 'unsafe-inline'"
_WAY = (
    ("SQS", "request"),
    ("S3", "photos"),
    ("Hautech", "pipelines"),
    ("S3", "pictures"),
    ("SNS", "event"),
)


def contact_sheet(report: DemoReport) -> str:
    """The whole page as HTML text."""
    scale_s = max((job.duration_s for job in report.jobs), default=0.0)
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        element("meta", name="color-scheme", content="light dark"),
        element("title", f"{report.name}: {report.summary}"),
        element("style", trusted(_STYLE.read_text(encoding="utf-8"))),
    )
    body = element(
        "body",
        _header(report),
        element("main", *(_card(job, scale_s, _anchor(report, job)) for job in report.jobs)),
        _footer(report),
    )
    return "<!DOCTYPE html>\n" + element("html", head, body, lang="en") + "\n"


def _header(report: DemoReport) -> Markup:
    stops = [element("li", element("strong", place), element("span", what)) for place, what in _WAY]
    return element(
        "header",
        element("p", report.name, class_="brand"),
        element("h1", report.headline),
        element(
            "p",
            "Each request below went through the whole service on one machine. What was paid for "
            "is looked for before it is paid again, a killed worker loses nothing, and waiting "
            "costs nothing.",
            class_="promise",
        ),
        element(
            "p",
            element("strong", "All on this machine: "),
            "Hautech was a stand-in that drew these pictures and made up the prices, AWS an "
            "emulator; nothing was paid.",
            class_="stand-in",
        ),
        element("ol", *stops, class_="way", aria_label="The way of a request"),
        _figures(report.figures),
        _failures(report),
        _notes(report.notes),
    )


def _figures(figures: Iterable[tuple[str, str]]) -> Markup:
    pairs = [
        element("div", element("dd", number), element("dt", "seconds" if word == "s" else word))
        for number, word in figures
    ]
    return element("dl", *pairs, class_="figures")


def _failures(report: DemoReport) -> Markup:
    """What failed, with the way to it: on a page of hundreds nobody finds it."""
    if not report.failed:
        return joined()
    lines = [
        element("li", element("a", job.title, href=f"#{_anchor(report, job)}"), f": {_why(job)}")
        for job in report.failed
    ]
    return element("ul", *lines, class_="failures", aria_label="What failed")


def _anchor(report: DemoReport, job: JobReport) -> str:
    return f"job-{report.jobs.index(job) + 1}"


def _why(job: JobReport) -> str:
    if job.plainly is not None:
        return job.plainly[0]
    return str((job.error or {}).get("message", ""))


def _notes(notes: tuple[Note, ...]) -> Markup:
    if not notes:
        return joined()
    return element("ul", *map(_note, notes), class_="notes")


def _note(note: Note) -> Markup:
    if not note.reasons:
        return element("li", note.text)
    reasons = [element("li", reason) for reason in note.reasons]
    return element("li", note.text, element("ul", *reasons))


def _card(job: JobReport, scale_s: float, anchor: str) -> Markup:
    return element(
        "article",
        element(
            "div",
            element("h2", job.title),
            element("span", job.status, class_=f"status {_status_class(job)}"),
            element("code", job.request_id),
            class_="card-head",
        ),
        element("p", job.explanation, class_="explanation"),
        _error(job),
        element(
            "div",
            _pictures("In", job.inputs, "inputs", _not_shown(job)),
            element("div", _arrow(), class_="arrow", aria_hidden="true"),
            _pictures("Out", job.outputs, "outputs", _no_picture(job)),
            element("div", _prompt(job), _facts(job), class_="told"),
            class_="shown",
        ),
        timeline_chart(job.rows, scale_s),
        _details("Request message", element("pre", json_tree(job.request))),
        _details("Result event", element("pre", json_tree(job.event))) if job.event else "",
        _details("What happened, and why", _history(job)) if job.moments else "",
        id=anchor,
    )


def _status_class(job: JobReport) -> str:
    return job.status if job.status in {"succeeded", "failed"} else "unfinished"


def _error(job: JobReport) -> Markup:
    if job.error is None:
        return joined()
    code = element("strong", str(job.error.get("code")))
    exactly = f" at {job.error.get('stage')}: {job.error.get('message')}"
    if job.plainly is None:
        return element("p", code, exactly, class_="error")
    happened, to_do = job.plainly
    return element(
        "div",
        element("p", element("strong", happened), f" {to_do}"),
        element("p", code, exactly, class_="exactly"),
        class_="error",
    )


def _not_shown(job: JobReport) -> str:
    if not job.unseen:
        return "Nothing that can be shown."
    return f"{', '.join(job.unseen)}: no picture that can be shown."


def _no_picture(job: JobReport) -> str:
    if job.status == "succeeded":
        return "The result is an id, not a picture."
    return "No picture: the job did not succeed."


def _pictures(title: str, pictures: tuple[Picture, ...], kind: str, otherwise: str = "") -> Markup:
    shown = [_figure(picture) for picture in pictures]
    if not shown:
        shown = [element("p", otherwise, class_="no-picture")]
    return element(
        "section", element("h3", title), element("div", *shown, class_="row"), class_=kind
    )


def _figure(picture: Picture) -> Markup:
    link = quote(picture.file)
    image = element(
        "img",
        src=link,
        alt=picture.caption,
        width=picture.width,
        height=picture.height,
        loading="lazy",
    )
    note = picture.note or f"{picture.width} × {picture.height}"
    return element(
        "figure",
        element("a", image, href=link),
        element("figcaption", element("strong", picture.caption), element("span", note)),
    )


def _arrow() -> Markup:
    return trusted(
        '<svg viewBox="0 0 48 24" width="48" height="24"><path d="M2 12h42M35 4l9 8-9 8" '
        'fill="none" stroke="currentColor" stroke-width="2.5" stroke-linecap="round" '
        'stroke-linejoin="round"/></svg>'
    )


def _prompt(job: JobReport) -> Markup:
    prompt = job.request.get("input", {}).get("prompt")
    return element("blockquote", str(prompt)) if prompt else joined()


def _facts(job: JobReport) -> Markup:
    given = job.request.get("input", {})
    facts: list[tuple[str, str]] = [("workflow", str(job.request.get("workflow")))]
    facts += [
        (name, str(given[key]))
        for key, name in (("aspectRatio", "ratio"), ("label", "label"), ("seed", "seed"))
        if given.get(key) is not None
    ]
    facts.append(("took", f"{job.duration_s:.1f} s"))
    if len(job.pipelines) > 1:
        facts.append(("credits in all", plain_decimal(job.credits)))
    ids = [
        (f"{use.get('step')} · {_price(use.get('credits'))}", str(use.get("pipelineId")))
        for use in job.pipelines
    ]
    ids += [(name, str(value)) for name, value in job.results.items()]
    pairs = [element("div", element("dt", name), element("dd", value)) for name, value in facts]
    pairs += [
        element("div", element("dt", name), element("dd", element("code", value)), class_="id")
        for name, value in ids
    ]
    return element("dl", *pairs, class_="facts")


def _price(credits_used: str | None) -> str:
    if credits_used is None:
        return "price not told"
    return f"{plain_decimal(Decimal(credits_used))} credits"


def _details(title: str, content: Markup) -> Markup:
    return element("details", element("summary", title), content)


def _history(job: JobReport) -> Markup:
    lines = [
        element(
            "tr",
            element("td", f"{moment.at_s:.2f} s"),
            element("td", moment.subject),
            element("td", moment.change),
            element("td", moment.because),
        )
        for moment in job.moments
    ]
    titles = element("tr", *(element("th", title) for title in ("at", "what", "change", "because")))
    table = element("table", element("thead", titles), element("tbody", *lines))
    return element("div", table, class_="scroll")


def _footer(report: DemoReport) -> Markup:
    photos = (
        "The photos are drawings of our own: try yours with "
        if report.photos_are_drawn
        else "The photos are your own: "
    )
    started = report.started_at.astimezone().strftime("%Y-%m-%d %H:%M")
    return element(
        "footer",
        element(
            "p",
            "The pictures show which input became which output; what Hautech’s models draw looks "
            "far better.",
        ),
        element("p", photos, element("code", report.command), "."),
        element("p", f"Made on {started}.", class_="made"),
    )
