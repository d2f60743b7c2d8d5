"""The numbers of notifications as Prometheus reads them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

from trueline_server.clock import Clock
from trueline_server.notifications.sender import Sender
from trueline_server.notifications.store import NotificationStore


class NotificationFamilies:
    """Asks the store and the sender at each scrape."""

    def __init__(self, store: NotificationStore, sender: Sender, clock: Clock) -> None:
        self._store = store
        self._sender = sender
        self._clock = clock

    def collect(self) -> Iterator[Metric]:
        """All families. Blocks for two queries."""
        state = self._sender.state()
        told = "Notifications by state; finished ones as long as they are kept."
        kept = GaugeMetricFamily("trueline_notifications", told, labels=["state"])
        for each, count in self._store.counts().items():
            kept.add_metric([each.value], count)
        yield kept
        told = "Tries to deliver a message since the start."
        tries = CounterMetricFamily("trueline_notification_tries", told, labels=["type", "outcome"])
        for labels, count in sorted(state.tries.items()):
            tries.add_metric(list(labels), count)
        yield tries
        told = "Channels whose last try failed for their own sake."
        failing = GaugeMetricFamily("trueline_notification_channels_failing", told, labels=["tenant"])
        for tenant, count in sorted(Counter(each.tenant for each in state.failing).items()):
            failing.add_metric([tenant], count)
        yield failing
        oldest_us = self._store.oldest_waiting_us()
        waits_s = 0.0 if oldest_us is None else max(self._clock() - oldest_us, 0) / 1e6
        yield GaugeMetricFamily("trueline_notifications_oldest_seconds", "How long the oldest waits.", waits_s)
