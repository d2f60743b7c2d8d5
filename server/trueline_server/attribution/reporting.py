"""Reports: what channels, campaigns, days and segments earned by several models, what was spent and what came back."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal

import numpy as np
import pyarrow.compute as pc
from trueline_rules.attribution_model import ModelSpec

from trueline_server.attribution.asking import Asked, Asking
from trueline_server.attribution.choosing import channel_credit, choose_models, touch_model
from trueline_server.attribution.models import Linear
from trueline_server.attribution.money import minor_unit_digits
from trueline_server.attribution.paths import Floats, Paths, offsets_of
from trueline_server.attribution.refunds import SumUnmatched
from trueline_server.attribution.rounding import rounded, rounded_sum
from trueline_server.attribution.statements import CountPaths, Dimension, SumCosts, SumCredits
from trueline_server.errors import TruelineError

# What a row is of: a name for each dimension, and whether no touch led to it.
Key = tuple[tuple[str, ...], bool]
# In the place of a model that weighs touches, where none is asked for.
_ANY = ""
_COST_DIMENSIONS = (Dimension.CHANNEL, Dimension.CAMPAIGN, Dimension.DAY)


@dataclass(frozen=True, slots=True)
class Earned:
    """What a row earned by one model.

    Attributes:
        conversions: parts of them, too.
        value: rounded to the minor unit.
        removal_conversions: share of all conversions that would be lost without the channel; None = not known.
        removal_value: the same of the value.

    """

    conversions: float
    value: Decimal
    removal_conversions: float | None = None
    removal_value: float | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """A line of a report.

    Attributes:
        names: of each dimension that the report is broken down by.
        unattributed: whether no touch led to its conversions.
        touches: on journeys that converted.
        cost: what was spent; None = nobody says.
        earned: by model, in the order of the report's.

    """

    names: Mapping[Dimension, str]
    unattributed: bool
    touches: int
    cost: Decimal | None
    earned: Mapping[str, Earned]

    def roi(self, model: str) -> float | None:
        """(value - cost) / cost; None without a cost."""
        if not self.cost:
            return None
        return float((self.earned[model].value - self.cost) / self.cost)


@dataclass(frozen=True, slots=True)
class Totals:
    """What a report adds up to; values are rounded to the minor unit.

    Attributes:
        conversions: of the period.
        value: theirs, less refunds.
        unattributed_conversions: those that no touch led to.
        unattributed_value: theirs.
        cost: what was spent; None = nobody says.
        unmatched_refunds: refunds of the period that no conversion of their person came before; they are in no value.
        unmatched_refund_value: theirs, 0 or more; None = the document has no refunds.

    """

    conversions: int
    value: Decimal
    unattributed_conversions: int
    unattributed_value: Decimal
    cost: Decimal | None
    unmatched_refunds: int = 0
    unmatched_refund_value: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """A report: its models by name, its rows by name, what they add up to, and why models were left out, by name."""

    asked: Asked
    models: tuple[str, ...]
    rows: tuple[Row, ...]
    totals: Totals
    left_out: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class _Line:
    touches: int = 0
    sums: dict[str, tuple[float, float]] = field(default_factory=dict)
    removals: dict[str, tuple[float, float]] = field(default_factory=dict)


def report(
    asking: Asking, asked: Asked, models: Sequence[str], by: Sequence[Dimension], *, some_answers: bool = False
) -> Report:
    """What was earned and spent. Blocks.

    Args:
        asking: reads the warehouse.
        asked: about which conversions.
        models: names; () = all of the document that know the dimensions and have an answer to these paths.
        by: what it is broken down by, without repeats; () = channels.
        some_answers: whether models without an answer are left out also where they are named, or are all.

    Raises:
        TruelineError: UNKNOWN_ATTRIBUTION_MODEL; INVALID_FIELD, a model knows channels only, or one that is named, or
            each, has no answer to these paths.

    """
    dimensions = tuple(by) or (Dimension.CHANNEL,)
    chosen = choose_models(asked.document, models, by_touch=not knows_channels_only(dimensions))
    lines = _touch_lines(asking, asked, chosen, dimensions)
    needed = 0 if some_answers else len(chosen) if models else 1
    left_out = _add_channels(asking, asked, chosen, lines, needed)
    chosen = {name: spec for name, spec in chosen.items() if name not in left_out}
    costs = _costs(asking, asked, dimensions)
    for key in costs or ():
        lines[key].touches += 0
    digits = minor_unit_digits(asked.document.currency)
    keys = sorted(lines, key=lambda key: (key[1], key[0]))
    values, totals = _values(lines, keys, chosen, digits)
    spent = None
    if costs is not None:
        told = rounded(np.array([costs.get(key, 0.0) for key in keys]), digits)
        spent = dict(zip(keys, told, strict=True))
        totals = replace(totals, cost=sum(told, Decimal(0).scaleb(-digits)))
    if asked.journeys.converting.refunds is not None:
        ((refunds, value),) = asking.rows(SumUnmatched(asked.journeys))
        (paid,) = rounded(np.array([float(value)]), digits)
        totals = replace(totals, unmatched_refunds=int(refunds), unmatched_refund_value=paid)
    rows = []
    for key in keys:
        line = lines[key]
        earned = {
            name: Earned(line.sums.get(name, (0.0, 0.0))[0], values[name][key], *line.removals.get(name, ()))
            for name in chosen
        }
        names = dict(zip(dimensions, key[0], strict=True))
        cost = None if spent is None or key[1] else spent[key]
        rows.append(Row(names, key[1], line.touches, cost, earned))
    return Report(asked, tuple(chosen), tuple(rows), totals, left_out)


def knows_channels_only(by: Sequence[Dimension]) -> bool:
    """Whether a report is broken down by nothing that Markov and Shapley models do not know."""
    return tuple(by) in ((), (Dimension.CHANNEL,))


def read_paths(asking: Asking, asked: Asked, *, counted: bool = False) -> Paths:
    """The paths of all journeys, those without touches and without conversions, too. Blocks."""
    # In columns: millions of paths as lists of texts would take most of the memory of a server.
    rows = asking.columns(CountPaths(replace(asked.journeys, counted=counted))).combine_chunks()
    lists = rows["path"].combine_chunks()
    lengths = pc.list_value_length(lists).to_numpy(zero_copy_only=False).astype(np.int64)
    coded = lists.flatten().dictionary_encode()
    columns = (rows[name].to_numpy().astype(np.float64) for name in ("conversions", "value", "nulls"))
    codes = coded.indices.to_numpy(zero_copy_only=False).astype(np.int32, copy=False)
    return Paths(tuple(coded.dictionary.to_pylist()), codes, offsets_of(lengths), *columns)


def _touch_lines(
    asking: Asking, asked: Asked, chosen: Mapping[str, ModelSpec], by: tuple[Dimension, ...]
) -> defaultdict[Key, _Line]:
    by_touch = {name: touch_model(spec) for name, spec in chosen.items() if spec.formula.by_touch}
    # Without a model that weighs touches, one still tells what there is to share out.
    models = list(by_touch.values()) or [Linear()]
    journeys = replace(asked.journeys, campaigns=Dimension.CAMPAIGN in by)
    lines: defaultdict[Key, _Line] = defaultdict(_Line)
    for row in asking.rows(SumCredits(journeys, models, by)):
        names, alone, touches, sums = row[: len(by)], row[len(by)], row[len(by) + 1], row[len(by) + 2 :]
        line = lines[tuple(map(str, names)), bool(alone)]
        line.touches = int(touches)
        pairs = list(zip(map(float, sums[::2]), map(float, sums[1::2]), strict=True))
        line.sums = dict(zip(by_touch or [_ANY], pairs, strict=True))
        if alone:
            # Every model leaves to nobody what nobody led to.
            line.sums |= dict.fromkeys(chosen, pairs[0])
    return lines


def _add_channels(
    asking: Asking,
    asked: Asked,
    chosen: Mapping[str, ModelSpec],
    lines: defaultdict[Key, _Line],
    needed: int,
) -> dict[str, str]:
    """What channels earned by models over paths; tells those without an answer and why, `needed` models have one."""
    over_paths = {name: spec for name, spec in chosen.items() if not spec.formula.by_touch}
    left_out: dict[str, str] = {}
    if not over_paths:
        return left_out
    paths = read_paths(asking, asked)
    for name, spec in over_paths.items():
        try:
            credit = channel_credit(spec, paths)
        except TruelineError as error:
            left_out[name] = error.message
            if len(chosen) - len(left_out) < needed:
                raise
            continue
        for place, channel in enumerate(credit.channels):
            line = lines[(channel,), False]
            line.sums[name] = (float(credit.conversions[place]), float(credit.value[place]))
            if credit.removal_conversions is not None and credit.removal_value is not None:
                line.removals[name] = (float(credit.removal_conversions[place]), float(credit.removal_value[place]))
    return left_out


def _costs(asking: Asking, asked: Asked, by: tuple[Dimension, ...]) -> dict[Key, float] | None:
    """What was spent by row; None where nobody says, or segments cannot be told apart."""
    if asked.document.costs is None or Dimension.SEGMENT in by:
        return None
    costs: dict[Key, float] = {}
    for *names, cost in asking.rows(SumCosts(asked.journeys, asked.document.costs)):
        of = dict(zip(_COST_DIMENSIONS, map(str, names), strict=True))
        key = (tuple(of[dimension] for dimension in by), False)
        costs[key] = costs.get(key, 0.0) + float(cost)
    return costs


def _values(
    lines: Mapping[Key, _Line], keys: Sequence[Key], chosen: Mapping[str, ModelSpec], digits: int
) -> tuple[dict[str, dict[Key, Decimal]], Totals]:
    """Rounded values by model, and what all of them add up to: the same for every model."""
    alone = [key for key in keys if key[1]]
    touched = [key for key in keys if not key[1]]
    # What models share out is the same for all of them; one that weighs touches, or the one in their place, tells it.
    first = next((name for name, spec in chosen.items() if spec.formula.by_touch), _ANY)

    def shared(some: Sequence[Key], place: int) -> Floats:
        return np.array([lines[key].sums.get(first, (0.0, 0.0))[place] for key in some], dtype=np.float64)

    value, lonely = (rounded_sum(shared(some, 1), digits) for some in (touched, alone))
    values: dict[str, dict[Key, Decimal]] = {}
    for name in chosen:
        values[name] = {}
        for some, total in ((touched, value), (alone, lonely)):
            amounts = np.array([lines[key].sums.get(name, (0.0, 0.0))[1] for key in some])
            told = rounded(amounts, digits, total=total, names=[" ".join(key[0]) for key in some])
            values[name] |= dict(zip(some, told, strict=True))
    conversions = [round(float(shared(some, 0).sum())) for some in (touched, alone)]
    return values, Totals(sum(conversions), value + lonely, conversions[1], lonely, None)
