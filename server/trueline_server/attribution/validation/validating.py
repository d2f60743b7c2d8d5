"""Checks models against the journeys of a period: accuracy, bias, intervals, and the order that the paths support."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from trueline_rules.attribution_model import Formula, ModelSpec

from trueline_server.attribution.asking import Asked, Asking
from trueline_server.attribution.credit import ChannelCredit
from trueline_server.attribution.paths import Paths
from trueline_server.attribution.validation.accuracy import Accuracy, accuracy_of
from trueline_server.attribution.validation.bias import Bias, bias_of, touch_weights_of
from trueline_server.attribution.validation.markov_order import OrderFit, fit_orders
from trueline_server.attribution.validation.observed import Observed, observe
from trueline_server.attribution.validation.prediction import divided, predicted
from trueline_server.attribution.validation.stability import Stability, stability_of
from trueline_server.errors import TruelineError

# With fewer of a kind, no test of theirs has an approximation that holds.
FEWEST_HELD_OUT = 5


@dataclass(frozen=True, slots=True)
class HowChecked:
    """How models are checked.

    Attributes:
        held_out_share: of the journeys, above 0 and at most 0.5.
        resamples: of the bootstrap, at least 20.
        confidence: of the intervals, above 0 and below 1.
        seed: chooses what is held out and resampled.
        highest_order: of a Markov chain, 1 to 10.

    """

    held_out_share: float = 0.2
    resamples: int = 200
    confidence: float = 0.95
    seed: int = 0
    highest_order: int = 4


@dataclass(frozen=True, slots=True, eq=False)
class ModelCheck:
    """How far a model can be trusted; None = it cannot be told, and `notes` say why."""

    credit: ChannelCredit | None = None
    accuracy: Accuracy | None = None
    bias: Bias | None = None
    stability: Stability | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Validation:
    """What models came to, by name; `orders` of a Markov chain from 1, () = there are no paths."""

    asked: Asked
    journeys: int
    conversions: int
    models: Mapping[str, ModelCheck]
    orders: tuple[OrderFit, ...]


# Told before a step what it is; what it raises ends the work.
Stepping = Callable[[str], None]


def steps_of(models: int, how: HowChecked) -> int:
    """How many steps a validation has: reading; prediction and resamples of each model; orders."""
    return 1 + models * (1 + how.resamples) + how.highest_order


def validate(
    asking: Asking, asked: Asked, models: Mapping[str, ModelSpec], how: HowChecked, step: Stepping
) -> Validation:
    """Check models. Blocks.

    Args:
        asking: reads the warehouse.
        asked: about which conversions.
        models: by name.
        how: they are checked.
        step: told before each step.

    Raises:
        StoreError: the warehouse cannot answer.

    """
    step("reading journeys")
    observed = observe(asking, asked, models)
    found = {name: _check(name, spec, observed, how, step) for name, spec in models.items()}
    orders: tuple[OrderFit, ...] = ()
    if observed.journeys:
        orders = fit_orders(
            observed.paths, how.highest_order, before=lambda order: step(f"fitting a chain of order {order}")
        )
    return Validation(asked, observed.journeys, observed.conversions, found, orders)


def _check(name: str, spec: ModelSpec, observed: Observed, how: HowChecked, step: Stepping) -> ModelCheck:
    step(f"predicting journeys that were held out by {name}")
    notes = _notes(observed, spec)
    if not observed.journeys:
        return ModelCheck(notes=("no journey of the period has a touch, so there is nothing to check", *notes))
    model = observed.crediting(spec)
    try:
        credit = model(observed.paths)
    except TruelineError as error:
        return ModelCheck(notes=(f"the model has no credit for these journeys: {error.message}", *notes))
    accuracy, bias = None, None
    fitted, rest = divided(observed.paths, how.held_out_share, how.seed)
    missing = _missing(observed.paths, fitted, rest)
    if missing:
        notes = (missing, *notes)
    else:
        held = predicted(model, fitted, rest)
        of_touches = observed.touch_credits_of(spec)
        weights = touch_weights_of(credit, observed.paths) if of_touches is None else of_touches.weights
        accuracy, bias = accuracy_of(held), bias_of(held, observed.paths, weights)
    stability = None
    if observed.conversions:
        stability = stability_of(
            model,
            observed.paths,
            resamples=how.resamples,
            confidence=how.confidence,
            seed=how.seed,
            before=lambda number: step(f"resample {number:,} of {how.resamples:,} by {name}"),
        )
    return ModelCheck(credit, accuracy, bias, stability, notes)


def _missing(paths: Paths, fitted: Paths, rest: Paths) -> str:
    """Why nothing can be predicted; "" = it can."""
    if not paths.conversions.sum():
        return "no journey with a touch converted, so there is no credit, nothing to predict and no interval"
    if not paths.nulls.sum():
        return "every journey converted: without journeys that did not, accuracy and bias cannot be told"
    fewest = min(float(part.sum()) for one in (fitted, rest) for part in (one.conversions, one.nulls))
    if fewest < FEWEST_HELD_OUT:
        return (
            f"fewer than {FEWEST_HELD_OUT} journeys with, or without, conversion were held out or left to learn from, "
            "so accuracy and bias are not told; ask for a longer period, or hold out another share"
        )
    return ""


def _notes(observed: Observed, spec: ModelSpec) -> tuple[str, ...]:
    notes = []
    if spec.formula is Formula.TIME_DECAY and observed.conversions:
        notes.append("each path has the mean weights of its journeys; intervals leave out how far their times differ")
    if observed.untouched:
        notes.append(f"{observed.untouched:,} conversions that no touch led to have no part in it")
    if observed.every > 1:
        notes.append(
            f"there are too many touches to read all: the journeys are those of one in {observed.every:,} persons, "
            "credits are theirs, and intervals are wider than those of all would be"
        )
    return tuple(notes)
