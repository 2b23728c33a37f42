"""Links are followed to known hosts over https only; errors name the host, never the link."""

from typing import Any

import pytest

from worker.hautech import ClientConfig, ForbiddenUrlError, redact
from worker.hautech.config import is_loopback
from worker.hautech.transport import Call, Request
from worker.hautech.urls import UrlGuard


def check(url: Any, **settings: Any) -> Any:
    return UrlGuard(ClientConfig(**settings)).check(url, purpose="download link")


@pytest.mark.parametrize(
    "url",
    [
        "https://api.hautech.ai/x?sig=1",
        "https://hautech.ai/x",
        "https://cdn.eu.hautech.ai:8443/x",
        "https://API.HAUTECH.AI/x",
        "https://cdn.hautech.ai./x",
    ],
)
def test_hautech_hosts_are_followed(url: Any) -> None:
    link = check(url)
    assert link.host.endswith("hautech.ai")
    assert "sig" not in repr(link)


@pytest.mark.parametrize(
    "url",
    [
        "http://api.hautech.ai/x",
        "ftp://api.hautech.ai/x",
        "file:///etc/passwd",
        "https://evil.example/x",
        "https://hautech.ai.evil.example/x",
        "https://nothautech.ai/x",
        "https://evil.example\\@api.hautech.ai/x",
        "https://api.hautech.ai@evil.example/x",
        "https://user:pass@api.hautech.ai/x",
        "https://evil.example#@api.hautech.ai/x",
        "https://evil.example?@api.hautech.ai/x",
        "https://169.254.169.254/latest/meta-data",
        "https://127.0.0.1/x",
        "http://localhost/x",
        "https://[::1]/x",
        "//api.hautech.ai/x",
        "/v1/images",
        "api.hautech.ai",
        "https://",
        "https://[broken",
        "https://api.hautech.ai:99999/x",
        "",
        " ",
    ],
)
def test_anything_else_is_refused_and_not_quoted(url: Any) -> None:
    with pytest.raises(ForbiddenUrlError) as caught:
        check(f"{url}?sig=hush" if url.strip() else url)
    assert "hush" not in str(caught.value)
    assert "pass@" not in str(caught.value)


def test_a_refusal_names_the_host_and_the_setting() -> None:
    with pytest.raises(ForbiddenUrlError) as caught:
        check("https://cdn.example.com/a?sig=hush", allowed_hosts_setting="MY_SETTING")
    assert "'cdn.example.com'" in str(caught.value)
    assert "MY_SETTING" in str(caught.value)


def test_extra_hosts_are_exact_and_domains_cover_their_subdomains() -> None:
    extra = ("cdn.example.com", "*.wild.example", ".dot.example")
    for host in ("cdn.example.com", "a.wild.example", "a.b.dot.example"):
        assert check(f"https://{host}/x", allowed_hosts=extra).host == host
    for host in ("x.cdn.example.com", "example.com", "wild.example", "awild.example"):
        with pytest.raises(ForbiddenUrlError):
            check(f"https://{host}/x", allowed_hosts=extra)


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/x", "http://localhost:1/x", "http://[::1]/x"])
def test_a_loopback_api_may_link_to_loopback_without_tls(url: Any) -> None:
    assert check(url, api_url="http://127.0.0.1:8080")


def test_a_loopback_api_still_cannot_lead_elsewhere() -> None:
    for url in ("http://evil.example/x", "https://evil.example/x", "http://api.hautech.ai/x"):
        with pytest.raises(ForbiddenUrlError):
            check(url, api_url="http://localhost:8080")


def test_an_api_of_its_own_is_trusted_by_host_and_nothing_more() -> None:
    settings = {"api_url": "https://api.corp.example", "trusted_domain": ""}
    assert check("https://api.corp.example/x", **settings)
    with pytest.raises(ForbiddenUrlError):
        check("https://cdn.corp.example/x", **settings)
    with pytest.raises(ForbiddenUrlError):
        check("https://api.hautech.ai/x", **settings)


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"api_url": "http://api.hautech.ai"}, "https"),
        ({"api_url": "api.hautech.ai"}, "api_url"),
        ({"api_url": "ftp://api.hautech.ai"}, "api_url"),
        ({"api_url": "https://u:p@api.hautech.ai"}, "password"),
        ({"api_url": "https://api.hautech.ai?x=1"}, "query"),
        ({"pool_size": 0}, "pool_size"),
        ({"allowed_hosts": ("https://cdn.example",)}, "HAUTECH_DOWNLOAD_HOSTS"),
        ({"allowed_hosts": ("",)}, "HAUTECH_DOWNLOAD_HOSTS"),
        ({"allowed_hosts": ("cdn.example:8443",)}, "HAUTECH_DOWNLOAD_HOSTS"),
        ({"max_json_bytes": 0}, "max_json_bytes"),
        ({"connect_timeout_s": 0}, "connect_timeout_s"),
        ({"read_timeout_s": -1}, "read_timeout_s"),
        ({"transfer_timeout_s": float("nan")}, "transfer_timeout_s"),
        ({"run_route": "both"}, "run_route"),
    ],
)
def test_a_setting_out_of_range_is_named(settings: Any, named: Any) -> None:
    with pytest.raises(ValueError, match=named):
        ClientConfig(**settings)


def test_the_api_url_loses_its_last_slash() -> None:
    assert ClientConfig(api_url="https://api.hautech.ai/").api_url == "https://api.hautech.ai"


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("[::1]", True),
        ("localhost", True),
        ("a.localhost", True),
        ("10.0.0.1", False),
        ("localhost.evil.example", False),
        ("", False),
    ],
)
def test_loopback_is_recognised_without_dns(host: Any, expected: Any) -> None:
    assert is_loopback(host) is expected


@pytest.mark.parametrize(
    ("text", "gone", "kept"),
    [
        ("see https://cdn.x/a/b.png?X-Amz-Signature=hush.", "hush", "https://cdn.x/"),
        ("https://name:hush@cdn.x/a", "hush", "cdn.x"),
        ("Authorization: Bearer hush-hush-hush", "hush", "Authorization"),
        ("token eyJhbGciOi.eyJpc3Mi.hush rest", "hush", "rest"),
        ("api_token=hush&x=1", "hush", "x=1"),
        ('{"fileToken": "hush", "b": 1}', "hush", '"b": 1'),
        ("-----BEGIN PRIVATE KEY-----\nhush\n-----END PRIVATE KEY----- end", "hush", "end"),
        ("-----BEGIN PRIVATE KEY-----\nhush", "hush", "[key]"),
    ],
)
def test_secrets_are_taken_out_of_text(text: Any, gone: Any, kept: Any) -> None:
    assert gone not in redact(text)
    assert kept in redact(text)


@pytest.mark.parametrize(
    "filler", ["x", "token ", "token  = ", "https:", "eyJa.", "-----BEGIN A", "<"]
)
def test_redacted_text_is_one_short_line_however_long_it_was(filler: Any) -> None:
    text = redact("a\nb\r\n" + filler * 5_000)
    assert len(text) <= 300
    assert "\n" not in text


def test_a_request_shows_no_secret_when_printed() -> None:
    headers = {"Authorization": "Bearer hush"}
    request = Request(Call("c", "GET", "/x"), "https://h/x?sig=hush", "/x", headers, b"hush")
    assert "hush" not in repr(request)
