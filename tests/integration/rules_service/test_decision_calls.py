"""The decision log and the differences of a shadow over a real connection, with both clients."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from trueline import Decision, DecisionKind, NotFoundError, RuleStage, TruelineClient
from trueline.v1 import rule_service_pb2 as pb

from tests.integration.rules_service.life_world import HOUR, LOW, LOWER, NOON, SECOND, LifeServer
from tests.integration.rules_service.test_rule_life import Stub, both

AT = datetime(2024, 6, 1, 12, tzinfo=UTC)


def test_what_was_asked_is_listed_and_explained(life: LifeServer, tenant: str, client: TruelineClient) -> None:
    """Each answer has an id, by which the decision is found and comes to the same, also under newer rules."""
    done = client.activate_rules({"a.yaml": LOW})
    ids = [
        client.evaluate_rule("low", {"rate": rate}, at=AT + timedelta(minutes=number)).decision_id
        for number, rate in enumerate((0.1, 0.5, None))
    ]
    client.activate_rules({"a.yaml": LOWER})
    for call in both(life, tenant):
        found = call("list_decisions")
        assert [one.id for one in found] == ids[::-1]
        assert [one.decision for one in found] == [Decision.UNKNOWN, Decision.NONE, Decision.WARNING]
        first = found[-1]
        assert (first.kind, first.rule, first.rule_revision) == (DecisionKind.REQUEST, "low", done.revision)
        assert (first.at, first.values, first.watermark) == (AT, {"rate": 0.1}, None)
        assert (first.before, first.after, first.masked) == ("", "", ())
        explained = call("explain_decision", ids[0])
        assert explained.decision == first
        assert (explained.same, explained.replayed, explained.note) == (True, Decision.WARNING, "")
        (condition,) = explained.conditions
        assert condition.sentence.startswith("fires, because rate < 0.3 is true (rate = 0.1)")
    with pytest.raises(NotFoundError) as missing:
        client.explain_decision("0" * 32)
    assert missing.value.reason == "UNKNOWN_DECISION"


def test_the_log_is_filtered_and_paged(life: LifeServer, tenant: str, client: TruelineClient) -> None:
    """By rule, kind and instant; a limit takes as many pages as it needs; small pages tell each decision once."""
    client.activate_rules({"a.yaml": LOW})
    for number in range(7):
        client.evaluate_rule("low" if number % 2 else "base", {"rate": 0.1}, at=AT + timedelta(minutes=number))
    minutes = {number: AT + timedelta(minutes=number) for number in range(8)}
    for call in both(life, tenant):
        assert len(call("list_decisions", limit=0)) == 7
        assert [one.at for one in call("list_decisions", "low")] == [minutes[5], minutes[3], minutes[1]]
        assert [one.at for one in call("list_decisions", limit=2)] == [minutes[6], minutes[5]]
        assert len(call("list_decisions", start=minutes[2], end=minutes[4])) == 2
        assert call("list_decisions", kind="transition") == ()
        assert len(call("list_decisions", kind=DecisionKind.REQUEST)) == 7
        assert call("list_decisions", labels={"plan": "pro"}) == ()
    stub, seen, token = Stub(life, tenant), [], ""
    while True:
        page = stub("ListDecisions", pb.ListDecisionsRequest(page_size=2, page_token=token))
        seen += [one.id for one in page.decisions]
        token = page.next_page_token
        if not token:
            break
    assert len(seen) == len(set(seen)) == 7
    assert seen == sorted(seen, reverse=True)


def test_differences_of_the_shadow(life: LifeServer, tenant: str, client: TruelineClient) -> None:
    """Those since it went into the shadow, newest first, with counts; from a start on also older ones."""
    assert client.shadow_differences().shadow is None
    client.activate_rules({"a.yaml": LOWER}, stage=RuleStage.SHADOW)
    life.differ(tenant, "warning", "none", NOON - 5 * HOUR)
    client.end_shadow()
    life.clock.turn(3600)
    client.activate_rules({"a.yaml": LOW}, stage=RuleStage.SHADOW)
    revision = life.book.shadow_of(tenant).revision  # type: ignore[union-attr]
    for number in range(3):
        life.differ(tenant, "none", "warning", NOON + number * SECOND, plan="pro")
    life.log.count(tenant, "low", revision, 7)
    life.log.count_shadow(tenant, "low", revision, evaluations=40, different=4)
    for call in both(life, tenant):
        found = call("shadow_differences")
        assert found.shadow is not None
        assert [one.kind for one in found.differences] == [DecisionKind.SHADOW] * 3
        newest = found.differences[0]
        assert (newest.before, newest.after, newest.labels) == ("none", "warning", {"plan": "pro"})
        assert (newest.rule_revision, newest.compared_revision) == (revision, life.book.of(tenant).revision)
        (count,) = found.counts
        assert (count.rule, count.evaluations, count.differences) == ("low", 40, 3)
        assert (count.equal, count.different) == (36, 4)
        assert len(call("shadow_differences", limit=2).differences) == 2
        assert call("shadow_differences", "base").differences == ()
        older = call("shadow_differences", start=AT - timedelta(days=1))
        assert [one.after for one in older.differences] == ["warning"] * 3 + ["none"]
        explained = call("explain_decision", newest.id)
        assert (explained.same, explained.replayed) == (True, Decision.WARNING)
