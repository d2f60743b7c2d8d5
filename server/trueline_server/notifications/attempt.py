"""One attempt to deliver a message: a few quick tries, each with a hard end, while they certainly did not deliver."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from tenacity import Retrying, retry_if_result, stop_after_attempt, stop_when_event_set, wait_random_exponential
from tenacity.nap import sleep_using_event
from trueline_rules.routing_model import NotificationChannel

from trueline_server.clock import Clock
from trueline_server.notifications.deadline import Deadline
from trueline_server.notifications.failures import DeliveryError
from trueline_server.notifications.model import Message, Outcome, Try
from trueline_server.notifications.settings import SendingSettings

_log = logging.getLogger(__name__)

# Delivers a message to a channel; raises DeliveryError. What it answers is short and without secrets.
Carry = Callable[[NotificationChannel, Message, Deadline], str]


class Attempt:
    """One attempt, to be run once on a thread of its own.

    Args:
        carry: delivers.
        channel: where to.
        message: what.
        settings: how patiently.
        clock: for the instants of tries.
        stopping: set when the server ends; no further try begins then.

    """

    def __init__(
        self,
        carry: Carry,
        channel: NotificationChannel,
        message: Message,
        *,
        settings: SendingSettings,
        clock: Clock,
        stopping: threading.Event,
    ) -> None:
        self.channel = channel
        self.message = message
        self._carry = carry
        self._settings = settings
        self._clock = clock
        self._stopping = stopping
        self._deadline: Deadline | None = None

    def run(self, most: int) -> tuple[Try, ...]:
        """Try, at most so often; answers what came of each try, at least of one."""
        tries: list[Try] = []

        def once() -> Try:
            tries.append(self._once())
            return tries[-1]

        pause_s = self._settings.quick_pause_s
        Retrying(
            stop=stop_after_attempt(most) | stop_when_event_set(self._stopping),
            wait=wait_random_exponential(multiplier=pause_s, min=pause_s / 2),
            sleep=sleep_using_event(self._stopping),
            retry=retry_if_result(_worth_a_quick_try),
            retry_error_callback=lambda _: None,
        )(once)
        return tuple(tries)

    def cut(self) -> None:
        """End the try under way."""
        deadline = self._deadline
        if deadline is not None:
            deadline.cut()

    def _once(self) -> Try:
        at_us, began = self._clock(), time.monotonic_ns()

        def took_us() -> int:
            return (time.monotonic_ns() - began) // 1000

        try:
            with Deadline(self._settings.timeout_s) as self._deadline:
                answer = self._carry(self.channel, self.message, self._deadline)
        except DeliveryError as error:
            after = error.retry_after_s
            return Try(
                at_us,
                took_us(),
                error.outcome,
                error.answer,
                None if after is None else round(after * 1_000_000),
                error.message_at_fault,
                error.answered,
            )
        except Exception as error:  # noqa: BLE001 one message that cannot be made must not hold up the others
            # Its text is not told: it could hold what the message or a secret holds.
            _log.error("channel %s failed unexpectedly: %s", self.channel.metadata.name, type(error).__name__)
            told = f"unexpected {type(error).__name__}"
            return Try(at_us, took_us(), Outcome.REFUSED, told, message_at_fault=True)
        return Try(at_us, took_us(), Outcome.SENT, answer)


def _worth_a_quick_try(done: Try) -> bool:
    # After a pause that was asked for, and where nobody knows whether it arrived, the next try comes later.
    return done.outcome is Outcome.FAILED and done.retry_after_us is None
