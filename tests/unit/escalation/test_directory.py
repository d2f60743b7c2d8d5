"""Who is behind a target: channels by name, the channels of a person, and whoever is on call."""

from dataclasses import dataclass
from datetime import datetime

import pytest
from trueline_rules.escalation.directory import Directory
from trueline_rules.escalation_model import Reaches, Target
from trueline_rules.model import Metadata
from trueline_rules.schedule_model import Layer, OnCallSchedule, Rotation, Unit


@dataclass(frozen=True)
class Contact:
    metadata: Metadata
    person: str = ""


SHIFTS = Layer((("ada", "bob"), ("cy",)), Rotation(1, Unit.DAY, datetime.fromisoformat("1970-01-02")))
DIRECTORY = Directory.of(
    {"ops": OnCallSchedule(Metadata("ops"), "UTC", (SHIFTS,))},
    [
        Contact(Metadata("log")),
        *(Contact(Metadata(name), name.partition("-")[0]) for name in ("ada-mail", "ada-chat", "bob-mail")),
    ],
)
DAY = 86_400_000_000


@pytest.mark.parametrize(
    ("kind", "name", "every", "at", "channels"),
    [
        ("channel", "log", False, 0, ["log"]),
        ("channel", "ada-chat", False, 0, ["ada-chat"]),
        ("person", "ada", False, 0, ["ada-mail"]),
        ("person", "ada", True, 0, ["ada-mail", "ada-chat"]),
        ("schedule", "ops", False, DAY, ["ada-mail", "bob-mail"]),
        ("schedule", "ops", True, DAY, ["ada-mail", "ada-chat", "bob-mail"]),
    ],
)
def test_a_target_reaches_its_channels(kind: str, name: str, every: bool, at: int, channels: list[str]) -> None:
    """The first channel of each person behind it, or all of them, with the person and the target beside each."""
    target = Target(Reaches(kind), name, every)
    found = DIRECTORY(target, at)
    assert [recipient.channel for recipient in found.recipients] == channels
    assert all(recipient.target == target for recipient in found.recipients)
    assert found.why == ""


@pytest.mark.parametrize(
    ("kind", "name", "at", "why"),
    [
        ("channel", "gone", 0, "there is no channel gone any more"),
        ("person", "cy", 0, "cy has no channel"),
        ("schedule", "gone", 0, "there is no schedule gone any more"),
        ("schedule", "ops", 0, "nobody is on call"),
        ("schedule", "ops", 2 * DAY, "cy has no channel"),
    ],
)
def test_a_target_that_reaches_nobody_says_why(kind: str, name: str, at: int, why: str) -> None:
    """The reason names what is missing, for cases keep their policy while schedules and channels change."""
    found = DIRECTORY(Target(Reaches(kind), name), at)
    assert (found.recipients, found.why) == ((), why)
