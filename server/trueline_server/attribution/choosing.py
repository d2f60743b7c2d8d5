"""Which models of a document are meant, and what they are to the mathematics."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from trueline_rules.attribution_model import AttributionModel, Formula, ModelSpec
from trueline_rules.names import hint, nearest, quoted

from trueline_server.attribution.credit import ChannelCredit
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
from trueline_server.attribution.paths import Paths
from trueline_server.errors import TruelineError


def unknown(name: str, known: Collection[str], what: str) -> TruelineError:
    """The error for a name that a rule set or a document does not have."""
    told = f"there is no {what} {quoted(name)}{hint(name, known)}"
    metadata = {"name": name, "nearest": nearest(name, known) or ""}
    return TruelineError("NOT_FOUND", "UNKNOWN_ATTRIBUTION_MODEL", told, metadata=metadata)


def choose_models(document: AttributionModel, names: Sequence[str], *, by_touch: bool = False) -> dict[str, ModelSpec]:
    """Models by name, in the order of `names`; () = all of the document.

    Args:
        document: that has them.
        names: which; one that is named twice is chosen once.
        by_touch: only models that weigh touches.

    Raises:
        TruelineError: UNKNOWN_ATTRIBUTION_MODEL.

    """
    fitting = {name: spec for name, spec in document.models.items() if spec.formula.by_touch or not by_touch}
    for name in names:
        if name not in document.models:
            raise unknown(name, document.models, f"model in the document {quoted(document.metadata.name)} called")
        if name not in fitting:
            formula = document.models[name].formula
            told = (
                f"the model {quoted(name)} ({formula}) looks at the paths of all journeys, and knows channels only; "
                "ask by channel, or name other models"
            )
            raise TruelineError("INVALID_ARGUMENT", "INVALID_FIELD", told, metadata={"field": "models"})
    return {name: fitting[name] for name in names or fitting}


def touch_model(spec: ModelSpec) -> Model:
    """A model that weighs touches."""
    if spec.formula is Formula.POSITION:
        return PositionBased(spec.shares[0], spec.shares[2])
    if spec.formula is Formula.W_SHAPED:
        return WShaped(*spec.shares[:3])
    if spec.formula is Formula.CUSTOM:
        return CustomWeights(spec.from_first, spec.from_last, spec.between)
    if spec.formula is Formula.TIME_DECAY:
        return TimeDecay(spec.half_life_us)
    if spec.formula is Formula.LAST_NON_DIRECT:
        return LastNonDirect(frozenset(spec.direct))
    return _PLAIN[spec.formula]


def channel_credit(spec: ModelSpec, paths: Paths) -> ChannelCredit:
    """What channels earned by a model that looks at all paths together."""
    # Here, because they load SciPy, which is a tenth of a server's start.
    if spec.formula is Formula.MARKOV:
        from trueline_server.attribution.markov import markov

        return markov(paths, spec.order)
    from trueline_server.attribution.shapley import ShapleyForm, shapley

    return shapley(paths, ShapleyForm(spec.form))


_PLAIN: Mapping[Formula, Model] = {
    Formula.FIRST: FirstTouch(),
    Formula.LAST: LastTouch(),
    Formula.LINEAR: Linear(),
}
