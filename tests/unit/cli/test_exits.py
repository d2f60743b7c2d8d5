"""Exit statuses: a script tells a finding from a refusal and from no answer, whichever verb it ran."""

from __future__ import annotations

import argparse

import grpc
import pytest
from trueline.errors import TruelineError
from trueline_cli import app, exits, options

REFUSED = ["INVALID_ARGUMENT", "NOT_FOUND", "ALREADY_EXISTS", "PERMISSION_DENIED", "FAILED_PRECONDITION"]
REFUSED += ["OUT_OF_RANGE", "UNIMPLEMENTED", "UNAUTHENTICATED"]
NO_ANSWER = ["CANCELLED", "UNKNOWN", "DEADLINE_EXCEEDED", "RESOURCE_EXHAUSTED", "ABORTED", "INTERNAL", "UNAVAILABLE"]
NO_ANSWER += ["DATA_LOSS"]


class Ending:
    """A verb that ends with an error or a status."""

    help = "ends"

    def __init__(self, how: BaseException | int) -> None:
        self.how = how

    def configure(self, parser: argparse.ArgumentParser) -> None:
        """No arguments."""

    def run(self, args: argparse.Namespace) -> int:
        """End."""
        if isinstance(self.how, BaseException):
            raise self.how
        return self.how


def _ended(monkeypatch: pytest.MonkeyPatch, verb: str, how: BaseException | int) -> int:
    monkeypatch.setattr(app, "load", lambda _: Ending(how))
    return app.main([verb])


@pytest.mark.parametrize("verb", [*app.VERBS, *app.SERVER_VERBS])
def test_every_verb_ends_the_same_way(
    verb: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """By what went wrong, and with the verb's name before it; only what the verb itself finds is 1."""
    for code in (*REFUSED, *NO_ANSWER):
        status = _ended(monkeypatch, verb, TruelineError(code, "", "it is so"))
        assert (code, status) == (code, exits.REFUSED if code in REFUSED else exits.NO_ANSWER)
        out, err = capsys.readouterr()
        assert (out, err.startswith(f"trueline {verb}: it is so")) == ("", True)
    assert _ended(monkeypatch, verb, options.UsageError("so")) == exits.REFUSED
    assert _ended(monkeypatch, verb, app.MissingExtraError("so")) == exits.REFUSED
    assert _ended(monkeypatch, verb, KeyboardInterrupt()) == exits.INTERRUPTED
    assert [_ended(monkeypatch, verb, status) for status in (exits.YES, exits.FINDING)] == [0, 1]


def test_every_code_of_the_contract_has_a_status() -> None:
    """None is left to chance, and none is a finding."""
    codes = [code.name for code in grpc.StatusCode if code is not grpc.StatusCode.OK]
    assert sorted(codes) == sorted([*REFUSED, *NO_ANSWER])
    assert {exits.status_of(TruelineError(code, "", "")) for code in codes} == {exits.REFUSED, exits.NO_ANSWER}


def test_what_must_be_decided_anew_is_refused() -> None:
    """Somebody changed it meanwhile: the same command would be refused again."""
    assert exits.status_of(TruelineError("ABORTED", "ETAG_MISMATCH", "")) == exits.REFUSED


def test_a_fault_of_the_command_is_no_finding(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its traceback is shown, and the status says that there is no answer."""
    assert _ended(monkeypatch, "kpis", ZeroDivisionError("oops")) == exits.NO_ANSWER
    assert "ZeroDivisionError: oops" in capsys.readouterr().err


def test_help_tells_the_statuses(capsys: pytest.CaptureFixture[str]) -> None:
    """In the help of the command, word for word."""
    with pytest.raises(SystemExit):
        app.main(["--help"])
    assert exits.TOLD in capsys.readouterr().out
