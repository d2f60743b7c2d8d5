"""The health of accounts on a terminal: one down to its inputs, or all with their counts."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import TYPE_CHECKING

from rich.text import Text

from trueline_cli import style
from trueline_cli.scoring.explaining import ASSUMED, ASSUMED_TOLD
from trueline_cli.scoring.tables import percent, points

if TYPE_CHECKING:
    from trueline import AccountHealth, DimensionScore, InputScore, ScoredAccount, ScoringProfile

# From the best class to the worst; whatever a profile calls them, they are told best first.
_COLOURS = ("green", "yellow", "dark_orange", "red")
_INSUFFICIENT = "insufficient_data"
# A row of an account with five dimensions fits a terminal of 80 columns.
_ID, _CLASS, _DIMENSION = 24, 12, 4
_SHOWN_MOVES, _ROWS_AT_ONCE = 5, 500


def colours(classes: Iterable[str]) -> dict[str, str]:
    """Class -> colour: green is the best, red the worst; dim where too little is known."""
    known = [name for name in classes if name != _INSUFFICIENT]
    last = max(len(known) - 1, 1)
    found = {name: _COLOURS[round(place * (len(_COLOURS) - 1) / last)] for place, name in enumerate(known)}
    return found | {_INSUFFICIENT: "dim"}


def show_health(health: AccountHealth, profile: ScoringProfile, *, explained: bool) -> None:
    """One account: class and score, dimensions, what moved, what to do."""
    colour = colours(profile.bands)
    head = Text(f"{health.account_id}: ")
    head.append(health.health, style=colour.get(health.health, ""))
    told = f", {health.score:.1f} of 100" if health.score is not None else ", no score"
    head.append(f"{told}; {percent(health.coverage)} of it is known")
    style.show(head)
    if health.missing:
        style.show(f"no score: {health.missing}")
    if health.persona:
        others = (
            "" if health.persona in profile.personas else "; the profile does not have it: weights of everybody else"
        )
        style.show(f"persona: {health.persona}{others}")
    style.show(f"at {style.moment(health.at)}, by {health.profile}", "")
    style.show(_dimensions(health, explained=explained))
    if explained:
        for one in health.dimensions.values():
            told = f"{points(one.score)} = sum of score x share of what is known" if one.score else "nothing is known"
            style.show("", f"{one.title}: {told}", _inputs(one))
        if any(one.assumed for dimension in health.dimensions.values() for one in dimension.inputs):
            style.show("", ASSUMED_TOLD)
    _show_moves(health, colour, explained=explained)
    _show_advice(health, explained=explained)


def show_healths(counts: Mapping[str, int], accounts: Iterator[ScoredAccount], dimensions: Iterable[str]) -> None:
    """All accounts as they come: the counts, then tables of at most 500 rows."""
    colour = colours(counts)
    show_counts(counts)
    names = tuple(dimensions)
    while rows := list(islice(accounts, _ROWS_AT_ONCE)):
        columns = ("score", "known", *(name[:_DIMENSION] for name in names), "churn")
        made = style.table("account", "health", *columns, right=columns, cut={"account": _ID, "health": _CLASS}, gap=1)
        for one in rows:
            scores = [_whole(one.dimensions[name]) for name in names]
            churn = style.NOTHING if one.churn_probability is None else percent(one.churn_probability)
            health = Text(one.health, style=colour.get(one.health, ""))
            made.add_row(one.account_id, health, _score(one.score), percent(one.coverage), *scores, churn)
        style.show("", made)


def show_counts(counts: Mapping[str, int]) -> None:
    """How many accounts are in each class."""
    colour, total = colours(counts), sum(counts.values())
    made = style.table("health", "accounts", "share", "", right=("accounts", "share"))
    for name, count in counts.items():
        share = count / total if total else 0.0
        bar = style.bar(share, 30, colour.get(name, ""))
        made.add_row(Text(name, style=colour.get(name, "")), f"{count:,}", percent(share), bar)
    style.show(made)


def write_healths(accounts: Iterator[ScoredAccount], dimensions: Iterable[str]) -> None:
    """Rows of all accounts, as they come."""
    names = tuple(dimensions)
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(("account_id", "health", "score", "coverage", "persona", *names, "churn_probability"))
    for one in accounts:
        scores = [_cell(one.dimensions[name]) for name in names]
        churn = _cell(one.churn_probability)
        writer.writerow((one.account_id, one.health, _cell(one.score), one.coverage, one.persona, *scores, churn))


def csv_health(health: AccountHealth) -> tuple[tuple[str, ...], Iterator[tuple[object, ...]]]:
    """The inputs of one account as rows."""
    header = (
        "account_id",
        "dimension",
        "input",
        "value",
        "source",
        "origin",
        "score",
        "weight",
        "share",
        "points_moved",
    )
    moved = {(one.dimension, one.name): one.points for one in health.moves}
    rows = (
        (
            health.account_id,
            *(dimension.name, one.name, one.value, str(one.source), one.origin),
            *("" if one.score is None else one.score.middle, one.weight, one.share),
            moved.get((dimension.name, one.name), 0.0),
        )
        for dimension in health.dimensions.values()
        for one in dimension.inputs
    )
    return header, rows


def _dimensions(health: AccountHealth, *, explained: bool) -> object:
    """What each dimension is worth; explained, with what it adds to the score of the account."""
    columns = ("score", "weight", *(("share", "points") if explained and health.score is not None else ()), "known")
    made = style.table("dimension", *columns, right=columns)
    for name, one in health.dimensions.items():
        weight = health.weights[name]
        cells = [points(one.score), f"{weight.weight:g}"]
        if "share" in columns:
            part = style.NOTHING if one.score is None else f"{one.score.middle * weight.share:.2f}"
            cells += [f"{weight.share:.3f}" if one.score else style.NOTHING, part]
        made.add_row(one.title, *cells, percent(one.coverage))
    if "share" in columns:
        made.add_row("all", f"{health.score:.1f}", "", "", f"{health.score:.2f}", percent(health.coverage))
    return made


def _inputs(dimension: DimensionScore) -> object:
    numbers = ("score", "weight", "share")
    made = style.table("input", "value", *numbers, "from", right=numbers, fold=("value", "from"), gap=1)
    for one in dimension.inputs:
        share = f"{one.share:.2f}" if one.score else style.NOTHING
        name = f"{one.name}{ASSUMED if one.assumed else ''}"
        made.add_row(name, one.value or "not known", points(one.score), f"{one.weight:g}", share, _origin(one))
    return made


def _origin(one: InputScore) -> str:
    return one.origin + (f", {style.moment(one.observed_at, short=True)}" if one.observed_at else "")


def _show_moves(health: AccountHealth, colour: Mapping[str, str], *, explained: bool) -> None:
    head = Text(f"{style.moment(health.before_time)}: ")
    head.append(health.health_before, style=colour.get(health.health_before, ""))
    head.append(", no score" if health.score_before is None else f", {health.score_before:.1f}")
    if health.score is not None and health.score_before is not None:
        head.append(f"; since then {health.score - health.score_before:+.1f}")
    style.show("", head)
    if not health.moves:
        return
    made = style.table("moved", "before", "now", "points", right=("points",), fold=("before", "now"))
    for one in health.moves if explained else health.moves[:_SHOWN_MOVES]:
        signed = Text(f"{one.points:+.1f}", style="green" if one.points > 0 else "red")
        made.add_row(one.name, one.before or "not known", one.now or "not known", signed)
    style.show(made)


def _show_advice(health: AccountHealth, *, explained: bool) -> None:
    if health.recommendations:
        made = style.table("what to do", "", fold=("",))
        for one in health.recommendations:
            made.add_row(one.name, one.text)
            if explained:
                made.add_row("", f"because {one.reason}")
        style.show("", made)
    churn = health.churn
    if churn is not None:
        days = churn.horizon.total_seconds() / 86_400
        style.show("", f"leaves within {days:g} days: {percent(churn.probability)} (by a {churn.method})")
        if churn.intervention:
            style.show(f"{churn.segment}: {churn.intervention}")


def _score(score: float | None) -> str:
    return style.NOTHING if score is None else f"{score:.1f}"


def _whole(score: float | None) -> str:
    return style.NOTHING if score is None else f"{score:.0f}"


def _cell(value: float | None) -> object:
    return "" if value is None else value
