"""Whatever a link looks like: it is refused, or every reader of URLs sees an allowed host in it."""

from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from requests import PreparedRequest
from urllib3.util import parse_url

from tests.unit.hautech.fakes import unhurried
from worker.hautech import ClientConfig, ForbiddenUrlError
from worker.hautech.urls import UrlGuard

GUARD = UrlGuard(ClientConfig(allowed_hosts=("cdn.example.com",)))

_INSIDE = (
    "127.0.0.1",
    "127.1",
    "2130706433",
    "0x7f000001",
    "0x7f.0.0.1",
    "0177.0.0.1",
    "017700000001",
    "0",
    "[::1]",
    "[::]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[fe80::1%25eth0]",
    "[fe80::1%eth0]",
    "[64:ff9b::a9fe:a9fe]",
    "169.254.169.254",
    "2852039166",
    "0xa9fea9fe",
    "169.254.169.254.",
    "169.254.169.254.nip.io",
    "10.0.0.5",
    "192.168.1.1",
    "metadata.google.internal",
    "localhost",
    "localhost.",
    "LOCALHOST",
    "evil.example",
    "hautech.ai.evil.example",
    "evil-hautech.ai",
    "ｈautech.ai.evil.example",
    "１２７.0.0.1",
    "①②⑦.0.0.1",
    "127。0。0。1",
    "hаutech.ai",  # a Cyrillic letter
    "xn--hutech-7ve.ai",
)
_ALLOWED = ("api.hautech.ai", "hautech.ai", "cdn.example.com", "x.y.hautech.ai")
_GLUE = ("", "@", ":", "\\", "/", "//", "#", "?", "%", "%00", "%2f", "%40", "\t", "\n", " ", "\x00")


@pytest.mark.parametrize("host", _INSIDE)
@pytest.mark.parametrize("around", ["{}", "{}:443", "{}:80", "user@{}", "api.hautech.ai@{}"])
def test_a_host_inside_or_elsewhere_is_refused_in_every_spelling(host: str, around: str) -> None:
    with pytest.raises(ForbiddenUrlError):
        GUARD.check(f"https://{around.format(host)}/x", purpose="link")


hosts = st.sampled_from(_INSIDE + _ALLOWED)
links = st.one_of(
    st.text(max_size=60),
    st.builds(
        "".join,
        st.lists(
            st.one_of(
                hosts,
                st.sampled_from(_GLUE),
                st.sampled_from(("https://", "http://", "HTTPS:", "https:/", "javascript:")),
                st.text(max_size=3),
            ),
            min_size=1,
            max_size=8,
        ),
    ),
    st.builds("https://{}{}{}/x{}".format, hosts, st.sampled_from(_GLUE), hosts, st.text()),
)


@given(links)
@unhurried
def test_a_link_that_passes_leads_to_an_allowed_host_for_every_reader(url: str) -> None:
    try:
        link = GUARD.check(url, purpose="link")
    except ForbiddenUrlError:
        return
    assert link.host in {"cdn.example.com", "hautech.ai"} or link.host.endswith(".hautech.ai")
    assert link.host.isascii()
    assert link.url.startswith("https://")
    prepared = PreparedRequest()
    prepared.prepare_url(link.url, None)
    for read in (parse_url, urlsplit):
        for text in (link.url, str(prepared.url)):
            parts = read(text)
            assert (parts.hostname or "").rstrip(".").lower() == link.host
            assert "@" not in (parts.netloc or "")


@given(st.sampled_from(_ALLOWED), st.text(max_size=80), st.text(max_size=20))
@unhurried
def test_path_query_and_fragment_cannot_change_the_host(host: str, path: str, query: str) -> None:
    try:
        link = GUARD.check(f"https://{host}/{path}?{query}#{path}", purpose="link")
    except ForbiddenUrlError:
        return
    assert link.host == host
    assert "#" not in link.url


@pytest.mark.parametrize("character", ["\r\n", "\n", "\r", "\t", " ", "\x00", "\x7f"])
def test_no_character_of_a_link_can_break_out_of_the_request_line(character: str) -> None:
    for url in (
        f"https://api.hautech.ai/a{character}Host: evil.example",
        f"https://api.hautech.ai{character}.evil.example/",
        f"https://api.hautech.ai/{character}",
    ):
        try:
            link = GUARD.check(url, purpose="link")
        except ForbiddenUrlError:
            continue
        assert link.url.isprintable()
        assert " " not in link.url
        assert link.host == "api.hautech.ai"
