"""The states of alert rules in the state database: read once, then only what changed is written."""

from __future__ import annotations

import json
import zlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, bindparam, delete, insert, select
from trueline_rules.alerting.columns import RuleStates
from trueline_rules.alerting.model import Instance, Reason, Severity, State
from trueline_rules.alerting.vectors import Labels
from trueline_stores.state.database import StateDatabase
from trueline_stores.state.tables import ALERT_EVALUATIONS, ALERT_INSTANCES, ALERT_RULES

from trueline_server.alerts.fingerprints import fingerprint_of
from trueline_server.decisions.recording import mask
from trueline_server.decisions.values import read_value, write_value

# Set apart from the tenant's rules that are active.
ACTIVE, SHADOW = "active", "shadow"


@dataclass(frozen=True, slots=True)
class RuleOutcome:
    """What the last evaluation of a rule came to; `message` says why it failed."""

    outcome: str
    message: str = ""


@dataclass(slots=True)
class StageStates:
    """All that is kept of the alert rules of a tenant in a stage.

    Attributes:
        revision: that evaluated last; "" = none did.
        evaluated_us: the last instant evaluated; None = none was.
        position: log position of the tenant's last event that was surely seen by then.
        rules: states by rule.
        outcomes: of the last evaluations, by rule.

    """

    revision: str = ""
    evaluated_us: int | None = None
    position: int = 0
    rules: dict[str, RuleStates] = field(default_factory=dict)
    outcomes: dict[str, RuleOutcome] = field(default_factory=dict)


def read_states(database: StateDatabase, tenant: str, stage: str) -> StageStates:
    """What was kept; an instance's values and the time of its last evaluation are those of its last change.

    Raises:
        StoreError: the state database cannot answer.

    """
    with database.reading() as connection:
        last = connection.execute(_of(ALERT_EVALUATIONS, tenant, stage)).mappings().first()
        rules = connection.execute(_of(ALERT_RULES, tenant, stage)).mappings().all()
        instances = connection.execute(_of(ALERT_INSTANCES, tenant, stage)).mappings().all()
    if last is None:
        return StageStates()
    evaluated_us = int(last["evaluated_us"])
    found: defaultdict[str, dict[Labels, Instance]] = defaultdict(dict)
    for row in instances:
        instance = _instance(row, evaluated_us)
        found[instance.rule][instance.labels] = instance
    return StageStates(
        revision=last["revision"],
        evaluated_us=evaluated_us,
        position=int(last["position"]),
        rules={
            row["rule"]: RuleStates(row["rule"], _unpack(row["label_sets"]), found[row["rule"]], evaluated_us)
            for row in rules
        },
        outcomes={row["rule"]: RuleOutcome(row["outcome"], row["message"]) for row in rules},
    )


def write_changes(
    connection: Connection,
    tenant: str,
    stage: str,
    before: StageStates,
    after: StageStates,
    *,
    hidden: Mapping[str, frozenset[str]],
) -> None:
    """Write what an evaluation changed, in the caller's transaction.

    Args:
        connection: in a transaction.
        tenant: whose.
        stage: ACTIVE or SHADOW.
        before: what was read, or written last.
        after: what is kept from now on.
        hidden: names of the sensitive facts, by rule; their values are not written.

    Raises:
        SQLAlchemyError: the database failed; the caller's transaction tells it as StoreError.

    """
    own = {"tenant": tenant, "stage": stage}
    _replace(
        connection,
        ALERT_EVALUATIONS,
        [own | {"revision": after.revision, "evaluated_us": after.evaluated_us, "position": after.position}],
        ("tenant", "stage"),
    )
    gone = before.rules.keys() - after.rules.keys()
    changed = [name for name in after.rules if _rule_changed(name, before, after)]
    _delete(connection, ALERT_RULES, [own | {"rule": rule} for rule in gone])
    _replace(
        connection,
        ALERT_RULES,
        [
            own
            | {
                "rule": name,
                "outcome": after.outcomes[name].outcome,
                "message": after.outcomes[name].message,
                "label_sets": _pack(after.rules[name].labels),
            }
            for name in changed
        ],
        ("tenant", "stage", "rule"),
    )
    removed, written = _instance_changes(tenant, stage, before.rules, after.rules, hidden)
    _delete(connection, ALERT_INSTANCES, [*removed, *({k: row[k] for k in _KEY} for row in written)])
    if written:
        connection.execute(insert(ALERT_INSTANCES), written)


def forget(connection: Connection, tenant: str, stage: str) -> None:
    """Delete all that is kept of a stage, in the caller's transaction."""
    for table in (ALERT_EVALUATIONS, ALERT_RULES, ALERT_INSTANCES):
        connection.execute(delete(table).where(table.c.tenant == tenant, table.c.stage == stage))


_KEY = ("tenant", "stage", "rule", "fingerprint")


def _of(table: Any, tenant: str, stage: str) -> Any:
    return select(table).where(table.c.tenant == tenant, table.c.stage == stage)


def _rule_changed(name: str, before: StageStates, after: StageStates) -> bool:
    known = before.rules.get(name)
    return (
        known is None
        or (known.labels is not after.rules[name].labels and known.labels != after.rules[name].labels)
        or before.outcomes.get(name) != after.outcomes[name]
    )


def _instance_changes(
    tenant: str,
    stage: str,
    before: Mapping[str, RuleStates],
    after: Mapping[str, RuleStates],
    hidden: Mapping[str, frozenset[str]],
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Keys of the rows to delete, and the rows to write."""
    removed, written = [], []
    for name in {**before, **after}:
        old = before[name].instances if name in before else {}
        new = after[name].instances if name in after else {}
        if old is new:
            continue
        removed += [
            {"tenant": tenant, "stage": stage, "rule": name, "fingerprint": fingerprint_of(tenant, name, labels)}
            for labels in old
            if labels not in new
        ]
        written += [
            _row(tenant, stage, instance, hidden.get(name, frozenset()))
            for labels, instance in new.items()
            if labels not in old or _kept_part(old[labels]) != _kept_part(instance)
        ]
    return removed, written


def _kept_part(instance: Instance) -> tuple[object, ...]:
    """What a row is written for; the rest changes with every evaluation."""
    return (
        instance.state,
        instance.severity,
        instance.since_us,
        instance.active_since_us,
        instance.fired_us,
        instance.false_since_us,
        instance.missed,
        instance.reason,
        instance.message,
    )


def _row(tenant: str, stage: str, instance: Instance, hidden: frozenset[str]) -> dict[str, Any]:
    return {
        "tenant": tenant,
        "stage": stage,
        "rule": instance.rule,
        "fingerprint": fingerprint_of(tenant, instance.rule, instance.labels),
        "labels": [list(pair) for pair in instance.labels],
        "state": instance.state.value,
        "severity": None if instance.severity is None else instance.severity.value,
        "since_us": instance.since_us,
        "active_since_us": instance.active_since_us,
        "fired_us": instance.fired_us,
        "last_true_us": instance.last_true_us,
        "false_since_us": instance.false_since_us,
        "missed": instance.missed,
        "reason": instance.reason.value,
        "message": instance.message,
        "values": {name: write_value(value) for name, value in mask(dict(instance.values), hidden).items()},
    }


def _instance(row: Any, evaluated_us: int) -> Instance:
    return Instance(
        rule=row["rule"],
        labels=_labels(row["labels"]),
        state=State(row["state"]),
        severity=None if row["severity"] is None else Severity(row["severity"]),
        since_us=row["since_us"],
        evaluated_us=evaluated_us,
        active_since_us=row["active_since_us"],
        fired_us=row["fired_us"],
        last_true_us=row["last_true_us"],
        false_since_us=row["false_since_us"],
        missed=row["missed"],
        reason=Reason(row["reason"]),
        message=row["message"],
        values=tuple((name, read_value(value)) for name, value in row["values"].items()),
    )


def _labels(pairs: Iterable[Sequence[str]]) -> Labels:
    return tuple((name, value) for name, value in pairs)


def _pack(labels: Sequence[Labels]) -> bytes:
    return zlib.compress(json.dumps(labels, ensure_ascii=False, separators=(",", ":")).encode(), 1)


def _unpack(content: bytes) -> tuple[Labels, ...]:
    return tuple(_labels(pairs) for pairs in json.loads(zlib.decompress(content)))


def _replace(connection: Connection, table: Any, rows: list[dict[str, Any]], key: Sequence[str]) -> None:
    _delete(connection, table, [{name: row[name] for name in key} for row in rows])
    if rows:
        connection.execute(insert(table), rows)


def _delete(connection: Connection, table: Any, keys: list[dict[str, Any]]) -> None:
    """Delete rows by key; one statement, run for many keys."""
    if keys:
        condition = [table.c[name] == bindparam(f"key_{name}") for name in keys[0]]
        connection.execute(delete(table).where(*condition), [{f"key_{n}": v for n, v in key.items()} for key in keys])
