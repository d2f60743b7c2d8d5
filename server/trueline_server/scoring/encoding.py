"""Writes a scored feature as the bytes of its message.

An answer has about two hundred messages, of which most are the same each time but for a few numbers. Making them one by
one takes several times as long as the arithmetic, so what a profile says is written once, and the numbers go between.
"""

from __future__ import annotations

from functools import lru_cache
from struct import Struct

from trueline.v1 import scoring_service_pb2 as pb
from trueline_rules.scoring_model import ASSUMED

from trueline_server.scoring.advising import Held
from trueline_server.scoring.feature_scores import FeatureScore, PersonaView
from trueline_server.scoring.profiles import CompiledDimension, CompiledInput, CompiledPersona, CompiledProfile, Ends
from trueline_server.scoring.scores import DimensionScore
from trueline_server.scoring.values import show_value

# A message on the wire is its fields one after another: number and kind, for texts and messages the length, the value.
_TEXT, _DOUBLE, _VARINT = 2, 1, 0
_NUMBER = Struct("<Bd").pack
_TWO = Struct("<BdBd").pack
_THREE = Struct("<BdBdBd").pack
_POINT = Struct("<BBBdBdBd").pack
_RANGE = Struct("<BBBdBd").pack
_FIRST, _SECOND, _THIRD, _FOURTH = (number << 3 | _DOUBLE for number in (1, 2, 3, 4))


def number_field(number: int, value: float) -> bytes:
    """A double."""
    return _NUMBER(number << 3 | _DOUBLE, value)


def bytes_field(number: int, value: bytes) -> bytes:
    """A text or a message; an empty text is left out by whoever has none."""
    size = len(value)
    if size < 0x80:
        return bytes((number << 3 | _TEXT, size)) + value
    if size < 0x4000:
        return bytes((number << 3 | _TEXT, size & 0x7F | 0x80, size >> 7)) + value
    return bytes((number << 3 | _TEXT,)) + _varint(size) + value


def text_field(number: int, value: str) -> bytes:
    """A text; nothing if it is empty."""
    return bytes_field(number, value.encode()) if value else b""


class FeatureEncoder:
    """Writes features scored by one profile."""

    def __init__(self, profile: CompiledProfile) -> None:
        self._dimensions = [_DimensionEncoder(one) for one in profile.dimensions]
        # Numbers have a fixed length, so what stands before them is known to the last byte.
        self._sensitivities = [_sensitivity_head(one) for one in profile.inputs]
        self._profile = profile
        self._bands = {"": b"", **{name: text_field(4, name) for name in profile.profile.bands}}
        self._names = [one.name for one in profile.dimensions]
        self._advice = {
            one: text_field(1, one.advice.name) + text_field(2, one.advice.text)
            for persona in profile.personas.values()
            for one in (*persona.concerns, *persona.recommendations)
        }
        self._personas = {name: text_field(1, name) for name in profile.personas}
        self._weights: dict[tuple[str, tuple[bool, ...]], bytes] = {}
        self._origin = f"default of the profile {profile.profile.metadata.name}"

    def encode(self, feature: FeatureScore) -> bytes:
        """The bytes of a FeatureScore."""
        scores = feature.scores
        parts = [text_field(1, feature.feature_id), text_field(2, feature.name)]
        for encoder, score in zip(self._dimensions, scores.dimensions, strict=True):
            parts.append(bytes_field(3, encoder.encode(feature, score, self._origin)))
        known = tuple([one.ends is not None for one in scores.dimensions])
        views = list(feature.views())
        held: dict[int, bytes] = {}
        parts += [bytes_field(4, self._view(view, known, held)) for view in views]
        overall = scores.overall
        if overall is not None:
            parts.append(_ends_field(5, overall))
        parts.append(number_field(6, scores.coverage))
        for name, score in zip(self._names, scores.dimensions, strict=True):
            if score.ends is None:
                parts.append(text_field(7, name))
        return b"".join(parts)

    def _view(self, view: PersonaView, known: tuple[bool, ...], written: dict[int, bytes]) -> bytes:
        """The bytes of a PersonaScore."""
        persona, overall = view.persona, view.overall
        parts = [self._personas[persona.name]]
        if overall.ends is not None:
            parts.append(_ends_field(2, overall.ends))
            parts.append(self._bands[self._profile.band(overall.ends)])
        parts.append(number_field(3, overall.coverage))
        parts.append(self._shares(persona, known))
        parts += [self._held(6, held, written) for held in view.concerns]
        parts += [self._held(7, held, written) for held in view.recommendations]
        heads = self._sensitivities
        parts += [
            heads[place] + _THREE(_SECOND, to_best, _THIRD, to_worst, _FOURTH, per_unit)
            for _, place, to_best, to_worst, per_unit in view.sensitivities
        ]
        return b"".join(parts)

    def _shares(self, persona: CompiledPersona, known: tuple[bool, ...]) -> bytes:
        """What dimensions weigh, which depends on no number but on which of them have a score."""
        key = (persona.name, known)
        written = self._weights.get(key)
        if written is None:
            pairs = list(zip(persona.weights, known, strict=True))
            total = sum(weight for weight, there in pairs if there)
            shares = [weight / total if there and total else 0.0 for weight, there in pairs]
            fields = (
                bytes_field(5, text_field(1, name) + _TWO(_SECOND, weight, _THIRD, share))
                for name, weight, share in zip(self._names, persona.weights, shares, strict=True)
            )
            written = self._weights[key] = b"".join(fields)
        return written

    def _held(self, number: int, held: Held, written: dict[int, bytes]) -> bytes:
        """The bytes of a Concern or a Recommendation, which have the same fields; many hold for several personas."""
        key = id(held)
        if key not in written:
            head = self._advice[held.compiled]
            written[key] = bytes_field(number, head + text_field(3, held.reason))
        return written[key]


@lru_cache(maxsize=64)
def encoder_of(profile: CompiledProfile) -> FeatureEncoder:
    """The encoder of a profile, made once."""
    return FeatureEncoder(profile)


class _DimensionEncoder:
    """Writes the scores of a dimension."""

    def __init__(self, dimension: CompiledDimension) -> None:
        self._head = text_field(1, dimension.name) + text_field(2, dimension.title)
        self._inputs = [_InputEncoder(one) for one in dimension.inputs]

    def encode(self, feature: FeatureScore, score: DimensionScore, origin: str) -> bytes:
        """The bytes of a DimensionScore."""
        parts = [self._head, number_field(4, score.coverage)]
        if score.ends is not None:
            parts.append(_ends_field(3, score.ends))
        parts += [one.encode(feature, score.weight, origin) for one in self._inputs]
        return b"".join(parts)


class _InputEncoder:
    """Writes how an input came to its score, as field 5 of its dimension."""

    def __init__(self, compiled: CompiledInput) -> None:
        one = compiled.input
        self._compiled = compiled
        self._name = text_field(1, one.name)
        assumed = bytes((9 << 3 | _VARINT, 1)) if one.basis == ASSUMED else b""
        self._tail = number_field(7, one.weight) + assumed
        self._dropped = bytes_field(5, self._name + _source(pb.INPUT_SOURCE_DROPPED) + self._tail)

    def encode(self, feature: FeatureScore, known: float, origin: str) -> bytes:
        """The bytes of an InputScore; `known` is the weight of what is known in its dimension."""
        one = self._compiled
        ends = feature.scores.inputs[one.place]
        if ends is None:
            return self._dropped
        value = text_field(2, show_value(one.input, feature.values.known[one.place]))
        source = _GIVEN if one.place not in feature.values.defaulted else _DEFAULT + text_field(4, origin)
        share = number_field(8, one.weight / known)
        return bytes_field(5, b"".join((self._name, value, source, _ends_field(6, ends), share, self._tail)))


def _ends_field(number: int, ends: Ends) -> bytes:
    """A ScoreRange."""
    low, high = ends
    if low == high:
        return _POINT(number << 3 | _TEXT, 27, _FIRST, low, _SECOND, low, _THIRD, high)
    return _RANGE(number << 3 | _TEXT, 18, _SECOND, low, _THIRD, high)


def _source(source: pb.InputSource.ValueType) -> bytes:
    return bytes((3 << 3 | _VARINT, source))


_GIVEN, _DEFAULT = _source(pb.INPUT_SOURCE_GIVEN), _source(pb.INPUT_SOURCE_DEFAULT)


def _sensitivity_head(one: CompiledInput) -> bytes:
    """What stands before the three numbers of an InputSensitivity, as field 8 of its persona."""
    name = text_field(1, one.name)
    return bytes((8 << 3 | _TEXT, len(name) + 27)) + name


def _varint(value: int) -> bytes:
    written = bytearray()
    while value >= 0x80:
        written.append(value & 0x7F | 0x80)
        value >>= 7
    written.append(value)
    return bytes(written)
