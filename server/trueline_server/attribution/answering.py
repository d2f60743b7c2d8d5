"""Answers the calls of attribution in pages, of the state that the first page is of, and its streams of journeys."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

from trueline.v1 import attribution_service_pb2 as pb

from trueline_server.attribution.answer_pages import PAGE_BYTES, AnswerPages
from trueline_server.attribution.answer_portions import fill
from trueline_server.attribution.asking import Asked, Asking, Needs, Question
from trueline_server.attribution.changes import cause_totals, known_earlier, list_changes
from trueline_server.attribution.choosing import choose_models, touch_model
from trueline_server.attribution.comparing import choose_compared, compare
from trueline_server.attribution.explaining import explain
from trueline_server.attribution.funnel import funnel
from trueline_server.attribution.funnel_mapping import map_funnel_to_proto, map_steps_from_proto, map_window_from_proto
from trueline_server.attribution.journey_mapping import map_cause_total_to_proto, map_change_to_proto
from trueline_server.attribution.journey_stream import JourneyStream, stream_journeys
from trueline_server.attribution.kept_answers import State
from trueline_server.attribution.mapping import (
    map_about_to_proto,
    map_changed_row_to_proto,
    map_comparison_to_proto,
    map_dimensions_from_proto,
    map_edge_to_proto,
    map_journey_to_proto,
    map_left_out_to_proto,
    map_path_to_proto,
    map_question_from_proto,
    map_row_to_proto,
    map_totals_to_proto,
)
from trueline_server.attribution.money import minor_unit_digits
from trueline_server.attribution.path_listing import list_paths
from trueline_server.attribution.reporting import Earned, Row, knows_channels_only, report
from trueline_server.attribution.statements import LATE_KINDS, CountLate
from trueline_server.kpis.instants import FIRST_US
from trueline_server.transport.tenant import current_tenant
from trueline_server.transport.times import instant_in

_ROWS, _PATHS, _CHANGES = 1000, 100, 100
_MOST_CHANGES = 1000


class Answering:
    """Answers for the tenant of the call. Methods block; thread-safe.

    Each takes the state that the answer is to be of, None = the newest one; a page token has one of its own.
    """

    def __init__(self, asking: Asking, pages: AnswerPages) -> None:
        self._asking = asking
        self._pages = pages

    def report(self, request: pb.AttributeConversionsRequest, state: State | None = None) -> Any:
        """A page of a report. Raises what the call does."""
        return self._pages.cut(
            request, lambda of: self._whole_report(request, of), rows=("rows",), size=_ROWS, state=state
        )

    def compare(self, request: pb.CompareModelsRequest, state: State | None = None) -> Any:
        """A page of channels by models. Raises what the call does."""

        def whole(of: State | None) -> pb.CompareModelsResponse:
            asked = self._ask(request, of, Needs.VALUES_AND_COSTS)
            return map_comparison_to_proto(compare(self._asking, asked, request.models, request.baseline))

        return self._pages.cut(request, whole, rows=("channels",), size=_ROWS, state=state)

    def paths(self, request: pb.ListPathsRequest, state: State | None = None) -> Any:
        """A page of paths, and of the moves between channels. Raises what the call does."""
        return self._pages.cut(
            request, lambda of: self._whole_paths(request, of), rows=("paths", "edges"), size=_PATHS, state=state
        )

    def explain(self, request: pb.ExplainJourneyRequest) -> Any:
        """A conversion and a page of its touches. Raises what the call does."""
        question = Question(current_tenant(), FIRST_US, FIRST_US + 1, request.document, request.conversion)

        def whole(of: State | None) -> pb.ExplainJourneyResponse:
            asked = _at(question, of)
            found = explain(self._asking, asked, request.conversion_id, request.source, request.models)
            return map_journey_to_proto(found)

        return self._pages.cut(request, whole, rows=("touches",), size=_ROWS)

    def funnel(self, request: pb.GetFunnelRequest) -> Any:
        """People by how far they came, and a page of channels. Raises what the call does."""
        steps, window_us = map_steps_from_proto(request), map_window_from_proto(request)

        def whole(of: State | None) -> pb.GetFunnelResponse:
            asked = self._ask(request, of, needs=Needs.NO_MONEY)
            return map_funnel_to_proto(funnel(self._asking, asked, steps, window_us))

        return self._pages.cut(request, whole, rows=("channels",), size=_ROWS)

    def changes(self, request: pb.ListAttributionChangesRequest) -> pb.ListAttributionChangesResponse:
        """A page of changed conversions; each page compares anew. Raises what the call does."""
        (skip,), state = self._pages.opened(request)
        asked = self._ask(request, state)
        since = request.WhichOneof("since")
        earlier = known_earlier(
            self._asking,
            asked,
            at_us=instant_in(request, "changed_since") if since == "changed_since" else None,
            position=request.since_position if since == "since_position" else None,
        )
        size = min(request.page_size or _CHANGES, _MOST_CHANGES)
        found = list_changes(self._asking, asked, earlier, request.models, skip=skip, size=size)
        page = pb.ListAttributionChangesResponse(
            about=map_about_to_proto(asked),
            causes=map(map_cause_total_to_proto, found.totals),
            total_changes=found.total_changes,
        )
        rows = [map_change_to_proto(change) for change in found.changes]
        shown = fill(page.changes, rows, PAGE_BYTES - page.ByteSize())
        if skip + shown < found.total_changes:
            of = State(asked.question.position or 0, asked.rules.revision)
            page.next_page_token = self._pages.token(request, (skip + shown,), of)
        return page

    def stream(self, request: pb.StreamJourneysRequest) -> JourneyStream:
        """The journeys of a question, not read yet. Raises what the call does."""
        return stream_journeys(self._asking, self._ask(request, None), request.models)

    def check(self, request: Any) -> State:
        """The newest state, if the request of one of these calls can be answered of it.

        Raises:
            TruelineError: what the call would.

        """
        needs = Needs.VALUES if isinstance(request, pb.ListPathsRequest) else Needs.VALUES_AND_COSTS
        asked = self._ask(request, None, needs)
        match request:
            case pb.AttributeConversionsRequest():
                by = map_dimensions_from_proto(list(request.by))
                choose_models(asked.document, request.models, by_touch=not knows_channels_only(by))
                instant_in(request, "changed_since")
            case pb.CompareModelsRequest():
                choose_compared(asked.document, request.models, request.baseline)
        return State(asked.question.position or 0, asked.rules.revision)

    def _ask(self, request: Any, state: State | None, needs: Needs = Needs.VALUES) -> Asked:
        return self._asking.ask(_at(map_question_from_proto(request.question), state), needs)

    def _whole_report(
        self, request: pb.AttributeConversionsRequest, state: State | None
    ) -> pb.AttributeConversionsResponse:
        by, since_us = map_dimensions_from_proto(list(request.by)), instant_in(request, "changed_since")
        asked = self._ask(request, state, Needs.VALUES_AND_COSTS)
        now = report(self._asking, asked, request.models, by)
        answer = pb.AttributeConversionsResponse(
            about=map_about_to_proto(asked),
            totals=map_totals_to_proto(now.totals),
            left_out=map_left_out_to_proto(now),
        )
        if since_us is None:
            answer.rows.extend(map_row_to_proto(row) for row in now.rows)
            return answer
        earlier = known_earlier(self._asking, asked, at_us=since_us)
        then = report(self._asking, earlier.asked, request.models, by, some_answers=True)
        ((*late,),) = self._asking.rows(CountLate(asked.journeys, since_us))
        before = {_key(row): row for row in then.rows}
        known = {_key(row) for row in now.rows}
        # What was and is no more is a line with nothing in it.
        gone = [
            _emptied(row, now.models, minor_unit_digits(asked.document.currency))
            for key, row in before.items()
            if key not in known
        ]
        rows = sorted([*now.rows, *gone], key=lambda row: (row.unattributed, *row.names.values()))
        answer.rows.extend(map_changed_row_to_proto(row, before.get(_key(row)), then.models) for row in rows)
        answer.left_out_before.extend(map_left_out_to_proto(then))
        answer.totals_before.CopyFrom(map_totals_to_proto(then.totals))
        answer.late_events.extend(
            pb.LateEvents(kind=kind, events=count) for kind, count in zip(LATE_KINDS, late, strict=False) if count
        )
        specs = (asked.document.models[name] for name in now.models)
        models = [touch_model(spec) for spec in specs if spec.formula.by_touch]
        change = now.totals.value - then.totals.value
        answer.causes.extend(map(map_cause_total_to_proto, cause_totals(self._asking, asked, earlier, models, change)))
        return answer

    def _whole_paths(self, request: pb.ListPathsRequest, state: State | None) -> pb.ListPathsResponse:
        found = list_paths(self._asking, self._ask(request, state), converted_only=request.converted_only)
        return pb.ListPathsResponse(
            about=map_about_to_proto(found.asked),
            paths=map(map_path_to_proto, found.paths),
            edges=map(map_edge_to_proto, found.edges),
            total_paths=len(found.paths),
        )


def _at(question: Question, state: State | None) -> Question:
    return question if state is None else replace(question, position=state.position, revision=state.revision)


def _key(row: Row) -> tuple[bool, tuple[str, ...]]:
    return row.unattributed, tuple(row.names.values())


def _emptied(row: Row, models: Sequence[str], digits: int) -> Row:
    nothing = Decimal(0).scaleb(-digits)
    cost = None if row.cost is None else nothing
    return replace(row, touches=0, cost=cost, earned={name: Earned(0.0, nothing) for name in models})
