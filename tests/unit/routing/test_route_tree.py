"""Which routes an alert goes to, and what each of them inherits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from trueline_rules.expressions.regexes import compile_regex
from trueline_rules.model import Metadata
from trueline_rules.routing.matchers import Matcher, MatcherError, MatchOp, parse_matcher
from trueline_rules.routing.tree import RouteTree
from trueline_rules.routing_model import ALL, NO_ESCALATION, Destination, Route, RouteNode, TimeInterval

MINUTE = 60_000_000
LABELS = ("team", "env", "severity")
VALUES = ("", "a", "b", "ab")

matchers = st.builds(
    Matcher,
    st.sampled_from(LABELS),
    st.sampled_from(MatchOp),
    st.sampled_from([*VALUES, "a|b", "a.*", ".+", ".*"]),
)
nodes = st.recursive(
    st.builds(RouteNode, matchers=st.lists(matchers, min_size=1, max_size=3).map(tuple), go_on=st.booleans()),
    lambda inner: st.builds(
        RouteNode,
        matchers=st.lists(matchers, min_size=1, max_size=2).map(tuple),
        go_on=st.booleans(),
        routes=st.lists(inner, max_size=4).map(tuple),
    ),
    max_leaves=12,
)
labels = st.dictionaries(st.sampled_from(LABELS), st.sampled_from(VALUES))


def route(name: str, *written: str, **spec: object) -> Route:
    """A document with these matchers."""
    return Route(Metadata(name), RouteNode(tuple(parse_matcher(text) for text in written), **spec))  # type: ignore[arg-type]


def paths(tree: RouteTree, **given_labels: str) -> list[str]:
    """Where an alert goes, each way as one text."""
    return ["/".join(found.path) for found in tree.destinations(given_labels)]


def walk(node: RouteNode, name: str, given_labels: Mapping[str, str]) -> Iterator[str]:
    """Alertmanager's walk, word for word: every child is asked in order."""
    taken = False
    for at, child in enumerate(node.routes):
        if all(matcher.matches(given_labels) for matcher in child.matchers):
            yield from walk(child, f"{name}/{at}", given_labels)
            taken = True
            if not child.go_on:
                break
    if not taken:
        yield name


def numbered(node: RouteNode, name: str) -> RouteNode:
    """The same routes with their place as the channel, so that it can be told where an alert went."""
    inner = tuple(numbered(child, f"{name}/{at}") for at, child in enumerate(node.routes))
    return RouteNode(node.matchers, channels=(name,), go_on=node.go_on, routes=inner)


@settings(max_examples=400, deadline=None)
@given(children=st.lists(nodes, max_size=8), alerts=st.lists(labels, min_size=1, max_size=6))
def test_the_index_finds_what_a_plain_walk_finds(children: list[RouteNode], alerts: list[dict[str, str]]) -> None:
    """Whatever the routes are, the same ones take each alert, in the same order."""
    root = RouteNode(routes=tuple(children))
    tree = RouteTree.of([Route(Metadata("default"), numbered(root, "root"))])
    for alert in alerts:
        assert [found.channels[0] for found in tree.destinations(alert)] == list(walk(root, "root", alert))


@settings(max_examples=100, deadline=None)
@given(children=st.lists(nodes, max_size=8))
def test_no_two_routes_have_the_same_path(children: list[RouteNode]) -> None:
    """A path identifies the groups of a route, so it belongs to one route only."""
    found = RouteTree.of([Route(Metadata("default"), RouteNode(routes=tuple(children)))]).all_destinations
    assert len({each.path for each in found}) == len(found)


def test_the_first_child_wins_unless_it_says_continue() -> None:
    """Documents are asked in order of their names, before the routes inside of the root."""
    tree = RouteTree.of(
        [
            route("default", routes=(route("x", "team=a").node,)),
            route("b-second", "env=prod"),
            route("a-first", "env=prod", "team=a", go_on=True),
        ]
    )

    assert paths(tree, env="prod", team="a") == ["default/a-first", "default/b-second"]
    assert paths(tree, env="prod") == ["default/b-second"]
    assert paths(tree, team="a") == ['default/{team="a"}']
    assert paths(tree) == ["default"]


def test_the_deepest_match_is_where_an_alert_goes() -> None:
    """A route with routes inside keeps only what none of them takes."""
    inner = route("x", 'env=~"pro.*"').node
    tree = RouteTree.of([route("default"), route("a", "team=a", routes=(inner, inner))])

    assert paths(tree, team="a", env="prod") == ['default/a/{env=~"pro.*"}']
    assert paths(tree, team="a") == ["default/a"]
    assert [each.path[-1] for each in tree.all_destinations] == ["default", "a", '{env=~"pro.*"}', '{env=~"pro.*"}#2']


def test_children_have_what_they_leave_out_from_above() -> None:
    """Each of channels, groups, times, escalation and hours holds below until it is said otherwise."""
    night = TimeInterval(times=((0, 360),))
    root = route("default", channels=("log",), escalation="standard", mute=(night,), group_wait_us=MINUTE)
    a = route("a", "team=a", channels=("chat",), group_by=ALL, routes=(route("x", "env=prod", mute=()).node,))
    b = route("b", "team=b", escalation=NO_ESCALATION, group_interval_us=7 * MINUTE)
    tree = RouteTree.of([root, a, b])

    def at(**given_labels: str) -> Destination:
        return tree.destinations(given_labels)[0]

    assert (at().channels, at().escalation, at().group_by) == (("log",), "standard", ("rule",))
    assert (at(team="a").channels, at(team="a").group_by, at(team="a").mute) == (("chat",), ALL, (night,))
    assert (at(team="a", env="prod").channels, at(team="a", env="prod").mute) == (("chat",), ())
    assert (at(team="b").channels, at(team="b").escalation) == (("log",), "")
    assert at(team="b").timing.group_wait_us == MINUTE
    # 4h is no multiple of 7m: it becomes 245m.
    assert at(team="b").timing.repeat_interval_us == 245 * MINUTE


def test_without_a_root_nobody_is_notified() -> None:
    """No alert is without a destination, but this one has no channel."""
    (only,) = RouteTree.of([]).destinations({"severity": "critical"})
    assert (only.path, only.channels, only.escalation) == (("default",), (), "")


def test_two_roots_are_refused() -> None:
    """Which of them an alert goes to could not be told."""
    with pytest.raises(ValueError, match="a and b"):
        RouteTree.of([route("a"), route("b")])


@pytest.mark.parametrize(
    ("text", "written", "matching", "other"),
    [
        ('severity="critical"', 'severity="critical"', "critical", "warning"),
        (" team = billing ", 'team="billing"', "billing", "billing2"),
        ("team=a b", 'team="a b"', "a b", "a"),
        ("region!=eu", 'region!="eu"', "", "eu"),
        ('service=~"foo|bar"', 'service=~"foo|bar"', "bar", "foobar"),
        ("service!~foo.*", 'service!~"foo.*"', "", "foo1"),
        ('team=""', 'team=""', "", "a"),
        ("team=", 'team=""', "", "a"),
        (r'path=~"a\.b"', r'path=~"a\\.b"', "a.b", "axb"),
        (r'q="say \"x\" \\ y"', r'q="say \"x\" \\ y"', 'say "x" \\ y', "say x"),
        ('q="a=b, {c}"', 'q="a=b, {c}"', "a=b, {c}", "a"),
    ],
)
def test_matchers_are_read_and_written(text: str, written: str, matching: str, other: str) -> None:
    """A matcher in its plain form means what its written form means; regular expressions match all of a value."""
    matcher = parse_matcher(text)

    assert str(matcher) == written
    assert parse_matcher(written) == matcher
    assert matcher.matches({matcher.name: matching} if matching else {})
    assert matcher.holds(matching)
    assert not matcher.holds(other)


@given(name=st.sampled_from(LABELS), op=st.sampled_from([MatchOp.EQUAL, MatchOp.NOT_EQUAL]), value=st.text(max_size=20))
def test_any_value_survives_writing(name: str, op: MatchOp, value: str) -> None:
    """Quotes, backslashes, line breaks and signs inside of a value are its own."""
    matcher = Matcher(name, op, value)
    assert parse_matcher(str(matcher)) == matcher


@settings(max_examples=500)
@given(
    pattern=st.text("ab|.*+?()[]{2}-:", max_size=10),
    value=st.text("ab-:", max_size=6),
    sign=st.sampled_from(["=~", "!~"]),
)
def test_shortcuts_mean_what_the_expression_means(pattern: str, value: str, sign: str) -> None:
    """Choices between words, and what an expression begins with, are looked at without RE2; the answer is the same."""
    try:
        matcher = Matcher("team", MatchOp(sign), pattern)
    except MatcherError:
        return
    plain = compile_regex(f"(?:{pattern})$", search=False)(value)
    assert matcher.holds(value) is (plain if sign == "=~" else not plain)
    if matcher.values is not None:
        assert matcher.holds(value) is (value in matcher.values)
