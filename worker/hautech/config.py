"""How to reach Hautech, checked when it is made: URL, pool, timeouts by phase, allowed hosts."""

import re
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Final, Literal
from urllib.parse import urlsplit

RunRoute = Literal["auto", "docs", "sdk"]

_HOST_PATTERN: Final = re.compile(r"(?:\*?\.)?[\w-]+(?:\.[\w-]+)*\.?")

DEFAULT_API_URL: Final = "https://api.hautech.ai"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientConfig:
    """Settings of one client.

    Attributes:
        api_url: Base URL; https, or http on a loopback host (a local stand-in).
        pool_size: Connections kept open per host: as many as threads that call at once.
        connect_timeout_s: Seconds for TCP and TLS, and for each chunk that is sent. Name
            resolution has the limits of the system's resolver.
        read_timeout_s: Seconds between two bytes of an answer, and for a JSON body as a whole.
        transfer_timeout_s: Seconds for one image, up or down, as a whole.
        run_deadline_s: Seconds for the paid call as a whole: both routes, a retry with a fresh
            token, and reading the answer.
        run_route: Which of the two run routes to use; `auto` tries the documented one first
            and the SDK's on 404, and remembers which one worked.
        trusted_domain: Upload and download links may lead to this domain and its subdomains.
            Empty trusts only the API host and `allowed_hosts`.
        allowed_hosts: Further hosts for links; `cdn.example.com` is exact, `.example.com` means
            every subdomain.
        allowed_hosts_setting: What the user calls `allowed_hosts`; errors name it.
        private_hosts: Hosts that may have private addresses (a VPC endpoint, internal DNS), in the
            same form. It allows no link by itself, and loopback, link-local and metadata
            addresses stay refused.
        private_hosts_setting: What the user calls `private_hosts`; errors name it.
        proxy_url: HTTP proxy for everything but loopback hosts. The environment is not looked
            at, because those look-ups cost CPU on every request.
        ca_bundle: File or folder of trusted certificates instead of the built-in ones.
        user_agent: Sent with every request.
        max_json_bytes: A longer JSON answer is refused.

    Raises:
        ValueError: A value is out of range; the message names it and the rule.
    """

    api_url: str = DEFAULT_API_URL
    pool_size: int = 32
    connect_timeout_s: float = 10.0
    read_timeout_s: float = 60.0
    transfer_timeout_s: float = 120.0
    run_deadline_s: float = 70.0
    run_route: RunRoute = "auto"
    trusted_domain: str = "hautech.ai"
    allowed_hosts: tuple[str, ...] = ()
    allowed_hosts_setting: str = "HAUTECH_DOWNLOAD_HOSTS"
    private_hosts: tuple[str, ...] = ()
    private_hosts_setting: str = "HAUTECH_PRIVATE_HOSTS"
    proxy_url: str | None = field(default=None, repr=False)  # may hold a password
    ca_bundle: str | None = None
    user_agent: str = "hautech-worker"
    max_json_bytes: int = 4 * 1024 * 1024

    def __post_init__(self) -> None:
        object.__setattr__(self, "api_url", self.api_url.rstrip("/"))
        parts = urlsplit(self.api_url)
        if parts.scheme not in {"https", "http"} or not parts.hostname or parts.query:
            raise ValueError(
                "api_url: must be a base URL such as https://api.hautech.ai, without query string"
            )
        if parts.username is not None or parts.password is not None or parts.fragment:
            raise ValueError("api_url: must hold no user name, password or fragment")
        if parts.scheme == "http" and not is_loopback(parts.hostname):
            raise ValueError(
                f"api_url: http is allowed on loopback hosts only; use https for {parts.hostname}"
            )
        for setting, hosts in (
            (self.allowed_hosts_setting, self.allowed_hosts),
            (self.private_hosts_setting, self.private_hosts),
        ):
            for host in hosts:
                if not _HOST_PATTERN.fullmatch(host.strip()):
                    raise ValueError(
                        f"{setting}: {host!r} must be a host name such as cdn.example.com or "
                        ".example.com, without scheme, port and path"
                    )
        for name in ("pool_size", "max_json_bytes"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}: must be at least 1, got {getattr(self, name)}")
        for name in (
            "connect_timeout_s",
            "read_timeout_s",
            "transfer_timeout_s",
            "run_deadline_s",
        ):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name}: must be more than 0 s, got {getattr(self, name)}")
        if self.run_route not in {"auto", "docs", "sdk"}:
            raise ValueError(f"run_route: must be auto, docs or sdk, got {self.run_route!r}")

    @property
    def api_host(self) -> str:
        """Host name of the API, lower case, without port."""
        return urlsplit(self.api_url).hostname or ""


def is_loopback(host: str) -> bool:
    """Whether the host name or address means this machine, without asking DNS."""
    host = host.strip("[]").rstrip(".").lower()
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        address = ip_address(host)
        # Python 3.13 calls ::ffff:127.0.0.1 a loopback address, 3.11 does not: no host is written so.
        return address.is_loopback and getattr(address, "ipv4_mapped", None) is None
    except ValueError:
        return False
