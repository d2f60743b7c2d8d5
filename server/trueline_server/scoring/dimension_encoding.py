"""Writes how the dimensions of a feature were scored as the bytes of their messages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from trueline.v1 import scoring_service_pb2 as pb
from trueline_rules.scoring_model import ASSUMED, ScoringInput

from trueline_server.scoring.feature_scores import FeatureScore
from trueline_server.scoring.profiles import CompiledDimension
from trueline_server.scoring.values import show_value
from trueline_server.scoring.weighing import Weighed, Weighing
from trueline_server.scoring.wire import VARINT, bytes_field, ends_field, number_field, tag, text_field


class _Known(NamedTuple):
    """An input that is known: its place in the profile, what stands before its value, and after its score."""

    place: int
    input: ScoringInput
    head: bytes
    tail: bytes


class DimensionTemplates:
    """The messages of dimensions where just these inputs are known, without what depends on values."""

    def __init__(self, weighing: Weighing) -> None:
        self._dimensions = [
            (_head(dimension, own), _entries(dimension, own, weighing.known))
            for dimension, own in zip(weighing.profile.dimensions, weighing.dimensions, strict=True)
        ]
        self._origin = text_field(4, f"default of the profile {weighing.profile.profile.metadata.name}")

    def write(self, feature: FeatureScore) -> list[bytes]:
        """The fields 3 of FeatureScore, a DimensionScore each."""
        scores, values = feature.scores, feature.values
        known, defaulted, inputs = values.known, values.defaulted, scores.inputs
        written = []
        for (head, entries), score in zip(self._dimensions, scores.dimensions, strict=True):
            parts = [head] if score.ends is None else [head, _DIMENSION(score.ends)]
            for entry in entries:
                if isinstance(entry, bytes):
                    parts.append(entry)
                    continue
                place, one, name, tail = entry
                value = bytes_field(2, show_value(one, known[place]).encode())
                source = _DEFAULT + self._origin if place in defaulted else _GIVEN
                # What is known has a score.
                parts.append(bytes_field(5, b"".join((name, value, source, _INPUT(inputs[place]), tail))))  # type: ignore[arg-type]
            written.append(bytes_field(3, b"".join(parts)))
        return written


def _head(dimension: CompiledDimension, own: Weighed) -> bytes:
    return text_field(1, dimension.name) + text_field(2, dimension.title) + number_field(4, own.coverage)


def _entries(dimension: CompiledDimension, own: Weighed, known: Sequence[bool]) -> list[_Known | bytes]:
    """Inputs in the order of the profile; those that are dropped are written already."""
    entries: list[_Known | bytes] = []
    for compiled in dimension.inputs:
        one = compiled.input
        name = text_field(1, one.name)
        weight = number_field(7, one.weight) + (bytes((tag(9, VARINT), 1)) if one.basis == ASSUMED else b"")
        if known[compiled.place]:
            entries.append(_Known(compiled.place, one, name, number_field(8, compiled.weight / own.weight) + weight))
        else:
            entries.append(bytes_field(5, name + _source(pb.INPUT_SOURCE_DROPPED) + weight))
    return entries


def _source(source: pb.InputSource.ValueType) -> bytes:
    return bytes((tag(3, VARINT), source))


_GIVEN, _DEFAULT = _source(pb.INPUT_SOURCE_GIVEN), _source(pb.INPUT_SOURCE_DEFAULT)
# A score in the message of a dimension, and of an input.
_DIMENSION, _INPUT = map(ends_field, (3, 6))
