"""The use case of facts: takes those that fit their fact types, refuses the others one by one, reads them back."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from trueline_rules.alert_model import FactType
from trueline_rules.expressions import Fact
from trueline_rules.expressions import FactType as Type
from trueline_rules.fact_bounds import out_of_bounds
from trueline_rules.names import hint, nearest, quoted

from trueline_server.clock import Clock
from trueline_server.errors import TruelineError
from trueline_server.facts.store import FactContent, FactRow, FactStore
from trueline_server.rules.given import Given, typed_value
from trueline_server.rules.in_force import RulesOf

MOST_ID_BYTES = 128
# How far ahead of the server's clock an observation may lie, as events.
FUTURE_US = 3_600_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LARGEST_DECIMAL = Decimal(10) ** 29


@dataclass(frozen=True, slots=True)
class PutFact:
    """A fact as it is given; observed_at_us None = now."""

    subject_id: str
    name: str
    value: Given
    observed_at_us: int | None = None


@dataclass(frozen=True, slots=True)
class SubjectFacts:
    """What is known of one subject.

    Attributes:
        subject_id: which one.
        facts: by name; one without a value was said to be absent.
        unknown: names asked for of which nothing had been observed, sorted.

    """

    subject_id: str
    facts: tuple[FactRow, ...]
    unknown: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FactRejection:
    """Why one fact was refused: its place in the call, the field, an ErrorReason without its prefix, and in words."""

    index: int
    field: str
    reason: str
    message: str


class FactService:
    """Facts of a tenant; methods block."""

    def __init__(self, store: FactStore, rules: RulesOf, clock: Clock) -> None:
        self._store = store
        self._rules = rules
        self._clock = clock
        self._lock = threading.Lock()
        self._revision = 0

    def put(self, tenant: str, facts: Sequence[PutFact]) -> tuple[int, list[FactRejection]]:
        """Keep the facts that are right; how many, and why the others are not. They are durable on return.

        Raises:
            StoreError: of the warehouse; nothing was kept.

        """
        types, now_us = self._rules(tenant).fact_types, self._clock()
        rows: list[FactRow] = []
        rejections: list[FactRejection] = []
        for index, fact in enumerate(facts):
            found = _checked(fact, types, now_us)
            if isinstance(found, FactRow):
                rows.append(found)
            else:
                rejections.append(FactRejection(index, *found))
        with self._lock:
            # A clock that stands still or goes back must not let an older value win.
            self._revision = max(self._revision + 1, now_us)
            self._store.write(tenant, rows, self._revision)
        return len(rows), rejections

    def get(
        self,
        tenant: str,
        subject: str,
        subject_ids: Sequence[str],
        *,
        names: Sequence[str] = (),
        at_us: int | None = None,
        known_us: int | None = None,
    ) -> list[SubjectFacts]:
        """All that is known of subjects as it was at an instant, in the order given, each once.

        Args:
            tenant: whose.
            subject: kind of subject.
            subject_ids: which ones; of one that nobody knows all names are unknown.
            names: only these facts; () = all that fact types in force declare of this kind of subject.
            at_us: observed up to this instant (µs since 1970, UTC); None = that of the knowledge, or now.
            known_us: recorded up to this instant; None = all that is known.

        Raises:
            TruelineError: UNKNOWN_FACT, for a kind of subject that no fact type has, or a name that is none of its.
            StoreError: of the warehouse.

        """
        declared = self._declared(tenant, subject)
        for name in names:
            if name not in declared:
                raise _unknown("names", name, declared, f"is no fact type of subject {subject}")
        wanted, ids = sorted(set(names) or declared), list(dict.fromkeys(subject_ids))
        found: dict[str, list[FactRow]] = {one: [] for one in ids}
        if wanted:
            most, found_us = len(wanted) * len(ids), self._instant(at_us, known_us)
            for row in self._store.as_of(
                tenant, subject, found_us, names=wanted, ids=ids, most=most, known_us=known_us
            ):
                found[row.subject_id].append(row)
        return [
            SubjectFacts(one, tuple(rows), tuple(name for name in wanted if name not in {row.name for row in rows}))
            for one, rows in found.items()
        ]

    def _instant(self, at_us: int | None, known_us: int | None) -> int:
        """As of when facts are read."""
        asked_us = known_us if at_us is None else at_us
        return self._clock() if asked_us is None else asked_us

    def _declared(self, tenant: str, subject: str) -> set[str]:
        """Names of the fact types in force of a kind of subject."""
        types = self._rules(tenant).fact_types
        declared = {name for name, fact in types.items() if fact.subject == subject}
        if not declared:
            subjects = {fact.subject for fact in types.values()}
            raise _unknown("subject", subject, subjects, "is no subject of a fact type")
        return declared

    def list(
        self,
        tenant: str,
        subject: str,
        *,
        subject_id: str = "",
        names: Sequence[str] = (),
        at_us: int | None = None,
        known_us: int | None = None,
        after: tuple[str, str] = ("", ""),
        most: int = 1000,
    ) -> list[FactRow]:
        """Facts of a kind of subject as they were at an instant, by what was known then, by name and subject.

        Raises:
            TruelineError: UNKNOWN_FACT, for a kind of subject that no fact type has, or a name that none is.
            StoreError: of the warehouse.

        """
        self._declared(tenant, subject)
        types = self._rules(tenant).fact_types
        for name in names:
            if name not in types:
                raise _unknown("names", name, types, "is no fact type")
        ids = (subject_id,) if subject_id else ()
        found_us = self._instant(at_us, known_us)
        return self._store.as_of(
            tenant, subject, found_us, names=names, ids=ids, after=after, most=most, known_us=known_us
        )


def _checked(fact: PutFact, types: Mapping[str, FactType], now_us: int) -> FactRow | tuple[str, str, str]:
    """The row to keep, or field, reason and words of the first thing that is wrong."""
    known = types.get(fact.name)
    if known is None:
        return "name", "UNKNOWN_FACT", f"{quoted(fact.name)} is no fact type{hint(fact.name, types)}"
    wrong = _misplaced(fact, known, now_us)
    if wrong is not None:
        return wrong
    try:
        value = typed_value(Fact(fact.name, Type(known.type)), fact.value)
    except TruelineError as error:
        return "value", "INVALID_FIELD", f"{fact.name} {error.violations[0][1]}"
    if value is None and not known.nullable:
        return "value", "MISSING_FIELD", f"{fact.name} may not be absent: give it a value"
    at_us = now_us if fact.observed_at_us is None else fact.observed_at_us
    wrong_value = _out_of_range(known, value, at_us)
    if wrong_value is not None:
        return "value", "VALUE_OUT_OF_RANGE", f"{fact.name} {wrong_value}"
    return FactRow(known.subject, fact.subject_id, fact.name, at_us, value)


def _misplaced(fact: PutFact, known: FactType, now_us: int) -> tuple[str, str, str] | None:
    """What is wrong with whom a fact is about, or with when."""
    if not fact.subject_id:
        return "subject_id", "MISSING_FIELD", f"subject_id is required: say which {known.subject} the fact is about"
    size = len(fact.subject_id.encode())
    if size > MOST_ID_BYTES:
        return "subject_id", "FIELD_TOO_LARGE", f"subject_id has {size} bytes, at most {MOST_ID_BYTES} are kept"
    if fact.observed_at_us is not None and fact.observed_at_us > now_us + FUTURE_US:
        return "observed_at", "FAR_FUTURE", "observed_at lies more than an hour ahead of the server's clock"
    return None


def _out_of_range(known: FactType, value: FactContent, at_us: int) -> str | None:
    """What a value must be that it is not."""
    if not _kept(value):
        return "must be finite; a decimal has at most 29 digits before the point and 9 behind it"
    return out_of_bounds(known, value, _EPOCH + timedelta(microseconds=at_us))


def _kept(value: FactContent) -> bool:
    """Whether the warehouse can keep a value."""
    if isinstance(value, Decimal):
        exponent = value.as_tuple().exponent
        return value.is_finite() and abs(value) < _LARGEST_DECIMAL and isinstance(exponent, int) and exponent >= -9
    return not isinstance(value, float) or math.isfinite(value)


def _unknown(field: str, name: str, known: Iterable[str], said: str) -> TruelineError:
    return TruelineError(
        "NOT_FOUND",
        "UNKNOWN_FACT",
        f"{field} {quoted(name)} {said}{hint(name, known)}",
        metadata={field: name, "nearest": nearest(name, known) or ""},
    )
