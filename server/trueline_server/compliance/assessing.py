"""The use case of assessments and posture: what subjects come to by frameworks, now and at any instant before."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from trueline_rules.compliance_model import TENANT
from trueline_rules.model import RuleSet
from trueline_rules.names import hint, quoted
from trueline_stores.state.database import StateDatabase

from trueline_server.clock import Clock
from trueline_server.compliance import store
from trueline_server.compliance.frameworks import FrameworkBook, JudgedFramework
from trueline_server.compliance.instants import AsOf, as_of
from trueline_server.compliance.judging import Moment
from trueline_server.compliance.kept_facts import (
    FactGatherer,
    GivenFact,
    Needed,
    given_facts,
    refuse_contradictions,
)
from trueline_server.compliance.model import THE_TENANT, Facts, FrameworkResult, Status, Subject
from trueline_server.errors import TruelineError, invalid_field
from trueline_server.facts.service import FactService, PutFact
from trueline_server.facts.store import FactStore

# Tenant, instants asked for, now -> the rules in force then.
RulesAt = Callable[[str, AsOf, int], RuleSet]


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be assessed.

    Attributes:
        subject: whom it is about.
        frameworks: names; () = all that judge subjects of the kind.
        given: facts that the call brings along; they win over those that are kept.
        keep: keep the given facts as facts of the subject and of the tenant.
        at_us: the instant (µs since 1970, UTC); None = that of the knowledge, or now.
        known_us: what was recorded later is left out; None = all that is known.
        field: where the request names the frameworks.

    """

    subject: Subject
    frameworks: tuple[str, ...] = ()
    given: tuple[GivenFact, ...] = ()
    keep: bool = False
    at_us: int | None = None
    known_us: int | None = None
    field: str = "frameworks"


@dataclass(frozen=True, slots=True)
class Assessment:
    """What a subject came to by some frameworks, as of an instant, by the rules of then."""

    subject: Subject
    frameworks: tuple[JudgedFramework, ...]
    results: tuple[FrameworkResult, ...]
    when: AsOf
    rules: RuleSet

    @property
    def revision(self) -> str:
        """Revision of the rules."""
        return self.rules.revision


@dataclass(frozen=True, slots=True)
class Standing:
    """Statuses of the controls of a framework for a subject, in its order."""

    framework: JudgedFramework
    statuses: Sequence[Status]


@dataclass(frozen=True, slots=True)
class Postures:
    """Where subjects stand: by subject, how many there are in all, and by which rules."""

    subjects: Mapping[Subject, Sequence[Standing]]
    total: int
    when: AsOf
    revision: str


class Assessments:
    """Judges subjects. Methods block; thread-safe; all raise StoreError if a store fails."""

    def __init__(
        self,
        state: StateDatabase,
        facts: FactStore,
        putting: FactService,
        rules_at: RulesAt,
        book: FrameworkBook,
        *,
        clock: Clock,
    ) -> None:
        self._state = state
        self._facts = facts
        self._gatherer = FactGatherer(facts)
        self._putting = putting
        self._rules_at = rules_at
        self._book = book
        self._clock = clock

    def assess(self, tenant: str, asked: Asked, *, refuse: bool = True) -> Assessment:
        """What a subject comes to, and why.

        Args:
            tenant: whose.
            asked: what is to be assessed.
            refuse: refuse facts that contradict each other; else what reads them is not known.

        Raises:
            TruelineError: UNKNOWN_FRAMEWORK, UNKNOWN_FACT, CONTRADICTORY_FACTS, INVALID_FIELD.

        """
        now_us = self._clock()
        when = as_of(asked.at_us, asked.known_us, now_us)
        rules = self._rules_at(tenant, when, now_us)
        frameworks = self.frameworks(rules, asked.subject.kind, asked.frameworks, asked.field)
        moment = self._moment(tenant, when, [asked.subject, THE_TENANT])
        given = given_facts(rules, asked.subject, asked.given, moment.now)
        needed = Needed(tenant, rules, frameworks, when, given)
        known = {**self._gatherer.of(needed, asked.subject), **given}
        if refuse:
            refuse_contradictions(frameworks, known, moment.now)
        results = tuple(framework.judge(asked.subject, known, moment) for framework in frameworks)
        if asked.keep:
            self._keep(tenant, rules, asked, given, when.at_us)
        return Assessment(asked.subject, tuple(frameworks), results, when, rules)

    def postures(
        self,
        tenant: str,
        kind: str,
        names: Sequence[str] = (),
        *,
        at_us: int | None = None,
        known_us: int | None = None,
        after: str = "",
        most: int = 100,
    ) -> Postures:
        """Where all subjects of a kind stand of which facts are known, by id.

        Args:
            tenant: whose.
            kind: of the subjects.
            names: of frameworks; () = all that judge this kind.
            at_us: the instant (µs since 1970, UTC); None = that of the knowledge, or now.
            known_us: what was recorded later is left out; None = all that is known.
            after: id behind which to go on.
            most: at most so many subjects.

        Raises:
            TruelineError: UNKNOWN_FRAMEWORK, INVALID_FIELD.

        """
        now_us = self._clock()
        when = as_of(at_us, known_us, now_us)
        rules = self._rules_at(tenant, when, now_us)
        frameworks = self.frameworks(rules, kind, names, "frameworks")
        needed = Needed(tenant, rules, frameworks, when)
        moment = self._moment(tenant, when, None)
        if kind == TENANT:
            known = {name: fact.value for name, fact in self._gatherer.of(needed, THE_TENANT).items()}
            standings = {THE_TENANT: _standings(frameworks, THE_TENANT, known, moment)}
            return Postures(standings, 1, when, rules.revision)
        ids = self._facts.subjects(tenant, kind, when.at_us, after=after, most=most, known_us=known_us)
        standings = {
            (subject := Subject(kind, one)): _standings(frameworks, subject, values, moment)
            for one, values in self._gatherer.values(needed, kind, ids)
        }
        total = self._facts.count_subjects(tenant, kind, when.at_us, known_us=known_us)
        return Postures(standings, total, when, rules.revision)

    def frameworks(
        self, rules: RuleSet, kind: str, names: Sequence[str], field: str = "frameworks"
    ) -> list[JudgedFramework]:
        """The frameworks asked for, or all that judge a kind of subject.

        Raises:
            TruelineError: UNKNOWN_FRAMEWORK; INVALID_FIELD, if one judges subjects of another kind, or asks nothing of
                the tenant.

        """
        found = self._book.named(rules, names, field)
        if not names:
            judging = [one for one in found if _judges(one, kind)]
            if not judging and kind != TENANT:
                kinds = sorted({one.framework.subject for one in found})
                raise invalid_field("subject.kind", f"is {quoted(kind)}, which no framework judges{hint(kind, kinds)}")
            return judging
        for one in found:
            if kind not in {TENANT, one.framework.subject}:
                told = f"is {kind}, but {one.name} judges a {one.framework.subject}, or the tenant"
                raise invalid_field("subject.kind", told)
            # Where nothing is asked, all that is asked would be met.
            if not _judges(one, kind):
                told = f"is {kind}, of which {one.name} asks nothing; say which {one.framework.subject} it is about"
                raise invalid_field("subject.kind", told)
        return found

    def _moment(self, tenant: str, when: AsOf, subjects: Sequence[Subject] | None) -> Moment:
        """An instant with evidence and waivers of some subjects, or of all."""
        with self._state.reading() as connection:
            evidence = store.evidence_as_of(connection, tenant, when, subjects)
            waivers = store.waivers_as_of(connection, tenant, when, subjects)
        return Moment.of(when, evidence, waivers)

    def _keep(self, tenant: str, rules: RuleSet, asked: Asked, given: Facts, at_us: int) -> None:
        fields = {one.name: one.field for one in asked.given}
        rows: list[tuple[str, PutFact]] = []
        for name, fact in given.items():
            whose = THE_TENANT if rules.fact_types[name].subject == TENANT else asked.subject
            rows.append((fields[name], PutFact(whose.fact_id, name, fact.value, at_us)))
        _, rejections = self._putting.put(tenant, [row for _, row in rows])
        if rejections:
            first = rejections[0]
            raise TruelineError(
                "INVALID_ARGUMENT",
                first.reason,
                f"{rows[first.index][0]} cannot be kept: {first.message}",
                metadata={"field": rows[first.index][0]},
            )


def _standings(
    frameworks: Sequence[JudgedFramework], subject: Subject, values: Mapping[str, object], moment: Moment
) -> list[Standing]:
    return [Standing(one, one.statuses(subject, values, moment)) for one in frameworks]


def _judges(framework: JudgedFramework, kind: str) -> bool:
    if kind == TENANT:
        return any(judge.control.subject == TENANT for judge in framework.judges)
    return framework.framework.subject == kind
