"""What happens to rules, in lines: the stages at the start, then each change."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trueline import LoadFailure, RuleChange, RuleProblem

_WORDS = {
    "activated": "activated revision {revision}{was}{by}",
    "rolled_back": "rolled back to revision {revision}{was}{by}",
    "shadowed": "revision {revision} into the shadow{by}",
    "shadow_ended": "the shadow ended: revision {former}{by}",
    "loaded": "the operator's files changed: revision {revision}{was}",
    "load_failed": "rule files do not load; the active rules stay",
    "load_mended": "rule files load again: revision {revision}{was}",
}
_SHOWN_PROBLEMS = 10


def message_lines(message: Any) -> list[str]:
    """The lines of a message of a watch; none for those that say nothing to people."""
    from trueline.rule_sets import RulesChanged, RulesSnapshot

    if isinstance(message, RulesChanged):
        return change_lines(message.change)
    if not isinstance(message, RulesSnapshot):
        return []
    from trueline_cli.rules.activating import staged_words

    lines = [staged_words(stage) for stage in (message.active, message.shadow) if stage is not None]
    return lines + (failure_lines(message.failure) if message.failure is not None else [])


def failure_lines(failure: LoadFailure) -> list[str]:
    """Since when rule files do not load, and why."""
    from trueline_cli import style

    told = f"✗ rule files do not load since {style.moment(failure.since)}; the active rules stay"
    return [told, *_problem_lines(failure.problems)]


def change_lines(change: RuleChange) -> list[str]:
    """A change: when, what, by whom; below it why, and what is wrong."""
    from trueline_cli import style

    former = change.former_revision
    words = _WORDS.get(change.kind, f"{change.kind}: revision {{revision}}{{was}}{{by}}").format(
        revision=change.revision,
        former=former,
        was=f" (was {former})" if former not in ("", change.revision) else "",
        by=f" by {change.author}" if change.author else "",
    )
    lines = [f"{style.moment(change.at)}  {words}"]
    if change.note:
        lines.append(f"  {change.note}")
    return lines + _problem_lines(change.problems)


def _problem_lines(problems: Sequence[RuleProblem]) -> list[str]:
    lines = [f"  {problem.place}: {problem.message}" for problem in problems[:_SHOWN_PROBLEMS]]
    if len(problems) > _SHOWN_PROBLEMS:
        lines.append(f"  … and {len(problems) - _SHOWN_PROBLEMS:,} more")
    return lines
