"""What Prometheus reads: the numbers of the parts at the moment of the scrape, over HTTP."""

from __future__ import annotations

import socket
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

import pytest
from prometheus_client.parser import text_string_to_metric_families
from trueline_rules.errors import Problem
from trueline_rules.model import Place
from trueline_server.rules.in_force import LoadFailure, RuleChange
from trueline_server.settings import SettingError, Settings
from trueline_server.telemetry.collector import DecisionNumbers, ServerCollector, Sources
from trueline_server.telemetry.endpoint import MetricsEndpoint

Read = Callable[[], dict[tuple[str, ...], float]]


class Parts:
    """Parts that a test sets."""

    def __init__(self) -> None:
        self.end, self.processed = 9, 4
        self.healthy = True
        self.failures: dict[str, LoadFailure] = {}
        self.collector = ServerCollector(
            Sources(
                log_end=lambda: self.end,
                processed=lambda: self.processed,
                flow_healthy=lambda: self.healthy,
                flow_failures=lambda: 2,
                revisions=lambda: {("", "active"): "a1", ("acme", "active"): "b2", ("acme", "shadow"): "c3"},
                failures=lambda: self.failures,
                evaluations=lambda: 7,
                decisions=lambda: DecisionNumbers({"shadow": 3, "request": 1}, 5, 6),
            )
        )


@contextmanager
def served(parts: Parts) -> Iterator[Read]:
    """Reads all samples: (name, values of its labels in the order of their names) -> value."""
    with closing(MetricsEndpoint("127.0.0.1:0", parts.collector)) as endpoint:

        def read() -> dict[tuple[str, ...], float]:
            with urllib.request.urlopen(f"http://127.0.0.1:{endpoint.port}/metrics", timeout=30) as answer:
                families = text_string_to_metric_families(answer.read().decode())
                return {
                    (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
                    for family in families
                    for sample in family.samples
                }

        yield read


def test_numbers_of_the_parts() -> None:
    """Positions, lag, rules in force and decisions are those of the moment."""
    parts = Parts()
    with served(parts) as read:
        found = read()
        assert found["trueline_log_position",] == 9
        assert found["trueline_lag_events",] == 5
        assert found["trueline_dataflow_up",] == 1
        assert found["trueline_dataflow_failures_total",] == 2
        assert found["trueline_rules_info", "c3", "shadow", "acme"] == 1
        assert found["trueline_rules_info", "a1", "active", ""] == 1
        assert found["trueline_rule_evaluations_total",] == 7
        assert found["trueline_decisions_written_total", "transition"] == 0
        assert found["trueline_decisions_written_total", "request"] == 1
        assert found["trueline_shadow_differences_total",] == 3
        assert (found["trueline_decisions_dropped_total",], found["trueline_decisions_waiting",]) == (5, 6)
        assert found["process_resident_memory_bytes",] > 1_000_000
        parts.end = parts.processed = 11
        parts.healthy = False
        found = read()
        assert (found["trueline_lag_events",], found["trueline_dataflow_up",]) == (0, 0)


def test_rules_that_do_not_load_are_seen() -> None:
    """A failure of the operator's files or a tenant's is 1 until it is mended; changes are counted by kind."""
    parts = Parts()
    with served(parts) as read:
        found = read()
        assert found["trueline_rules_load_failed", ""] == 0
        assert found["trueline_rule_changes_total", "load_failed"] == 0
        problem = Problem(Place("a.yaml", 1, 1), "is wrong")
        parts.failures = {"acme": LoadFailure(0, (problem,))}
        parts.collector.note(RuleChange(1, "acme", 0, "load_failed", "b2", "b2", "", "", (problem,)))
        found = read()
        assert (found["trueline_rules_load_failed", ""], found["trueline_rules_load_failed", "acme"]) == (0, 1)
        assert found["trueline_rule_changes_total", "load_failed"] == 1


def test_an_address_that_is_held_names_the_setting() -> None:
    """Who cannot listen says which variable to change."""
    with closing(socket.create_server(("127.0.0.1", 0))) as held:
        address = f"127.0.0.1:{held.getsockname()[1]}"
        with pytest.raises(SettingError, match="TRUELINE_METRICS_ADDRESS has value"):
            MetricsEndpoint(address, Parts().collector)


def test_an_address_that_is_none_is_refused() -> None:
    """A setting that is no address is told when settings are read; empty is off."""
    assert Settings().metrics_address == ""
    with pytest.raises(SettingError, match="TRUELINE_METRICS_ADDRESS has value 'here'"):
        Settings.from_environment({"TRUELINE_METRICS_ADDRESS": "here"})
