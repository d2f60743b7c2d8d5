"""From what is asked to what can be computed: the study in force, its breakdowns, and a period that is over."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace

from trueline_rules.attribution_model import Selection
from trueline_rules.kinds.study import KIND
from trueline_rules.kinds.study_events import selections_of
from trueline_rules.model import RuleSet
from trueline_rules.names import hint, nearest, quoted
from trueline_rules.study_model import StudyModel

from trueline_server.attribution.asking import check_played
from trueline_server.errors import TruelineError, invalid_field
from trueline_server.kpis.instants import FIRST_US
from trueline_server.studies.model import Asked, Period
from trueline_server.studies.periods import day_of

# Three of them follow each other, and nobody keeps events for longer.
LONGEST_US = 1_100 * 86_400_000_000

_WHAT = {
    ("deals", "due"): "deal that is due",
    ("deals", "renewed"): "renewal of a deal",
    ("deals", "ended"): "end of a deal",
    ("revenue", "payments"): "payment",
    ("campaigns", "spend"): "cost of a campaign",
    ("campaigns", "results"): "result of a campaign",
    ("campaigns", "finished"): "end of a campaign",
}


def study_of(rules: RuleSet, name: str) -> StudyModel:
    """A study of a rule set.

    Raises:
        TruelineError: UNKNOWN_STUDY.

    """
    studies = rules.documents.get("Study", {})
    found = studies.get(name)
    if not isinstance(found, StudyModel):
        raise TruelineError(
            "NOT_FOUND",
            "UNKNOWN_STUDY",
            f"no Study {quoted(name)} is in force{hint(name, studies)}",
            metadata={"name": name, "nearest": nearest(name, studies) or ""},
        )
    return found


def narrowed(study: StudyModel, breakdowns: Sequence[str]) -> StudyModel:
    """A study with some of its breakdowns; () = all.

    Raises:
        TruelineError: INVALID_FIELD, it has no such breakdown.

    """
    for place, name in enumerate(breakdowns):
        if name not in study.breakdowns:
            told = f"is {quoted(name)}, which {study.metadata.name} is not broken down by{hint(name, study.breakdowns)}"
            raise invalid_field(f"breakdowns[{place}]", told)
    return replace(study, breakdowns={name: study.breakdowns[name] for name in breakdowns or study.breakdowns})


def check_period(period: Period, now_us: int) -> None:
    """Refuse what is no period, or not over.

    Raises:
        TruelineError: INVALID_FIELD.

    """
    if period.start_us < FIRST_US:
        raise invalid_field("start_time", f"is {day_of(period.start_us)}; ask from 1971 on")
    if period.start_us >= period.end_us:
        same = period.start_us == period.end_us
        told = f"is {day_of(period.end_us)}, {'when' if same else 'before'} the period starts"
        told += "" if same else f" ({day_of(period.start_us)})"
        raise invalid_field("end_time", f"{told}; the end is exclusive and must be after start_time")
    if period.start_us >= now_us:
        told = "lies ahead of the server's clock; nothing of the period has happened yet"
        raise invalid_field("start_time", f"is {day_of(period.start_us)}, which {told}")
    if period.end_us > now_us:
        told = "lies ahead of the server's clock; a part of a period compares with no whole one"
        raise invalid_field(
            "end_time", f"is {day_of(period.end_us)}, which {told}; ask up to {day_of(now_us)} at the latest"
        )
    if period.end_us - period.start_us > LONGEST_US:
        told = f"is {day_of(period.end_us)}, more than 1,100 days after start_time ({day_of(period.start_us)})"
        raise invalid_field("end_time", f"{told}; ask for a shorter period")


def playable(rules: RuleSet, study: StudyModel) -> tuple[StudyModel, list[str]]:
    """A study without the parts whose roles nobody plays, and what is missing; of a study of one part that is an error.

    Raises:
        TruelineError: UNPLAYED_ROLE, nothing of the study can be told.

    """
    unplayed: dict[str, TruelineError] = {}
    for (part, key), selection in selections_of(study).items():
        if (part, key) != ("revenue", "refunds"):
            try:
                check_played(rules, _WHAT[part, key], selection)
            except TruelineError as error:
                unplayed.setdefault(part, error)
    parts = {part for part, _ in selections_of(study)}
    if unplayed and parts == unplayed.keys():
        raise next(iter(unplayed.values()))
    without = replace(
        study,
        deals=None if "deals" in unplayed else study.deals,
        revenue=None if "revenue" in unplayed else study.revenue,
        campaigns=None if "campaigns" in unplayed else study.campaigns,
    )
    return without, [error.message for error in unplayed.values()]


def names_of(rules: RuleSet, study: StudyModel) -> dict[str, tuple[str, ...]]:
    """Names of the events that a study reads, by part and key."""
    found: dict[tuple[str, str], Selection] = selections_of(study)
    return {f"{part}.{key}": selection.names(rules.mapping) for (part, key), selection in found.items()}


def definition_of(rules: RuleSet, study: StudyModel) -> str:
    """A digest of all that decides what is counted and how: the study and the events that play its roles."""
    said = {"spec": KIND.dump(study), "names": names_of(rules, study)}
    return hashlib.blake2b(json.dumps(said, sort_keys=True).encode(), digest_size=8).hexdigest()


def settled(rules: RuleSet, asked: Asked, now_us: int) -> StudyModel:
    """The study that is asked for, once all that can be wrong was looked at.

    Raises:
        TruelineError: UNKNOWN_STUDY, INVALID_FIELD, UNPLAYED_ROLE.

    """
    study = narrowed(study_of(rules, asked.study), asked.breakdowns)
    check_period(asked.period, now_us)
    playable(rules, study)
    return study
