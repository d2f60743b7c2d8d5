"""Errors become statuses with google.rpc details."""

import logging
import re
from collections.abc import Sequence
from pathlib import Path

import pytest
from google.protobuf.message import Message
from google.rpc import code_pb2, error_details_pb2, status_pb2
from trueline.v1 import error_reason_pb2
from trueline_rules.errors import Problem, RuleFileError
from trueline_rules.model import Place
from trueline_server.errors import TruelineError
from trueline_server.transport.status import REASONS, failure_of, map_failure_to_status
from trueline_stores.errors import BackpressureError

ROOT = Path(__file__).parents[3]


def status_of(error: BaseException) -> status_pb2.Status:
    """The status of an error, as the guard makes it."""
    return map_failure_to_status(failure_of(error, "/trueline.v1.Test/Call"))


def details(status: status_pb2.Status) -> list[Message]:
    """The unpacked details, in order."""
    found: list[Message] = []
    for packed in status.details:
        kind = getattr(error_details_pb2, packed.type_url.rpartition(".")[2])()
        assert packed.Unpack(kind)
        found.append(kind)
    return found


def test_error_of_a_request() -> None:
    """ErrorInfo names the reason in the domain trueline; BadRequest lists the fields."""
    status = status_of(
        TruelineError("INVALID_ARGUMENT", "INVALID_FIELD", "bad", metadata={"field": "a"}, violations=[("a", "b")])
    )

    assert (status.code, status.message) == (code_pb2.INVALID_ARGUMENT, "bad")
    assert details(status) == [
        error_details_pb2.ErrorInfo(reason="INVALID_FIELD", domain="trueline", metadata={"field": "a"}),
        error_details_pb2.BadRequest(field_violations=[{"field": "a", "description": "b"}]),
    ]


def test_error_of_a_store_with_a_delay() -> None:
    """A store's error keeps its code and tells when to try again."""
    status = status_of(BackpressureError("behind", metadata={"lag_events": "7"}, retry_after_s=0.25))

    info, retry = details(status)
    assert status.code == code_pb2.RESOURCE_EXHAUSTED
    assert info == error_details_pb2.ErrorInfo(reason="BACKPRESSURE", domain="trueline", metadata={"lag_events": "7"})
    assert isinstance(retry, error_details_pb2.RetryInfo)
    assert retry.retry_delay.ToMilliseconds() == 250


def test_what_is_not_found_is_named() -> None:
    """NOT_FOUND carries the kind and name of the resource."""
    status = status_of(TruelineError("NOT_FOUND", "UNKNOWN_METRIC", "no metric dua", metadata={"metric": "dua"}))

    assert details(status)[1] == error_details_pb2.ResourceInfo(
        resource_type="metric", resource_name="dua", description="no metric dua"
    )


def test_problems_of_a_rule_file_have_places() -> None:
    """Each problem of a rule file is a violation with file, line and column."""
    status = status_of(
        RuleFileError((Problem(Place("k.yaml", 3, 5), "unknown key"), Problem(Place("k.yaml", 9, 1), "no name")))
    )

    assert details(status) == [
        error_details_pb2.ErrorInfo(
            reason="INVALID_RULE_FILE", domain="trueline", metadata={"file": "k.yaml", "line": "3"}
        ),
        error_details_pb2.BadRequest(
            field_violations=[
                {"field": "k.yaml:3:5", "description": "unknown key"},
                {"field": "k.yaml:9:1", "description": "no name"},
            ]
        ),
    ]


@pytest.mark.parametrize(
    "error",
    [
        ValueError("secret of the server"),
        TruelineError("INTERNAL", "INTERNAL", "secret of the server"),
        TruelineError("NOT_A_CODE", "INVALID_FIELD", "secret of the server"),
        TruelineError("INVALID_ARGUMENT", "NO_SUCH_REASON", "secret of the server"),
    ],
    ids=["foreign", "internal", "unknown-code", "unknown-reason"],
)
def test_nothing_of_an_unexpected_error_leaks(error: Exception, caplog: pytest.LogCaptureFixture) -> None:
    """The caller gets an incident number; the log has the number, the method and the stack."""
    with caplog.at_level(logging.ERROR):
        status = status_of(error)

    info = details(status)[0]
    assert isinstance(info, error_details_pb2.ErrorInfo)
    incident = info.metadata["incident"]
    assert (status.code, info.reason) == (code_pb2.INTERNAL, "INTERNAL")
    assert b"secret" not in status.SerializeToString()
    assert f"incident {incident} in /trueline.v1.Test/Call" in caplog.text
    assert "secret of the server" in caplog.text


@pytest.mark.parametrize(
    "violations",
    [[("field", "x" * 100_000)], [(f"field{i}", "is wrong") for i in range(5000)], [("ö" * 9000, "ö" * 9000)] * 50],
    ids=["long", "many", "both"],
)
def test_status_fits_into_trailers(violations: Sequence[tuple[str, str]]) -> None:
    """However much is wrong, the status stays under the 8 KiB of trailers that clients read."""
    status = status_of(
        TruelineError(
            "INVALID_ARGUMENT", "INVALID_FIELD", "ö" * 9000, metadata={"field": "x" * 9000}, violations=violations
        )
    )

    # Base64 adds a third to the details; percent-encoding triples the message, which travels once more outside.
    assert len(status.SerializeToString()) * 4 / 3 + 3 * len(status.message.encode()) < 7_500
    bad = details(status)[-1]
    assert isinstance(bad, error_details_pb2.BadRequest)
    assert 1 <= len(bad.field_violations) < 300


def test_every_reason_is_documented_with_an_example() -> None:
    """The contract gives, for each reason, what it means and an ErrorInfo with the right name and domain."""
    text = (ROOT / "protos/trueline/v1/error_reason.proto").read_text()

    for name, number in error_reason_pb2.ErrorReason.items():
        if number == 0:
            continue
        comment = re.search(r"((?:  //.*\n)+)  " + name + r" = ", text)
        assert comment is not None, f"{name} has no comment"
        reason = name.removeprefix("ERROR_REASON_")
        assert f'{{"reason": "{reason}", "domain": "trueline", "metadata": {{' in comment[1], f"{name} has no example"
        assert comment[1].count("\n") >= 2, f"{name} is not explained"


def test_every_reason_is_raised_somewhere() -> None:
    """No reason is promised that nothing sends, and none is sent that the contract does not know."""
    sources = [
        path.read_text()
        for folder in ("server", "stores", "rules", "streams")
        for path in sorted((ROOT / folder).rglob("*.py"))
    ]
    named = {reason for reason in REASONS if any(re.search(rf'["_]{reason}\b', source) for source in sources)}

    assert named == REASONS
