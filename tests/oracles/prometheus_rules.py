"""Translates a rule file of Prometheus, so that each mistake in it is a mistake in ours, at the same rule.

An alerting rule becomes an AlertRule. A recording rule has no counterpart: a Metric counts events and computes nothing
from other metrics. What can be wrong with one can be wrong here too, so its name, keys and labels become those of a
Metric, and its expression the condition of an AlertRule. A group has none either; its name becomes that of a FactType,
so that groups of one name are documents of one name.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from tests.oracles.promql_conditions import Condition, NotExpressibleError, slug, span, translate

RULES, METRICS = "rules.yaml", "metrics.yaml"
_GROUP_KEYS = frozenset({"name", "interval", "limit", "query_offset", "labels", "rules", "partial_response_strategy"})
_RULE_KEYS = frozenset({"alert", "record", "expr", "for", "keep_firing_for", "labels", "annotations"})

_OURS = {"expr": "facts", "alert": "facts", "record": "facts", "annotations": "summary"}

# Keys may be there twice, which is one of the mistakes.
Pairs = list[tuple[str, Any]]


@dataclass
class Translation:
    """What became of a file.

    Attributes:
        documents: (name of their rule, document).
        metrics: what the facts read.
        recorded: how many recording rules there were.
        left_out: why a rule was not translated, by its name.
        translated: how many alerting rules were.
        copies: names of ours of rules that repeat another one of their file.

    """

    documents: list[tuple[str, Pairs]] = field(default_factory=list)
    metrics: dict[str, dict[str, Any]] = field(default_factory=dict)
    recorded: int = 0
    left_out: list[tuple[str, str]] = field(default_factory=list)
    translated: int = 0
    copies: list[str] = field(default_factory=list)

    def texts(self) -> list[tuple[str, str]]:
        """Two files of ours: the rules, and the metrics that they read."""
        metrics = [
            _document("Metric", name, [(key, value) for key, value in spec.items() if value])
            for name, spec in sorted(self.metrics.items())
        ]
        return [(RULES, written(document for _, document in self.documents)), (METRICS, written(metrics))]

    def origin(self, line: int) -> str:
        """The name of their rule whose translation stands at a line."""
        starts = 1
        for name, document in self.documents:
            ends = starts + written([document]).count("\n") + 1
            if starts <= line < ends:
                return name
            starts = ends
        return ""


def written(documents: Iterable[Pairs]) -> str:
    """Documents as YAML: a line for each key, every text in double quotes."""
    return "---\n".join("\n".join(_lines(document, "")) + "\n" for document in documents)


def _lines(pairs: Pairs, indent: str) -> Iterable[str]:
    for key, value in pairs:
        # Keys are bare where people write them so.
        shown = (
            key
            if re.fullmatch("[A-Za-z_][A-Za-z0-9_]*", key) and key not in {"on", "off", "yes", "no"}
            else json.dumps(key)
        )
        if isinstance(value, list) and value and isinstance(value[0], tuple):
            yield f"{indent}{shown}:"
            yield from _lines(value, indent + "  ")
        else:
            yield f"{indent}{shown}: {_flow(value)}"


def _flow(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{json.dumps(key)}: {_flow(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_flow, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


def _document(
    kind: str, name: str | None, spec: Pairs, metadata: Pairs | None = None, top: Pairs | None = None
) -> Pairs:
    about = ([("name", name)] if name is not None else []) + (metadata or [])
    return [
        ("apiVersion", "trueline/v1"),
        ("kind", kind),
        *(top or []),
        ("metadata", about or {}),
        ("spec", spec or {}),
    ]


def translate_rules(text: str) -> Translation:
    """Translate the first document of a rule file, as Prometheus reads only that one.

    Raises:
        yaml.YAMLError: the text is no YAML.

    """
    made = Translation()
    top = _plain(next(iter(yaml.compose_all(text, Loader=yaml.SafeLoader)), None))
    unknown = [(key, value) for key, value in _pairs(top) if key != "groups"]
    names: Counter[str] = Counter()
    seen: dict[str, str] = {}
    for group in dict(_pairs(top)).get("groups") or []:
        own = dict(_pairs(group))
        stray = [*unknown, *((key, value) for key, value in _pairs(group) if key not in _GROUP_KEYS)]
        unknown = []
        name = own.get("name") or None
        marker = [("subject", "group"), ("type", "text")]
        made.documents.append(("", _document("FactType", name and f"group_{slug(name, 50)}", marker, top=stray)))
        for rule in own.get("rules") or []:
            _add_rule(made, _pairs(rule), own, names, seen)
    return made


def _add_rule(
    made: Translation, pairs: Pairs, group: Mapping[str, Any], names: Counter[str], seen: dict[str, str]
) -> None:
    rule = dict(pairs)
    theirs = str(rule.get("alert") or rule.get("record") or "")
    recorded = "record" in rule and "alert" not in rule
    made.recorded += recorded
    condition = None
    if "expr" in rule:
        try:
            condition = translate(str(rule["expr"]), recorded=recorded)
        except NotExpressibleError as reason:
            made.left_out.append((theirs, str(reason)))
    if recorded:
        made.documents.append((theirs, _recorded(pairs, made.recorded)))
    if "expr" in rule and condition is None:
        return
    names[theirs] += 1
    ours = slug(theirs, 50) if theirs else None
    ours = f"{ours}_{names[theirs]}" if ours and names[theirs] > 1 else ours
    if recorded:
        if condition is not None:
            made.metrics |= condition.metrics
            probe = [("facts", condition.facts), ("warning", condition.text), *_labels(pairs)]
            made.documents.append(
                (theirs, _document("AlertRule", f"recorded_{slug(theirs, 50)}_{names[theirs]}", probe))
            )
        return
    made.translated += 1
    same = json.dumps([rule.get(key) for key in ("alert", "expr", "for", "keep_firing_for", "labels")], sort_keys=True)
    if same in seen and ours:
        made.copies.append(ours)
    seen.setdefault(same, theirs)
    made.documents.append((theirs, _alert(ours, pairs, group, condition)))
    if condition is not None:
        made.metrics |= condition.metrics


def _recorded(pairs: Pairs, number: int) -> Pairs:
    name = str(dict(pairs)["record"])
    known = re.fullmatch("[a-zA-Z_:][a-zA-Z0-9_:]*", name)
    # Without its expression it has nothing that it is made of.
    made_of = [("events", [name]), ("aggregation", "latest"), ("field", "value"), ("window", "1m")]
    stray = [(key, value) for key, value in pairs if key not in {"record", "expr", "labels"}]
    ours = f"recorded_{number}_{slug(name, 40)}" if known else name
    return _document("Metric", ours, (made_of if "expr" in dict(pairs) else []) + stray)


def _alert(name: str | None, pairs: Pairs, group: Mapping[str, Any], condition: Condition | None) -> Pairs:
    rule = dict(pairs)
    labels = dict(_pairs(rule.get("labels")))
    severity = "critical" if labels.get("severity") == "critical" else "warning"
    spec: Pairs = []
    if condition is not None:
        spec += [("facts", condition.facts), (severity, condition.text)]
    for key, value in pairs:
        if key in {"for", "keep_firing_for"}:
            spec.append((key, span(value) if isinstance(value, str) else value))
        elif key not in _RULE_KEYS or (key == "record" and "alert" in rule):
            spec.append((key, value))
    spec += _labels(pairs)
    # What stands there twice does so here.
    counts = Counter(key for key, _ in pairs)
    spec += [(_OURS.get(key, key), rule[key] or "") for key in _RULE_KEYS if counts[key] > 1]
    if group.get("interval"):
        spec.append(("every", span(str(group["interval"]))))
    if group.get("limit") not in {None, "0"}:
        spec.append(("limit", int(group["limit"]) if str(group["limit"]).isdecimal() else group["limit"]))
    annotations = _pairs(rule.get("annotations"))
    metadata: Pairs = []
    others: Pairs = []
    for key, value in annotations:
        if key == "summary":
            spec.append((key, str(value)[:300] or "-"))
        elif key == "description":
            metadata.append((key, str(value)[:1000] or "-"))
        else:
            # Our names of labels are in lower case; what matters is what else is in them.
            others.append((key.lower(), (str(value).splitlines() or ["-"])[0][:200] or "-"))
    return _document("AlertRule", name, spec, metadata + ([("labels", others)] if others else []))


def _labels(pairs: Pairs) -> Pairs:
    given = dict(pairs).get("labels")
    if given is not None and not _pairs(given):
        return [("labels", given or {})]
    labels = [
        (key if key.startswith("__") else key.lstrip("_"), value)
        for key, value in _pairs(dict(pairs).get("labels"))
        if not (key == "severity" and value in {"warning", "critical"})
    ]
    return [("labels", labels)] if labels else []


def _pairs(value: Any) -> Pairs:
    return value if isinstance(value, list) and all(isinstance(one, tuple) for one in value) else []


def _plain(node: yaml.Node | None) -> Any:
    """A node as pairs, lists and texts; Go's YAML takes any scalar for a text where a text is wanted."""
    if isinstance(node, yaml.MappingNode):
        pairs = [(str(key.value), _plain(value)) for key, value in node.value]
        own = {key for key, _ in pairs}
        merged = [_pairs(value) for key, value in pairs if key == "<<"]
        return [pair for pair in pairs if pair[0] != "<<"] + [
            pair for more in merged for pair in more if pair[0] not in own
        ]
    if isinstance(node, yaml.SequenceNode):
        return [_plain(one) for one in node.value]
    if node is None or node.tag == "tag:yaml.org,2002:null":
        return None
    return str(node.value)
