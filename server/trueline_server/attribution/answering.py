"""Answers the calls that may take long: reports, paths and changes in pages, comparisons, streams of journeys."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from trueline.v1 import attribution_service_pb2 as pb

from trueline_server.attribution.answer_pages import AnswerPages, fill
from trueline_server.attribution.asking import Asked, Asking
from trueline_server.attribution.changes import cause_totals, known_earlier, list_changes
from trueline_server.attribution.choosing import choose_models, touch_model
from trueline_server.attribution.comparing import choose_compared, compare
from trueline_server.attribution.journey_mapping import map_cause_total_to_proto, map_change_to_proto
from trueline_server.attribution.journey_stream import JourneyStream, stream_journeys
from trueline_server.attribution.kept_answers import State
from trueline_server.attribution.mapping import (
    map_about_to_proto,
    map_comparison_to_proto,
    map_dimensions_from_proto,
    map_edge_to_proto,
    map_left_out_to_proto,
    map_path_to_proto,
    map_question_from_proto,
    map_row_to_proto,
    map_totals_to_proto,
)
from trueline_server.attribution.path_listing import list_paths
from trueline_server.attribution.reporting import Row, knows_channels_only, report
from trueline_server.attribution.statements import LATE_KINDS, CountLate
from trueline_server.transport.times import microseconds_of

_REPORT_ROWS, _PATHS, _CHANGES = 1000, 100, 100
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
            request, lambda of: self._whole_report(request, of), rows="rows", size=_REPORT_ROWS, state=state
        )

    def compare(self, request: pb.CompareModelsRequest, state: State | None = None) -> Any:
        """Channels by models. Raises what the call does."""
        asked = self._ask(request, state)
        return map_comparison_to_proto(compare(self._asking, asked, request.models, request.baseline))

    def paths(self, request: pb.ListPathsRequest, state: State | None = None) -> Any:
        """A page of paths; moves on the first one. Raises what the call does."""
        return self._pages.cut(
            request,
            lambda of: self._whole_paths(request, of),
            rows="paths",
            size=_PATHS,
            first_only=("edges",),
            state=state,
        )

    def changes(self, request: pb.ListAttributionChangesRequest) -> pb.ListAttributionChangesResponse:
        """A page of changed conversions; each page compares anew. Raises what the call does."""
        skip, state = self._pages.opened(request)
        asked = self._ask(request, state)
        since = request.WhichOneof("since")
        earlier = known_earlier(
            self._asking,
            asked,
            at_us=_since_us(request) if since == "changed_since" else None,
            position=request.since_position if since == "since_position" else None,
        )
        size = min(request.page_size or _CHANGES, _MOST_CHANGES)
        found = list_changes(self._asking, asked, earlier, request.models, skip=skip, size=size)
        page = pb.ListAttributionChangesResponse(
            about=map_about_to_proto(asked),
            causes=map(map_cause_total_to_proto, found.totals),
            total_changes=found.total_changes,
        )
        shown = fill(page.changes, [map_change_to_proto(change) for change in found.changes], 0, size, page.ByteSize())
        if skip + shown < found.total_changes:
            of = State(asked.question.position or 0, asked.rules.revision)
            page.next_page_token = self._pages.token(request, skip + shown, of)
        return page

    def stream(self, request: pb.StreamJourneysRequest) -> JourneyStream:
        """The journeys of a question, not read yet. Raises what the call does."""
        return stream_journeys(self._asking, self._ask(request, None), request.models)

    def check(self, request: Any) -> State:
        """The newest state, if the request of one of these calls can be answered of it.

        Raises:
            TruelineError: what the call would.

        """
        asked = self._ask(request, None)
        match request:
            case pb.AttributeConversionsRequest():
                by = map_dimensions_from_proto(list(request.by))
                choose_models(asked.document, request.models, by_touch=not knows_channels_only(by))
                _since_us(request)
            case pb.CompareModelsRequest():
                choose_compared(asked.document, request.models, request.baseline)
        return State(asked.question.position or 0, asked.rules.revision)

    def _ask(self, request: Any, state: State | None) -> Asked:
        question = map_question_from_proto(request.question)
        if state is not None:
            question = replace(question, position=state.position, revision=state.revision)
        return self._asking.ask(question)

    def _whole_report(
        self, request: pb.AttributeConversionsRequest, state: State | None
    ) -> pb.AttributeConversionsResponse:
        by, since_us = map_dimensions_from_proto(list(request.by)), _since_us(request)
        asked = self._ask(request, state)
        now = report(self._asking, asked, request.models, by)
        answer = pb.AttributeConversionsResponse(
            about=map_about_to_proto(asked),
            totals=map_totals_to_proto(now.totals),
            left_out=map_left_out_to_proto(now),
        )
        if since_us is None:
            answer.rows.extend(map_row_to_proto(row, None, changed=False) for row in now.rows)
            return answer
        earlier = known_earlier(self._asking, asked, at_us=since_us)
        then = report(self._asking, earlier.asked, now.models, by)
        ((*late,),) = self._asking.rows(CountLate(asked.journeys, since_us))
        before = {_key(row): row for row in then.rows}
        known = {_key(row) for row in now.rows}
        # What was and is no more is a line with nothing in it.
        gone = [_emptied(row) for key, row in before.items() if key not in known]
        rows = sorted([*now.rows, *gone], key=lambda row: (row.unattributed, *row.names.values()))
        answer.rows.extend(map_row_to_proto(row, before.get(_key(row)), changed=True) for row in rows)
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


def _since_us(request: pb.AttributeConversionsRequest | pb.ListAttributionChangesRequest) -> int | None:
    return microseconds_of(request.changed_since, "changed_since") if request.HasField("changed_since") else None


def _key(row: Row) -> tuple[bool, tuple[str, ...]]:
    return row.unattributed, tuple(row.names.values())


def _emptied(row: Row) -> Row:
    earned = {name: replace(one, conversions=0.0, value=0 * one.value) for name, one in row.earned.items()}
    cost = None if row.cost is None else 0 * row.cost
    return replace(row, touches=0, cost=cost, earned=earned)
