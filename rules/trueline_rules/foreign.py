"""Files of other systems that are given by mistake: what they are, and what their parts are called here."""

from __future__ import annotations

import yaml

from trueline_rules.site import TEXT

_RULE = (
    "Trueline has one document for each alert, not groups: apiVersion: trueline/v1, kind: AlertRule, metadata with its "
    "name, spec with facts (what expr reads), warning or critical (what it compares), for, labels, summary"
)
# Keys of a document that no kind of Trueline has, all of which must be there, and what the document is then.
_Known = tuple[tuple[frozenset[str], str], ...]
# One rule of Prometheus: by itself, in a list, or in the spec of a document of Trueline.
_RULES: _Known = tuple(
    (frozenset({key, "expr"}), f"these are rules of Prometheus. {_RULE}; recorded numbers are kind Metric")
    for key in ("alert", "record")
)
_PASTED: _Known = ((frozenset({"groups"}), _RULES[0][1]), *_RULES)
_KNOWN: _Known = (
    *_RULES,
    (frozenset({"groups"}), f"this is a rule file of Prometheus. {_RULE}; recorded numbers are kind Metric"),
    (
        frozenset({"rule_files"}),
        "this is a unit test of promtool. Trueline has kind RuleTest: spec with rule, interval and cases, each with "
        "series (in the same notation) and expect",
    ),
    (
        frozenset({"tests", "evaluation_interval"}),
        "this is a unit test of promtool. Trueline has kind RuleTest: spec with rule, interval and cases",
    ),
    (
        frozenset({"scrape_configs"}),
        "this is a configuration of Prometheus; Trueline reads its events from its own service and from files",
    ),
    (
        frozenset({"route", "receivers"}),
        "this is a configuration of Alertmanager. Trueline has one document for each part: kind Route (route), "
        "NotificationChannel (a receiver), Inhibition (an inhibit rule), Silence and Maintenance",
    ),
)
_PROMETHEUS_KINDS = frozenset({"PrometheusRule", "VMRule"})


def name_foreign(node: yaml.Node) -> tuple[yaml.Node, str] | None:
    """The key at which a document shows that it is another system's, and what to say of it; None if it does not."""
    if isinstance(node, yaml.SequenceNode) and node.value:
        return _marked(node.value[0], _RULES)
    if not isinstance(node, yaml.MappingNode):
        return None
    keys = _keys(node)
    for key, value in node.value:
        if key.value == "kind" and value.tag == TEXT and value.value in _PROMETHEUS_KINDS:
            return value, f"this is a {value.value} of the Prometheus operator. {_RULE}"
        if key.value == "spec" and (found := _marked(value, _PASTED)) is not None:
            return found
    return None if "kind" in keys or "spec" in keys else _marked(node, _KNOWN)


def _marked(node: yaml.Node, known: _Known) -> tuple[yaml.Node, str] | None:
    """The first of the keys that tell what a part is, and what it is."""
    keys = _keys(node)
    for marks, told in known:
        if marks <= keys.keys():
            return min((keys[mark] for mark in marks), key=lambda found: found.start_mark.line), told
    return None


def _keys(node: yaml.Node) -> dict[str, yaml.Node]:
    pairs = node.value if isinstance(node, yaml.MappingNode) else ()
    return {key.value: key for key, _ in pairs if isinstance(key, yaml.ScalarNode)}
