"""SQL of the heuristic models: the weight of each touch of a journey, equal to that of `models.weights`.

A touch is a row (i, at) of its journey, its place from 1 and its instant (µs since 1970), beside the journey's columns
`ats` and `channels` (arrays of instants and of labels), `n` (how many, at least 1), `last_at`, `leads_place` and
`opportunities_place`. Most weights depend on the place alone, so that no model needs an array of its own; what is the
same for all touches of a journey is a column of the journey.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import accumulate

from trueline_streams.pane_statements import Parameters

from trueline_server.attribution.models import (
    CustomWeights,
    FirstTouch,
    LastNonDirect,
    LastTouch,
    Linear,
    Model,
    PositionBased,
    TimeDecay,
    WShaped,
)

_PLAIN: Mapping[type[Model], str] = {FirstTouch: "i = 1", LastTouch: "i = n", Linear: "1 / n"}


def weight(model: Model, key: str, bound: Parameters) -> tuple[dict[str, str], str]:
    """SQL of columns that a journey has for a model, by name, and of the weight of a touch.

    Args:
        model: which.
        key: begins the names of columns and parameters that are this model's own.
        bound: takes the parameters.

    """
    match model:
        case LastNonDirect(direct):
            names = bound.add(f"{key}_direct", "Array(String)", sorted(direct))
            chosen = f"NOT has(arrayMap(name -> toUInt32(indexOf(labels, name)), {names}), c)"
            return {f"{key}_last": f"arrayLastIndex(c -> {chosen}, channels)"}, f"i = if({key}_last = 0, n, {key}_last)"
        case TimeDecay(half_life_us):
            # From the last touch, whose factor cancels, so that old journeys do not come to 0 / 0.
            half = bound.add(f"{key}_half_us", "Int64", half_life_us)
            total = f"arraySum(a -> exp2((a - last_at) / {half}), ats)"
            return {f"{key}_total": total}, f"exp2((at - last_at) / {half}) / {key}_total"
        case PositionBased(first, last):
            return _placed(CustomWeights((first,), (last,), max(0.0, 1.0 - first - last)), key)
        case CustomWeights():
            return _placed(model, key)
        case WShaped():
            return _w_shaped(model, key)
        case _:
            return {}, _PLAIN[type(model)]


def _placed(model: CustomWeights, key: str) -> tuple[dict[str, str], str]:
    placed, between = len(model.from_first) + len(model.from_last), repr(float(model.between))
    columns = {
        f"{key}_free": f"n - least(n, {placed})",
        f"{key}_each": f"if({key}_free = 0, {between} / n, {between} / {key}_free)",
        f"{key}_total": f"{_up_to(model.from_first)} + {_up_to(model.from_last)} + {between}",
    }
    base = f"{_at(model.from_first, 'i')} + {_at(model.from_last, 'n + 1 - i')}"
    own = f"{key}_free = 0 OR i > {len(model.from_first)} AND i + {len(model.from_last)} <= n"
    return columns, f"if({key}_total = 0, 1 / n, ({base} + if({own}, {key}_each, 0)) / {key}_total)"


def _w_shaped(model: WShaped, key: str) -> tuple[dict[str, str], str]:
    first, lead, opportunity = (repr(float(share)) for share in (model.first, model.lead, model.opportunity))
    rest = f"greatest(1 - {first} - if(leads_place > 0, {lead}, 0) - if(opportunities_place > 0, {opportunity}, 0), 0)"
    columns = {
        f"{key}_free": "n - 1 - (leads_place > 1) - (opportunities_place > 1 AND opportunities_place != leads_place)",
        f"{key}_rest": rest,
        f"{key}_each": f"if({key}_free = 0, {key}_rest / n, {key}_rest / {key}_free)",
    }
    base = f"if(i = 1, {first}, 0) + if(i = leads_place, {lead}, 0) + if(i = opportunities_place, {opportunity}, 0)"
    own = f"{key}_free = 0 OR NOT (i = 1 OR i = leads_place OR i = opportunities_place)"
    return columns, f"{base} + if({own}, {key}_each, 0)"


def _at(weights: tuple[float, ...], place: str) -> str:
    """SQL of the weight at a place from 1; 0 beyond the last."""
    # Looking into an array takes longer than comparing.
    return " + ".join(f"if({place} = {n}, {float(weight)!r}, 0)" for n, weight in enumerate(weights, 1)) or "0"


def _up_to(weights: tuple[float, ...]) -> str:
    """SQL of the sum of the weights that a journey of n touches has a place for."""
    if not weights:
        return "0"
    sums = [repr(float(total)) for total in accumulate(weights)]
    return sums[0] if len(sums) == 1 else f"[{', '.join(sums)}][least(n, {len(sums)})]"
