"""What the warehouse decides about all subjects is what the rules decide about each of them."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st
from trueline_rules.alert_rules import CompiledRule, compile_rule
from trueline_rules.alerting.operands import Operand
from trueline_rules.alerting.vectors import Row, Vector
from trueline_rules.expressions import FactType, compile_expression
from trueline_rules.loader import load_texts
from trueline_rules.model import RuleSet
from trueline_server.facts.store import FactRow, FactStore
from trueline_server.rules.population import PopulationReader
from trueline_server.rules.pushdown import push_down
from trueline_server.rules.service import DECISIONS
from trueline_stores.warehouse.client import Warehouse

from tests.integration.rules_service.rule_world import document
from tests.integration.warehouse.playing import tenant_name
from tests.unit.expressions.random_expressions import FACTS, NOW, TYPES, VALUES, conditions

AT_US = round(NOW.timestamp() * 1_000_000)
HOUR_US = 3_600_000_000
# Few subjects at a time, so that there are several statements.
AT_ONCE = 3


def _base() -> RuleSet:
    texts = [document("EventMapping", "m", "fields: {id: id, source: source, name: name, occurred_at: at}")]
    texts += [document("FactType", name, f"subject: account\n  type: {kind}") for name, kind in TYPES.items()]
    facts = ", ".join(f"{name}: {{fact: {name}}}" for name in TYPES)
    present = " or ".join(f"{name} != null" for name in TYPES)
    texts.append(document("AlertRule", "r", f"facts: {{{facts}}}\n  warning: {present}"))
    return load_texts([("r.yaml", "---\n".join(texts))], default_pack=False)


BASE = _base()


def rule_of(texts: tuple[str, str], on_missing: str, offset: bool) -> CompiledRule:
    """A rule over the facts that its conditions read; of one of them what it was an hour ago, if that is asked."""
    read = {name for text in texts for name in compile_expression(text, FACTS).facts}
    known = BASE.alert_rules["r"]
    sources = {name: source for name, source in known.facts.items() if name in read}
    if offset and "n1" in sources:
        sources["n1"] = replace(sources["n1"], operand=Operand(offset_us=HOUR_US))
    warning, critical = texts
    rule = replace(known, facts=sources, warning=warning, critical=critical, on_missing=on_missing)
    return compile_rule(rule, BASE.fact_types)


def storable(value: Any) -> bool:
    """Whether a fact can be put in with a value."""
    if isinstance(value, Decimal):
        return abs(value) < Decimal(10) ** 18 and value == round(value, 9)
    return not isinstance(value, float) or value - value == 0


def kept(kind: FactType, value: Any) -> Any:
    """A value as the service of facts keeps it."""
    return float(value) if kind is FactType.NUMBER and value is not None else value


@st.composite
def observations(draw: st.DrawFn) -> list[FactRow]:
    """What was put in of some subjects, at instants before and behind the one that is judged; also as absent."""
    found = []
    for subject in draw(st.lists(st.sampled_from("abcdefghäé"), unique=True, max_size=8)):
        for name in draw(st.lists(st.sampled_from(sorted(TYPES)), unique=True, max_size=10)):
            for at_us in draw(st.lists(st.sampled_from([-2 * HOUR_US, -HOUR_US, 0, 1]), unique=True, max_size=2)):
                value = draw(st.none() | VALUES[TYPES[name]].filter(storable))
                found.append(FactRow("account", subject, name, AT_US + at_us, kept(TYPES[name], value)))
    return found


def by_rows(store: FactStore, tenant: str, rule: CompiledRule, constants: dict[str, Any]) -> list[tuple[str, Row]]:
    """Decisions by the closure: the worst first, then by subject."""
    values: dict[str, dict[str, Any]] = {}
    for name, source in rule.rule.facts.items():
        if name not in constants:
            for row in store.as_of(tenant, "account", AT_US - source.operand.offset_us, names=[source.name]):
                if row.value is not None:
                    values.setdefault(row.subject_id, {})[name] = row.value
    rows = [
        Row((("account", subject),), {name: {**constants, **known}.get(name) for name in rule.rule.facts})
        for subject, known in values.items()
    ]
    found = [(rule.severity(row.values, NOW), row) for row in rows]
    return sorted(found, key=lambda each: (DECISIONS.index(each[0]), each[1].labels))


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=(Phase.explicit, Phase.generate),
)
@given(
    texts=st.tuples(conditions(2), conditions(1, exact=True)),
    on_missing=st.sampled_from(["no_data", "true", "false"]),
    offset=st.booleans(),
    facts=observations(),
    data=st.data(),
)
def test_all_at_once_is_one_by_one(
    warehouse: Warehouse,
    *,
    texts: tuple[str, str],
    on_missing: str,
    offset: bool,
    facts: list[FactRow],
    data: st.DataObject,
) -> None:
    """Counts, the worst subjects in their order, and their values, over random rules, facts and given values."""
    rule = rule_of(texts, on_missing, offset)
    chosen = [name for name in rule.facts if data.draw(st.integers(0, 4)) == 0]
    constants = {name: kept(TYPES[name], data.draw(VALUES[TYPES[name]] | st.none())) for name in chosen}
    assume(len(constants) < len(rule.facts))
    vectors = {name: Vector((), {} if value is None else {(): value}) for name, value in constants.items()}
    pushdown = push_down(rule, BASE, vectors)
    if isinstance(pushdown, str):
        assert (
            any(condition.pushdown_problem for condition in rule.conditions.values()) or "no equal in SQL" in pushdown
        )
        return
    tenant, store = tenant_name(), FactStore(warehouse)
    store.write(tenant, facts, 1)
    reader = PopulationReader(warehouse, store, AT_ONCE)
    found = reader.decide(tenant, BASE, pushdown, AT_US, most=3, stopped=lambda: False)
    assert not isinstance(found, str)
    expected = by_rows(store, tenant, rule, constants)
    decisions = [decision for decision, _ in expected]
    assert found.counts == tuple(decisions.count(one) for one in DECISIONS)
    assert [(row.labels, repr(dict(sorted(row.values.items())))) for row in found.rows] == [
        (row.labels, repr(dict(sorted(row.values.items())))) for _, row in expected[:3]
    ]
