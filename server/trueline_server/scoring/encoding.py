"""Writes a scored feature as the bytes of its message.

An answer has about two hundred messages, of which most are the same each time but for a few numbers. Making them one by
one takes several times as long as the arithmetic, so what a profile says is written once, and the numbers go between.
"""

from __future__ import annotations

from collections.abc import Mapping
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
_FIRST, _SECOND, _THIRD, _FOURTH, _EIGHTH = (number << 3 | _DOUBLE for number in (1, 2, 3, 4, 8))


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
        self._shares: dict[tuple[bool, ...], Mapping[str, bytes]] = {}
        self._origin = f"default of the profile {profile.profile.metadata.name}"

    def encode(self, feature: FeatureScore) -> bytes:
        """The bytes of a FeatureScore."""
        scores = feature.scores
        parts = [text_field(1, feature.feature_id), text_field(2, feature.name)]
        for encoder, score in zip(self._dimensions, scores.dimensions, strict=True):
            parts.append(bytes_field(3, encoder.encode(feature, score, self._origin)))
        known = tuple([one.ends is not None for one in scores.dimensions])
        shares = self._shares_of(known)
        held: dict[int, bytes] = {}
        # Told apart by place in memory, so all are there until the last is written.
        views = list(feature.views())
        parts += [bytes_field(4, self._view(view, shares, held)) for view in views]
        overall = scores.overall
        if overall is not None:
            parts.append(_ends_field(5, overall))
        parts.append(number_field(6, scores.coverage))
        for name, score in zip(self._names, scores.dimensions, strict=True):
            if score.ends is None:
                parts.append(text_field(7, name))
        return b"".join(parts)

    def _view(self, view: PersonaView, shares: Mapping[str, bytes], written: dict[int, bytes]) -> bytes:
        """The bytes of a PersonaScore."""
        persona, (ends, _, coverage), concerns, recommendations, sensitivities = view
        parts = [self._personas[persona.name]]
        if ends is not None:
            parts.append(_ends_field(2, ends))
            parts.append(self._bands[self._profile.band(ends)])
        parts.append(_NUMBER(_THIRD, coverage))
        parts.append(shares[persona.name])
        if concerns:
            parts += [self._held(6, held, written) for held in concerns]
        if recommendations:
            parts += [self._held(7, held, written) for held in recommendations]
        heads = self._sensitivities
        parts += [
            heads[place] + _THREE(_SECOND, to_best, _THIRD, to_worst, _FOURTH, per_unit)
            for _, place, to_best, to_worst, per_unit in sensitivities
        ]
        return b"".join(parts)

    def _shares_of(self, known: tuple[bool, ...]) -> Mapping[str, bytes]:
        """What dimensions weigh for each persona: it depends on no number, but on which of them have a score."""
        written = self._shares.get(known)
        if written is None:
            written = self._shares[known] = {
                name: self._write_shares(persona, known) for name, persona in self._profile.personas.items()
            }
        return written

    def _write_shares(self, persona: CompiledPersona, known: tuple[bool, ...]) -> bytes:
        pairs = list(zip(persona.weights, known, strict=True))
        total = sum(weight for weight, there in pairs if there)
        shares = [weight / total if there and total else 0.0 for weight, there in pairs]
        return b"".join(
            bytes_field(5, text_field(1, name) + _TWO(_SECOND, weight, _THIRD, share))
            for name, weight, share in zip(self._names, persona.weights, shares, strict=True)
        )

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
        ends = feature.scores.inputs
        for one in self._inputs:
            found = ends[one.place]
            parts.append(one.dropped if found is None else one.encode(feature, found, score.weight, origin))
        return b"".join(parts)


class _InputEncoder:
    """Writes how an input came to its score, as field 5 of its dimension.

    Attributes:
        place: of the input in the profile.
        dropped: what is written where it is not known.

    """

    def __init__(self, compiled: CompiledInput) -> None:
        one = compiled.input
        self._input = one
        self._weight = compiled.weight
        self.place = compiled.place
        self._name = text_field(1, one.name)
        assumed = bytes((9 << 3 | _VARINT, 1)) if one.basis == ASSUMED else b""
        self._tail = number_field(7, one.weight) + assumed
        self.dropped = bytes_field(5, self._name + _source(pb.INPUT_SOURCE_DROPPED) + self._tail)

    def encode(self, feature: FeatureScore, ends: Ends, known: float, origin: str) -> bytes:
        """The bytes of an InputScore; `known` is the weight of what is known in its dimension."""
        place, values = self.place, feature.values
        value = text_field(2, show_value(self._input, values.known[place]))
        source = _DEFAULT + text_field(4, origin) if place in values.defaulted else _GIVEN
        share = _NUMBER(_EIGHTH, self._weight / known)
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
