"""Decisions on request in the decision log: each answered label set, masked there and unmasked in the answer."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from uuid import uuid4

from trueline_rules.expressions.masking import MASKED
from trueline_server.decisions.explaining import DecisionExplainer
from trueline_stores.warehouse.client import Warehouse

from tests.integration.rules_service.rule_world import HOUR, NOON, World, world


def explainer(w: World) -> DecisionExplainer:
    """Explains decisions by the one revision of the world."""
    return DecisionExplainer(w.log, lambda tenant, revision: w.rules, w.recorder)


def test_each_answered_label_set_is_a_decision(warehouse: Warehouse) -> None:
    """The worst first; each has an id of its own, by which it is explained with the facts that were read."""

    async def scenario() -> None:
        async with world(warehouse, f"tenant-{uuid4()}") as w:
            w.put("tier", NOON - HOUR, a="gold", b="free", c="gold")
            w.put("owed", NOON - HOUR, a=Decimal(11), b=Decimal(20))
            decided = await asyncio.to_thread(w.service.evaluate, w.tenant, "rich", {}, NOON, row_limit=2)
            assert decided.total_rows == 3
            assert [row.decision_id != "" for row in decided.rows] == [True, True]
            assert decided.decision_id == decided.rows[0].decision_id
            logged = {each.id: each for each in await asyncio.to_thread(w.log.list, w.tenant, kind="request")}
            assert set(logged) == {row.decision_id for row in decided.rows}
            for row in decided.rows:
                explained = await asyncio.to_thread(explainer(w).explain, w.tenant, row.decision_id)
                assert explained.same
                assert (explained.decision.labels, explained.decision.decision) == (row.labels, row.decision)
                assert (explained.decision.at_us, explained.decision.facts) == (NOON, row.values)
                assert explained.explanations == row.explanations

    asyncio.run(scenario())


def test_the_caller_sees_what_the_log_masks(warehouse: Warehouse) -> None:
    """Values of a sensitive fact type, given or read, are answered and not logged; the replay decides the same."""

    async def scenario() -> None:
        async with world(warehouse, f"tenant-{uuid4()}") as w:
            w.put("tier", NOON - HOUR, a="gold")
            decided = await asyncio.to_thread(w.service.evaluate, w.tenant, "banked", {"iban": "DE89-1234"}, NOON)
            assert (decided.decision, decided.rows[0].values["iban"]) == ("warning", "DE89-1234")
            explained = await asyncio.to_thread(explainer(w).explain, w.tenant, decided.decision_id)
            assert (explained.same, explained.replayed) == (True, "warning")
            assert explained.decision.facts == {"iban": MASKED, "tier": "gold"}
            assert "DE89" not in repr(explained)

    asyncio.run(scenario())


def test_a_rule_without_label_sets_is_a_decision_too(warehouse: Warehouse) -> None:
    """That nothing is known was answered, so it is in the log."""

    async def scenario() -> None:
        async with world(warehouse, f"tenant-{uuid4()}") as w:
            decided = await asyncio.to_thread(w.service.evaluate, w.tenant, "rich", {}, NOON)
            assert (decided.decision, decided.rows) == ("unknown", ())
            explained = await asyncio.to_thread(explainer(w).explain, w.tenant, decided.decision_id)
            assert (explained.decision.reason, explained.same) == ("no_rows", True)

    asyncio.run(scenario())
