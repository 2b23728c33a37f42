"""Checks the Hautech API: reachable, clocks alike, token accepted, balance, hosts of its links.

Nothing is paid: one upload is begun and never sent, everything else only reads.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

from worker.bootstrap import Application
from worker.hautech.api import ApiCaller
from worker.hautech.client import LIST_PERMISSIONS, HautechClient
from worker.hautech.fields import as_object, required_text
from worker.hautech.models import PipelinePhase
from worker.hautech.outputs import find_images
from worker.hautech.transport import Transport
from worker.hautech.upload import UPLOAD_INITIALIZE
from worker.hautech.urls import UrlGuard
from worker.runtime.commands.findings import Finding, findings_of, skipped

AREA: Final = "Hautech"

MAX_SKEW_S: Final = 60.0
"""Self-signed tokens are dated back by 30 s and live for an hour; beyond a minute it gets tight."""

_PIPELINES_LOOKED_AT: Final = 10


def check_hautech(application: Application) -> Iterator[Finding]:
    """From the network upwards; what needs a token is skipped when it is refused."""
    settings = application.settings
    if settings.hautech_credentials is None:
        yield skipped(AREA, "sign-in", "HAUTECH_API_TOKEN")
        return
    try:
        client = application.hautech
    except Exception:  # noqa: BLE001 - told as a finding, by the same way as all others
        yield from findings_of(AREA, "sign-in", lambda: iter((_never(application.hautech),)))
        return
    api = _api(application)
    reached = list(findings_of(AREA, "API", lambda: _reach(application, api)))
    yield from reached
    if any(finding.level == "failed" for finding in reached):
        return
    signed_in = list(findings_of(AREA, "sign-in", lambda: _sign_in(application, client)))
    yield from signed_in
    if any(finding.level == "failed" for finding in signed_in):
        return
    yield from findings_of(AREA, "balance", lambda: _balance(client))
    guard = UrlGuard(client.config)
    yield from findings_of(AREA, "upload host", lambda: _upload_host(api, guard))
    yield from findings_of(AREA, "download host", lambda: _download_host(client, guard))


def _never(client: HautechClient) -> Finding:
    return Finding(AREA, "sign-in", "ok", f"ready for {client.config.api_host}")


def _api(application: Application) -> ApiCaller:
    """The client's own plumbing once more, for answers of which the client keeps only a part."""
    config = application.hautech.config
    return ApiCaller(config, Transport(config), application.tokens)


def _reach(application: Application, api: ApiCaller) -> Iterator[Finding]:
    begun_s = time.monotonic()
    answer = api.request(LIST_PERMISSIONS, LIST_PERMISSIONS.path_template, is_open=True)
    took_s = time.monotonic() - begun_s
    url = application.settings.hautech_api_url
    yield Finding(AREA, "API", "ok", f"{url} answers in {took_s * 1000:.0f} ms")
    theirs = _date(answer.headers.get("date"))
    if theirs is None:
        return
    # Their date has whole seconds and is as old as the answer took.
    skew_s = (application.clock.local_now() - theirs).total_seconds()
    if abs(skew_s) > MAX_SKEW_S:
        side = "ahead of" if skew_s > 0 else "behind"
        said = f"this machine's clock is {abs(skew_s):.0f} s {side} Hautech's"
        fix = "set the clock (NTP): tokens and AWS signatures carry the time"
        yield Finding(AREA, "clock", "failed" if abs(skew_s) > 300 else "warning", said, fix)
    else:
        yield Finding(AREA, "clock", "ok", "agrees with Hautech's")


def _sign_in(application: Application, client: HautechClient) -> Iterator[Finding]:
    account = client.get_account()
    who = account.alias or account.account_id
    kind = f" ({account.type})" if account.type else ""
    said = f"account {who}{kind}, with {application.settings.hautech_credentials}"
    yield Finding(AREA, "sign-in", "ok", said)


def _balance(client: HautechClient) -> Iterator[Finding]:
    balance = client.get_balance()
    if balance > 0:
        yield Finding(AREA, "balance", "ok", f"{balance:f} credits")
    else:
        fix = "top the account up at Hautech"
        yield Finding(AREA, "balance", "warning", f"{balance:f} credits: runs may be refused", fix)


def _upload_host(api: ApiCaller, guard: UrlGuard) -> Iterator[Finding]:
    url = api.read(
        UPLOAD_INITIALIZE,
        UPLOAD_INITIALIZE.path_template,
        lambda document: required_text(as_object(document, "upload"), "uploadUrl"),
    )
    link = guard.check(url, purpose="upload link")
    yield Finding(AREA, "upload host", "ok", f"{link.host} is allowed (nothing was uploaded)")


def _download_host(client: HautechClient, guard: UrlGuard) -> Iterator[Finding]:
    for preview in client.list_pipelines(limit=_PIPELINES_LOOKED_AT).pipelines:
        if preview.phase is not PipelinePhase.COMPLETED:
            continue
        for image in find_images(client.get_pipeline(preview.pipeline_id).output):
            url = client.get_image(image.image_id).url if image.image_id else image.url
            if url:
                link = guard.check(url, purpose="download link")
                said = f"{link.host} is allowed (of the latest picture)"
                yield Finding(AREA, "download host", "ok", said)
                return
    said = "not checked: no finished pipeline with a picture among the latest"
    yield Finding(AREA, "download host", "skipped", said)


def _date(text: str | None) -> datetime | None:
    try:
        found = parsedate_to_datetime(text) if text else None
    except ValueError:
        return None
    return found.replace(tzinfo=UTC) if found and found.tzinfo is None else found
