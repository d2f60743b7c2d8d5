"""What channels of tenants' files may connect to, address by address."""

from __future__ import annotations

import pytest
from trueline_rules.layers import OPERATOR, TENANT, Layer, pack_layer, tenant_layer
from trueline_rules.loader import load_layers
from trueline_rules.routing_model import NotificationChannel
from trueline_server.notifications.reach import ANYWHERE, Reach, parse_reach
from trueline_server.notifications.transports import reach_of

INTERNAL = (
    "127.0.0.1",
    "127.9.9.9",
    "::1",
    "10.0.0.1",
    "172.16.3.4",
    "192.168.1.1",
    "169.254.169.254",
    "fe80::1%eth0",
    "fc00::1",
    "fec0::1",
    "100.64.0.1",
    "0.0.0.0",
    "::",
    "224.0.1.1",
    "ff0e::1",
    "240.0.0.1",
    "255.255.255.255",
    "::ffff:10.0.0.1",
    "::10.0.0.1",
    "64:ff9b::7f00:1",
    "2002:7f00:1::",
)
PUBLIC = ("8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808")


@pytest.mark.parametrize("address", INTERNAL)
def test_internal_addresses_are_out_of_reach(address: str) -> None:
    """Of the machine, a link, a site, a group, none at all, and each of them written as IPv6."""
    assert not Reach().allows("hooks.example.org", address)
    assert ANYWHERE.allows("hooks.example.org", address)


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_are_in_reach(address: str) -> None:
    """Whatever the public can reach, also behind the prefix of a network that has IPv6 alone."""
    assert Reach().allows("hooks.example.org", address)


def test_operator_allows_networks_and_hosts() -> None:
    """A network holds for all names in it, a host for that name alone, in whatever case and with a dot at its end."""
    reach = parse_reach(("10.1.0.0/16", "::1", "Hooks.corp.example"))
    assert reach.allows("x", "10.1.2.3")
    assert reach.allows("x", "::ffff:10.1.2.3")
    assert reach.allows("x", "::1")
    assert not reach.allows("x", "10.2.0.1")
    assert reach.allows("HOOKS.corp.example.", "10.2.0.1")
    assert not reach.allows("other.corp.example", "10.2.0.1")


@pytest.mark.parametrize(
    "entry", ["10.1.0.1/16", "10.0.0.0/40", "fe80::/200", "10.0.0.300", "http://hooks.example.org"]
)
def test_what_is_no_network_is_refused(entry: str) -> None:
    """A slip in a network must not become the name of a host that never comes."""
    with pytest.raises(ValueError, match="is no network"):
        parse_reach((entry,))


def channel_file(url: str) -> str:
    """A file with one channel."""
    head = "apiVersion: trueline/v1\nkind: NotificationChannel\nmetadata: {name: hook}\n"
    return f'{head}spec: {{type: webhook, url: "{url}"}}\n'


def test_origin_decides() -> None:
    """Operator's channels reach everything, a tenant's do not; so does one that is not what is in force any more."""
    tenants = parse_reach(("10.0.0.0/8",))
    operator = Layer(OPERATOR, (("base.yaml", channel_file("http://10.0.0.1/")),))
    base = load_layers((pack_layer(), operator))
    over = load_layers((pack_layer(), operator, tenant_layer([("own.yaml", channel_file("http://127.0.0.1/"))])))
    assert over.origins["NotificationChannel", "hook"] == TENANT
    of_operator, of_tenant = (rules.documents["NotificationChannel"]["hook"] for rules in (base, over))
    assert isinstance(of_operator, NotificationChannel)
    assert isinstance(of_tenant, NotificationChannel)
    assert reach_of(base, of_operator, tenants) is ANYWHERE
    assert reach_of(over, of_tenant, tenants) is tenants
    # Claimed before the tenant took its own files back: what is in force is the operator's, this one never was.
    assert reach_of(base, of_tenant, tenants) is tenants
