"""kill -9 between the send and its commit, in a real process: nothing is lost, repetitions have the same key."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from trueline_server.notifications.model import NotificationState, Outcome

from tests.integration.notifications.notify_world import HUMANE, TENANT, World, alerts
from tests.integration.notifications.receivers import HttpReceiver, Request

ROOT = Path(__file__).resolve().parents[3]
# A server that dies at a point of a delivery: as `end` is about to write what came of it, or before anything went.
DIES = """
import os, signal, sys
from pathlib import Path
from trueline_server.notifications import sender
from tests.integration.notifications.notify_world import HUMANE, World

def die(*_args, **_more):
    os.kill(os.getpid(), signal.SIGKILL)

folder, url, point = sys.argv[1:]
world = World(Path(folder))
world.webhook("ada", url, person="ada", limits=HUMANE)
world.clock.turn(1)
if point == "sent":
    sender.end = die
else:
    sender.Attempt.run = die
world.sender.start()
world.sender.tick()
world.sender.settled(60)
"""


def keys(requests: list[Request]) -> list[tuple[str, tuple[str, ...]]]:
    """Each message's key and what it holds."""
    return [(each.key, tuple(part["id"] for part in each.json["notifications"])) for each in requests]


@pytest.mark.parametrize("point", ["claimed", "sent"])
def test_killed_between_claim_and_commit(world: World, receiver: HttpReceiver, point: str) -> None:
    """The next server sends the same message with the same key, though more is queued by then."""
    first = [world.put("ada", alerts("a"), person="ada"), world.put("ada", alerts("b"), person="ada")]
    command = [sys.executable, "-c", DIES, str(world.path), receiver.url, point]
    died = subprocess.run(command, cwd=ROOT, env={"PYTHONPATH": ":".join(sys.path)}, timeout=120, check=False)
    assert died.returncode == -9
    assert len(receiver.requests) == (point == "sent")
    world.webhook("ada", receiver.url, person="ada", limits=HUMANE)
    world.clock.turn(2)
    later = world.put("ada", alerts("c"), person="ada")
    world.sender.start()
    world.sender.stop()
    world.sender = world.new_sender()
    world.turn_until_done(30, 20)
    *repeated, last = keys(receiver.requests)
    assert set(repeated) == {(repeated[0][0], tuple(first))}
    assert len(repeated) == (2 if point == "sent" else 1)
    assert last == (later, (later,))
    outcomes = [each.outcome for each in world.store.deliveries(TENANT, first[0])]
    assert outcomes == [Outcome.INTERRUPTED, Outcome.SENT]
    assert set(world.states(*first, later)) == {NotificationState.SENT}
