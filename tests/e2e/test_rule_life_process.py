"""Rules of a whole server: what was activated survives kill -9, and whoever watches misses nothing."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

from trueline import RuleChangeKind, RulesChanged, RulesSnapshot, RuleStage, Synced, TruelineClient

from benchmarks.server_process import ServerProcess

LOW = """apiVersion: trueline/v1
kind: AlertRule
metadata: {name: low}
spec:
  facts: {rate: {kpi: activation_rate}}
  warning: rate < 0.3
---
apiVersion: trueline/v1
kind: Metric
metadata: {name: looks}
spec: {events: [look], aggregation: count, window: 1h}
"""


def test_what_was_activated_survives_a_kill(tmp_path: Path) -> None:
    """The active set, the shadow, the log and the etags are as before; a repeated call changes nothing more; a watch
    goes on by itself with what happened meanwhile.
    """
    with ServerProcess(tmp_path) as server, TruelineClient(server.address, timeout=60) as client:
        watch = client.watch_rules()
        snapshot, synced = islice(watch, 2)
        assert isinstance(snapshot, RulesSnapshot)
        assert isinstance(synced, Synced)
        client.activate_rules({"a.yaml": LOW}, note="first", request_id="1")
        client.activate_rules({"a.yaml": LOW.replace("0.3", "0.2")}, stage=RuleStage.SHADOW)
        asked = client.evaluate_rule("low", {"rate": 0.25})
        client.list_decisions()
        before = client.rule_revisions()
        server.kill()
        server.start()
        assert client.rule_revisions() == before
        assert client.activate_rules({"a.yaml": LOW}, note="first", request_id="1").stage == before.active
        assert [metric.name for metric in client.list_metrics() if metric.name == "looks"] == ["looks"]
        explained = client.explain_decision(asked.decision_id)
        assert (explained.same, explained.decision.rule_revision) == (True, asked.rule_revision)
        assert before.shadow is not None
        client.activate_rules(revision=before.shadow.revision, note="last")
        kinds = []
        for message in watch:
            if isinstance(message, RulesChanged):
                kinds.append(message.change.kind)
                if message.change.note == "last" and message.change.kind is RuleChangeKind.SHADOW_ENDED:
                    break
        watch.close()
        assert kinds == [
            RuleChangeKind.ACTIVATED,
            RuleChangeKind.SHADOWED,
            RuleChangeKind.ACTIVATED,
            RuleChangeKind.SHADOW_ENDED,
        ]
