"""The batching sender against a real server: order, several in flight, back-pressure, nothing lost."""

from __future__ import annotations

import threading
from datetime import UTC, datetime

import pytest
from trueline import BatchingSender, ColumnBatch, Event, RetryPolicy, SendError, TruelineClient

from tests.integration.sdk.recording import Failure, Recorder, Running

AT = datetime(2024, 5, 6, tzinfo=UTC)


def event(number: int, **more: object) -> Event:
    """The event with a number."""
    return Event(id=f"e{number}", source="shop", name="sale", occurred_at=AT, **more)  # type: ignore[arg-type]


def keys(count: int) -> list[tuple[str, str]]:
    """The identities of the first events."""
    return [("shop", f"e{i}") for i in range(count)]


def test_events_arrive_once_and_in_order(client: TruelineClient, recorder: Recorder) -> None:
    """Whatever the borders of batches, the log has the order of `send`."""
    with BatchingSender(client, batch_events=100) as sender:
        for number in range(1234):
            sender.send(event(number))
    assert recorder.arrivals == keys(1234)
    assert (sender.totals.accepted, sender.totals.duplicates, sender.totals.rejected) == (1234, 0, 0)
    assert sender.totals.position == 1234
    assert recorder.batches == 13


def test_a_batch_that_is_not_full_is_sent_after_a_while(client: TruelineClient, recorder: Recorder) -> None:
    """Nobody has to flush for few events to arrive."""
    with BatchingSender(client, linger=0.05) as sender:
        sender.send(event(0))
        recorder.wait_for(lambda: recorder.batches == 1)


def test_columns_and_events_keep_their_order(client: TruelineClient, recorder: Recorder) -> None:
    """Columns go after the events handed in before them, cut to the size of a batch."""
    columns = ColumnBatch(
        ids=[f"e{i}" for i in range(1, 26)], source="shop", name="sale", occurred_at_us=[1] * 25, origins=range(25)
    )
    with BatchingSender(client, batch_events=10) as sender:
        sender.send(event(0))
        sender.send_columns(columns)
        sender.send(event(26))
    assert recorder.arrivals == keys(27)
    assert recorder.batches == 5


def test_several_batches_are_in_flight_and_then_it_blocks(client: TruelineClient, recorder: Recorder) -> None:
    """While no answer comes, as many batches as allowed are sent and wait; `send` blocks until there is room."""
    recorder.gate.clear()
    handed_in: list[int] = []
    sender = BatchingSender(client, batch_events=1, in_flight=3, waiting=2)

    def produce() -> None:
        for number in range(20):
            sender.send(event(number))
            handed_in.append(number)

    producer = threading.Thread(target=produce)
    producer.start()
    recorder.wait_for(lambda: recorder.batches == 1)
    with sender._changed:
        assert sender._changed.wait_for(lambda: len(sender._waiting) == 2 and len(sender._in_flight) == 3, 20)
    producer.join(0.2)
    # Three in flight, two waiting: the call that filled the queue has not come back.
    assert producer.is_alive()
    assert len(handed_in) == 4
    recorder.gate.set()
    producer.join(20)
    sender.close()
    assert recorder.arrivals == keys(20)


def test_a_lost_answer_loses_and_doubles_nothing(client: TruelineClient, recorder: Recorder) -> None:
    """A stream cut after its batch was kept: the batch is sent again and counts as duplicates."""
    recorder.cut_after.extend([0, 2, 1])
    with BatchingSender(client, batch_events=10) as sender:
        for number in range(200):
            sender.send(event(number))
    assert sorted(recorder.events) == sorted(keys(200))
    assert len(recorder.arrivals) == 200
    assert sender.totals.accepted + sender.totals.duplicates == 200
    assert sender.totals.duplicates >= 30


def test_a_server_that_comes_back_gets_everything(running: Running, recorder: Recorder) -> None:
    """A restart in the middle: what was not answered is sent again, in order."""
    client = TruelineClient(running.address, retry=RetryPolicy(first=0.01, longest=0.1))
    with client, BatchingSender(client, batch_events=10) as sender:
        for number in range(100):
            sender.send(event(number))
        recorder.wait_for(lambda: len(recorder.arrivals) >= 20)
        running.stop()
        for number in range(100, 150):
            sender.send(event(number))
        running.start()
    assert recorder.arrivals == keys(150)


def test_the_delay_of_backpressure_is_kept(client: TruelineClient, recorder: Recorder) -> None:
    """RESOURCE_EXHAUSTED with RetryInfo: the next stream comes no earlier than it says, with the same batch."""
    recorder.failures.append(Failure("RESOURCE_EXHAUSTED", "BACKPRESSURE", retry_after=0.3))
    with BatchingSender(client) as sender:
        sender.send(event(0))
    (_, _, first), (_, _, second) = recorder.calls
    assert second - first >= 0.3
    assert recorder.arrivals == keys(1)


def test_giving_up_hands_back_every_batch(running: Running) -> None:
    """Without a server `flush` raises with all events that were not accepted, and they can be sent again."""
    running.stop()
    with TruelineClient(running.address, retry=RetryPolicy(first=0.01, longest=0.05)) as client:
        sender = BatchingSender(client, batch_events=10, give_up_after=0.3)
        for number in range(35):
            sender.send(event(number))
        with pytest.raises(SendError, match="35 events in 4 batches were not accepted: no server answers") as caught:
            sender.flush()
        with pytest.raises(SendError):
            sender.send(event(35))
        with pytest.raises(SendError):
            sender.close()
        assert [row for batch in caught.value.failed for row in batch.ids] == [f"e{i}" for i in range(35)]
        running.start()
        with BatchingSender(client) as again:
            for batch in caught.value.failed:
                again.send_columns(batch)
    assert running.recorder.arrivals == keys(35)


def test_a_missing_credential_is_told_at_once(client: TruelineClient, recorder: Recorder) -> None:
    """What no retry mends ends the sender at the first answer."""
    recorder.failures.append(Failure("UNAUTHENTICATED", "UNAUTHENTICATED"))
    sender = BatchingSender(client)
    sender.send(event(0))
    with pytest.raises(SendError) as caught:
        sender.close()
    assert caught.value.reason == "UNAUTHENTICATED"
    assert len(recorder.calls) == 1


def test_an_event_that_breaks_its_batch_is_refused_alone(client: TruelineClient, recorder: Recorder) -> None:
    """A batch refused as a whole is halved until the event at fault is found; the rest is kept."""

    def judge(events: list[dict[str, object]]) -> Failure | None:
        if any(item["id"] in ("e7", "e93") for item in events):
            return Failure("INVALID_ARGUMENT", "MALFORMED_COLUMNS", "broken", {"field": "properties[x]"})
        return None

    recorder.judge = judge  # type: ignore[assignment]
    with BatchingSender(client, batch_events=50) as sender:
        for number in range(100):
            sender.send(event(number))
    assert sorted(recorder.events) == sorted(set(keys(100)) - {("shop", "e7"), ("shop", "e93")})
    assert [(r.origin.id, r.field, r.reason) for r in sender.rejections] == [
        ("e7", "properties[x]", "MALFORMED_COLUMNS"),
        ("e93", "properties[x]", "MALFORMED_COLUMNS"),
    ]
    assert sender.totals.rejected == 2


def test_large_batches_are_sent_in_parts(client: TruelineClient, recorder: Recorder) -> None:
    """A batch over the limit of bytes is split before it is sent; order stays."""
    with BatchingSender(client, batch_bytes=10_000) as sender:
        for number in range(100):
            sender.send(event(number, properties={"blob": f"{number:04d}" * 250}))
    assert recorder.arrivals == keys(100)
    assert 10 <= recorder.batches <= 32


def test_a_text_that_is_not_unicode_is_refused_alone(client: TruelineClient, recorder: Recorder) -> None:
    """A lone surrogate cannot be sent; the events around it are."""
    with BatchingSender(client) as sender:
        for number in range(10):
            sender.send(event(number, user_id="\ud800" if number == 4 else None))
    assert len(recorder.events) == 9
    assert [(r.origin.id, r.reason) for r in sender.rejections] == [("e4", "INVALID_FIELD")]


def test_rejections_go_to_the_callback(client: TruelineClient, recorder: Recorder) -> None:
    """Each refused event is told with its reason and what it stands for; nothing is kept then."""
    recorder.refuse = lambda item: "FAR_FUTURE" if item["id"] == "e2" else ""
    told = []
    with BatchingSender(client, on_rejection=told.append) as sender:
        sender.send_columns(
            ColumnBatch(
                ids=["e1", "e2", "e3"], source="shop", name="sale", occurred_at_us=[1, 2, 3], origins=[17, 18, 19]
            )
        )
    assert [(rejection.origin, rejection.reason) for rejection in told] == [(18, "FAR_FUTURE")]
    assert sender.rejections == []


def test_many_threads_share_a_sender(client: TruelineClient, recorder: Recorder) -> None:
    """Events of several threads all arrive, each thread's in its order."""
    with BatchingSender(client, batch_events=7) as sender:

        def produce(thread: int) -> None:
            for number in range(100):
                sender.send(Event(id=f"{thread}-{number}", source="shop", name="sale", occurred_at=AT))

        threads = [threading.Thread(target=produce, args=(thread,)) for thread in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        sender.flush()
        assert len(recorder.events) == 400
    for thread in range(4):
        mine = [key for _, key in recorder.arrivals if key.startswith(f"{thread}-")]
        assert mine == [f"{thread}-{number}" for number in range(100)]


def test_a_server_that_hangs_is_left(running: Running, recorder: Recorder) -> None:
    """No answer within the client's timeout counts as a cut connection, and the sender gives up in time."""
    recorder.gate.clear()
    with TruelineClient(running.address, timeout=0.2, retry=RetryPolicy(first=0.01, longest=0.05)) as client:
        sender = BatchingSender(client, give_up_after=0.5)
        sender.send(event(0))
        with pytest.raises(SendError, match="was silent"):
            sender.close()
    assert len(recorder.calls) >= 2


def test_ctrl_c_does_not_wait_for_the_server(client: TruelineClient, recorder: Recorder) -> None:
    """Leaving the block by KeyboardInterrupt ends at once, even though an answer is still out."""
    recorder.gate.clear()

    def interrupted() -> None:
        with BatchingSender(client, batch_events=1) as sender:
            sender.send(event(0))
            recorder.wait_for(lambda: recorder.batches == 1)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
