"""Batches gathered on the wire are the batches read one by one and joined, and what does not fit is never gathered."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from trueline.v1 import event_pb2
from trueline_server.ingest.arrow import arrow_of
from trueline_server.ingest.columns import read_columns
from trueline_server.ingest.digest import digests_of
from trueline_server.ingest.gathering import UnfitError, gather
from trueline_server.ingest.joining import join_batches

from tests.unit.ingest.strategies import batches
from tests.unit.ingest.test_columns import CASES, good
from tests.unit.ingest.wire import column_events, text_array

ROOM = 1 << 24
Events = list[dict[str, Any]]


def wire(events: Events, *, plain: bool) -> event_pb2.EventColumns:
    """A batch on the wire; with `plain`, user ids and texts that every event has travel as one text an event."""
    columns = column_events(events)
    if plain:
        columns.user_id.Clear()
        columns.user_id.texts.CopyFrom(text_array([event["user_id"] for event in events]))
        for column in columns.properties:
            texts = [event["properties"].get(column.key) for event in events]
            if column.WhichOneof("values") == "strings" and all(isinstance(text, str) for text in texts):
                column.strings.CopyFrom(event_pb2.StringColumn(texts=text_array([text or "" for text in texts])))
    return columns


@given(st.lists(st.tuples(batches(), st.booleans()), min_size=1, max_size=5))
def test_gathered_is_read_and_joined(parts: list[tuple[Events, bool]]) -> None:
    """The same events, digests and bound of bytes, whatever forms the columns of each batch have."""
    columns = [wire(events, plain=plain) for events, plain in parts]
    gathered, joined = gather(columns, ROOM), join_batches([read_columns(batch) for batch in columns])
    arrow_of(gathered).validate(full=True)
    assert arrow_of(gathered).equals(arrow_of(joined))
    assert digests_of(gathered) == digests_of(joined)
    assert gathered.most_text_bytes() == joined.most_text_bytes()


@pytest.mark.parametrize("place", [0, 1, 2])
@pytest.mark.parametrize(("field", "spoil"), CASES, ids=[f"{n}-{case[0]}" for n, case in enumerate(CASES)])
def test_a_misfit_is_never_gathered(field: str, spoil: Callable[[event_pb2.EventColumns], object], place: int) -> None:
    """Wherever it stands among good ones: each is then read by itself, which tells what is wrong."""
    columns = [good(), good(), good()]
    spoil(columns[place])
    with pytest.raises(UnfitError):
        gather(columns, ROOM)


def test_misfits_that_make_up_for_each_other_are_not_gathered() -> None:
    """One batch has a byte of text too many, the next one too few."""
    first, second = good(), good()
    first.ids.text, second.ids.text = b"0120", b"12"
    with pytest.raises(UnfitError):
        gather([first, second], ROOM)


def test_half_a_character_at_the_end_of_a_batch_is_not_mended_by_the_next() -> None:
    """The bytes of a character over two batches are not UTF-8 in either."""
    first, second = good(), good()
    first.ids.text, second.ids.text = b"01\xc3", b"\xa412"
    with pytest.raises(UnfitError):
        gather([first, second], ROOM)


def test_a_dictionary_that_would_grow_beyond_the_limit_is_not_gathered() -> None:
    """Its batch is then read by itself, and its size told exactly."""
    small, large = good(), good()
    large.account_id.texts.CopyFrom(text_array(["x" * 1_000]))
    assert gather([small, large], 3 * 1_100).count == 6
    with pytest.raises(UnfitError):
        gather([small, large], 3 * 1_000)
