"""How a try to deliver fails: whether the message may have arrived, and whether a later try can do better."""

from __future__ import annotations

from collections.abc import Iterable

from trueline_server.notifications.model import Outcome

ANSWER_CHARACTERS = 300


class DeliveryError(Exception):
    """A message was not delivered, or nobody knows.

    Attributes:
        outcome: FAILED, UNKNOWN or REFUSED.
        answer: what went wrong or what the other side said; may hold secrets until it went through `without_secrets`.
        retry_after_s: how long the other side asked to wait; None if it did not.
        message_at_fault: whether it was this message that was refused, and others could pass.
        answered: whether the other side is there and spoke, so that another message may fare better.

    """

    def __init__(
        self,
        outcome: Outcome,
        answer: str,
        *,
        retry_after_s: float | None = None,
        message_at_fault: bool = False,
        answered: bool = False,
    ) -> None:
        super().__init__(answer)
        self.outcome = outcome
        self.answer = answer
        self.retry_after_s = retry_after_s
        self.message_at_fault = message_at_fault
        self.answered = answered


def without_secrets(text: str, secrets: Iterable[str]) -> str:
    """A short text on one line, with each secret in it replaced."""
    # The longest first: one may be part of another.
    for secret in sorted({each for each in secrets if each}, key=len, reverse=True):
        text = text.replace(secret, "<hidden>")
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line if len(line) <= ANSWER_CHARACTERS else line[: ANSWER_CHARACTERS - 1] + "…"
