"""The methods of the sync client that are about single conversions: what changed since, and journeys one by one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from google.protobuf.message import Message

from trueline import attribution_calls, attribution_change_calls
from trueline.attribution_changes import AttributionChanges
from trueline.calls import Answer, Call
from trueline.journey_streams import JourneyStream


class AttributionChangeMethods:
    """Calls of the AttributionService, over the calls of the client that has them.

    They ask about the conversions of a period, [start, end): of the type `conversion` of an AttributionModel document
    ("" = its first one; of the document "default"), with what had been accepted by `known_at` (None = now).
    """

    def _call(self, call: Call[Answer], timeout: float | None) -> Answer:
        raise NotImplementedError

    def _begin(self, service: str, method: str, request: Message, timeout: float | None) -> tuple[Any, Any, Any]:
        raise NotImplementedError

    def list_attribution_changes(
        self,
        start: datetime,
        end: datetime,
        *,
        since: datetime | int,
        models: Sequence[str] = (),
        limit: int = 100,
        document: str = "",
        conversion: str = "",
        known_at: datetime | None = None,
        min_position: int = 0,
        timeout: float | None = None,
    ) -> AttributionChanges:
        """Conversions that are attributed in another way than before, because of which events, and what moved.

        Args:
            start: of the period.
            end: of the period, exclusive; at most 400 days later.
            since: an instant, by which events had been accepted; or a log position, as `about` of a former answer
                tells it.
            models: names of models that weigh touches; () = all of them.
            limit: most conversions, 0 = all; totals of causes are of all of them nevertheless.
            document: name of an AttributionModel in force.
            conversion: type of conversion.
            known_at: with what had been accepted by then.
            min_position: wait until the events up to this log position are in.
            timeout: seconds for each page.

        Raises:
            InvalidRequestError: `since` lies behind the question's own.

        """
        asked = attribution_calls.question(
            start, end, document=document, conversion=conversion, known_at=known_at, min_position=min_position
        )
        call = attribution_change_calls.list_changes(asked, since=since, models=models, limit=limit)
        return self._call(call, timeout)

    def stream_journeys(
        self,
        start: datetime,
        end: datetime,
        *,
        models: Sequence[str] = (),
        document: str = "",
        conversion: str = "",
        known_at: datetime | None = None,
        min_position: int = 0,
        timeout: float | None = None,
    ) -> JourneyStream:
        """The conversions of a period one by one, with what each of their touches earned, by time; of one log position.

        Args:
            start: of the period.
            end: of the period, exclusive; at most 400 days later.
            models: names of models that weigh touches; () = all of them.
            document: name of an AttributionModel in force.
            conversion: type of conversion.
            known_at: with what had been accepted by then.
            min_position: wait until the events up to this log position are in.
            timeout: seconds until the last journey; None = as long as it takes.

        Returns:
            A stream that is begun. One that breaks raises and is not continued: what came in meanwhile would differ.

        """
        asked = attribution_calls.question(
            start, end, document=document, conversion=conversion, known_at=known_at, min_position=min_position
        )
        request = attribution_change_calls.stream_journeys(asked, models)
        where = attribution_change_calls.SERVICE, attribution_change_calls.STREAM
        return JourneyStream(*self._begin(*where, request, timeout))
