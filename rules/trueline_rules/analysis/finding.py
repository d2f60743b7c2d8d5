"""A finding of the analysis, and what it looks at of each rule."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from trueline_rules.alert_model import AlertRule
from trueline_rules.alert_rules import CompiledRule
from trueline_rules.analysis.boxes import Boxes, TooManyError
from trueline_rules.analysis.ranges import LEAST, MOST, NONE, Border, Ranges, joined
from trueline_rules.analysis.sets import Variable
from trueline_rules.analysis.truths import FactKey, truths_of, variable_of
from trueline_rules.expressions import FactType
from trueline_rules.expressions.tree import FactValue, walk
from trueline_rules.model import Place


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is most likely a mistake.

    Attributes:
        check: which check found it: "never true", "always true", "hidden warning", "gap", "turned sign",
            "beyond target", "idle", "shadowed", "overlap", "units", "never missing", "not in SQL", "comment",
            "template", "no events", "never evaluated", "unused", "unknown label", "misplaced label".
        document: "AlertRule churn_rate_high".
        place: of the words at fault, as near as the file tells.
        message: what, and the way out.

    """

    check: str
    document: str
    place: Place
    message: str

    def __str__(self) -> str:
        """`file:line:column: message`, as compilers write it."""
        return f"{self.place.file}:{self.place.line}:{self.place.column}: {self.document}: {self.message}"


@dataclass(frozen=True, slots=True)
class Judged:
    """Where each severity of a rule is true.

    Attributes:
        compiled: the rule.
        where: by severity; an unknown condition counts as on_missing says.
        fact: the only fact that the conditions read, if it is a number; "" else.
        ranges: by severity, the numbers of that fact.

    """

    compiled: CompiledRule
    where: Mapping[str, Boxes]
    fact: str
    ranges: Mapping[str, Ranges]

    @property
    def fires(self) -> Ranges:
        """The numbers of the only fact for which it fires."""
        return joined(self.ranges.values())

    @property
    def first(self) -> str:
        """The mildest severity that it has a condition for."""
        return next(iter(self.compiled.conditions))

    @property
    def variables(self) -> frozenset[Variable]:
        """All that its conditions look at."""
        return frozenset(variable for boxes in self.where.values() for variable in boxes.variables)

    @property
    def hull(self) -> tuple[Border, Border]:
        """From the least to the largest number for which it may fire; all numbers where it reads more than one."""
        fires = self.fires if self.fact else NONE
        missing = any(values.missing for boxes in self.where.values() for box in boxes.boxes for values in box.values())
        return (LEAST, MOST) if not fires or missing else (fires.intervals[0][0], fires.intervals[-1][1])

    def find(self, check: str, message: str, severity: str) -> Finding:
        """A finding at the condition of a severity."""
        return find_in(self.compiled.rule, severity, check, message)


def hulls(alike: Sequence[Judged]) -> list[tuple[Border, Border]]:
    """The hulls of rules that are compared: all numbers for each, unless all of them read the same one."""
    sources = {one.compiled.rule.facts[one.fact] if one.fact else None for one in alike}
    return [one.hull if len(sources) == 1 else (LEAST, MOST) for one in alike]


def find_in(rule: AlertRule, text: str, check: str, message: str, offset: int = 0) -> Finding:
    """A finding at a character of a rule's "warning", "critical" or "summary"."""
    return find_at(rule, rule.place_in(text, offset), check, message)


def find_at(rule: AlertRule, place: Place, check: str, message: str) -> Finding:
    """A finding at a place of a rule."""
    return Finding(check, f"AlertRule {rule.metadata.name}", place, message)


def fact_keys(rule: CompiledRule) -> dict[str, FactKey]:
    """What stands for each fact of a rule."""
    return {name: FactKey(rule.rule.facts[name], fact.nullable) for name, fact in rule.facts.items()}


def judge(rule: CompiledRule) -> Judged | None:
    """Where a rule is true; None if its conditions are too large to tell."""
    facts = fact_keys(rule)
    unknown = rule.rule.on_missing == "true"
    try:
        where = {
            severity: truths_of(condition.tree, facts, unknown=unknown).true
            for severity, condition in rule.conditions.items()
        }
    except TooManyError:
        return None
    fact, ranges = _along_one_number(rule, where)
    return Judged(rule, where, fact, ranges)


def _along_one_number(rule: CompiledRule, where: Mapping[str, Boxes]) -> tuple[str, dict[str, Ranges]]:
    read = {
        node.name: node
        for condition in rule.conditions.values()
        for node in walk(condition.tree)
        if isinstance(node, FactValue)
    }
    if len(read) != 1:
        return "", {}
    ((name, node),) = read.items()
    if rule.facts[name].type not in {FactType.NUMBER, FactType.DECIMAL}:
        return "", {}
    variable = variable_of(node, {name: FactKey(rule.rule.facts[name], rule.facts[name].nullable)})
    along = {severity: boxes.along(variable) for severity, boxes in where.items()}
    ranges = {severity: found.known for severity, found in along.items() if found is not None}
    if len(ranges) < len(along):
        return "", {}
    return name, {severity: known for severity, known in ranges.items() if isinstance(known, Ranges)}
