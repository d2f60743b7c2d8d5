"""Answers are kept while there is room, those that were read last, and never another's."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from trueline.v1 import attribution_service_pb2 as pb
from trueline_server.attribution.kept_answers import AnswerKey, KeptAnswers, State


def _answer(size: int) -> pb.ListPathsResponse:
    """An answer of some bytes."""
    return pb.ListPathsResponse(next_page_token="x" * (size - 2))


def _key(number: int, tenant: str = "t") -> AnswerKey:
    return AnswerKey(tenant, b"request", State(number, "r"))


@given(
    st.lists(st.tuples(st.booleans(), st.integers(0, 9), st.integers(2, 60)), max_size=60),
    st.integers(1, 120),
    st.integers(1, 6),
)
def test_it_is_the_last_that_were_read_and_fit(
    steps: list[tuple[bool, int, int]], most_bytes: int, most_answers: int
) -> None:
    """As a list that is cut at its end says; bytes and number stay within bounds at all times."""
    kept = KeptAnswers(most_bytes, most_answers)
    model: list[tuple[int, pb.ListPathsResponse]] = []
    for putting, number, size in steps:
        found = next((answer for known, answer in model if known == number), None)
        if putting:
            answer = _answer(size)
            kept.put(_key(number), answer)
            if answer.ByteSize() <= most_bytes:
                model = [(number, answer), *(pair for pair in model if pair[0] != number)][:most_answers]
                while sum(each.ByteSize() for _, each in model) > most_bytes:
                    model.pop()
        else:
            assert kept.get(_key(number)) is found
            model.sort(key=lambda pair: pair[0] != number)
        assert kept.bytes == sum(answer.ByteSize() for _, answer in model) <= most_bytes
        assert len(kept) == len(model) <= most_answers


def test_an_answer_is_of_a_tenant_a_request_and_a_state() -> None:
    """Whatever differs, it is another answer."""
    kept = KeptAnswers()
    kept.put(_key(1), _answer(9))
    assert kept.get(_key(1)) is not None
    for other in (
        _key(1, "other"),
        _key(2),
        AnswerKey("t", b"another", State(1, "r")),
        AnswerKey("t", b"request", State(1, "s")),
    ):
        assert kept.get(other) is None
