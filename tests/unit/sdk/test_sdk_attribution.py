"""What the SDK refuses of questions about attribution before it asks a server."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from trueline import InvalidRequestError, TruelineClient, attribution_calls
from trueline.v1 import attribution_service_pb2 as pb

START = datetime(2026, 3, 1, tzinfo=UTC)


def test_a_dimension_that_is_none() -> None:
    """The error names the argument, the value and those that there are."""
    known = "by has 'weekday'; known: channel, campaign, day, segment"
    with TruelineClient("127.0.0.1:1") as client, pytest.raises(InvalidRequestError, match=known):
        client.attribute_conversions(START, START + timedelta(days=1), by=["weekday"])


def _path(name: str) -> pb.ChannelPath:
    return pb.ChannelPath(channels=[name], conversions=1, value="1.00")


def _edge(step: int) -> pb.PathEdge:
    return pb.PathEdge(step=step, channel="a", end=pb.PATH_END_NULL, journeys=1)


def test_moves_are_all_of_them_however_few_paths_are_wanted() -> None:
    """Pages after the last wanted path are asked for one path each; the token is that of the page with this path."""
    pages = [
        pb.ListPathsResponse(paths=[_path("a")], edges=[_edge(1)], more_edges=True, next_page_token="1"),
        pb.ListPathsResponse(paths=[_path("b")], edges=[_edge(2)], more_edges=True, next_page_token="2"),
        pb.ListPathsResponse(paths=[_path("c")], edges=[_edge(3)], more_edges=True, next_page_token="3"),
        pb.ListPathsResponse(paths=[_path("d")], edges=[_edge(4)], next_page_token="4"),
    ]
    call = attribution_calls.list_paths(pb.AttributionQuestion(), converted_only=False, limit=2)
    sizes, further = [call.request.page_size], call.next_page(pages[0])
    for page in pages[1:]:
        assert further is not None
        sizes.append(further.request.page_size)
        further = further.next_page(page)
    assert (sizes, further) == ([2, 1, 1, 1], None)
    found = call.read(pages)
    assert ([path.channels for path in found.paths], found.next_page_token) == ([("a",), ("b",)], "2")
    assert [edge.step for edge in found.edges] == [1, 2, 3, 4]


def test_without_a_limit_all_pages_are_asked_for() -> None:
    """As large ones as there are, until there is no token."""
    call = attribution_calls.list_paths(pb.AttributionQuestion(), converted_only=False, limit=0)
    further = call.next_page(pb.ListPathsResponse(paths=[_path("a")], next_page_token="1"))
    assert further is not None
    assert (further.request.page_size, further.request.page_token) == (10_000, "1")
    assert further.next_page(pb.ListPathsResponse(paths=[_path("b")])) is None
