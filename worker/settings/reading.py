"""Reads and checks single environment variables, and collects what is wrong with them."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Mapping
from typing import Final
from urllib.parse import urlsplit

from worker.contracts.s3_uri import S3Uri
from worker.contracts.text import redact
from worker.errors import Problem
from worker.hautech.config import ClientConfig
from worker.settings.secret import Secret
from worker.settings.specs import SPECS

_TOPIC_ARN: Final = re.compile(r"arn:aws[a-z-]*:sns:[a-z0-9-]+:\d{12}:[A-Za-z0-9_.-]+")
_TABLE: Final = re.compile(r"[A-Za-z0-9_.-]{3,255}")
_OFF: Final = frozenset({"", "off", "none"})


class EnvironmentReader:
    """Reads one variable at a time and keeps the problems; a bad value reads as the default."""

    def __init__(self, environ: Mapping[str, str], needs: Collection[str] | None) -> None:
        self._environ = environ
        self._needs = needs
        self.problems: list[Problem] = []

    def report(self, problem: Problem) -> None:
        """Keeps a problem."""
        self.problems.append(problem)

    def all_problems(self) -> list[Problem]:
        """The problems in the order of the table, and each variable that looks misspelt."""
        places = {name: place for place, name in enumerate(SPECS)}
        ordered = sorted(self.problems, key=lambda problem: places.get(problem.field, -1))
        misspelt = [
            Problem(name, "", "not a setting of the worker", hint)
            for name, hint in self._strangers()
            if hint
        ]
        return ordered + misspelt

    def is_needed(self, name: str) -> bool:
        """Whether it is a problem that this required variable is not set."""
        return self._needs is None or name in self._needs

    def text(self, name: str) -> str:
        """The value, or the default when it is unset or empty, or "" without one."""
        given = self._environ.get(name, "").strip()
        return given or (SPECS[name].default or "" if name in SPECS else "")

    def required(self, name: str) -> str:
        """The value of a required variable; "" (and a problem, if it is needed) when unset."""
        value = self.text(name)
        if not value and self.is_needed(name):
            self.report(Problem(name, "", "not set", SPECS[name].source))
        return value

    def refuse(self, name: str, rule: str, fix: str = "") -> None:
        """Reports the value of a variable that is not secret."""
        shown = redact(self.text(name))  # no secret is meant to be here, and yet one may
        shown = shown if len(shown) <= 120 else shown[:119] + "…"
        self.report(Problem(name, repr(shown), rule, fix or SPECS[name].source))

    def queue_urls(self) -> dict[str, str]:
        """The three queue URLs by field name; each must be a queue of its own."""
        found: dict[str, str] = {}
        for kind in ("REQUEST", "POLL", "DEAD_LETTER"):
            name = f"WORKER_{kind}_QUEUE_URL"
            url = self.required(name)
            parts = _split(url)
            if url and (parts is None or not parts[1].strip("/")):
                self.refuse(name, "must be the https URL of an SQS queue, not its name or ARN")
            elif url and url in found.values():
                self.refuse(name, "must be another queue than the ones above it")
            found[f"{kind.lower()}_queue_url"] = url
        return found

    def topic(self, name: str) -> str:
        """The ARN of a topic."""
        arn = self.required(name)
        if arn and not _TOPIC_ARN.fullmatch(arn):
            self.refuse(name, "must be the ARN of an SNS topic, arn:aws:sns:REGION:ACCOUNT:NAME")
        return arn

    def table(self, name: str) -> str:
        """The name of a table."""
        table = self.required(name)
        if table and not _TABLE.fullmatch(table):
            self.refuse(name, "must be the name of a DynamoDB table: 3 to 255 of A-Z a-z 0-9 _ . -")
        return table

    def buckets(self, name: str) -> tuple[str, ...]:
        """Bucket names, in order, each once."""
        text = self.required(name)
        buckets = _members(text)
        if text and not buckets:
            self.refuse(name, "names no bucket; write bucket names with commas between them")
        for bucket in buckets:
            try:
                S3Uri.parse(f"s3://{bucket}/key")
            except ValueError as error:
                rule = f"bucket {bucket[:80]!r}: {error}"
                if bucket.startswith(("s3:", "arn:")) or "/" in bucket:
                    rule = f"bucket {bucket[:80]!r}: only the name is wanted, without s3:// or path"
                self.refuse(name, rule)
        return buckets

    def object_uri(self, name: str) -> S3Uri | None:
        """The place of an object in S3; None when it is not set."""
        text = self.text(name)
        if not text:
            return None
        try:
            uri = S3Uri.parse(text)
        except ValueError as error:
            self.refuse(name, str(error), "s3://catalog/rules.yaml")
            return None
        if not uri.key or uri.key.endswith("/") or uri.version_id:
            self.refuse(name, "must name an object, without a version", "s3://catalog/rules.yaml")
            return None
        return uri

    def hosts(self, name: str) -> tuple[str, ...]:
        """Host names, in order, each once."""
        hosts = _members(self.text(name))
        for host in hosts:
            if not re.fullmatch(r"[.*]{0,2}[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*", host):
                fix = "cdn.example.com, or .example.com for its subdomains"
                self.refuse(name, f"{host[:80]!r} is not a host name without port or path", fix)
        return hosts

    def api_url(self, name: str) -> str:
        """The base URL of the API, as the client wants it."""
        url = self.text(name)
        try:
            return ClientConfig(api_url=url).api_url
        except ValueError as error:
            # A user name, password or signature in the URL must not be repeated.
            shown = "" if set("@?#") & set(url) else repr(url[:120])
            rule = str(error).removeprefix("api_url: ")
            self.report(Problem(name, shown, rule, f"usually {SPECS[name].default}"))
            return SPECS[name].default or ""

    def number(self, name: str, least: float, most: float) -> float:
        """A number within bounds, both included."""
        try:
            value = float(self.text(name))
        except ValueError:
            value = float("nan")
        if not least <= value <= most:
            self.refuse(name, f"must be a number from {least:,g} to {most:,g}", self._usual(name))
            return float(SPECS[name].default or least)
        return value

    def whole(self, name: str, least: int, most: int) -> int:
        """A whole number within bounds, both included."""
        text = self.text(name)
        # int() would also read "1_000" and digits of other scripts.
        value = int(text) if re.fullmatch(r"[0-9]{1,18}", text) else least - 1
        if not least <= value <= most:
            rule = f"must be a whole number from {least:,} to {most:,}"
            self.refuse(name, rule, self._usual(name))
            return int(SPECS[name].default or least)
        return value

    def port(self, name: str) -> int | None:
        """A TCP port; None when it is set to nothing, which turns the feature off."""
        given = self._environ.get(name)
        if given is not None and given.strip().lower() in _OFF:
            return None
        return self.whole(name, 0, 65_535)

    def choice(self, name: str, words: tuple[str, ...]) -> str:
        """One of the words, in lower case; "" when unset and without default."""
        text = self.text(name).lower()
        if text and text not in words:
            self.refuse(name, f"must be one of {', '.join(words)}", _did_you_mean(text, words))
        return text

    def proxy(self, api_url: str) -> Secret | None:
        """The proxy for the API; None without one, or when NO_PROXY excludes the API's host."""
        url = self.text("HTTPS_PROXY") or self.text("https_proxy")
        if not url:
            return None
        if _split(url) is None:
            rule = "must be a proxy URL such as http://proxy.example.com:3128"
            self.report(Problem("HTTPS_PROXY", "", rule))
            return None
        host = urlsplit(api_url).hostname or ""
        excluded = _members(self.text("NO_PROXY") or self.text("no_proxy"))
        if any(_is_within(host, entry) for entry in excluded):
            return None
        return Secret(url)

    def warnings(self) -> tuple[str, ...]:
        """A sentence for each variable that begins like ours and is none of ours."""
        return tuple(
            f"{name} is not a setting of the worker" + (f"; {hint}" if hint else "")
            for name, hint in self._strangers()
        )

    def _strangers(self) -> list[tuple[str, str]]:
        """Variables that begin like ours and are none, each with a hint or ""."""
        return [
            (name, _did_you_mean(name, tuple(SPECS)))
            for name in sorted(self._environ)
            if name.startswith(("WORKER_", "HAUTECH_")) and name not in SPECS
        ]

    def _usual(self, name: str) -> str:
        return f"unset, it is {SPECS[name].default or 'off'}"


def _split(url: str) -> tuple[str, str] | None:
    """Host and path of an http(s) URL without query; None for anything else."""
    try:
        parts = urlsplit(url)
        is_usable = parts.scheme in {"https", "http"} and parts.hostname and not parts.query
        _ = parts.port
    except ValueError:
        return None
    return (parts.hostname or "", parts.path) if is_usable and " " not in url else None


def _is_within(host: str, entry: str) -> bool:
    """Whether a member of NO_PROXY covers the host: `*`, its name, or a domain above it."""
    domain = entry.lower().lstrip("*").lstrip(".")
    return entry == "*" or (bool(domain) and (host == domain or host.endswith(f".{domain}")))


def _members(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))


def _did_you_mean(word: str, words: tuple[str, ...]) -> str:
    close = difflib.get_close_matches(word, words, n=1, cutoff=0.75)
    return f"did you mean {close[0]}?" if close else ""
