"""Rules over facts of every type, random values for them, and decisions as the log keeps them."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from trueline_rules.alert_rules import compile_rule
from trueline_rules.alerting.vectors import Labels, Value
from trueline_rules.expressions import FactType
from trueline_rules.loader import load_texts
from trueline_rules.model import RuleSet
from trueline_server.clock import Clock
from trueline_server.decisions.log import DecisionLog
from trueline_server.decisions.model import Decision
from trueline_server.decisions.recording import DecisionRecorder, Judged
from trueline_stores.state.database import StateDatabase
from trueline_stores.warehouse.client import Warehouse

NOON = 1_717_243_200_000_000  # 2024-06-01T12:00Z
KEY = b"k" * 32
SECRET = "zz-secret-zz"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_HEAD = "apiVersion: trueline/v1\nkind: {kind}\nmetadata: {{name: {name}}}\nspec: {spec}\n"


def document(kind: str, name: str, spec: str) -> str:
    """A rule document with its spec on one line."""
    return _HEAD.format(kind=kind, name=name, spec=spec)


def texts(limit: int = 10) -> str:
    """A rule over facts of all types, one that is sensitive among them, and one over the sensitive fact alone."""
    of_type = [
        document("FactType", f"a_{kind}", f"{{subject: account, type: {kind}}}")
        for kind in ("number", "decimal", "text", "bool", "datetime", "texts")
    ]
    facts = ", ".join(f"{name}: {{fact: a_{name}}}" for name in ("number", "decimal", "text", "bool", "datetime"))
    return "---\n".join(
        [
            *of_type,
            document("FactType", "ssn", "{subject: account, type: text, sensitive: true}"),
            document("FactType", "salary", "{subject: account, type: number, sensitive: true}"),
            document(
                "AlertRule",
                "everything",
                f"{{facts: {{{facts}, tags: {{fact: a_texts}}, ssn: {{fact: ssn}}, salary: {{fact: salary}}}}, "
                f"warning: \"number / 3 > {limit} or (text =~ 'a.*' and not bool) or ssn == '{SECRET}'\", "
                "critical: \"decimal >= 12.50 and 'vip' in tags and ($now - datetime < t'P30D' or salary > number)\"}",
            ),
            document("AlertRule", "hidden", f"{{facts: {{ssn: {{fact: ssn}}}}, warning: \"ssn == '{SECRET}'\"}}"),
        ]
    )


def rules(limit: int = 10) -> RuleSet:
    """The rules above on top of the default pack."""
    return load_texts([("world.yaml", texts(limit))])


def random_value(rng: random.Random, kind: FactType) -> Value | None:
    """A value of a type near the limits of the rules above, or none."""
    if rng.random() < 0.15:
        return None
    made: dict[FactType, Value] = {
        FactType.NUMBER: rng.choice([rng.uniform(0, 0.5), rng.uniform(1, 5), rng.uniform(0, 60), float("inf"), -0.0]),
        FactType.DECIMAL: Decimal(rng.randrange(2500)).scaleb(-2),
        FactType.TEXT: rng.choice(["abc", "b\n\"'\\", "日本", SECRET, "", "•••"]),
        FactType.BOOL: rng.random() < 0.5,
        FactType.DATETIME: EPOCH + timedelta(microseconds=NOON - rng.randrange(60 * 86_400_000_000)),
        FactType.TEXTS: frozenset(rng.sample(["vip", "new", "it's", ""], rng.randrange(4))),
    }
    return made[kind]


def random_facts(rng: random.Random, found: RuleSet, rule: str) -> dict[str, Value | None]:
    """Values for the facts of a rule."""
    compiled = compile_rule(found.alert_rules[rule], found.fact_types)
    return {name: random_value(rng, fact.type) for name, fact in compiled.facts.items()}


def judged(
    found: RuleSet,
    tenant: str,
    rule: str,
    facts: Mapping[str, Value | None],
    *,
    at_us: int = NOON,
    labels: Labels = (),
    **more: str,
) -> Judged:
    """What a rule judged."""
    compiled = compile_rule(found.alert_rules[rule], found.fact_types)
    return Judged(
        rules=found, rule=compiled, tenant=tenant, at_us=at_us, watermark_us=at_us, labels=labels, facts=facts, **more
    )


def decided(found: RuleSet, tenant: str, number: int, clock: Clock, *, kind: str = "transition") -> Decision:
    """A small decision; another one for each number."""
    what = judged(found, tenant, "hidden", {"ssn": str(number)}, at_us=NOON + number, before="inactive", after="firing")
    return DecisionRecorder(KEY, clock).record(what, kind=kind)


@contextmanager
def open_log(directory: Path, warehouse: Warehouse, clock: Clock) -> Iterator[tuple[StateDatabase, DecisionLog]]:
    """A log over a state database in a directory, without its thread: tests flush by themselves."""
    with closing(StateDatabase.sqlite(directory / "state.sqlite3")) as state:
        log = DecisionLog(state, warehouse, clock)
        yield state, log
        log.close()
