"""Judges a control: a pure function of its rule, facts, evidence, waivers and the instant."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property

from trueline_rules.compliance_model import Control, EvidenceNeed
from trueline_rules.compliance_rules import CompiledControl
from trueline_rules.expressions.finding import Find, Finding, reasons_of, undecided
from trueline_rules.expressions.masking import MASKED

from trueline_server.compliance.instants import AsOf
from trueline_server.compliance.model import (
    ControlResult,
    Evidence,
    EvidenceState,
    Facts,
    FoundEvidence,
    KnownFact,
    Status,
    Subject,
    Waiver,
)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Moment:
    """An instant, with evidence and waivers as of it, by what they are for.

    Attributes:
        at_us: µs since 1970 (UTC).
        now: the same, as conditions read it.
        evidence: (subject, type) -> all that was collected by then, as far as it was known.
        waivers: (subject, framework, control) -> those in force then.

    """

    at_us: int
    now: datetime
    evidence: Mapping[tuple[Subject, str], Sequence[Evidence]]
    waivers: Mapping[tuple[Subject, str, str], Sequence[Waiver]]

    @classmethod
    def of(cls, when: AsOf, evidence: Iterable[Evidence] = (), waivers: Iterable[Waiver] = ()) -> Moment:
        """An instant; of all evidence and waivers that are kept, those that count at it."""
        at_us, known_us = when.at_us, when.known_us
        pieces: dict[tuple[Subject, str], list[Evidence]] = {}
        for piece in evidence:
            known = known_us is None or piece.recorded_at_us <= known_us
            if known and piece.collected_at_us <= at_us:
                pieces.setdefault((piece.subject, piece.type), []).append(piece)
        in_force: dict[tuple[Subject, str, str], list[Waiver]] = {}
        for waiver in waivers:
            if waiver.in_force(when):
                in_force.setdefault((waiver.subject, waiver.framework, waiver.control), []).append(waiver)
        return cls(at_us, _EPOCH + timedelta(microseconds=at_us), pieces, in_force)


class Judge:
    """Judges one control of a framework; compiled once for a revision of the rules."""

    def __init__(self, compiled: CompiledControl, framework: str, sensitive: frozenset[str] = frozenset()) -> None:
        """`sensitive` are facts whose values are not told."""
        self.control: Control = compiled.control
        self.facts = compiled.facts
        self._compiled = compiled
        self._framework = framework
        self._sensitive = sensitive & frozenset(self.facts)

    @cached_property
    def _finds(self) -> tuple[Callable[..., Finding] | None, Callable[..., Finding]]:
        applies, rule = self._compiled.applies, self._compiled.rule
        return None if applies is None else Find(applies.text, applies.tree), Find(rule.text, rule.tree)

    def status(self, values: Mapping[str, object], unsure: Collection[str], subject: Subject, moment: Moment) -> Status:
        """What the control comes to, without telling why; see `judge`."""
        status = self._truth(values, unsure, moment.now)
        if status is Status.PASS and self.control.evidence:
            fresh = all(found.state is EvidenceState.FRESH for found in self._evidence(subject, moment))
            status = Status.PASS if fresh else Status.INSUFFICIENT
        if status in _WAIVABLE and moment.waivers and self._waiver(subject, moment) is not None:
            return Status.WAIVED
        return status

    def judge(self, known: Facts, unsure: Mapping[str, str], subject: Subject, moment: Moment) -> ControlResult:
        """What the control comes to, and why.

        Args:
            known: facts of the subject and of the tenant.
            unsure: facts that contradict each other, which count as not known, with what is wrong with them.
            subject: whose evidence and waivers count.
            moment: the instant, with evidence and waivers as of it.

        """
        values = {name: known[name].value for name in self.facts if name in known and name not in unsure}
        now = moment.now
        find_applies, find_rule = self._finds
        applies = None if find_applies is None else self._masked(find_applies(values, now))
        rule = self._masked(find_rule(values, now))
        evidence = self._evidence(subject, moment)
        status, reason, missing = _conclude(applies, rule, evidence, {n: unsure[n] for n in self.facts if n in unsure})
        waiver = self._waiver(subject, moment) if status in _WAIVABLE else None
        return ControlResult(
            control=self.control,
            status=status if waiver is None else Status.WAIVED,
            without_waiver=status,
            reason=reason if waiver is None else f"{reason}; waived, as {waiver.compensating_control} stands in for it",
            facts={name: self._told(known.get(name), name) for name in self.facts},
            missing=missing,
            evidence=evidence,
            waiver=waiver,
        )

    def _truth(self, values: Mapping[str, object], unsure: Collection[str], now: datetime) -> Status:
        if unsure and any(name in unsure for name in self.facts):
            values = {name: value for name, value in values.items() if name not in unsure}
        applies = self._compiled.applies
        if applies is not None and applies.evaluate(values, now) is False:
            return Status.NOT_APPLICABLE
        return _OF_TRUTH[self._compiled.rule.evaluate(values, now)]

    def _evidence(self, subject: Subject, moment: Moment) -> tuple[FoundEvidence, ...]:
        pieces = moment.evidence
        return tuple(_found(need, pieces.get((subject, need.type), ()), moment.at_us) for need in self.control.evidence)

    def _waiver(self, subject: Subject, moment: Moment) -> Waiver | None:
        if not moment.waivers or not self.control.waivable:
            return None
        waivers = moment.waivers.get((subject, self._framework, self.control.id), ())
        return max(waivers, key=lambda waiver: (waiver.expires_at_us, waiver.number), default=None)

    def _told(self, fact: KnownFact | None, name: str) -> KnownFact | None:
        if fact is None or fact.value is None:
            return None
        return replace(fact, value=MASKED) if name in self._sensitive else fact

    def _masked(self, finding: Finding) -> Finding:
        """The finding without the values of facts that are not told."""
        if not self._sensitive:
            return finding
        words = re.compile(rf"\b({'|'.join(self._sensitive)})\b")
        operands = tuple(
            replace(each, value=MASKED) if each.value is not None and words.search(each.text) else each
            for each in finding.operands
        )
        return replace(finding, operands=operands, parts=tuple(map(self._masked, finding.parts)))


_WAIVABLE = frozenset({Status.FAIL, Status.INSUFFICIENT})
_OF_TRUTH: Mapping[bool | None, Status] = {True: Status.PASS, False: Status.FAIL, None: Status.INSUFFICIENT}


def _found(need: EvidenceNeed, pieces: Sequence[Evidence], at_us: int) -> FoundEvidence:
    """The piece that counts longest; one that is older may, if it does not expire as soon."""
    best, until_us = None, 0
    for piece in pieces:
        ends_us = piece.collected_at_us + need.freshness_us
        if piece.expires_at_us is not None:
            ends_us = min(ends_us, piece.expires_at_us)
        if best is None or (ends_us, piece.number) > (until_us, best.number):
            best, until_us = piece, ends_us
    if best is None:
        return FoundEvidence(need.type, EvidenceState.MISSING)
    state = EvidenceState.FRESH if until_us > at_us else EvidenceState.EXPIRED
    return FoundEvidence(need.type, state, best, until_us)


def _conclude(
    applies: Finding | None, rule: Finding, evidence: Sequence[FoundEvidence], unsure: Mapping[str, str]
) -> tuple[Status, str, tuple[str, ...]]:
    """Status, reason, and the facts that are not known and would decide it."""
    if applies is not None and applies.truth is False:
        return Status.NOT_APPLICABLE, f"it does not concern the subject, as {reasons_of(applies)}", ()
    concerns = applies if applies is not None and applies.truth is None else None
    missing = undecided(rule) if rule.truth is None else ()
    if concerns is not None:
        missing = tuple(sorted({*missing, *undecided(concerns)}))
    if rule.truth is False:
        told = f"it is not met, as {reasons_of(rule)}"
        if concerns is not None:
            told += f"; whether it concerns the subject is not known, as {reasons_of(concerns, unsure)}"
        return Status.FAIL, told, missing
    lacking = [_lack(found) for found in evidence if found.state is not EvidenceState.FRESH]
    if rule.truth is None:
        said = f"it is not known whether it is met, as {reasons_of(rule, unsure)}"
        if concerns is not None:
            said += f"; nor whether it concerns the subject, as {reasons_of(concerns, unsure)}"
        contradictions = (f"facts contradict each other: {told.rstrip('.')}" for told in dict.fromkeys(unsure.values()))
        return Status.INSUFFICIENT, "; ".join([said, *contradictions, *lacking]), missing
    if lacking:
        return Status.INSUFFICIENT, f"its rule holds, as {reasons_of(rule)}, but {'; '.join(lacking)}", ()
    return Status.PASS, f"it is met, as {reasons_of(rule)}", ()


def _lack(found: FoundEvidence) -> str:
    if found.evidence is None:
        return f"evidence {found.type} was never recorded"
    ended = (_EPOCH + timedelta(microseconds=found.fresh_until_us)).date().isoformat()
    return f"evidence {found.type} counted until {ended}"
