"""Streams of journeys: what is told first, and journeys one by one, as they are wanted."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from trueline.attribution_change_mapping import JourneyReader
from trueline.attribution_changes import Journey
from trueline.attribution_mapping import about
from trueline.streamed import AsyncStreamed, Decode, Streamed, Told


class _Told(Told[Journey]):
    """What the first message tells.

    Attributes:
        about: what the journeys are about.
        models: in the order of weights.
        total_journeys: how many there are in all.

    """

    def __init__(self, first: Any, call: Any, decode: Decode) -> None:
        super().__init__(call, decode)
        self.about = about(first.about)
        self.models = tuple(first.models)
        self.total_journeys = int(first.total_journeys)
        self._reader = JourneyReader(self.models)

    def read(self, message: Any) -> Iterable[Journey]:
        """Journeys that a message completes."""
        return self._reader.read(message)


class JourneyStream(_Told, Streamed[Journey]):
    """Iterated once, by time of the conversion; raises TruelineError. Left early, it is closed by `with` or `close`."""


class AsyncJourneyStream(_Told, AsyncStreamed[Journey]):
    """See JourneyStream."""
