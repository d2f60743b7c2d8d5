"""Documents about routing: what they come to, and that written again they say the same."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from jsonschema import Draft7Validator
from trueline_rules.analysis.findings import analyse
from trueline_rules.documents import dump_document, parse_rules
from trueline_rules.errors import RuleFileError
from trueline_rules.kinds.notification_channel import LIMITS_OF_PERSONS
from trueline_rules.loader import load_texts
from trueline_rules.model import RuleSet
from trueline_rules.routing.alert_labels import alert_labels
from trueline_rules.routing.tree import RouteTree
from trueline_rules.routing_model import STANDARD_TITLE, ChannelType, Limit, Secret
from trueline_rules.schema import schema_for
from trueline_rules.writing import write_document

MINUTE = 60_000_000
WHOLE = {
    "Route": """
  matchers: [team="billing", 'region!~"us-.*"']
  group_by: ['...']
  group_wait: 0s
  group_interval: 10m
  repeat_interval: 8h
  channels: []
  escalation: none
  mute: []
  active:
    - times: [{start_time: "09:00", end_time: "24:00"}]
      weekdays: ["monday:friday", sunday]
      days_of_month: [1, "-3:-1"]
      months: [march, "11:2"]
      years: [2026, "2027:2030"]
      location: Europe/Berlin
  continue: true
  routes:
    - matchers: [severity=critical]
      group_by: []
      channels: [log]
      routes:
        - {matchers: ['env=~"prod|live"'], escalation: standard}
""",
    "Inhibition": "  sources: [severity=critical]\n  targets: [severity=warning]\n  equal: [rule]\n",
    "Silence": """
  matchers: [team=billing]
  author: ada
  reason: moving house
  starts: 2026-03-02T09:00
  ends: 2026-03-02T12:00:30
  time_zone: Europe/Berlin
""",
    "Maintenance": """
  matchers: ['rule=~".+"']
  intervals: [{weekdays: [sunday]}, {times: [{start_time: "00:00", end_time: "01:00"}], location: Asia/Tokyo}]
  time_zone: Europe/Berlin
  reason: backups
""",
    "NotificationChannel": """
  type: mail
  server: smtp.example.org:587
  from: trueline@example.org
  to: [ops@example.org]
  username: trueline
  password: {file: /run/secrets/smtp}
  person: ada
  limits: []
  template: {title: "{{ rule }}", text: "a\\nb {{ labels.team }}"}
  send_resolved: false
""",
}
WEBHOOKS = (
    "  type: webhook\n  url: https://example.org/hook\n  signing_key: {env: KEY}\n",
    "  type: slack\n  url: {env: SLACK_URL}\n  limits: [{count: 3, per: 1m}]\n",
    "  type: log\n",
)


def document(kind: str, spec: str, name: str = "a") -> str:
    """A whole document with this spec, which is indented already."""
    return f"apiVersion: trueline/v1\nkind: {kind}\nmetadata: {{name: {name}}}\nspec:\n{spec}"


def load(*texts: str) -> RuleSet:
    """A rule set over the default pack."""
    return load_texts([("rules.yaml", "---\n".join(texts))])


def channel(spec: str) -> Any:
    """A channel with this spec."""
    return load(document("NotificationChannel", spec)).documents["NotificationChannel"]["a"]


@pytest.mark.parametrize(
    ("kind", "spec"), [*WHOLE.items(), *(("NotificationChannel", spec) for spec in WEBHOOKS), ("Route", "  {}\n")]
)
def test_what_is_written_again_says_the_same(kind: str, spec: str) -> None:
    """A document, its dump and its text in the one form are the same value; editors find nothing wrong with them."""
    name = "default" if spec == "  {}\n" else "a"
    (read,) = parse_rules(document(kind, spec, name), "a.yaml")
    dumped = dump_document(kind, read.model)
    (again,) = parse_rules(yaml.safe_dump(dumped), "a.yaml")
    (written,) = parse_rules(write_document(kind, read.model), "a.yaml")

    assert dump_document(kind, again.model) == dump_document(kind, written.model) == dumped
    assert list(Draft7Validator(schema_for(kind)).iter_errors(dumped)) == []


def test_a_route_says_only_what_it_says() -> None:
    """What is left out stays open, and what is empty is empty."""
    rules = load(document("Route", WHOLE["Route"]))
    node = rules.documents["Route"]["a"].node  # type: ignore[attr-defined]

    assert (node.channels, node.mute, node.group_wait_us, node.go_on) == ((), (), 0, True)
    (interval,) = node.active
    assert (interval.times, interval.weekdays) == (((540, 1440),), ((0, 4), (6, 6)))
    assert (interval.days_of_month, interval.months) == (((1, 1), (-3, -1)), ((3, 3), (11, 2)))
    inner = node.routes[0]
    assert (inner.group_by, inner.mute, inner.escalation, inner.routes[0].channels) == ((), None, None, None)


def test_a_silence_has_local_times() -> None:
    """Without an offset they are those of its zone."""
    silence: Any = load(document("Silence", WHOLE["Silence"])).documents["Silence"]["a"]
    assert silence.ends_us - silence.starts_us == 180 * MINUTE + 30_000_000
    assert silence.starts_us == 1_772_438_400_000_000  # 2026-03-02T08:00Z


def test_maintenance_is_in_its_zone_unless_an_interval_says_another() -> None:
    """The zone of the document holds for intervals without a location."""
    maintenance: Any = load(document("Maintenance", WHOLE["Maintenance"])).documents["Maintenance"]["a"]
    assert [interval.location for interval in maintenance.intervals] == ["Europe/Berlin", "Asia/Tokyo"]


def test_limits_of_channels() -> None:
    """A person's channel has limits unless it says otherwise, others have none."""
    assert channel("  type: log\n").limits == ()
    assert channel("  type: log\n  person: ada\n").limits == LIMITS_OF_PERSONS
    assert channel("  type: log\n  person: ada\n  limits: []\n").limits == ()
    assert channel(WEBHOOKS[1]).limits == (Limit(3, MINUTE),)
    assert [(limit.count, limit.per_us // MINUTE) for limit in LIMITS_OF_PERSONS] == [
        (1, 1),
        (5, 15),
        (11, 60),
        (21, 180),
    ]


def test_secrets_are_places() -> None:
    """A channel knows where its secrets stand, and nothing else about them."""
    assert channel(WEBHOOKS[0]).signing_key == Secret(env="KEY")
    assert channel(WEBHOOKS[1]).url == Secret(env="SLACK_URL")
    assert channel(WHOLE["NotificationChannel"]).password == Secret(file="/run/secrets/smtp")
    assert channel("  type: log\n").title == STANDARD_TITLE
    assert channel(WHOLE["NotificationChannel"]).type is ChannelType.MAIL


@pytest.mark.parametrize("key", ["token", "api_key", "apiKey", "bot_token", "client_secret", "opsgenie_api_key"])
def test_any_key_that_smells_of_a_secret_is_refused_with_the_way_out(key: str) -> None:
    """However other systems call it."""
    with pytest.raises(RuleFileError, match="a secret is not written in a rule file") as caught:
        channel(f"  type: log\n  {key}: hunter2\n")
    assert "hunter2" not in str(caught.value)


def test_equal_may_name_what_rules_give() -> None:
    """Labels of rules, of groups of metrics and of subjects of facts, but not what `by` takes away."""
    metric = document(
        "Metric",
        "  events: [x]\n  aggregation: count\n  window: 1h\n  group_by: [properties.country, properties.plan]\n",
        "m",
    )
    rule = document(
        "AlertRule", "  facts: {a: {metric: m, by: [country]}}\n  warning: a < 5\n  labels: {team: x}\n", "r"
    )
    spec = "  sources: [severity=critical]\n  targets: [severity=warning]\n  equal: [{}]\n"
    load(metric, rule, document("Inhibition", spec.format("country, team, severity, rule, kind")))
    with pytest.raises(RuleFileError, match="'plan', a label that no alert rule gives"):
        load(metric, rule, document("Inhibition", spec.format("plan")))


def test_a_broken_rule_hides_no_mistake_and_makes_none() -> None:
    """Which labels it would give is unknown, so nothing is said about them."""
    rule = document("AlertRule", "  facts: {a: {metric: m}}\n  wraning: a < 5\n", "r")
    spec = "  sources: [severity=critical]\n  targets: [severity=warning]\n  equal: [team]\n"
    with pytest.raises(RuleFileError) as caught:
        load(rule, document("Inhibition", spec))
    assert not any("equal" in problem.message for problem in caught.value.problems)


def test_routes_without_a_root_are_refused() -> None:
    """Without the default pack there must be one of one's own."""
    mapping = document("EventMapping", "  fields: {id: id, source: source, name: name, occurred_at: at}\n", "m")
    routes = [document("Route", "  matchers: [team=x]\n", name) for name in ("a", "b")]
    with pytest.raises(RuleFileError, match="is a route without a root") as caught:
        load_texts([("rules.yaml", "---\n".join([mapping, *routes]))], default_pack=False)
    assert len(caught.value.problems) == 1
    root = document("Route", "  {}\n", "default")
    load_texts([("rules.yaml", "---\n".join([mapping, root, *routes]))], default_pack=False)


def test_labels_that_no_alert_has_are_found() -> None:
    """Such a route takes nothing, so the analysis tells of it, and what was most likely meant."""
    rules = load(
        document("Route", "  matchers: [severty=critical]\n  group_by: [rule]\n"),
        document("Silence", WHOLE["Silence"]),
    )
    assert [(found.check, found.document, found.message.partition(";")[2]) for found in analyse(rules)] == [
        ("unknown label", "Route a", " did you mean 'severity'?"),
        (
            "unknown label",
            "Silence a",
            " known: account, checkpoint, function, health, journey, kind, measure, part, persona, rule, severity,"
            " state",
        ),
    ]


def test_labels_of_alerts() -> None:
    """A rule's labels win over those of the row and over the severity; kind and rule are always the alert's own."""
    rule = load(
        document("AlertRule", "  facts: {a: {kpi: churn_rate}}\n  warning: a > 1\n  labels: {severity: P1, team: x}\n")
    ).alert_rules["a"]
    row = (("kind", "odd"), ("region", "eu"), ("team", "y"))
    assert alert_labels(rule, row, "warning") == {
        "kind": "alert",
        "region": "eu",
        "rule": "a",
        "severity": "P1",
        "team": "x",
    }


def test_labels_of_facts() -> None:
    """A label may be what a fact says: of this alert, over the row's label, and absent where the fact has no value."""
    texts = (
        document("FactType", "  subject: account\n  type: text\n", "tier"),
        document(
            "AlertRule",
            "  facts: {a: {kpi: churn_rate}, tier: {fact: tier}}\n  warning: a > 1\n"
            "  labels: {level: {fact: tier}, team: x}\n",
        ),
    )
    rule = load(*texts).alert_rules["a"]
    row = (("account", "7"), ("level", "row"))
    said = {"account": "7", "kind": "alert", "rule": "a", "severity": "warning", "team": "x"}
    assert alert_labels(rule, row, "warning", [("a", 2.0), ("tier", "gold")]) == {**said, "level": "gold"}
    assert alert_labels(rule, row, "warning", [("a", 2.0), ("tier", None)]) == said
    (found,) = load(*texts, document("Route", "  matchers: [level=gold]\n")).documents["Route"]["a"].node.matchers
    assert found.matches({"level": "gold"})


def tree_of(*texts: str) -> RouteTree:
    """The routes and policies of the pack with these documents."""
    documents: Any = load(*texts).documents
    return RouteTree.of(documents["Route"].values(), documents["EscalationPolicy"].values())


def test_the_pack_sends_each_severity_up_its_policy() -> None:
    """Every destination of the pack has a channel or opens a backlog item, and its policies are the seeds'."""
    tree = tree_of()

    def policy(**labels: str) -> str:
        (found,) = tree.destinations({"kind": "alert", "rule": "r", **labels})
        return found.escalation

    severities = ("critical", "high", "medium", "low", "P0", "P1", "P2", "P3", "warning")
    assert [policy(severity=severity) for severity in severities] == [
        *("critical", "high", "medium", "low", "p0", "p1", "p2", "p3"),
        "standard",
    ]
    assert policy(kind="feature_request", severity="critical") == "feature_requests"
    assert policy(kind="checkpoint_miss", severity="critical") == "standard"
    assert {found.channels for found in tree.all_destinations} == {("log",), ()}


def test_a_route_of_ones_own_comes_before_those_of_the_pack() -> None:
    """It has what the root has, the policy that matches the alert too, so that nobody has to name one for a team."""
    tree = tree_of(document("Route", "  matchers: [team=billing]\n", "zoo"))
    found = [tree.destinations({"team": "billing", "severity": each})[0] for each in ("critical", "warning")]
    assert [(each.path, each.channels, each.escalation) for each in found] == [
        (("default", "zoo", "policy:critical"), ("log",), "critical"),
        (("default", "zoo", "policy:standard"), ("log",), "standard"),
    ]
