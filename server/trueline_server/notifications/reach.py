"""Where channels may connect to: those of a tenant's own files to nothing inside of the operator's networks."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

# Where a network has IPv6 alone, every IPv4 address of the public is reached through these: it is the last 32 bits.
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_LAST_32_BITS = 0xFFFF_FFFF


@dataclass(frozen=True, slots=True)
class Reach:
    """What may be connected to.

    Attributes:
        anywhere: every address.
        hosts: names, in lower case, that may be reached wherever they lead.
        networks: internal addresses that may be reached all the same.

    """

    anywhere: bool = False
    hosts: frozenset[str] = frozenset()
    networks: tuple[Network, ...] = ()

    def allows(self, host: str, address: str) -> bool:
        """Tell whether a host may be reached at one of its addresses, as the name lookup gave it."""
        if self.anywhere or host.lower().rstrip(".") in self.hosts:
            return True
        found = _plain(ipaddress.ip_address(address.partition("%")[0]))
        return not _is_internal(found) or any(found in network for network in self.networks)


ANYWHERE = Reach(anywhere=True)


def parse_reach(entries: Iterable[str]) -> Reach:
    """Read the hosts, addresses and networks inside that the operator allows.

    Raises:
        ValueError: one of them is neither.

    """
    hosts: set[str] = set()
    networks: list[Network] = []
    for entry in entries:
        try:
            networks.append(ipaddress.ip_network(entry))
        except ValueError as error:
            # Whatever has a slash, a colon or ends in a number was meant as an address; no host is called so.
            if "/" in entry or ":" in entry or entry.rpartition(".")[2].isdecimal():
                told = f"'{entry}' is no network ({error}); write 10.1.0.0/16, ::1 or a host such as hooks.example.org"
                raise ValueError(told) from None
            hosts.add(entry.lower().rstrip("."))
    return Reach(hosts=frozenset(hosts), networks=tuple(networks))


def _is_internal(address: Address) -> bool:
    """Whether an address is of no use to the public: of this machine, a link, a site, a group, or none at all."""
    site_local = isinstance(address, ipaddress.IPv6Address) and address.is_site_local
    return not address.is_global or address.is_multicast or address.is_reserved or site_local


def _plain(address: Address) -> Address:
    """The IPv4 address that an IPv6 address is another way of writing, if it is one."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    inside = address.ipv4_mapped or address.sixtofour
    if inside is None and address in _NAT64:
        inside = ipaddress.IPv4Address(int(address) & _LAST_32_BITS)
    return inside or address
