"""How patiently messages are delivered."""

from __future__ import annotations

from dataclasses import dataclass

SECOND_US = 1_000_000
HOUR_US = 3600 * SECOND_US


@dataclass(frozen=True, slots=True)
class SendingSettings:
    """Limits and waits of the sender.

    Attributes:
        threads: messages that go at once; channels that fail take at most half of them.
        timeout_s: longest time of one try, whatever the other side does.
        quick_tries: tries of one attempt, while they certainly did not deliver.
        quick_pause_s: about the pause before the second of them; it doubles.
        first_pause_us: pause after the first attempt that failed; it doubles, and is spread at random.
        longest_pause_us: longest such pause.
        longest_retry_after_us: the other side may ask for a longer pause; it gets at most this.
        give_up_after_us: time from the first attempt after which a message is dead.
        refusals: attempts that are refused for good until a message is dead.
        stuck_attempts: attempts after which a message that fails while its channel answers no longer holds up those
            about other groups.
        bundle_notifications: notifications that go in one message at most; the others go in the next.
        bundle_bytes: bytes of content that go in one message at most, if it is more than one notification.
        keep_us: time for which finished notifications are kept.

    """

    threads: int = 8
    timeout_s: float = 10.0
    quick_tries: int = 3
    quick_pause_s: float = 0.25
    first_pause_us: int = SECOND_US
    longest_pause_us: int = 300 * SECOND_US
    longest_retry_after_us: int = HOUR_US
    give_up_after_us: int = 24 * HOUR_US
    refusals: int = 3
    stuck_attempts: int = 6
    bundle_notifications: int = 1000
    bundle_bytes: int = 4 * 1024 * 1024
    keep_us: int = 90 * 24 * HOUR_US
