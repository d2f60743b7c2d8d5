"""Writes what a feature is to each persona as the bytes of its messages.

Which inputs are known settles most of them: weights, shares, coverage, and which input could change most. So for each
set of known inputs they are written once, with gaps for the numbers, and all numbers are put there at once.
"""

from __future__ import annotations

import struct

import numpy as np

from trueline_server.scoring.advising import Advising, Held
from trueline_server.scoring.feature_scores import FeatureScore
from trueline_server.scoring.profiles import CompiledPersona, Ends
from trueline_server.scoring.sensitivity import plan_sensitivities
from trueline_server.scoring.weighing import Weighed, Weighing
from trueline_server.scoring.wire import DOUBLE, TEXT, bytes_field, ends_field, number_field, tag, text_field

_DOUBLE_BYTES = struct.calcsize("<d")
# Numbers have a fixed length, so what stands before them is known to the last byte.
_THREE_NUMBERS = 3 * (1 + _DOUBLE_BYTES)
_SCORE = ends_field(2)


class PersonaTemplates:
    """The messages of personas where just these inputs are known, without what depends on values."""

    def __init__(self, weighing: Weighing) -> None:
        profile = weighing.profile
        self._band = profile.band
        self._bands = {"": b"", **{name: text_field(4, name) for name in profile.band_names}}
        # Names, then coverage and what dimensions weigh.
        self._heads = [
            (text_field(1, persona.name), number_field(3, overall.coverage) + _shares(weighing, persona, overall))
            for persona, overall in zip(weighing.personas, weighing.overall, strict=True)
        ]
        self._advice = {
            one: text_field(1, one.advice.name) + text_field(2, one.advice.text)
            for persona in weighing.personas
            for one in (*persona.concerns, *persona.recommendations)
        }
        self._plan = plan_sensitivities(weighing)
        names = [text_field(1, one.name) for one in profile.inputs]
        written = bytearray()
        gaps: list[int] = []
        self._cuts = []
        for places in self._plan.places:
            start = len(written)
            for place in places:
                written += bytes((tag(8, TEXT), len(names[place]) + _THREE_NUMBERS)) + names[place]
                for number in (2, 3, 4):
                    written.append(tag(number, DOUBLE))
                    gaps += range(len(written), len(written) + _DOUBLE_BYTES)
                    written += bytes(_DOUBLE_BYTES)
            self._cuts.append(slice(start, len(written)))
        self._sensitivities = np.frombuffer(bytes(written), np.uint8)
        self._gaps = np.array(gaps, np.intp)

    def write(self, feature: FeatureScore) -> list[bytes]:
        """The fields 4 of FeatureScore, a PersonaScore each."""
        told = self._fill(feature)
        advising = Advising(feature.values.known, feature.scores)
        written = []
        for place, ((name, weights), cut, overall) in enumerate(
            zip(self._heads, self._cuts, feature.scores.personas, strict=True)
        ):
            parts = [name, weights] if overall.ends is None else [name, weights, self._overall(overall.ends)]
            held = advising.hold(place)
            if held:
                parts += [one.written or self._write_held(one) for one in held]
            parts.append(told[cut])
            written.append(bytes_field(4, b"".join(parts)))
        return written

    def _overall(self, ends: Ends) -> bytes:
        """A score, and the name of its band where it lies in one."""
        return _SCORE(ends) + self._bands[self._band(ends)]

    def _fill(self, feature: FeatureScore) -> bytes:
        """What each input could change, fields 8 of one PersonaScore after the other."""
        numbers = self._plan.numbers(feature.values.known, feature.scores)
        filled = self._sensitivities.copy()
        filled[self._gaps] = numbers.astype("<f8", copy=False).view(np.uint8)
        return filled.tobytes()

    def _write_held(self, held: Held) -> bytes:
        """The bytes of a Concern or a Recommendation, which have the same fields."""
        told = self._advice[held.compiled] + text_field(3, held.reason)
        held.written = bytes_field(6 if held.compiled.concern else 7, told)
        return held.written


def _shares(weighing: Weighing, persona: CompiledPersona, overall: Weighed) -> bytes:
    """What dimensions weigh for a persona, and in its score."""
    known = dict(overall.parts)
    shares = [known[place] / overall.weight if place in known else 0.0 for place in range(len(persona.weights))]
    return b"".join(
        bytes_field(5, text_field(1, dimension.name) + number_field(2, weight) + number_field(3, share))
        for dimension, weight, share in zip(weighing.profile.dimensions, persona.weights, shares, strict=True)
    )
