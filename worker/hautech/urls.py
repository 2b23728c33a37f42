"""Decides which links may be followed: https to a known host, or loopback next to a loopback API."""

from dataclasses import dataclass

from urllib3.exceptions import LocationParseError
from urllib3.util import parse_url

from worker.hautech.config import ClientConfig, is_loopback
from worker.hautech.errors import ForbiddenUrlError
from worker.hautech.hosts import HostList, plain_host


@dataclass(frozen=True, slots=True)
class Link:
    """A URL that passed the guard. Its text is a credential, so `repr` shows the host only."""

    url: str
    host: str

    def __repr__(self) -> str:
        return f"Link({self.host})"


class UrlGuard:
    """Checks links that an answer told us to follow (upload, download, redirect).

    The URL is parsed with the parser that later opens the connection, and the normalised text
    is what gets used: no second parser can read another host out of the same characters.
    """

    def __init__(self, config: ClientConfig) -> None:
        self._setting = config.allowed_hosts_setting
        self._local = is_loopback(config.api_host)
        domain = config.trusted_domain.strip().strip(".")
        trusted = (domain, f".{domain}") if domain else ()
        self._hosts = HostList((plain_host(config.api_host), *trusted, *config.allowed_hosts))

    def check(self, url: str, *, purpose: str) -> Link:
        """The link, ready to be followed.

        Args:
            url: An absolute URL from an answer.
            purpose: What it is for, such as `upload link`; part of the error message.

        Raises:
            ForbiddenUrlError: Not https, not an allowed host, or not a URL at all. The message
                names the host and the setting, never the URL.
        """
        try:
            parsed = parse_url(url)
        except (LocationParseError, ValueError):
            raise ForbiddenUrlError(f"{purpose}: not a URL that can be read") from None
        host = plain_host(parsed.host or "")
        if not host:
            raise ForbiddenUrlError(f"{purpose}: an absolute https URL is needed")
        if parsed.auth is not None:
            raise ForbiddenUrlError(f"{purpose}: host {host!r}: user names in links are refused")
        link = Link(url=parsed._replace(fragment=None).url, host=host)
        if self._local and parsed.scheme in {"http", "https"} and is_loopback(host):
            return link
        if parsed.scheme != "https":
            raise ForbiddenUrlError(
                f"{purpose}: host {host!r}: only https is followed, not {parsed.scheme or 'none'}"
            )
        if host in self._hosts:
            return link
        raise ForbiddenUrlError(
            f"{purpose}: host {host!r} is not one of Hautech's known hosts. If it is theirs, "
            f"add it to {self._setting}"
        )
