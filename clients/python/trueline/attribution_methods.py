"""The methods of the sync client that are about attribution."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from trueline import attribution_calls
from trueline.attribution import (
    AttributionDimension,
    AttributionReport,
    ChannelPaths,
    ExplainedJourney,
    Funnel,
    FunnelStage,
    ModelComparison,
)
from trueline.calls import Answer, Call
from trueline.operations import Operation


class AttributionMethods:
    """Calls of the AttributionService, over the calls of the client that has them.

    Most ask about the conversions of a period, [start, end): of the type `conversion` of an AttributionModel document
    ("" = its first one; of the document "default"), with what had been accepted by `known_at` (None = now).
    """

    def _call(self, call: Call[Answer], timeout: float | None) -> Answer:
        raise NotImplementedError

    def attribute_conversions(
        self,
        start: datetime,
        end: datetime,
        *,
        models: Sequence[str] = (),
        by: Sequence[AttributionDimension | str] = (),
        changed_since: datetime | None = None,
        document: str = "",
        conversion: str = "",
        known_at: datetime | None = None,
        min_position: int = 0,
        page_token: str = "",
        timeout: float | None = None,
    ) -> AttributionReport:
        """What each channel, campaign, day or segment earned, what was spent on it and what came back.

        Args:
            start: of the period.
            end: of the period, exclusive; at most 400 days later.
            models: names of models of the document; () = all that fit `by`.
            by: what it is broken down by; () = the channel. Markov and Shapley models know channels only.
            changed_since: tell beside each credit what it was when only this had been accepted.
            document: name of an AttributionModel in force.
            conversion: type of conversion.
            known_at: with what had been accepted by then.
            min_position: wait until the events up to this log position are in.
            page_token: of a former answer to the same question: only what comes behind it; "" = from the first row on.
            timeout: seconds for each page.

        Raises:
            NotFoundError: there is no such document, conversion or model; `metadata["nearest"]` may name the nearest.
            PreconditionError: values are in a currency without a rate, or no event is a touch or a conversion.

        """
        asked = attribution_calls.question(
            start, end, document=document, conversion=conversion, known_at=known_at, min_position=min_position
        )
        call = attribution_calls.attribute_conversions(
            asked, models=models, by=by, changed_since=changed_since, page_token=page_token
        )
        return self._call(call, timeout)

    def compare_models(
        self,
        start: datetime,
        end: datetime,
        *,
        models: Sequence[str] = (),
        baseline: str = "",
        document: str = "",
        conversion: str = "",
        known_at: datetime | None = None,
        min_position: int = 0,
        page_token: str = "",
        timeout: float | None = None,
    ) -> ModelComparison:
        """How far models differ about channels, with removal effects; () = all of them, "" = the first as baseline.

        With a `page_token` of an operation's answer to the same question, only the channels that come behind it.
        """
        asked = attribution_calls.question(
            start, end, document=document, conversion=conversion, known_at=known_at, min_position=min_position
        )
        call = attribution_calls.compare_models(asked, models=models, baseline=baseline, page_token=page_token)
        return self._call(call, timeout)

    def explain_journey(
        self,
        conversion_id: str,
        *,
        source: str = "",
        models: Sequence[str] = (),
        document: str = "",
        conversion: str = "",
        timeout: float | None = None,
    ) -> ExplainedJourney:
        """One conversion, touch by touch: whose it was, and what each touch earned and why.

        Args:
            conversion_id: id of the event that is the conversion.
            source: its source; needed where two sources have events of this id.
            models: names of models that weigh touches; () = all of them.
            document: name of an AttributionModel in force; "" = default.
            conversion: type of conversion; "" = the first one of the document.
            timeout: seconds.

        """
        call = attribution_calls.explain_journey(
            conversion_id, source=source, document=document, conversion=conversion, models=models
        )
        return self._call(call, timeout)

    def list_paths(
        self,
        start: datetime,
        end: datetime,
        *,
        converted_only: bool = False,
        limit: int = 100,
        document: str = "",
        conversion: str = "",
        known_at: datetime | None = None,
        min_position: int = 0,
        page_token: str = "",
        timeout: float | None = None,
    ) -> ChannelPaths:
        """The paths that journeys took, the most frequent first, at most `limit` (0 = all), and the moves between.

        With a `page_token` of a former answer to the same question, only the paths and moves that come behind it.
        """
        asked = attribution_calls.question(
            start, end, document=document, conversion=conversion, known_at=known_at, min_position=min_position
        )
        call = attribution_calls.list_paths(asked, converted_only=converted_only, limit=limit, page_token=page_token)
        return self._call(call, timeout)

    def get_funnel(
        self,
        start: datetime,
        end: datetime,
        steps: Sequence[FunnelStage],
        *,
        window: timedelta | None = None,
        document: str = "",
        known_at: datetime | None = None,
        min_position: int = 0,
        timeout: float | None = None,
    ) -> Funnel:
        """How many people came from step to step (2 to 10) within a window of their first one (None = 30 days)."""
        asked = attribution_calls.question(
            start, end, document=document, conversion="", known_at=known_at, min_position=min_position
        )
        return self._call(attribution_calls.get_funnel(asked, steps, window=window), timeout)

    def validate_attribution(
        self,
        start: datetime,
        end: datetime,
        *,
        models: Sequence[str] = (),
        held_out_share: float = 0.0,
        resamples: int = 0,
        confidence: float = 0.0,
        seed: int = 0,
        highest_order: int = 0,
        document: str = "",
        conversion: str = "",
        known_at: datetime | None = None,
        min_position: int = 0,
        request_id: str = "",
        timeout: float | None = None,
    ) -> Operation:
        """Begin to check how far models can be trusted; `wait_operation` answers an AttributionValidation.

        Args:
            start: of the period.
            end: of the period, exclusive.
            models: names of models of the document; () = all.
            held_out_share: share of the journeys that models do not learn from, up to 0.5; 0 = 0.2.
            resamples: for the intervals, 20 to 2,000; 0 = 200.
            confidence: of the intervals, up to 0.999; 0 = 0.95.
            seed: chooses what is held out and resampled; the same one gives the same result.
            highest_order: of a Markov chain that is looked at, 1 to 10; 0 = 4.
            document: name of an AttributionModel in force.
            conversion: type of conversion.
            known_at: with what had been accepted by then.
            min_position: wait until the events up to this log position are in.
            request_id: asked again with the same, the same operation is answered; "" = a new one.
            timeout: seconds for the call that begins it.

        """
        asked = attribution_calls.question(
            start, end, document=document, conversion=conversion, known_at=known_at, min_position=min_position
        )
        call = attribution_calls.validate_attribution(
            asked,
            models=models,
            held_out_share=held_out_share,
            resamples=resamples,
            confidence=confidence,
            seed=seed,
            highest_order=highest_order,
            request_id=request_id,
        )
        return self._call(call, timeout)

    def begin_report(
        self,
        start: datetime,
        end: datetime,
        *,
        models: Sequence[str] = (),
        by: Sequence[AttributionDimension | str] = (),
        changed_since: datetime | None = None,
        document: str = "",
        conversion: str = "",
        known_at: datetime | None = None,
        min_position: int = 0,
        request_id: str = "",
        timeout: float | None = None,
    ) -> Operation:
        """Begin what attribute_conversions answers, where that takes long; see `AttributionReport.next_page_token`."""
        asked = attribution_calls.question(
            start, end, document=document, conversion=conversion, known_at=known_at, min_position=min_position
        )
        call = attribution_calls.attribute_conversions(asked, models=models, by=by, changed_since=changed_since)
        return self._call(attribution_calls.run_attribution(call, request_id), timeout)

    def begin_comparison(
        self,
        start: datetime,
        end: datetime,
        *,
        models: Sequence[str] = (),
        baseline: str = "",
        document: str = "",
        conversion: str = "",
        known_at: datetime | None = None,
        min_position: int = 0,
        request_id: str = "",
        timeout: float | None = None,
    ) -> Operation:
        """Begin what compare_models answers, where that takes long; see `ModelComparison.next_page_token`."""
        asked = attribution_calls.question(
            start, end, document=document, conversion=conversion, known_at=known_at, min_position=min_position
        )
        call = attribution_calls.compare_models(asked, models=models, baseline=baseline)
        return self._call(attribution_calls.run_attribution(call, request_id), timeout)

    def begin_paths(
        self,
        start: datetime,
        end: datetime,
        *,
        converted_only: bool = False,
        limit: int = 100,
        document: str = "",
        conversion: str = "",
        known_at: datetime | None = None,
        min_position: int = 0,
        request_id: str = "",
        timeout: float | None = None,
    ) -> Operation:
        """Begin what list_paths answers, where that takes long; at most 10,000 paths, `limit` 0 = so many."""
        asked = attribution_calls.question(
            start, end, document=document, conversion=conversion, known_at=known_at, min_position=min_position
        )
        call = attribution_calls.list_paths(asked, converted_only=converted_only, limit=limit)
        return self._call(attribution_calls.run_attribution(call, request_id), timeout)
