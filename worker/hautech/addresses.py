"""Which addresses a connection may go to: public ones, and others only for hosts that were named.

A name on the list of hosts says nothing about where it leads: who controls its DNS, or the
answers on the way, can point it at the machine itself, at the network around it, or at the
address where a cloud hands out credentials. So the address is what is checked.

    kind       addresses                                     allowed for
    public     all others                                    every host that may be followed
    private    inside a network (RFC 1918, 4193, 6598, …)    `private_hosts`
    loopback   this machine                                  loopback hosts of a loopback API
    never      link-local, metadata, multicast, reserved     nobody

The table is written out, because `ipaddress.is_global` changed its mind within patch releases
(3.11.10, 3.12.4), and what is refused must not depend on the interpreter.
"""

from enum import Enum, unique
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from typing import Final

from worker.hautech.config import ClientConfig, is_loopback
from worker.hautech.hosts import HostList, plain_host


@unique
class AddressKind(Enum):
    """What stands behind an address, in words that an error can use."""

    PUBLIC = "a public address"
    PRIVATE = "a private address"
    LOOPBACK = "the machine itself"
    NEVER = "a link-local, metadata or reserved address"


_Network = IPv4Network | IPv6Network


def _networks(*texts: str) -> tuple[_Network, ...]:
    return tuple(ip_network(text) for text in texts)


# Source: IANA IPv4 and IPv6 Special-Purpose Address Registries; the metadata addresses are those
# of the clouds' own guides (link-local covers AWS, ECS, EKS, Google and Azure; the rest is named).
_KINDS: Final = (
    (AddressKind.LOOPBACK, _networks("127.0.0.0/8", "::1/128")),
    (
        AddressKind.NEVER,
        _networks(
            "0.0.0.0/8",
            "169.254.0.0/16",  # link-local; 169.254.169.254 and 169.254.170.2 among them
            "192.0.0.0/24",  # protocol assignments; 192.0.0.192 is Oracle's metadata
            "192.0.2.0/24",
            "192.88.99.0/24",
            "198.51.100.0/24",
            "203.0.113.0/24",
            "224.0.0.0/4",
            "240.0.0.0/4",
            "100.100.100.200/32",  # Alibaba's metadata, among shared addresses
            "168.63.129.16/32",  # Azure's host agent, among public ones
            "fd00:ec2::/32",  # AWS: metadata, DNS, time, pod identity, among private ones
            "fd20:ce::254/128",  # Google's metadata
        ),
    ),
    (
        AddressKind.PRIVATE,
        _networks(
            "10.0.0.0/8",
            "172.16.0.0/12",
            "192.168.0.0/16",
            "100.64.0.0/10",
            "198.18.0.0/15",
            "fc00::/7",
        ),
    ),
    (
        AddressKind.NEVER,
        _networks(
            "2001::/23",  # protocol assignments, Teredo among them: it wraps an IPv4 address
            "2001:db8::/32",
            "2002::/16",  # 6to4 wraps an IPv4 address, too
            "3fff::/20",
        ),
    ),
    (AddressKind.PUBLIC, _networks("0.0.0.0/0", "2000::/3")),
)
"""The first network that holds an address says what it is; outside of all of them it is NEVER."""

# Source: RFC 6052. Networks that speak IPv6 only reach IPv4 through it (AWS: DNS64 and NAT64).
_NAT64: Final = IPv6Network("64:ff9b::/96")


def kind_of(address: str) -> AddressKind:
    """What stands behind an address in the form that `getaddrinfo` gives it.

    An IPv6 address that stands for an IPv4 one (mapped, NAT64) is what that one is.

    Raises:
        ValueError: It is no address.
    """
    plain = _unwrapped(ip_address(address))
    for kind, networks in _KINDS:
        if any(plain in network for network in networks):
            return kind
    return AddressKind.NEVER


def _unwrapped(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return address.ipv4_mapped
        if address in _NAT64:
            return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address


class AddressGuard:
    """Says which of a host's addresses may be connected to. Thread-safe.

    Args:
        config: Whether the API is on this machine, and which hosts have private addresses. An
            API URL that is itself an address is meant as it stands.
    """

    def __init__(self, config: ClientConfig) -> None:
        self.setting = config.private_hosts_setting
        self._is_local = is_loopback(config.api_host)
        self._private = HostList((*config.private_hosts, *_if_address(config.api_host)))

    def allows(self, host: str, address: str) -> bool:
        """Whether a connection for `host` may go to `address`, which the resolver gave for it."""
        host, kind = plain_host(host), kind_of(address)
        if is_loopback(host):
            # Spoken to without TLS, so it may be nowhere else.
            return self._is_local and kind is AddressKind.LOOPBACK
        if kind is AddressKind.PRIVATE:
            return host in self._private
        return kind is AddressKind.PUBLIC


def _if_address(host: str) -> tuple[str, ...]:
    try:
        ip_address(host)
    except ValueError:
        return ()
    return (host,)
