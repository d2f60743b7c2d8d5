"""SQL of the heuristic models: the weight of each touch of a journey, equal to that of `models.weights`.

A touch is a row (touch, i) of its journey, a moment and its place from 1, beside the journey's columns `touches`, `n`
(how many, at least 1), `last_at`, `leads_place` and `opportunities_place`. Most weights depend on the place alone, so
that no model needs an array of its own.
"""

from __future__ import annotations

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
from trueline_server.attribution.moments import at, label


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
            chosen = f"NOT has(arrayMap(name -> toUInt32(indexOf(labels, name)), {names}), {label('t')})"
            return {f"{key}_last": f"arrayLastIndex(t -> {chosen}, touches)"}, f"i = if({key}_last = 0, n, {key}_last)"
        case TimeDecay(half_life_us):
            # From the last touch, whose factor cancels, so that old journeys do not come to 0 / 0.
            half = bound.add(f"{key}_half_us", "Int64", half_life_us)
            total = f"arraySum(t -> exp2(({at('t')} - last_at) / {half}), touches)"
            return {f"{key}_total": total}, f"exp2(({at('touch')} - last_at) / {half}) / {key}_total"
        case WShaped():
            return {}, _w_shaped(model)
        case _:
            return {}, _by_place(model)


def _by_place(model: FirstTouch | LastTouch | Linear | PositionBased | CustomWeights) -> str:
    match model:
        case FirstTouch():
            return "i = 1"
        case LastTouch():
            return "i = n"
        case Linear():
            return "1 / n"
        case PositionBased(first, last):
            return _placed(CustomWeights((first,), (last,), max(0.0, 1.0 - first - last)))
        case CustomWeights():
            return _placed(model)


def _placed(model: CustomWeights) -> str:
    from_first, from_last = len(model.from_first), len(model.from_last)
    base = f"{_at(model.from_first, 'i')} + {_at(model.from_last, 'n + 1 - i')}"
    placed = f"(i <= {from_first} OR i > n - {from_last})"
    free = f"greatest(n - {from_first + from_last}, 0)"
    between = repr(float(model.between))
    raw = f"{base} + multiIf({free} = 0, {between} / n, {placed}, 0, {between} / {free})"
    total = f"({_up_to(model.from_first)} + {_up_to(model.from_last)} + {between})"
    return f"if({total} = 0, 1 / n, ({raw}) / {total})"


def _w_shaped(model: WShaped) -> str:
    first, lead, opportunity = (repr(float(share)) for share in (model.first, model.lead, model.opportunity))
    base = f"if(i = 1, {first}, 0) + if(i = leads_place, {lead}, 0) + if(i = opportunities_place, {opportunity}, 0)"
    rest = f"greatest(1 - {first} - if(leads_place > 0, {lead}, 0) - if(opportunities_place > 0, {opportunity}, 0), 0)"
    marked = "(1 + (leads_place > 1) + (opportunities_place > 1 AND opportunities_place != leads_place))"
    free = f"(n - {marked})"
    placed = "(i = 1 OR i = leads_place OR i = opportunities_place)"
    return f"{base} + multiIf({free} = 0, {rest} / n, {placed}, 0, {rest} / {free})"


def _at(weights: tuple[float, ...], place: str) -> str:
    """SQL of the weight at a place from 1; 0 beyond the last."""
    return f"[{', '.join(repr(float(weight)) for weight in weights)}][{place}]" if weights else "0"


def _up_to(weights: tuple[float, ...]) -> str:
    """SQL of the sum of the weights that a journey of n touches has a place for."""
    if not weights:
        return "0"
    sums = [repr(float(total)) for total in accumulate(weights)]
    return f"[{', '.join(sums)}][least(n, {len(sums)})]"
