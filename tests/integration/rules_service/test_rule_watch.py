"""WatchRules: nothing is missed and nothing comes twice, however often the stream is cut."""

from __future__ import annotations

import asyncio
import threading
from itertools import islice
from typing import Any

import grpc
import pytest
from trueline import (
    AsyncTruelineClient,
    Heartbeat,
    ResumeTokenExpiredError,
    RuleChangeKind,
    RulesChanged,
    RulesSnapshot,
    RuleStage,
    Synced,
    TruelineClient,
)
from trueline.errors import decode
from trueline.v1 import rule_service_pb2 as pb
from trueline.v1 import rule_service_pb2_grpc, rule_set_pb2
from trueline_cli.app import main
from trueline_server.rules import store
from trueline_server.transport.tokens import Tokens

from tests.integration.rules_service.life_world import BASE, LOW, LOWER, LifeServer


def change(client: TruelineClient, number: int) -> None:
    """One of several kinds of changes, each a new one."""
    if number % 3 == 2:
        client.rollback_rules()
    else:
        stage = RuleStage.SHADOW if number % 3 else RuleStage.ACTIVE
        client.activate_rules({"a.yaml": LOW.replace("0.3", f"0.{number + 1}")}, stage=stage, note=str(number))


def test_snapshot_then_changes(life: LifeServer, tenant: str, client: TruelineClient) -> None:
    """What is in force, SYNCED, then what happens, told by both clients; then heartbeats."""
    client.activate_rules({"a.yaml": LOW}, author="ann", note="first")
    watch = client.watch_rules(heartbeat=1.0)
    snapshot, synced = islice(watch, 2)
    assert isinstance(snapshot, RulesSnapshot)
    assert isinstance(synced, Synced)
    found = client.rule_revisions()
    assert (snapshot.active, snapshot.shadow, snapshot.failure) == (found.active, None, None)
    done = client.activate_rules({"a.yaml": LOWER}, author="bob", note="second")
    told = next(watch)
    assert isinstance(told, RulesChanged)
    assert (told.change.kind, told.change.author, told.change.note) == (RuleChangeKind.ACTIVATED, "bob", "second")
    assert (told.change.revision, told.change.former_revision) == (done.revision, done.former_revision)
    assert (told.change.number > synced.position, told.change.base_alone) == (True, False)
    beat = next(watch)
    assert isinstance(beat, Heartbeat)
    assert beat.position == told.change.number
    watch.close()

    async def again() -> list[Any]:
        async with AsyncTruelineClient(life.address, token=tenant) as other:
            messages = other.watch_rules(resume_token=synced.resume_token)
            return [await anext(messages), await anext(messages)]

    missed, end = asyncio.run(again())
    assert missed.change == told.change
    assert isinstance(end, Synced)


def test_cut_streams_miss_nothing(life: LifeServer, tenant: str, client: TruelineClient) -> None:
    """A watcher that is cut after every message, while changes are made, sees each once and in order."""
    stub = rule_service_pb2_grpc.RuleServiceStub(grpc.insecure_channel(life.address))
    metadata = [("authorization", f"Bearer {tenant}")]
    token, seen = "", []
    client.activate_rules({"a.yaml": LOW})
    first = stub.WatchRules(pb.WatchRulesRequest(), metadata=metadata)
    for message in first:
        token = message.resume_token or token
        if message.HasField("synced"):
            break
    first.cancel()
    changing = threading.Thread(target=lambda: [change(client, number) for number in range(12)])
    changing.start()
    rolled = 4
    while sum(one.kind == rule_set_pb2.RULE_CHANGE_KIND_ROLLED_BACK for one in seen) < rolled:
        stream = stub.WatchRules(pb.WatchRulesRequest(resume_token=token), metadata=metadata, timeout=60)
        for message in stream:
            token = message.resume_token or token
            if message.HasField("change"):
                seen.append(message.change)
                break
        stream.cancel()
    changing.join()
    numbers = [one.number for one in seen]
    assert numbers == sorted(set(numbers))
    assert [one.note for one in seen if one.kind != rule_set_pb2.RULE_CHANGE_KIND_ROLLED_BACK] == [
        str(number) for number in range(12) if number % 3 < 2
    ]


def test_a_client_goes_on_by_itself_through_a_restart(life: LifeServer, tenant: str, client: TruelineClient) -> None:
    """The server stops and comes back; a change made in between comes once, without a snapshot."""
    client.activate_rules({"a.yaml": LOW})
    watch = client.watch_rules()
    kinds = [type(message) for message in islice(watch, 2)]
    life.stop()
    life.start()
    with life.client(tenant) as other:
        other.activate_rules({"a.yaml": LOWER}, note="meanwhile")
    for message in watch:
        kinds.append(type(message))
        if isinstance(message, RulesChanged):
            assert message.change.note == "meanwhile"
            break
    assert kinds[:2] == [RulesSnapshot, Synced]
    assert RulesSnapshot not in kinds[2:]
    watch.close()


def test_broken_files_of_the_operator_are_told(
    life: LifeServer, tenant: str, client: TruelineClient, capsys: pytest.CaptureFixture[str]
) -> None:
    """As a change when they break, in the snapshot as long as they are broken, and when they are mended."""
    watch = client.watch_rules()
    list(islice(watch, 2))
    life.write("base.yaml", BASE.replace("rate <", "rtae <"))
    assert life.activation.scan()
    broken = next(watch)
    assert isinstance(broken, RulesChanged)
    assert (broken.change.kind, broken.change.base_alone) == (RuleChangeKind.LOAD_FAILED, True)
    assert "did you mean 'rate'?" in broken.change.problems[0].message
    other = client.watch_rules()
    snapshot = next(other)
    assert isinstance(snapshot, RulesSnapshot)
    assert snapshot.failure is not None
    assert snapshot.failure.problems == broken.change.problems
    assert client.rule_revisions().failure == snapshot.failure
    told = main(["--address", life.address, "--token", tenant, "rules", "revisions"]), capsys.readouterr().out
    assert told[0] == 0
    assert "✗ rule files do not load since 2024-0" in told[1]
    assert "did you mean 'rate'?" in told[1]
    other.close()
    life.write("base.yaml", BASE)
    assert life.activation.scan()
    mended = next(watch)
    assert isinstance(mended, RulesChanged)
    assert mended.change.kind is RuleChangeKind.LOAD_MENDED
    watch.close()


def test_others_hear_nothing(life: LifeServer, tenant: str, client: TruelineClient) -> None:
    """A change of one tenant is told to no other; their tokens are refused."""
    client.activate_rules({"a.yaml": LOW})
    watch = client.watch_rules()
    _, synced = islice(watch, 2)
    assert isinstance(synced, Synced)
    watch.close()
    stub = rule_service_pb2_grpc.RuleServiceStub(grpc.insecure_channel(life.address))
    metadata, stranger = [("authorization", f"Bearer {tenant}")], [("authorization", "Bearer nobody")]
    with pytest.raises(grpc.RpcError) as failed:
        next(stub.WatchRules(pb.WatchRulesRequest(), metadata=stranger))
    assert failed.value.code() is grpc.StatusCode.UNAUTHENTICATED
    for wrong in ("x", synced.resume_token[:-2], Tokens(b"another" * 5).seal(b"", "3")):
        request = pb.WatchRulesRequest(resume_token=wrong)
        with pytest.raises(grpc.RpcError) as failed:
            next(stub.WatchRules(request, metadata=metadata))
        assert decode(failed.value).reason == "INVALID_TOKEN"
    for seconds in (0.5, -1.0):
        request = pb.WatchRulesRequest()
        request.heartbeat_interval.FromMicroseconds(round(seconds * 1e6))
        with pytest.raises(grpc.RpcError) as failed:
            next(stub.WatchRules(request, metadata=metadata))
        assert decode(failed.value).metadata == {"field": "heartbeat_interval"}


def test_an_old_token_names_the_earliest(
    life: LifeServer, client: TruelineClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When changes that a token would need are forgotten, it is refused, and the one that is told works."""
    watch = client.watch_rules()
    _, synced = islice(watch, 2)
    assert isinstance(synced, Synced)
    watch.close()
    monkeypatch.setattr(store, "MOST_CHANGES", 2)
    for number in range(4):
        client.activate_rules({"a.yaml": LOW.replace("0.3", f"0.{number + 1}")}, note=str(number))
    with pytest.raises(ResumeTokenExpiredError) as expired:
        next(client.watch_rules(resume_token=synced.resume_token))
    messages = client.watch_rules(resume_token=expired.value.metadata["earliest_token"])
    told = [message for message in islice(messages, 2) if isinstance(message, RulesChanged)]
    messages.close()
    assert [one.change.note for one in told] == ["2", "3"]
