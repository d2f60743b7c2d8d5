"""Cuts long answers into pages, all of one state of events and rules; whole answers are computed again only if gone."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any, TypeVar

from trueline_server.attribution.kept_answers import AnswerKey, KeptAnswers, State
from trueline_server.errors import invalid_token
from trueline_server.transport.tenant import current_tenant
from trueline_server.transport.tokens import Tokens, binding_of

MOST_ROWS = 10_000
# What fits into a message of gRPC's default limit of 4 MiB. A single row that is larger is a page of its own.
PAGE_BYTES = 3 * 1024 * 1024
_ROW_OVERHEAD = 8

_Answer = TypeVar("_Answer", bound=Any)


class AnswerPages:
    """Cuts pages. Blocks for as long as an answer takes; thread-safe."""

    def __init__(self, tokens: Tokens, kept: KeptAnswers) -> None:
        self._tokens = tokens
        self._kept = kept

    def cut(
        self,
        request: Any,
        whole: Callable[[State | None], _Answer],
        *,
        rows: str,
        size: int,
        first_only: Collection[str] = (),
        state: State | None = None,
    ) -> _Answer:
        """The page that a request of the tenant of the call asks for.

        Args:
            request: with page_size and page_token.
            whole: computes the answer with all rows and `about`; of a state, or None = of the newest one.
            rows: field with the rows.
            size: rows of a page, unless the request has a size; fewer where they take too much room.
            first_only: fields that only the first page has.
            state: which the first page is of; None = the newest one.

        Raises:
            TruelineError: INVALID_TOKEN, and what `whole` raises.

        """
        binding = _binding(request)
        skip, state = self.opened(request, state)
        answer: Any = None
        if state is not None:
            answer = self._kept.get(AnswerKey(current_tenant(), binding, state))
        if answer is None:
            answer = whole(state)
        listed = getattr(answer, rows)
        page: _Answer = _without(answer, {rows, *(first_only if skip else ())})
        shown = fill(getattr(page, rows), listed, skip, min(request.page_size or size, MOST_ROWS), page.ByteSize())
        if skip + shown < len(listed):
            of = State(answer.about.position, answer.about.rule_revision)
            self._kept.put(AnswerKey(current_tenant(), binding, of), answer)
            page.next_page_token = self.token(request, skip + shown, of)
        return page

    def opened(self, request: Any, state: State | None = None) -> tuple[int, State | None]:
        """How many rows lie before the page that a request asks for, and the state that it is of.

        Without a token these are 0 and `state`.

        Raises:
            TruelineError: INVALID_TOKEN.

        """
        if not request.page_token:
            return 0, state
        return _opened(self._tokens.open(_binding(request), request.page_token, "page_token"))

    def token(self, request: Any, skip: int, state: State) -> str:
        """The token of the page after so many rows."""
        return self._tokens.seal(_binding(request), f"{skip} {state.position} {state.revision}")


def _binding(request: Any) -> bytes:
    return binding_of(request, "page_size", "page_token")


def _opened(payload: str) -> tuple[int, State]:
    skip, _, state = payload.partition(" ")
    position, _, revision = state.partition(" ")
    if not revision:
        raise invalid_token("page_token", "is of an older server; leave it out to start anew")
    return int(skip), State(int(position), revision)


def _without(answer: Any, fields: Collection[str]) -> Any:
    """A copy without some fields."""
    page = type(answer)()
    for field, value in answer.ListFields():
        if field.name in fields:
            continue
        if field.is_repeated:
            getattr(page, field.name).extend(value)
        elif field.message_type is not None:
            getattr(page, field.name).CopyFrom(value)
        else:
            setattr(page, field.name, value)
    return page


def fill(page: Any, rows: Any, skip: int, size: int, used: int) -> int:
    """Add rows while there is room, at least one if there are any; how many."""
    room = PAGE_BYTES - used
    for shown, row in enumerate(rows[skip : skip + size]):
        room -= row.ByteSize() + _ROW_OVERHEAD
        if room < 0 and shown:
            return shown
        page.append(row)
    return len(page)
