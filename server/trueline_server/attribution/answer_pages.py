"""Cuts long answers into pages, all of one state of events and rules; whole answers are computed again only if gone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from trueline_server.attribution.answer_portions import Portion, Skips, fill, without
from trueline_server.attribution.kept_answers import AnswerKey, KeptAnswers, State
from trueline_server.errors import invalid_token
from trueline_server.transport.tenant import current_tenant
from trueline_server.transport.tokens import Tokens, binding_of

MOST_ROWS = 10_000
# What fits into a message of gRPC's default limit of 4 MiB. A single row that is larger is a page of its own.
PAGE_BYTES = 3 * 1024 * 1024

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
        rows: Sequence[str],
        size: int,
        state: State | None = None,
    ) -> _Answer:
        """The page that a request of the tenant of the call asks for.

        Args:
            request: with page_size and page_token.
            whole: computes the answer with all rows and `about`; of a state, or None = of the newest one.
            rows: fields with rows. The request's size is of the first one; of others a page has what fits beside them,
                and `more_<field>` says whether there are more.
            size: rows of a page, unless the request has a size; fewer where they take too much room.
            state: which the first page is of; None = the newest one.

        Raises:
            TruelineError: INVALID_TOKEN, and what `whole` raises.

        """
        binding = _binding(request)
        skips, state = self.opened(request, state, lists=len(rows))
        found: Any = None
        if state is not None:
            found = self._kept.get(AnswerKey(current_tenant(), binding, state))
        computed = found is None or not found.has(skips)
        portion = (
            Portion.of(whole(state), rows, skips, max(self._kept.most_bytes // 2, PAGE_BYTES)) if computed else found
        )
        page: _Answer = without(portion.answer, rows)
        after: list[int] = []
        sizes = (min(request.page_size or size, MOST_ROWS), *(MOST_ROWS for _ in rows[1:]))
        for field, most, skip, begin in zip(rows, sizes, skips, portion.begins, strict=True):
            listed = getattr(portion.answer, field)[skip - begin : skip - begin + most]
            after.append(skip + fill(getattr(page, field), listed, PAGE_BYTES - page.ByteSize()))
        for field, end, total in zip(rows[1:], after[1:], portion.totals[1:], strict=True):
            setattr(page, f"more_{field}", end < total)
        if tuple(after) != portion.totals:
            of = State(page.about.position, page.about.rule_revision)
            if computed:
                self._kept.put(AnswerKey(current_tenant(), binding, of), portion)
            page.next_page_token = self.token(request, tuple(after), of)
        return page

    def opened(self, request: Any, state: State | None = None, *, lists: int = 1) -> tuple[Skips, State | None]:
        """How many rows of each list lie before the page that a request asks for, and the state that it is of.

        Without a token these are 0 and `state`.

        Raises:
            TruelineError: INVALID_TOKEN.

        """
        if not request.page_token:
            return (0,) * lists, state
        skips, of = _opened(self._tokens.open(_binding(request), request.page_token, "page_token"))
        if len(skips) != lists:
            raise _outdated()
        return skips, of

    def token(self, request: Any, skips: Skips, state: State) -> str:
        """The token of the page after so many rows."""
        told = ",".join(map(str, skips))
        return self._tokens.seal(_binding(request), f"{told} {state.position} {state.revision}")


def _binding(request: Any) -> bytes:
    return binding_of(request, "page_size", "page_token")


def _opened(payload: str) -> tuple[Skips, State]:
    skips, _, state = payload.partition(" ")
    position, _, revision = state.partition(" ")
    if not revision:
        raise _outdated()
    return tuple(map(int, skips.split(","))), State(int(position), revision)


def _outdated() -> Exception:
    return invalid_token("page_token", "is of an older server; leave it out to start anew")
