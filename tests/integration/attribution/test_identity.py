"""Persons on the real warehouse: web, mobile and offline events of one person are on one journey."""

from __future__ import annotations

import random
from itertools import pairwise
from typing import Any

import pytest
from attribution_world import END_US, MODEL, START_US, Happening, answered, journeys, order, put, touch
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from trueline_server.attribution.identity import MOST_USERS, NODES, PREFIX, Identity
from trueline_server.attribution.identity_tables import IdentityTables
from trueline_server.attribution.scope import Scope
from trueline_server.attribution.statements import CountPaths, FindConversion, ReadJourney, ReadStitches
from trueline_stores.warehouse.client import Warehouse
from trueline_streams.pane_statements import Parameters

_AT = "toUnixTimestamp64Micro(occurred_at) AS at"


def _paths(warehouse: Warehouse, happenings: list[Happening], text: str = MODEL) -> dict[tuple[str, ...], int]:
    tenant = put(warehouse, happenings)
    rows = answered(warehouse, CountPaths(journeys(tenant, text, warehouse=warehouse)))
    return {tuple(path): conversions for path, conversions, _, _ in rows}


def _web(hours: float, channel: str, anonymous: str = "", device: str = "", account: str = "") -> Happening:
    return touch(hours, channel, user="", anonymous=anonymous, device=device, account=account)


def test_what_a_visitor_did_before_signing_up_is_the_users(warehouse: Warehouse) -> None:
    """The anonymous id becomes the user's by the event that has both."""
    happenings = [_web(1, "web", "n"), Happening("signed_up", 2, "u", anonymous="n"), order(3, 1)]
    assert _paths(warehouse, happenings) == {("web",): 1}


def test_web_mobile_and_offline_are_one_journey(warehouse: Warehouse) -> None:
    """Anonymous on the web, by device on the phone, by account in the shop; an import that comes later fits in."""
    happenings = [
        Happening("signed_up", 4, "u", anonymous="n", account="c"),
        Happening("signed_in", 5, "u", device="d"),
        order(8, 1, user="", account="c"),
        _web(1, "web", anonymous="n"),
        _web(6, "app", device="d"),
        touch(7, "mail"),
        _web(2, "fair", account="c"),
    ]
    assert _paths(warehouse, happenings) == {("web", "fair", "app", "mail"): 1}


def test_every_event_joins_ids_where_a_mapping_says_so(warehouse: Warehouse) -> None:
    """The role activity is played by all events unless a mapping names some: each of them joins what it carries."""
    text = MODEL.replace("{events: [signed_up, signed_in, seen]}", "{roles: [activity]}")
    mapping = """\
---
apiVersion: trueline/v1
kind: EventMapping
metadata: {name: plain}
spec:
  fields: {id: id, source: source, name: name, occurred_at: at}
"""
    happenings = [_web(1, "web", "n"), Happening("whatever", 2, "u", anonymous="n"), order(3, 1)]
    assert _paths(warehouse, happenings, text + mapping) == {("web",): 1}
    every = text.replace("{events: [touched], channel", "{roles: [activity], channel") + mapping
    assert _paths(warehouse, [touch(1, "a"), order(3, 1)], every) == {("a", "(none)"): 1}


def test_without_an_event_that_joins_them_ids_are_persons_of_their_own(warehouse: Warehouse) -> None:
    """Ids are equal by what events say, never by chance: an anonymous id is no device of the same name."""
    assert _paths(warehouse, [_web(1, "a", anonymous="x"), _web(2, "b", device="x"), order(3, 1)]) == {
        ("a",): 0,
        ("b",): 0,
        (): 1,
    }
    no_stitches = MODEL.replace("  stitches: {events: [signed_up, signed_in, seen]}\n", "")
    happenings = [_web(1, "web", "n"), Happening("signed_up", 2, "u", anonymous="n"), order(3, 1)]
    assert _paths(warehouse, happenings, no_stitches) == {("web",): 0, (): 1}


def test_a_shared_device_is_of_whoever_comes_next(warehouse: Warehouse) -> None:
    """Up to a sign-in the device is of that user; after the last one it stays so."""
    happenings = [
        _web(1, "first", device="d"),
        Happening("signed_in", 2, "u", device="d"),
        _web(3, "second", device="d"),
        Happening("signed_in", 4, "v", device="d"),
        _web(5, "third", device="d"),
        order(6, 1, user="u"),
        order(7, 1, user="v"),
    ]
    assert _paths(warehouse, happenings) == {("first",): 1, ("second", "third"): 1}


def test_a_chain_of_ids_is_one_person_however_long(warehouse: Warehouse) -> None:
    """Each pair was seen together without a user, the last of them with one; without it they are one nobody."""
    chain = [
        Happening("seen", 1, anonymous=f"n{place // 2}", device=f"d{(place + 1) // 2}")
        for place in random.Random(5).sample(range(60), 60)
    ]
    ends = [_web(1, "start", device="d0"), _web(2, "end", anonymous="n29")]
    assert _paths(warehouse, [*chain, *ends]) == {("start", "end"): 0}
    joined = [Happening("signed_up", 3, "u", device="d30"), order(4, 1)]
    assert _paths(warehouse, [*chain, *ends, *joined]) == {("start", "end"): 1}


def test_an_id_of_too_many_users_is_nobodys(warehouse: Warehouse) -> None:
    """A kiosk tells nothing about who stands before it."""
    for users, expected in ((MOST_USERS, {("kiosk",): 1}), (MOST_USERS + 1, {("kiosk",): 0, (): 1})):
        signed_in = [Happening("signed_in", 3 + place, f"u{place}", device="k") for place in range(users)]
        assert _paths(warehouse, [_web(1, "kiosk", device="k"), *signed_in, order(99, 1, user="u0")]) == expected


def test_a_stitch_tells_its_id_and_how_sure_it_is(warehouse: Warehouse) -> None:
    """The share of the id's sightings that name the person; what the event itself says of its user is sure."""
    sightings = [(2, "u"), (3, "u"), (4, "u"), (5, "v")]
    happenings = [
        _web(1, "app", device="d"),
        *(Happening("signed_in", hours, user, device="d") for hours, user in sightings),
        touch(6, "mail"),
        order(7, 3, id="o1"),
    ]
    chosen = journeys(put(warehouse, happenings), campaigns=True, warehouse=warehouse)
    ((position, _, source, whose),) = answered(warehouse, FindConversion(chosen, "o1"))
    assert (source, whose) == ("test", "user:u")
    ((person, _, value, _, _, _, touches),) = answered(warehouse, ReadJourney(chosen, position))
    assert (person, value) == ("user:u", 3)
    stitches = answered(warehouse, ReadStitches(chosen, [at for *_, at in touches]))
    known = {at: (node, share) for at, node, share in stitches}
    assert [(name, *known[at]) for _, name, _, at in touches] == [("app", "device:d", 0.75), ("mail", "", 1)]


def test_what_was_known_then_is_stitched_as_it_was_known(warehouse: Warehouse) -> None:
    """A sign-up that came in later makes no person of the past."""
    happenings = [_web(1, "web", "n"), Happening("signed_up", 2, "u", anonymous="n", accepted_hours=90), order(3, 1)]
    tenant = put(warehouse, happenings)
    names = ("signed_up", "signed_in", "seen")
    for known_us, expected in ((START_US + 4 * 3_600_000_000, {("web",): 0, (): 1}), (None, {("web",): 1})):
        scope = Scope(tenant, START_US, END_US, known_us)
        chosen = journeys(tenant, scope=scope, identity=IdentityTables(warehouse).of(scope, names))
        assert {tuple(path): count for path, count, *_ in answered(warehouse, CountPaths(chosen))} == expected


def test_a_table_is_made_anew_when_events_came_in_and_dropped_at_the_end(warehouse: Warehouse) -> None:
    """Asked twice it is the same table; closing leaves none of them behind."""
    tables = IdentityTables(warehouse)
    scope = Scope(put(warehouse, [Happening("signed_up", 2, "u", anonymous="n")]), START_US, END_US)
    first = tables.of(scope, ("signed_up",))
    assert tables.of(scope, ("signed_up",)) == first
    assert tables.of(scope, ("signed_in",)) != first
    names = [first.table]
    tables.close()
    left = warehouse.query("SELECT count() FROM system.tables WHERE name IN {names:Array(String)}", {"names": names})
    assert (left, first.table.startswith(PREFIX)) == ([(0,)], True)


_IDS = st.sampled_from(["", "", "", "1", "2", "3", "4"])
_SEEN = st.builds(
    Happening,
    st.sampled_from(["seen", "signed_in"]),
    st.sampled_from([1, 2, 3, 4]),
    st.sampled_from(["", "u", "u", "v"]),
    anonymous=_IDS,
    device=_IDS,
)


def _persons(warehouse: Warehouse, scope: Scope, identity: Identity) -> list[tuple[Any, ...]]:
    bound = Parameters()
    events = f"SELECT {_AT}, position, user_id, {NODES} FROM trueline.events WHERE {scope.bound(bound)}"
    return warehouse.query(
        f"SELECT position, person, stitch FROM ({identity.rows(events)}) ORDER BY position", bound.values
    )


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.lists(_SEEN, min_size=1, max_size=3), min_size=2, max_size=4))
@example([[Happening("seen", 1, device="1")], [Happening("seen", 2, "u", device="1")]])
@example(
    [[Happening("seen", 1, "u", device="1")], [Happening("seen", 2, device=one, anonymous="2") for one in ("1", "")]]
)
@example([[Happening("seen", 1, device="1", anonymous="2")], [Happening("seen", 2, "u", device="3")], []])
def test_a_table_that_grows_is_that_made_anew(warehouse: Warehouse, batches: list[list[Happening]]) -> None:
    """Whatever comes in, and in whatever order; what was asked about before keeps its answer."""
    growing, tenant = IdentityTables(warehouse), ""
    told: list[tuple[Scope, Identity, list[tuple[Any, ...]]]] = []
    for batch in batches:
        tenant = put(warehouse, batch, tenant)
        ((position,),) = warehouse.query("SELECT max(position) FROM trueline.events")
        scope = Scope(tenant, START_US, END_US, None, int(position))
        fresh = IdentityTables(warehouse)
        identity = growing.of(scope, ("seen", "signed_in"))
        expected = _persons(warehouse, scope, fresh.of(scope, ("seen", "signed_in")))
        told.append((scope, identity, expected))
        fresh.close()
    for scope, identity, expected in told:
        assert _persons(warehouse, scope, identity) == expected
    growing.close()


def test_what_is_known_or_new_is_added_and_all_else_is_made_anew(warehouse: Warehouse) -> None:
    """The same table as long as ids keep their users; another one when one changes hands or is joined to others."""
    tables, names = IdentityTables(warehouse), []
    tenant = put(warehouse, [Happening("seen", 1, "u", device="1"), Happening("seen", 1, device="8", anonymous="8")])
    kiosk = [Happening("seen", 2, f"u{place}", device="k") for place in range(MOST_USERS + 1)]
    for batch in (
        [],
        [Happening("seen", 2, "u", device="1"), Happening("seen", 2, device="8", anonymous="8")],
        [Happening("seen", 2, "v", device="2", anonymous="2")],
        kiosk,
        [Happening("seen", 3, "w", device="k")],
        [Happening("seen", 3, "v", device="1")],
        [Happening("seen", 4, device="2", anonymous="9")],
    ):
        put(warehouse, batch, tenant)
        ((position,),) = warehouse.query("SELECT max(position) FROM trueline.events")
        names.append(tables.of(Scope(tenant, START_US, END_US, None, int(position)), ("seen",)).table)
    same = [name == before for before, name in pairwise(names)]
    assert same == [True, True, False, True, False, False]
    tables.close()


@pytest.mark.parametrize("identity", ["", "nobody"])
def test_nothing_was_seen(warehouse: Warehouse, identity: str) -> None:
    """A tenant without any event, or without any that joins ids."""
    tenant = put(warehouse, [_web(1, "a", "n")]) if identity else "no-such-tenant"
    paths = answered(warehouse, CountPaths(journeys(tenant, warehouse=warehouse)))
    assert paths == ([(["a"], 0, 0.0, 1)] if identity else [])
