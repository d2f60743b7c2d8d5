"""Delivers what is queued: one message at a time on each channel, on a bounded pool, at least once."""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from trueline_rules.routing_model import NotificationChannel
from trueline_stores.errors import StoreClosedError
from trueline_stores.state.database import StateDatabase

from trueline_server.clock import Clock
from trueline_server.notifications.attempt import Attempt, Carry
from trueline_server.notifications.claiming import Claim, claim, recover, shorten_pauses, waiting_lanes
from trueline_server.notifications.ending import end
from trueline_server.notifications.lanes import Lane, LaneKey
from trueline_server.notifications.model import NotificationState, Try
from trueline_server.notifications.settings import HOUR_US, SECOND_US, SendingSettings
from trueline_server.notifications.store import NotificationStore

_log = logging.getLogger(__name__)

_LOOK_EVERY_S = 0.25
# Tries under way when the server is told to stop have so long; then their connections are shut down.
_GRACE_S = 2.0
# A clock that is set back by less is steered, not set.
_BACK_US = SECOND_US

# The NotificationChannels of a tenant by name, as the rules in force have them. Asked often; a lookup in memory.
ChannelsOf = Callable[[str], Mapping[str, NotificationChannel]]


@dataclass(frozen=True, slots=True)
class FailingChannel:
    """A channel whose last try failed for its own sake: how often in a row, with what, and when it is probed next."""

    tenant: str
    channel: str
    failures: int
    error: str
    paused_until_us: int | None


@dataclass(frozen=True, slots=True)
class SenderState:
    """What the sender tells of itself.

    Attributes:
        under_way: messages that go at the moment.
        tries: since the start, by (type of channel, outcome).
        failing: channels that fail.
        error: why its last look failed; "" = it did not.

    """

    under_way: int
    tries: Mapping[tuple[str, str], int]
    failing: tuple[FailingChannel, ...]
    error: str


class Sender:
    """Looks for what is queued and due, and delivers it. Thread-safe.

    Args:
        state: with the queue.
        channels_of: the channels in force.
        carry: delivers one message, e.g. `Carrier.carry`.
        clock: the server's.
        settings: how patiently.

    """

    def __init__(
        self,
        state: StateDatabase,
        channels_of: ChannelsOf,
        carry: Carry,
        clock: Clock,
        settings: SendingSettings | None = None,
    ) -> None:
        self._state = state
        self._channels_of = channels_of
        self._carry = carry
        self._clock = clock
        self._settings = settings or SendingSettings()
        self._store = NotificationStore(state, clock)
        self._pool = ThreadPoolExecutor(self._settings.threads, thread_name_prefix="trueline-notify")
        self._stopping = threading.Event()
        self._awake = threading.Event()
        self._thread: threading.Thread | None = None
        self._ticking = threading.Lock()
        # Guards all below; whoever waits for deliveries to end waits on it.
        self._changed = threading.Condition()
        self._lanes: dict[LaneKey, Lane] = {}
        self._under_way: dict[LaneKey, Attempt] = {}
        self._tries: Counter[tuple[str, str]] = Counter()
        self._turn = 0
        self._looked_us: int | None = None
        self._forgot_us = 0
        self._error = ""

    def start(self) -> None:
        """Take up what a server before left behind, and begin to deliver on threads.

        Raises:
            StoreError: the state database failed.

        """
        with self._state.writing() as connection:
            recover(connection, self._clock(), self._settings)
        self._thread = threading.Thread(target=self._run, name="trueline-notifications", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End: tries under way get two seconds, then their connections are shut down. Idempotent."""
        self._stopping.set()
        self._awake.set()
        if self._thread is not None:
            self._thread.join()
        if not self.settled(_GRACE_S):
            with self._changed:
                attempts = list(self._under_way.values())
            for attempt in attempts:
                attempt.cut()
        # Only who waits for a name server is not heard of by then; what it does is never written.
        self._pool.shutdown(wait=self.settled(_GRACE_S), cancel_futures=True)

    def wake(self) -> None:
        """Look at once, also at channels that pause: something was queued, or is to be sent again."""
        with self._changed:
            for lane in self._lanes.values():
                lane.not_before_us = 0
        self._awake.set()

    def tick(self) -> int:
        """Begin what is due by the clock and has room; answers how many messages that is. The thread calls it.

        Raises:
            StoreError: the state database failed.

        """
        with self._ticking:
            now_us = self._clock()
            self._notice_a_clock_set_back(now_us)
            self._forget(now_us)
            with self._state.reading() as connection:
                waiting = waiting_lanes(connection)
            ready = self._ready(waiting, now_us)
            if not ready:
                return 0
            claims: list[tuple[LaneKey, Claim]] = []
            pauses: list[tuple[LaneKey, int]] = []
            with self._state.writing() as connection:
                for key, stuck, failing in ready:
                    channels = self._channels_of(key[0])
                    found = claim(
                        connection, key, channels, stuck, failing=failing, settings=self._settings, now_us=now_us
                    )
                    if isinstance(found, Claim):
                        claims.append((key, found))
                    elif found.until_us is not None:
                        pauses.append((key, found.until_us))
            # Only now is it certain that the claims are on disk.
            with self._changed:
                for key, until_us in pauses:
                    self._lanes[key].not_before_us = until_us
                for key, each in claims:
                    self._begin(key, each)
            return len(claims)

    def settled(self, timeout_s: float | None = None) -> bool:
        """Wait until nothing is under way; whether that was so in time."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._under_way, timeout_s)

    def state(self) -> SenderState:
        """How it is."""
        with self._changed:
            failing = tuple(
                FailingChannel(*key, lane.breaker.failures, lane.error, lane.breaker.open_until_us)
                for key, lane in sorted(self._lanes.items())
                if lane.failing
            )
            return SenderState(len(self._under_way), dict(self._tries), failing, self._error)

    def _ready(self, waiting: list[LaneKey], now_us: int) -> list[tuple[LaneKey, frozenset[str], bool]]:
        """The channels that may carry something now, the longest unserved first: stuck messages, whether it fails."""
        with self._changed:
            known = set(waiting)
            # Channels with nothing to say are forgotten, unless they fail and are still there.
            self._lanes = {
                key: lane
                for key, lane in self._lanes.items()
                if key in known or lane.busy or (lane.failing and key[1] in self._channels_of(key[0]))
            }
            lanes = {key: self._lanes.setdefault(key, Lane()) for key in waiting}
            room = self._settings.threads - len(self._under_way)
            # Channels that hang must leave threads to those that do not.
            room_to_fail = max(self._settings.threads // 2, 1) - sum(
                self._lanes[key].failing for key in self._under_way
            )
            ready = []
            for key in sorted(lanes, key=lambda each: lanes[each].turn):
                lane = lanes[key]
                if lane.busy or now_us < lane.not_before_us or not lane.breaker.allows(now_us):
                    continue
                if room <= 0 or (lane.failing and room_to_fail <= 0):
                    continue
                room -= 1
                room_to_fail -= lane.failing
                ready.append((key, frozenset(lane.stuck), lane.failing))
            return ready

    def _begin(self, key: LaneKey, claimed: Claim) -> None:
        lane = self._lanes[key]
        lane.busy = True
        self._turn += 1
        lane.turn = self._turn
        most = 1 if lane.breaker.probing else self._settings.quick_tries
        attempt = Attempt(
            self._carry,
            claimed.channel,
            claimed.message,
            settings=self._settings,
            clock=self._clock,
            stopping=self._stopping,
        )
        self._under_way[key] = attempt
        self._pool.submit(self._deliver, key, claimed, attempt, most)

    def _deliver(self, key: LaneKey, claimed: Claim, attempt: Attempt, most: int) -> None:
        tries: tuple[Try, ...] = ()
        ended: NotificationState | None = None
        try:
            tries = attempt.run(most)
            now_us = self._clock()
            with self._state.writing() as connection:
                ended = end(
                    connection, claimed.message, claimed.delivery, tries, settings=self._settings, now_us=now_us
                )
        except StoreClosedError:
            pass
        except Exception as error:  # noqa: BLE001 it goes again with the same key, as if the server had died here
            _log.exception("what became of message %s could not be written", claimed.message.key)
            self._error = str(error) or type(error).__name__
        finally:
            self._finish(key, claimed, tries, ended)

    def _finish(self, key: LaneKey, claimed: Claim, tries: tuple[Try, ...], ended: NotificationState | None) -> None:
        now_us = self._clock()
        kind = claimed.channel.type.value
        with self._changed:
            lane = self._lanes[key]
            for each in tries:
                lane.note(each, now_us)
                self._tries[(kind, each.outcome.value)] += 1
            lane.stuck.discard(claimed.message.key)
            if ended is None:
                lane.not_before_us = now_us + self._settings.first_pause_us
            elif (
                ended is NotificationState.QUEUED
                and tries[-1].answered
                and claimed.message.attempt >= self._settings.stuck_attempts
            ):
                lane.stuck.add(claimed.message.key)
            lane.busy = False
            del self._under_way[key]
            self._changed.notify_all()
        self._awake.set()

    def _notice_a_clock_set_back(self, now_us: int) -> None:
        """Pauses would last until the clock comes by again."""
        before_us, self._looked_us = self._looked_us, now_us
        if before_us is None or now_us >= before_us - _BACK_US:
            return
        _log.warning("the clock was set back by %.0f s", (before_us - now_us) / SECOND_US)
        with self._changed:
            for lane in self._lanes.values():
                lane.not_before_us = 0
                lane.breaker.clock_went_back(before_us - now_us)
        with self._state.writing() as connection:
            shorten_pauses(connection, now_us, self._settings)

    def _forget(self, now_us: int) -> None:
        if abs(now_us - self._forgot_us) >= HOUR_US and not self._store.forget(now_us - self._settings.keep_us):
            self._forgot_us = now_us

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._awake.wait(_LOOK_EVERY_S)
            self._awake.clear()
            if self._stopping.is_set():
                return
            try:
                self.tick()
                self._error = ""
            except StoreClosedError:
                return
            except Exception as error:  # noqa: BLE001 the next look tries again, whatever this one failed with
                if str(error) != self._error:
                    _log.exception("looking for notifications failed; the next look tries again")
                self._error = str(error) or type(error).__name__
                self._stopping.wait(1.0)
