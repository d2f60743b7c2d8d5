"""The frameworks of a rule set, compiled once for each revision, and how a subject is judged by them."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import cast

from trueline_rules.compliance_model import TENANT, ComplianceFramework
from trueline_rules.compliance_rules import CompiledFramework, compile_framework
from trueline_rules.model import RuleSet
from trueline_rules.names import hint, nearest, quoted

from trueline_server.compliance.judging import Judge, Moment
from trueline_server.compliance.model import (
    THE_TENANT,
    ControlResult,
    Facts,
    FrameworkResult,
    Status,
    Subject,
)
from trueline_server.errors import TruelineError

# Rule sets whose frameworks are kept compiled: that in force of some tenants, and some of the past.
_COMPILED = 16


@dataclass(frozen=True, slots=True)
class JudgedFramework:
    """A framework with what judges its controls, in its order."""

    compiled: CompiledFramework
    judges: tuple[Judge, ...]

    @property
    def framework(self) -> ComplianceFramework:
        """As it is written."""
        return self.compiled.framework

    @property
    def name(self) -> str:
        """Its name."""
        return self.framework.metadata.name

    def judge(self, subject: Subject, known: Facts, moment: Moment) -> FrameworkResult:
        """What its controls come to for a subject, and why.

        Args:
            subject: of the framework's kind, or the tenant.
            known: facts of the subject and of the tenant.
            moment: the instant, with evidence and waivers as of it.

        """
        unsure = self.contradicting({name: fact.value for name, fact in known.items()}, moment.now)
        results = []
        for judge in self.judges:
            whose = _whose(judge, subject)
            results.append(_not_asked(judge) if whose is None else judge.judge(known, unsure, whose, moment))
        return FrameworkResult(self.framework, tuple(results))

    def statuses(self, subject: Subject, values: Mapping[str, object], moment: Moment) -> list[Status]:
        """What its controls come to by values of facts, without telling why."""
        unsure = self.contradicting(values, moment.now)
        return [
            judge.status(values, unsure, whose, moment)
            if (whose := _whose(judge, subject)) is not None
            else Status.NOT_APPLICABLE
            for judge in self.judges
        ]

    def contradicting(self, values: Mapping[str, object], now: datetime) -> dict[str, str]:
        """Facts that cannot hold together, with what the framework says of them."""
        found: dict[str, str] = {}
        for said, condition in zip(self.framework.contradictions, self.compiled.contradictions, strict=True):
            if condition.evaluate(values, now):
                found |= {name: said.text for name in condition.facts if name not in found and name in values}
        return found


def _whose(judge: Judge, subject: Subject) -> Subject | None:
    """Whose evidence and waivers count; None if a control is not asked of the subject."""
    if judge.control.subject == subject.kind:
        return subject
    return THE_TENANT if judge.control.subject == TENANT else None


def _not_asked(judge: Judge) -> ControlResult:
    told = f"it is asked of each {judge.control.subject}, not of the tenant as a whole"
    return ControlResult(judge.control, Status.NOT_APPLICABLE, Status.NOT_APPLICABLE, told)


class FrameworkBook:
    """Frameworks by rule set. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._compiled: OrderedDict[str, dict[str, JudgedFramework]] = OrderedDict()

    def of(self, rules: RuleSet) -> Mapping[str, JudgedFramework]:
        """All frameworks of a rule set, by name in the order of names."""
        with self._lock:
            found = self._compiled.get(rules.revision)
            if found is not None:
                self._compiled.move_to_end(rules.revision)
                return found
        made = {name: _judged_by(name, rules) for name in sorted(rules.documents.get("ComplianceFramework", {}))}
        with self._lock:
            self._compiled[rules.revision] = made
            while len(self._compiled) > _COMPILED:
                self._compiled.popitem(last=False)
        return made

    def named(self, rules: RuleSet, names: Iterable[str], field: str = "frameworks") -> list[JudgedFramework]:
        """Frameworks by name, each once, in the order asked for; all if none is asked for.

        Raises:
            TruelineError: UNKNOWN_FRAMEWORK.

        """
        known = self.of(rules)
        wanted = list(dict.fromkeys(names))
        for name in wanted:
            if name not in known:
                raise unknown_framework(name, known, field)
        return [known[name] for name in wanted or known]


def unknown_framework(name: str, known: Iterable[str], field: str) -> TruelineError:
    """The error for a framework that no document in force describes."""
    names = list(known)
    return TruelineError(
        "NOT_FOUND",
        "UNKNOWN_FRAMEWORK",
        f"{field} {quoted(name)} is no ComplianceFramework in force{hint(name, names)}",
        metadata={"framework": name, "field": field, "nearest": nearest(name, names) or ""},
    )


def unknown_control(control: str, framework: str, known: Iterable[str], field: str) -> TruelineError:
    """The error for a control that a framework lacks; the nearest of "Art. 13" is the first that begins so."""
    names = list(known)
    below = next((name for name in names if control and name.startswith(control)), "")
    told = f"; did you mean {quoted(below)}?" if below else hint(control, names)
    return TruelineError(
        "NOT_FOUND",
        "UNKNOWN_CONTROL",
        f"{field} {quoted(control)} is no control of {framework}{told}",
        metadata={"control": control, "framework": framework, "nearest": below or nearest(control, names) or ""},
    )


def _judged_by(name: str, rules: RuleSet) -> JudgedFramework:
    compiled = compile_framework(
        cast(ComplianceFramework, rules.documents["ComplianceFramework"][name]), rules.fact_types
    )
    sensitive = frozenset(fact for fact in compiled.facts if rules.fact_types[fact].sensitive)
    return JudgedFramework(compiled, tuple(Judge(control, name, sensitive) for control in compiled.controls))
