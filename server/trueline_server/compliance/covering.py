"""The use case of coverage: which controls of a framework others cover, by the mappings in force."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import cast

from trueline_rules.compliance_model import ControlMapping
from trueline_rules.model import RuleSet
from trueline_rules.names import quoted

from trueline_server.compliance.assessing import Asked, Assessments
from trueline_server.compliance.coverage import Coverage, cover
from trueline_server.compliance.frameworks import FrameworkBook, unknown_control, unknown_framework
from trueline_server.compliance.model import Status, Subject
from trueline_server.errors import invalid_field
from trueline_server.rules.in_force import RulesOf


class Covering:
    """Answers about coverage. Methods block; thread-safe."""

    def __init__(self, assessments: Assessments, book: FrameworkBook, rules: RulesOf) -> None:
        self._assessments = assessments
        self._book = book
        self._rules = rules

    def cover(
        self,
        tenant: str,
        framework: str,
        by_framework: str,
        *,
        controls: Sequence[str] = (),
        subject: Subject,
        hops: int,
    ) -> Coverage:
        """How the controls of a framework are covered by another's.

        Args:
            tenant: whose.
            framework: that is covered.
            by_framework: that covers it.
            controls: of it that are in place; () = those that pass for the subject.
            subject: whom the controls are asked of.
            hops: most mappings between the two.

        Raises:
            TruelineError: UNKNOWN_FRAMEWORK, UNKNOWN_CONTROL, INVALID_FIELD.
            StoreError: of a store.

        """
        if framework == by_framework:
            raise invalid_field("by_framework", f"is {quoted(by_framework)}, which covers itself; name another one")
        rules = self._rules(tenant)
        mappings = [cast(ControlMapping, each) for each in rules.documents.get("ControlMapping", {}).values()]
        in_force = self._book.of(rules)
        known = {*in_force, *(side.name for each in mappings for side in (each.source, each.target))}
        for field, name in (("framework", framework), ("by_framework", by_framework)):
            if name not in known:
                raise unknown_framework(name, known, field)
        if controls:
            _check_controls(rules, self._book, mappings, by_framework, controls)
        elif by_framework in in_force:
            controls = self._passing(tenant, by_framework, subject)
        else:
            told = f"is needed: {by_framework} is only named by mappings, so nobody can tell which of its controls pass"
            raise invalid_field("control_ids", told)
        order = [*in_force[framework].framework.by_id] if framework in in_force else []
        return cover(mappings, framework, by_framework, controls, hops=hops, order=order)

    def _passing(self, tenant: str, framework: str, subject: Subject) -> list[str]:
        asked = Asked(subject, (framework,), field="by_framework")
        (result,) = self._assessments.assess(tenant, asked, refuse=False).results
        return [each.control.id for each in result.controls if each.status is Status.PASS]


def _check_controls(
    rules: RuleSet, book: FrameworkBook, mappings: Iterable[ControlMapping], framework: str, controls: Iterable[str]
) -> None:
    """Refuse controls that nobody knows of a framework."""
    in_force = book.of(rules).get(framework)
    known = set(in_force.framework.by_id) if in_force is not None else set()
    for mapping in mappings:
        if mapping.source.name == framework:
            known |= {pair.source for pair in mapping.pairs}
        if mapping.target.name == framework:
            known |= {pair.target for pair in mapping.pairs}
    for control in controls:
        if control not in known:
            raise unknown_control(control, framework, sorted(known), "control_ids")
