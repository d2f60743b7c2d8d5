"""Events and their identities; the price of importing the SDK."""

from __future__ import annotations

import ast
import subprocess
import sys
import uuid
from datetime import UTC, datetime
from pathlib import Path

import trueline
from trueline import Event, RetryPolicy, new_event_id


def test_identities_are_uuids_in_order_of_time() -> None:
    """Version 7, never the same twice, and sorted as they were made."""
    made = [new_event_id() for _ in range(2_000)]
    assert {uuid.UUID(text).version for text in made} == {7}
    assert {uuid.UUID(text).variant for text in made} == {uuid.RFC_4122}
    assert len(set(made)) == len(made)
    stamps = [text[:18] for text in made]
    assert stamps == sorted(stamps)
    moment = datetime.fromtimestamp(int(made[-1].replace("-", "")[:12], 16) / 1000, UTC)
    assert abs((datetime.now(UTC) - moment).total_seconds()) < 60


def test_an_event_has_identity_and_time_of_its_own() -> None:
    """Both are made once, when the event is, and never again."""
    one, two = Event(source="shop", name="sale"), Event(source="shop", name="sale")
    assert one.id != two.id
    assert one.id == one.id
    assert one.occurred_at.tzinfo is UTC


def test_importing_the_package_loads_no_grpc() -> None:
    """`import trueline` is for everyone; gRPC is loaded when a client is named."""
    code = (
        "import sys, trueline; assert 'grpc' not in sys.modules; trueline.TruelineClient; assert 'grpc' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_every_public_name_is_there() -> None:
    """Each name that is offered can be loaded, and nothing else is."""
    for name in trueline.__all__:
        assert getattr(trueline, name) is not None
    assert dir(trueline) == sorted(trueline.__all__)
    assert not hasattr(trueline, "nonsense")


def test_type_checkers_see_what_there_is() -> None:
    """The stub exports each name from the module that it is loaded from."""
    stub = Path(trueline.__file__).with_suffix(".pyi").read_text()
    imports = [node for node in ast.walk(ast.parse(stub)) if isinstance(node, ast.ImportFrom)]
    exported = {name.asname: node.module for node in imports for name in node.names}
    assert exported == {name: f"trueline.{module}" for name, module in trueline._HOME.items()}  # type: ignore[attr-defined]


def test_pauses_grow_and_are_bounded() -> None:
    """Half to all of the doubled pause, never longer than the longest, never shorter than what the server asks for."""
    policy = RetryPolicy(first=0.1, longest=1.0)
    for attempt, bound in [(1, 0.1), (2, 0.2), (3, 0.4), (5, 1.0), (500, 1.0)]:
        drawn = {policy.pause(attempt, None) for _ in range(50)}
        assert bound / 2 <= min(drawn) <= max(drawn) <= bound
        assert len(drawn) > 1
    assert policy.pause(1, 7.0) == 7.0
