"""Plays the unit tests of another system's rules: their series through our rules, and which alerts fire when."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from trueline_rules.alert_rules import CompiledRule, compile_rule
from trueline_rules.alerting.series import NotationError, Series, count_samples, parse_series
from trueline_rules.alerting.vectors import Labels, labels_of
from trueline_rules.backtesting.replay import History, replay
from trueline_rules.errors import RuleFileError
from trueline_rules.loader import load_texts
from trueline_rules.model import RuleSet
from trueline_rules.spans import parse_span

from tests.oracles.prometheus_rules import translate_rules
from tests.oracles.promql_conditions import slug, span

MINUTE_US = 60_000_000
_SERIES = re.compile(r"\s*([a-zA-Z_:][a-zA-Z0-9_:]*)?\s*(?:\{(.*)\})?\s*", re.DOTALL)


@dataclass
class Played:
    """What became of a file of tests: mistakes, and what could not be played with the reason."""

    mistakes: list[str] = field(default_factory=list)
    without_counterpart: list[str] = field(default_factory=list)
    compared: int = 0


def play(path: Path) -> Played:
    """Play all alert tests of a file."""
    played = Played()
    written = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.BaseLoader)
    rules, names = _rules(path, written.get("rule_files") or [], played)
    every = written.get("evaluation_interval") or "1m"
    for test in written.get("tests") or []:
        if test.get("promql_expr_test"):
            played.without_counterpart.append("tests of an expression by itself")
        series = _series(test, played)
        for alert in test.get("alert_rule_test") or []:
            theirs = str(alert.get("alertname", ""))
            rule = rules.alert_rules.get(names.get(theirs, "")) if rules is not None else None
            if rules is None or rule is None:
                played.without_counterpart.append(f"rule {theirs} was not translated")
            else:
                played.compared += 1
                played.mistakes += _compared(alert, compile_rule(rule, rules.fact_types), rules, series, _us(every))
    return played


def _rules(path: Path, files: list[str], played: Played) -> tuple[RuleSet | None, dict[str, str]]:
    """The rules under test, and our names by theirs; None if they do not load."""
    texts: list[tuple[str, str]] = []
    names: dict[str, str] = {}
    for file in files:
        made = translate_rules((path.parent / file).read_text(encoding="utf-8"))
        texts += [(f"{file}/{name}", text) for name, text in made.texts()]
        names |= {theirs: slug(theirs, 50) for theirs, document in made.documents if ("kind", "AlertRule") in document}
    try:
        return load_texts(texts), names
    except RuleFileError as error:
        played.mistakes += [str(problem) for problem in error.problems]
        return None, names


def _series(test: Mapping[str, Any], played: Played) -> dict[str, list[Series]]:
    found: dict[str, list[Series]] = {}
    interval_us = _us(test.get("interval") or "1m")
    for given in test.get("input_series") or []:
        values, named = str(given.get("values", "")), _SERIES.fullmatch(str(given.get("series", "")))
        if named is None:
            played.mistakes.append(f"{given.get('series')!r} names no series")
        elif "{{" in values:
            played.without_counterpart.append("samples that are histograms")
        else:
            try:
                count_samples(values)
            except NotationError as error:
                played.mistakes.append(str(error))
            else:
                labels = labels_of(dict(re.findall(r"""([a-zA-Z_]\w*)\s*=\s*["']([^"']*)["']""", named[2] or "")))
                found.setdefault(named[1] or "", []).append(parse_series(values, interval_us, labels))
    return found


def _compared(
    alert: Mapping[str, Any], rule: CompiledRule, rules: RuleSet, series: Mapping[str, list[Series]], every_us: int
) -> list[str]:
    """What differs between the alerts that are expected and those that fire."""
    at_us = _us(alert.get("eval_time") or "0")
    expected = sorted(_labels(one.get("exp_labels") or {}) for one in alert.get("exp_alerts") or [])
    fires = sorted(_firing(rule, rules, series, at_us, every_us))
    if expected == fires:
        return []
    return [f"{rule.rule.metadata.name} at {alert.get('eval_time')}: expected {expected}, fires {fires}"]


def _firing(
    rule: CompiledRule, rules: RuleSet, series: Mapping[str, list[Series]], at_us: int, every_us: int
) -> list[Labels]:
    history = {}
    for name, source in rule.rule.facts.items():
        metric = rules.metrics[source.name]
        wanted = {key.removeprefix("properties."): values for key, values in metric.where.items()}
        known = [one for event in metric.events for one in series.get(event, [])]
        fitting = [one for one in known if all(dict(one.labels).get(key) in values for key, values in wanted.items())]
        history[name] = History(fitting)
    found = replay(rule, history, start_us=0, end_us=at_us, every_us=every_us)
    return [_labels(dict(one.labels)) for one in found.firings if one.until_us is None]


def _labels(labels: Mapping[str, str]) -> Labels:
    """Without the severity, which is no label here."""
    return labels_of({name: str(value) for name, value in labels.items() if name not in {"severity", "alertname"}})


def _us(written: str) -> int:
    seconds = span(str(written))
    return parse_span(seconds).us if seconds != "0" else 0
