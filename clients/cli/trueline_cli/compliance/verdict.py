"""The verdict on a pattern on about a screen: counts, what fails, what to do first, what is not known or shown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from rich.text import Text

from trueline_cli import style
from trueline_cli.compliance.showing import OPEN, severity_word
from trueline_cli.compliance.standing import frameworks_table, show_controls
from trueline_cli.compliance.worst import severity_rank

if TYPE_CHECKING:
    from trueline import ControlAssessment, PatternAssessment

# So much of each list is shown unless all is asked for.
_FAILS, _FIRST, _FACTS, _EVIDENCE = 6, 5, 12, 12
# Controls are named up to so many characters beside a fact or what to do; the rest is counted.
_NAMED, _NAMED_WIDE = 33, 60


def show_verdict(found: PatternAssessment) -> None:
    """Print the verdict on a pattern with what matters most of it."""
    _show_counts(found)
    _show_fails(found)
    _show_first(found)
    _show_unknown(found)
    _show_evidence(found)
    if not found.validation_passed:
        style.show("", Text("--controls: each control that is open, with reasons; --all: every one", style="dim"))


def show_verdict_in_full(found: PatternAssessment, *, every: bool) -> None:
    """Print the verdict on a pattern with each control that is open, or `every` one, and all that is to be done."""
    _show_counts(found)
    for framework in found.frameworks.values():
        show_controls(framework, every=every)
    if found.recommendations:
        style.show("", Text("what to do", style="bold"))
    for each in found.recommendations:
        style.show("", Text.assemble(severity_word(each.severity.value), f"  {each.text}"))
        style.show(Text(", ".join(each.controls), style="dim"))


def _show_counts(found: PatternAssessment) -> None:
    verdict = Text("passed", style="bold green") if found.validation_passed else Text("not passed", style="bold red")
    style.show(Text.assemble(f"{found.name}: ", verdict), "", frameworks_table(found.frameworks))


def _open(found: PatternAssessment, status: str) -> list[tuple[str, ControlAssessment]]:
    controls = ((name, one) for name, each in found.frameworks.items() for one in each.controls.values())
    return [(name, one) for name, one in controls if one.status.value == status]


def _show_fails(found: PatternAssessment) -> None:
    failing = _open(found, OPEN[0])
    if not failing:
        return
    failing.sort(key=lambda each: severity_rank(each[1].severity.value))
    made = style.table("control", "severity", "asks for", fold=("asks for",))
    for name, one in failing[:_FAILS]:
        made.add_row(f"{name} {one.control_id}", severity_word(one.severity.value), one.title)
    style.show("", _heading("what fails", len(failing), _FAILS), made)


def _show_first(found: PatternAssessment) -> None:
    todo = found.recommendations
    if not todo:
        return
    made = style.table("severity", "do", fold=("do",))
    for each in todo[:_FIRST]:
        named = (_named(each.controls, _NAMED_WIDE), "dim")
        made.add_row(severity_word(each.severity.value), Text.assemble(f"{each.text}\n", named))
    style.show("", _heading("what to do first", len(todo), _FIRST), made)


def _show_unknown(found: PatternAssessment) -> None:
    facts = found.undecided_facts
    if not facts:
        return
    made = style.table("fact", "for", "controls", right=("for",), fold=("fact",))
    for each in facts[:_FACTS]:
        made.add_row(each.name, f"{len(each.controls):,}", _named(each.controls, _NAMED))
    style.show("", _heading("what is not known", len(facts), _FACTS), made)


def _show_evidence(found: PatternAssessment) -> None:
    lacking: dict[str, int] = {}
    for _, one in _open(found, OPEN[1]):
        for need in one.evidence:
            if need.state.value != "fresh":
                lacking[need.type] = lacking.get(need.type, 0) + 1
    if lacking:
        kinds = sorted(lacking, key=lambda kind: (-lacking[kind], kind))
        told = ", ".join(f"{kind} ({lacking[kind]})" for kind in kinds[:_EVIDENCE])
        heading = _heading("evidence that is not there (controls that need it)", len(kinds), _EVIDENCE)
        style.show("", heading, told)


def _heading(text: str, count: int, most: int) -> Text:
    shown = Text(text, style="bold")
    if count > most:
        shown.append(f": {most} of {count:,}", style="dim")
    return shown


def _named(controls: Sequence[str], width: int) -> str:
    """The first controls that fit, each framework once, and how many more there are."""
    told = ""
    for place, name in enumerate(_short(controls)):
        longer = f"{told}, {name}" if told else name
        if told and len(longer) > width:
            return f"{told}, +{len(controls) - place}"
        told = longer
    return told


def _short(controls: Iterable[str]) -> Iterable[str]:
    """Controls of the framework that was named last without its name."""
    last = ""
    for control in controls:
        framework, _, reference = control.partition(" ")
        yield reference if framework == last else control
        last = framework
