"""The journeys of a period one by one, as batches of columns with the weights of all their touches."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain

import numpy as np
import numpy.typing as npt
from trueline_stores.warehouse.streaming import Block, BlockStream

from trueline_server.attribution.asking import Asked, Asking
from trueline_server.attribution.choosing import choose_models, touch_model
from trueline_server.attribution.journey_rows import STREAM_SETTINGS, CountConversions, ReadJourneys
from trueline_server.attribution.models import Model, Touches, weights
from trueline_server.attribution.paths import Floats, offsets_of

# Journeys whose weights are computed at once.
_BATCH = 1_000


@dataclass(frozen=True, slots=True)
class JourneyBatch:
    """n journeys with m touches in all, by time.

    Attributes:
        ids: of the events that are the conversions, n of them.
        sources: of these events.
        persons: whose they are.
        values: in the currency of the model, not rounded.
        segments: names.
        touches: when, on which channel, and of which journey each was; `converted_at_us` is there.
        campaigns: of the touches, m of them.
        weights: float64[m, k], what each touch earned by each of k models.

    """

    ids: Sequence[str]
    sources: Sequence[str]
    persons: Sequence[str]
    values: Sequence[float]
    segments: Sequence[str]
    touches: Touches
    campaigns: Sequence[str]
    weights: Floats


@dataclass(frozen=True, slots=True)
class JourneyStream:
    """The journeys of a question.

    Attributes:
        asked: about which conversions.
        models: names, in the order of weights.
        total: journeys in all.

    """

    asked: Asked
    models: tuple[str, ...]
    total: int
    _blocks: BlockStream = field(repr=False)
    _chosen: Mapping[str, Model] = field(repr=False)

    def batches(self) -> Iterator[JourneyBatch]:
        """Batches of at most 1,000 journeys; read on one thread. Raises StoreError."""
        models = list(self._chosen.values())
        for block in self._blocks:
            for start in range(0, len(block[0]), _BATCH):
                yield _batch([column[start : start + _BATCH] for column in block], models)

    def stop(self) -> None:
        """End the statement; for any thread. `batches` end without an error."""
        self._blocks.stop()


def stream_journeys(asking: Asking, asked: Asked, models: Sequence[str]) -> JourneyStream:
    """The journeys of a question; they are read when batches are. Blocks.

    Args:
        asking: reads the warehouse.
        asked: about which conversions.
        models: names; () = all that weigh touches.

    Raises:
        TruelineError: UNKNOWN_ATTRIBUTION_MODEL; INVALID_FIELD, a model knows channels only.

    """
    chosen = {name: touch_model(spec) for name, spec in choose_models(asked.document, models, by_touch=True).items()}
    ((total,),) = asking.rows(CountConversions(asked.journeys))
    blocks = asking.stream(ReadJourneys(asked.journeys), STREAM_SETTINGS)
    return JourneyStream(asked, tuple(chosen), int(total), blocks, chosen)


def _batch(columns: Block, models: Sequence[Model]) -> JourneyBatch:
    ids, sources, persons, converted_at, values, segments, lead, opportunity, ats, channels, campaigns = columns
    names = list(chain.from_iterable(channels))
    known = {name: code for code, name in enumerate(dict.fromkeys(names))}
    touches = Touches(
        tuple(known),
        np.fromiter(map(known.__getitem__, names), np.int32, len(names)),
        offsets_of(np.fromiter(map(len, channels), np.int64, len(channels))),
        np.fromiter(chain.from_iterable(ats), np.int64, len(names)),
        np.array(converted_at, np.int64),
        _places(lead),
        _places(opportunity),
    )
    earned = [weights(model, touches) for model in models]
    told = np.stack(earned, axis=1) if earned else np.zeros((len(names), 0))
    every = list(chain.from_iterable(campaigns))
    return JourneyBatch(ids, sources, persons, values, segments, touches, every, told)


def _places(places: Sequence[int]) -> npt.NDArray[np.int64]:
    """From places from 1, 0 = none, to places from 0, -1 = none."""
    return np.array(places, np.int64) - 1
