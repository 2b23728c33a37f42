"""What an address is, in all its spellings, and which host may be reached at it."""

from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.hautech.fakes import unhurried
from worker.hautech import ClientConfig
from worker.hautech.addresses import AddressGuard, AddressKind, kind_of

PUBLIC, PRIVATE = AddressKind.PUBLIC, AddressKind.PRIVATE
LOOPBACK, NEVER = AddressKind.LOOPBACK, AddressKind.NEVER

KINDS = {
    "52.84.0.1": PUBLIC,
    "2600:9000::1": PUBLIC,
    "64:ff9b::3454:1": PUBLIC,  # NAT64 of 52.84.0.1: how an IPv6-only network reaches IPv4
    "::ffff:52.84.0.1": PUBLIC,
    "10.0.0.1": PRIVATE,
    "172.16.0.1": PRIVATE,
    "172.31.255.255": PRIVATE,
    "172.32.0.1": PUBLIC,
    "192.168.1.1": PRIVATE,
    "100.64.0.1": PRIVATE,
    "198.18.0.1": PRIVATE,
    "fd12:3456::1": PRIVATE,
    "::ffff:10.0.0.1": PRIVATE,
    "64:ff9b::a00:1": PRIVATE,
    "127.0.0.1": LOOPBACK,
    "127.255.255.254": LOOPBACK,
    "::1": LOOPBACK,
    "::ffff:127.0.0.1": LOOPBACK,
    "64:ff9b::7f00:1": LOOPBACK,
    "0.0.0.0": NEVER,  # noqa: S104 - connecting to it reaches this machine
    "::": NEVER,
    "169.254.169.254": NEVER,
    "169.254.170.2": NEVER,
    "::ffff:169.254.169.254": NEVER,
    "64:ff9b::a9fe:a9fe": NEVER,
    "fd00:ec2::254": NEVER,
    "fd20:ce::254": NEVER,
    "100.100.100.200": NEVER,
    "168.63.129.16": NEVER,
    "192.0.0.192": NEVER,
    "fe80::1": NEVER,
    "fe80::1%eth0": NEVER,
    "fec0::1": NEVER,
    "224.0.0.1": NEVER,
    "ff02::1": NEVER,
    "255.255.255.255": NEVER,
    "240.0.0.1": NEVER,
    "192.0.2.1": NEVER,
    "2001:db8::1": NEVER,
    "2002:a9fe:a9fe::1": NEVER,  # 6to4 of the metadata address
    "2001:0:4136:e378:8000:63bf:3fff:fdd2": NEVER,  # Teredo
    "64:ff9b:1::1": NEVER,
    "::10.0.0.1": NEVER,  # IPv4-compatible, long deprecated
    "100::1": NEVER,
}


@pytest.mark.parametrize(("address", "kind"), KINDS.items(), ids=list(KINDS))
def test_each_address_is_known_for_what_it_is(address: str, kind: AddressKind) -> None:
    assert kind_of(address) is kind


@given(st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6)))
@unhurried
def test_what_the_standard_library_calls_not_global_is_never_public_here(
    address: IPv4Address | IPv6Address,
) -> None:
    if kind_of(str(address)) is PUBLIC:
        plain = getattr(address, "ipv4_mapped", None) or address
        is_nat64 = plain.version == 6 and int(plain) >> 32 == 0x64FF9B << 64
        plain = IPv4Address(int(plain) & 0xFFFFFFFF) if is_nat64 else plain
        assert plain.is_global
        assert not plain.is_multicast


@given(st.ip_addresses(v=4))
@unhurried
def test_an_ipv4_address_is_the_same_thing_in_its_ipv6_forms(address: IPv4Address) -> None:
    for wrapped in (f"::ffff:{address}", str(IPv6Address((0x64FF9B << 96) | int(address)))):
        assert kind_of(wrapped) is kind_of(str(address))
    # The forms that tunnels use are refused, whatever is in them.
    assert kind_of(str(IPv6Address((0x2002 << 112) | (int(address) << 80) | 1))) is NEVER


def guard(**settings: object) -> AddressGuard:
    return AddressGuard(ClientConfig(**settings))  # type: ignore[arg-type] # settings by name


@pytest.mark.parametrize(("address", "kind"), KINDS.items(), ids=list(KINDS))
def test_only_public_addresses_are_reached_unless_a_host_is_named(
    address: str, kind: AddressKind
) -> None:
    assert guard().allows("api.hautech.ai", address) is (kind is PUBLIC)


@pytest.mark.parametrize(("address", "kind"), KINDS.items(), ids=list(KINDS))
def test_a_named_host_may_be_private_and_still_not_the_machine_or_its_metadata(
    address: str, kind: AddressKind
) -> None:
    named = guard(private_hosts=(".hautech.internal", "api.hautech.ai"))
    for host in ("api.hautech.ai", "cdn.hautech.internal", "API.hautech.ai."):
        assert named.allows(host, address) is (kind in {PUBLIC, PRIVATE})
    assert named.allows("cdn.hautech.ai", address) is (kind is PUBLIC)


@pytest.mark.parametrize("host", ["localhost", "a.localhost", "127.0.0.1", "[::1]", "127.9.9.9"])
def test_a_loopback_host_is_this_machine_or_nothing(host: str) -> None:
    local = guard(api_url="http://127.0.0.1:8080", private_hosts=("localhost",))
    assert {kind for address, kind in KINDS.items() if local.allows(host, address)} == {LOOPBACK}
    assert not any(guard().allows(host, address) for address in KINDS)


def test_an_api_url_that_is_an_address_is_meant_as_it_stands() -> None:
    assert guard(api_url="https://10.1.2.3").allows("10.1.2.3", "10.1.2.3")
    assert guard(api_url="https://[fd12::7]:8443").allows("fd12::7", "fd12::7")
    assert not guard(api_url="https://10.1.2.3").allows("cdn.hautech.ai", "10.1.2.3")
    assert not guard(api_url="https://169.254.169.254").allows("169.254.169.254", "169.254.169.254")


def test_the_special_networks_of_the_standard_library_are_all_covered() -> None:
    for text in ("192.31.196.1", "192.52.193.1", "192.175.48.1"):
        # Globally reachable by the registry, though listed in it.
        assert ip_address(text).is_global
        assert kind_of(text) is PUBLIC
