"""What is known of subjects as of an instant: facts that were put in, and those that a call brings along."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from math import isfinite

from trueline_rules.compliance_model import TENANT
from trueline_rules.expressions import Fact
from trueline_rules.expressions import FactType as Type
from trueline_rules.expressions.showing import show_value
from trueline_rules.fact_bounds import out_of_bounds
from trueline_rules.model import RuleSet
from trueline_rules.names import hint, nearest, quoted

from trueline_server.compliance.frameworks import JudgedFramework
from trueline_server.compliance.instants import AsOf
from trueline_server.compliance.model import THE_TENANT, Facts, KnownFact, Subject
from trueline_server.errors import TruelineError, invalid_field
from trueline_server.facts.store import FactContent, FactStore
from trueline_server.rules.given import Given, typed_value

_EXPECTED: Mapping[Type, str] = {
    Type.NUMBER: "a number",
    Type.DECIMAL: "a decimal",
    Type.TEXT: "a text",
    Type.BOOL: "true or false",
    Type.DATETIME: "a timestamp",
    Type.TEXTS: "a set of texts",
}


@dataclass(frozen=True, slots=True)
class GivenFact:
    """A fact that a call brings along, and its field in the call."""

    name: str
    value: Given
    field: str


@dataclass(frozen=True, slots=True)
class Needed:
    """What is to be known: facts of a tenant that frameworks of a rule set read, as of an instant.

    Facts that are `given` win over those that are kept, so these are not read.
    """

    tenant: str
    rules: RuleSet
    frameworks: Sequence[JudgedFramework]
    when: AsOf
    given: Collection[str] = ()

    def types(self, kind: str) -> dict[str, Type]:
        """Facts of a kind of subject, with their types."""
        read = {name for framework in self.frameworks for name in framework.compiled.facts}.difference(self.given)
        declared = ((name, self.rules.fact_types[name]) for name in read)
        return {name: Type(known.type) for name, known in declared if known.subject == kind}


class FactGatherer:
    """Reads what frameworks need to know at an instant. Methods block and raise StoreError."""

    def __init__(self, facts: FactStore) -> None:
        self._facts = facts

    def of(self, needed: Needed, subject: Subject) -> Facts:
        """Facts of a subject and of the tenant as a whole."""
        types = {kind: needed.types(kind) for kind in {subject.kind, TENANT}}
        subjects = {(whose.kind, whose.fact_id) for whose in (subject, THE_TENANT)}
        when = needed.when
        rows = self._facts.of_subjects(needed.tenant, subjects, when.at_us, types, known_us=when.known_us)
        return {row.name: KnownFact(row.value, observed_at_us=row.observed_at_us) for row in rows}

    def values(self, needed: Needed, kind: str, ids: Sequence[str]) -> Iterator[tuple[str, dict[str, object]]]:
        """Values of facts of subjects of one kind and of the tenant as a whole, in the order of the subjects.

        Read column by column: of many subjects a value costs a tenth of a fact that tells its instant.
        """
        of_tenant = {name: fact.value for name, fact in self.of(needed, THE_TENANT).items()}
        found: dict[str, dict[str, object]] = {one: dict(of_tenant) for one in ids}
        types, when = needed.types(kind), needed.when
        if not types or not ids:
            return iter(found.items())
        columns = self._facts.columns_as_of(needed.tenant, kind, when.at_us, types, ids, known_us=when.known_us)
        for column in columns:
            name = column.name
            for subject_id, value in zip(column.ids, column.values, strict=True):
                found[subject_id][name] = value
        return iter(found.items())


def given_facts(rules: RuleSet, subject: Subject, given: Sequence[GivenFact], at: datetime) -> dict[str, KnownFact]:
    """The facts that a call brings along; a value of None says that nothing is known.

    Raises:
        TruelineError: UNKNOWN_FACT, for what is no fact of the subject or the tenant; INVALID_FIELD, for a value of
            another type, or that cannot be at that instant; CONTRADICTORY_FACTS, for a fact that is given twice with
            other values.

    """
    facts: dict[str, KnownFact] = {}
    known = {name for name, fact in rules.fact_types.items() if fact.subject in {subject.kind, TENANT}}
    for one in given:
        if one.name not in known:
            raise _unknown(one, rules, subject, known)
        kind = Type(rules.fact_types[one.name].type)
        try:
            value: FactContent = typed_value(Fact(one.name, kind), one.value)
        except TruelineError:
            shown = f"{show_value(one.value)} for {one.name}, which is {_EXPECTED[kind]}"
            raise invalid_field(f"{one.field}.value", f"is {shown}; give {_EXPECTED[kind]}") from None
        if isinstance(value, float | Decimal) and not isfinite(value):
            told = f"is {show_value(value)} for {one.name}; give a number, or null if it is not known"
            raise invalid_field(f"{one.field}.value", told)
        bounds = out_of_bounds(rules.fact_types[one.name], value, at)
        if bounds is not None:
            raise invalid_field(f"{one.field}.value", f"is wrong for {one.name}, which {bounds}")
        if one.name in facts and facts[one.name].value != value:
            told = f"{one.name} is given as {show_value(facts[one.name].value)} and as {show_value(value)}"
            raise contradictory([one.name], f"{told}; give it once")
        facts[one.name] = KnownFact(value, given=True)
    return facts


def refuse_contradictions(frameworks: Iterable[JudgedFramework], known: Facts, now: datetime) -> None:
    """Refuse facts that cannot hold together.

    Raises:
        TruelineError: CONTRADICTORY_FACTS.

    """
    values = {name: fact.value for name, fact in known.items()}
    for framework in frameworks:
        found = framework.contradicting(values, now)
        if found:
            text = next(iter(found.values()))
            names = [name for name, told in found.items() if told == text]
            shown = ", ".join(f"{name} = {show_value(known[name].value)}" for name in names)
            raise contradictory(names, f"{text.rstrip('.')} ({shown}); correct what is wrong (by {framework.name})")


def contradictory(names: Sequence[str], told: str) -> TruelineError:
    """The error for facts that cannot hold together."""
    return TruelineError("INVALID_ARGUMENT", "CONTRADICTORY_FACTS", told, metadata={"facts": ", ".join(sorted(names))})


def _unknown(one: GivenFact, rules: RuleSet, subject: Subject, known: Iterable[str]) -> TruelineError:
    other = rules.fact_types.get(one.name)
    if other is None:
        told = f"{one.field}.name {quoted(one.name)} is no fact of {subject.kind}{hint(one.name, known)}"
    else:
        told = f"{one.field}.name {quoted(one.name)} is a fact of {other.subject}, not of {subject.kind}"
    metadata = {"name": one.name, "field": one.field, "nearest": nearest(one.name, known) or ""}
    return TruelineError("NOT_FOUND", "UNKNOWN_FACT", told, metadata=metadata)
