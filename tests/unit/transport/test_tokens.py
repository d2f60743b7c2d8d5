"""Opaque tokens: what opens them and what does not."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from trueline.v1 import metric_service_pb2
from trueline_server.errors import TruelineError
from trueline_server.transport.tenant import TENANT
from trueline_server.transport.tokens import KEY_FILE, Tokens, binding_of

TOKENS = Tokens(b"k" * 32)


@given(st.binary(), st.text())
def test_a_token_opens_for_its_binding(binding: bytes, payload: str) -> None:
    """What was sealed comes out again."""
    assert TOKENS.open(binding, TOKENS.seal(binding, payload), "page_token") == payload


@given(st.text())
def test_no_text_of_a_caller_opens(token: str) -> None:
    """Any text that was not made by the server is INVALID_TOKEN and never another error."""
    with pytest.raises(TruelineError) as refused:
        TOKENS.open(b"binding", token, "page_token")

    assert (refused.value.code, refused.value.reason) == ("INVALID_ARGUMENT", "INVALID_TOKEN")
    assert refused.value.metadata == {"field": "page_token"}


def test_another_key_or_binding_does_not_open() -> None:
    """A token of another data directory or of another request is refused."""
    token = TOKENS.seal(b"one", "7")

    for tokens, binding in ((TOKENS, b"two"), (Tokens(b"j" * 32), b"one")):
        with pytest.raises(TruelineError, match="was made for other arguments or by another server"):
            tokens.open(binding, token, "resume_token")


def test_key_stays_with_the_directory(tmp_path: Path) -> None:
    """A server that starts again over the same directory opens its old tokens; only its user can read the key."""
    token = Tokens.kept_in(tmp_path).seal(b"b", "42")

    assert Tokens.kept_in(tmp_path).open(b"b", token, "resume_token") == "42"
    assert (tmp_path / KEY_FILE).stat().st_mode & 0o077 == 0


def test_binding_holds_all_fields_but_the_free_ones_and_the_tenant() -> None:
    """Page size and token may change between pages; the question and the tenant may not."""
    request = metric_service_pb2.QueryMetricRequest(metric="dau", labels={"a": "1", "b": "2"}, page_size=5)
    same = metric_service_pb2.QueryMetricRequest(metric="dau", labels={"b": "2", "a": "1"}, page_size=9, page_token="t")
    other = metric_service_pb2.QueryMetricRequest(metric="dau", labels={"a": "1"}, page_size=5)
    free = ("page_size", "page_token")

    assert binding_of(request, *free) == binding_of(same, *free)
    assert binding_of(request, *free) != binding_of(other, *free)
    bound = binding_of(request, *free)
    reset = TENANT.set("other")
    try:
        assert binding_of(request, *free) != bound
    finally:
        TENANT.reset(reset)
