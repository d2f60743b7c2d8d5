"""Whole answers that pages are cut from, kept for as long as there is room: those that were read last."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any, Protocol

# A page of 10,000 lines of nine models is about 5 MB.
MOST_BYTES = 64 * 1024 * 1024
MOST_ANSWERS = 64


@dataclass(frozen=True, slots=True)
class State:
    """What an answer is of: the same question about the same state has the same answer.

    Attributes:
        position: events up to this log position.
        revision: of the rules that say what is meant.

    """

    position: int
    revision: str


@dataclass(frozen=True, slots=True)
class AnswerKey:
    """Which answer.

    Attributes:
        tenant: whose.
        request: digest of what was asked.
        state: what it is of.

    """

    tenant: str
    request: bytes
    state: State


class Sized(Protocol):
    """An answer, or what is kept of it."""

    def ByteSize(self) -> int:  # noqa: N802, as messages have it
        """Bytes, serialised."""
        ...


class KeptAnswers:
    """A bounded cache of answers, which nobody changes any more. Does not block; thread-safe.

    Attributes:
        most_bytes: of all answers together, serialised; a larger one is not kept.
        most_answers: how many.

    """

    def __init__(self, most_bytes: int = MOST_BYTES, most_answers: int = MOST_ANSWERS) -> None:
        self.most_bytes = most_bytes
        self._most_answers = most_answers
        self._lock = threading.Lock()
        self._answers: OrderedDict[AnswerKey, tuple[Sized, int]] = OrderedDict()
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._answers)

    @property
    def bytes(self) -> int:
        """Bytes of all answers together."""
        return self._bytes

    def get(self, key: AnswerKey) -> Any:
        """An answer; None if it is not kept (any more)."""
        with self._lock:
            found = self._answers.get(key)
            if found is None:
                return None
            self._answers.move_to_end(key)
            return found[0]

    def put(self, key: AnswerKey, answer: Sized) -> None:
        """Keep an answer in the place of those that were not read for longest."""
        size = answer.ByteSize()
        if size > self.most_bytes:
            return
        with self._lock:
            _, former = self._answers.pop(key, (None, 0))
            self._answers[key] = (answer, size)
            self._bytes += size - former
            while self._bytes > self.most_bytes or len(self._answers) > self._most_answers:
                _, (_, gone) = self._answers.popitem(last=False)
                self._bytes -= gone
