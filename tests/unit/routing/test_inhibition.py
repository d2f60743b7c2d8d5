"""Inhibition: the index against Alertmanager's definition, which compares every alert with every other one."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from trueline_rules.model import Metadata
from trueline_rules.routing.inhibition import Inhibitor
from trueline_rules.routing.matchers import Matcher, MatchOp, all_match, parse_matcher
from trueline_rules.routing_model import Inhibition, SuppressedBy, Suppression

LABELS = ("severity", "team", "host")
VALUES = ("", "a", "b")

matchers = st.lists(
    st.builds(Matcher, st.sampled_from(LABELS), st.sampled_from(MatchOp), st.sampled_from([*VALUES, "a|b", ".+"])),
    min_size=1,
    max_size=2,
).map(tuple)
inhibitions = st.lists(
    st.builds(
        lambda name, sources, targets, equal: Inhibition(Metadata(name), sources, targets, tuple(equal)),
        st.sampled_from("pqrs"),
        matchers,
        matchers,
        st.lists(st.sampled_from(LABELS), max_size=2, unique=True),
    ),
    max_size=4,
    unique_by=lambda one: one.metadata.name,
)
alerts = st.dictionaries(
    st.sampled_from("0123456789"), st.dictionaries(st.sampled_from(LABELS), st.sampled_from(VALUES)), max_size=10
)


def plainly(rules: list[Inhibition], firing: dict[str, dict[str, str]], target: dict[str, str]) -> set[tuple[str, str]]:
    """All pairs of an inhibition and a source that inhibit an alert, by asking each."""
    found = set()
    for rule in rules:
        for fingerprint, source in firing.items():
            both = all_match(rule.targets, source) and all_match(rule.sources, target)
            equal = all(source.get(name, "") == target.get(name, "") for name in rule.equal)
            if all_match(rule.targets, target) and all_match(rule.sources, source) and equal and not both:
                found.add((rule.metadata.name, fingerprint))
    return found


def agree(
    inhibitor: Inhibitor, rules: list[Inhibition], firing: dict[str, dict[str, str]], target: dict[str, str]
) -> None:
    """The index answers one of the pairs, of the first inhibition by name, and none if there is none."""
    expected = plainly(rules, firing, target)
    found = inhibitor.inhibits(target)
    if not expected:
        assert found is None
        return
    assert found is not None
    assert (found.by, found.source) in expected
    assert found.by == min(name for name, _ in expected)


@settings(max_examples=400, deadline=None)
@given(rules=inhibitions, firing=alerts)
def test_it_is_what_comparing_all_with_all_finds(rules: list[Inhibition], firing: dict[str, dict[str, str]]) -> None:
    """Each alert is inhibited exactly if the definition says so."""
    inhibitor = Inhibitor.of(rules, firing.items())
    for target in firing.values():
        agree(inhibitor, rules, firing, target)


@settings(max_examples=200, deadline=None)
@given(rules=inhibitions, changes=st.lists(st.tuples(st.booleans(), alerts), max_size=6), targets=alerts)
def test_it_stays_so_while_alerts_come_and_go(
    rules: list[Inhibition], changes: list[tuple[bool, dict[str, dict[str, str]]]], targets: dict[str, dict[str, str]]
) -> None:
    """After any history of firing, resolving and changed labels it answers as if it were made anew."""
    inhibitor = Inhibitor(rules)
    firing: dict[str, dict[str, str]] = {}
    for fires, changed in changes:
        for fingerprint, labels in changed.items():
            if fires:
                inhibitor.fire(fingerprint, labels)
                firing[fingerprint] = labels
            else:
                inhibitor.resolve(fingerprint)
                firing.pop(fingerprint, None)
        for target in targets.values():
            agree(inhibitor, rules, firing, target)


def _rule(sources: str, targets: str, *equal: str) -> Inhibition:
    return Inhibition(Metadata("critical-first"), (parse_matcher(sources),), (parse_matcher(targets),), equal)


def test_a_source_inhibits_targets_with_equal_labels() -> None:
    """The suppression names the inhibition and the alert that explains the other one; it ends with that."""
    inhibitor = Inhibitor.of([_rule("severity=a", "severity=b", "team")], [("1", {"severity": "a", "team": "x"})])

    found = inhibitor.inhibits({"severity": "b", "team": "x"})
    assert found == Suppression(SuppressedBy.INHIBITED, "critical-first", None, "1")
    assert inhibitor.inhibits({"severity": "b", "team": "y"}) is None
    inhibitor.resolve("1")
    assert inhibitor.inhibits({"severity": "b", "team": "x"}) is None


def test_an_absent_label_equals_an_empty_one() -> None:
    """Alertmanager's meaning, which is why a label that no rule gives is refused when rules are loaded."""
    inhibitor = Inhibitor.of([_rule("severity=a", "severity=b", "team")], [("1", {"severity": "a"})])
    assert inhibitor.inhibits({"severity": "b", "team": ""}) is not None


def test_alerts_on_both_sides_do_not_inhibit_each_other() -> None:
    """Neither itself nor one like it; but a source that is no target inhibits them."""
    both = {"severity": "a"}
    inhibitor = Inhibitor.of([_rule("severity=~a|c", "severity=a")], [("1", both), ("2", both)])
    assert inhibitor.inhibits(both) is None

    inhibitor.fire("3", {"severity": "c"})
    assert inhibitor.inhibits(both) is not None
