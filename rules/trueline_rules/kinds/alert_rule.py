"""Kind AlertRule: facts, the conditions over them that mean a warning or worse, and since when they must hold."""

from __future__ import annotations

from typing import Any

from trueline_rules.alert_model import AlertRule, FactSource
from trueline_rules.alert_rules import SEVERITIES, compile_rule
from trueline_rules.alerting.aggregates import Agg
from trueline_rules.alerting.operands import Operand, WindowStart
from trueline_rules.expressions import ExpressionError
from trueline_rules.kinds.fact_type import FACT_NAME, NUMERIC
from trueline_rules.kinds.fields import DOCUMENT_NAME
from trueline_rules.kinds.kind import Kind, Known, Spec
from trueline_rules.model import Metadata
from trueline_rules.names import hint, quoted
from trueline_rules.records import Either, Key, ListOf, OneOf, Record, When, map_of
from trueline_rules.scalars import Choice, Flag, Number, Text
from trueline_rules.site import Path, Site
from trueline_rules.spans import DELAY, WINDOW_OF_TIME, format_span, parse_span

SOURCES = {"metric": "Metric", "kpi": "Kpi", "fact": "FactType"}
MOST_ALERTS = 1_000

LABEL = Text(
    "a label's name of letters, digits and '_' that starts with a letter", "[A-Za-z][A-Za-z0-9_]{0,62}", most=63
)
_VALUE = Text("a text", least=0, most=256)
_OF_FACT = Record(
    {"fact": Key(FACT_NAME, "Name of one of the rule's facts, whose text is the value.", required=True)},
    noun="{fact: ...}",
)
LABELS = map_of(LABEL, _VALUE, least=0, most=64, about="A label of alerts.")
_OWN_LABELS = map_of(
    LABEL, Either(_VALUE, mapping=_OF_FACT), least=0, most=64, about="A label of alerts: a text, or {fact: ...}."
)


def _visible(text: str) -> str | None:
    """Control characters would reach the terminals of those who read what the rule says."""
    strange = next((letter for letter in text if (letter < " " and letter not in "\n\t") or letter == "\x7f"), None)
    return None if strange is None else f"has the control character U+{ord(strange):04X}; take it out"


CONDITION = Text(
    "an expression", lines=True, most=4096, examples=("value < 0.3 and tier in ['gold', 'pro']",), check=_visible
)

OPERAND = Record(
    {
        **{source: Key(DOCUMENT_NAME, f"Name of a {kind}.") for source, kind in SOURCES.items()},
        "agg": Key(
            Choice(tuple(Agg)),
            "What is taken: the last value (last), whether there is none (absent), or what the values of the window "
            "`over` come to.",
            default="last",
        ),
        "over": Key(WINDOW_OF_TIME, "Length of the window that ends at the instant judged."),
        "offset": Key(DELAY, "How far before the instant judged.", default="0s"),
        "by": Key(ListOf(LABEL, least=0, most=16), "Labels kept; the values of all others are added up."),
    },
    rules=(OneOf(tuple(SOURCES)), When("agg", (Agg.RATE, Agg.INCREASE), needs=("over",))),
)

SPEC = Record(
    {
        "facts": Key(
            map_of(
                FACT_NAME,
                OPERAND,
                most=64,
                noun="a map from facts to where they come from",
                about="A fact as the conditions call it: {metric: ...}, {kpi: ...} or {fact: ...}.",
            ),
            "Names in the conditions, and where their values come from.",
            required=True,
        ),
        "warning": Key(CONDITION, "When it is a warning."),
        "critical": Key(CONDITION, "When it is critical; wins over the warning."),
        "for": Key(DELAY, "How long a condition must hold before the alert fires; absent = at once.", default="0s"),
        "keep_firing_for": Key(
            DELAY, "How long it fires on after the condition ended; absent = not at all.", default="0s"
        ),
        "every": Key(DELAY, "How often it is evaluated, at multiples of this since 1970 (UTC); absent = each minute."),
        "live": Key(
            Flag(), "Whether it is evaluated as events come; false = only when a Schedule evaluates it.", default=True
        ),
        "on_missing": Key(
            Choice(("no_data", "false", "true")),
            "What an unknown condition counts as; absent = no_data, which on_no_data decides about.",
            default="no_data",
        ),
        "on_no_data": Key(
            Choice(("no_data", "ok", "keep", "alerting")),
            "What missing data does: tell of it (no_data), resolve (ok), keep the state, or alert.",
            default="no_data",
        ),
        "on_error": Key(
            Choice(("error", "ok", "keep", "alerting")),
            "What a failed evaluation does: tell of it (error), resolve (ok), keep the state, or alert.",
            default="error",
        ),
        "labels": Key(_OWN_LABELS, "Further labels of its alerts: texts, or the text that a fact has, {fact: name}."),
        "limit": Key(
            Number(least=1, most=100_000, whole=True),
            f"Most alerts at once (absent = {MOST_ALERTS}); with more one alert tells how many there are.",
            default=MOST_ALERTS,
        ),
        "summary": Key(Text("a text", lines=True, most=1024, check=_visible), "What people read when it fires."),
    }
)


def build(metadata: Metadata, spec: Spec, site: Site) -> AlertRule:
    """Make an alert rule; its conditions are compiled once the fact types are known."""
    if "every" in spec and not spec.get("live", True):
        site.problem(("spec", "every"), "says nothing beside live: false; the times are those of a Schedule", key=True)
    if not any(severity in spec for severity in SEVERITIES):
        site.problem(("spec",), "needs a condition: 'warning' or 'critical' or both", key=True)
    labels = spec.get("labels", {})
    return AlertRule(
        metadata=metadata,
        facts={name: read_source(written, ("spec", "facts", name), site) for name, written in spec["facts"].items()},
        warning=spec.get("warning", ""),
        critical=spec.get("critical", ""),
        for_us=parse_span(spec.get("for", "0s")).us,
        keep_firing_for_us=parse_span(spec.get("keep_firing_for", "0s")).us,
        on_missing=spec.get("on_missing", "no_data"),
        on_no_data=spec.get("on_no_data", "no_data"),
        on_error=spec.get("on_error", "error"),
        labels={name: value for name, value in labels.items() if isinstance(value, str)},
        label_facts={name: value["fact"] for name, value in labels.items() if not isinstance(value, str)},
        limit=spec.get("limit", MOST_ALERTS),
        summary=spec.get("summary", ""),
        every_us=parse_span(spec.get("every", "0s")).us,
        live=spec.get("live", True),
        asides={severity: found for severity in SEVERITIES if (found := site.comment_behind(("spec", severity)))},
        written={text: there for text in (*SEVERITIES, "summary") if (there := site.written(("spec", text)))},
    )


def dump(rule: AlertRule) -> dict[str, Any]:
    """Write an alert rule as a spec."""
    spec: dict[str, Any] = {
        "facts": {name: write_source(source) for name, source in rule.facts.items()},
        "for": format_span(rule.for_us),
        "keep_firing_for": format_span(rule.keep_firing_for_us),
        "on_missing": rule.on_missing,
        "on_no_data": rule.on_no_data,
        "on_error": rule.on_error,
        "labels": dict(rule.labels) | {name: {"fact": fact} for name, fact in rule.label_facts.items()},
        "limit": rule.limit,
    }
    written = {"warning": rule.warning, "critical": rule.critical, "summary": rule.summary}
    if rule.every_us:
        written["every"] = format_span(rule.every_us)
    if not rule.live:
        spec["live"] = False
    return spec | {key: value for key, value in written.items() if value}


def check(rule: AlertRule, site: Site, known: Known) -> None:
    """Note facts that nothing defines, facts that no condition reads, and conditions that do not compile."""
    sound = _check_label_facts(rule, site, known)
    for name, source in rule.facts.items():
        kind = SOURCES[source.kind]
        names = known.names.get(kind, frozenset())
        if source.name not in names:
            message = f"is {quoted(source.name)}, but there is no {kind} of that name{hint(source.name, names)}"
            site.problem(("spec", "facts", name, source.kind), message)
            sound = False
        else:
            _check_labels(name, source, site, known)
    # A fact type that is broken is told already.
    types = {source.name for source in rule.facts.values() if source.kind == "fact"}
    if not sound or not types <= known.fact_types.keys():
        return
    read: set[str] = set()
    for severity in SEVERITIES:
        try:
            compiled = compile_rule(rule, known.fact_types, severities=(severity,))
        except ExpressionError as error:
            tell_expression(error, ("spec", severity), site)
            sound = False
        else:
            read |= {name for condition in compiled.conditions.values() for name in condition.facts}
    if sound:
        for name in sorted(set(rule.facts) - read - set(rule.label_facts.values())):
            told = "is read by no condition and is no label; use it or take it out"
            site.problem(("spec", "facts", name), told, key=True)


def _check_label_facts(rule: AlertRule, site: Site, known: Known) -> bool:
    """Note labels of facts that are not there, that are no texts, or that nobody may see; answers whether all are."""
    sound = True
    for label, name in rule.label_facts.items():
        source = rule.facts.get(name)
        found = None if source is None or source.kind != "fact" else known.fact_types.get(source.name)
        if source is None:
            message = f"is {quoted(name)}, but the rule has no fact of that name{hint(name, rule.facts)}"
        elif source.kind != "fact" or (found is not None and found.type != "text"):
            message = f"is {quoted(name)}, which is no text; a label is the value of a FactType with type: text"
        elif source.operand.agg is not Agg.LAST:
            message = f"is {quoted(name)}, of which {source.operand.agg} is taken; a label is the last value"
        elif found is not None and found.sensitive:
            message = f"is {quoted(name)}, which is sensitive; labels are told to everybody"
        else:
            continue
        site.problem(("spec", "labels", label, "fact"), message)
        sound = False
    return sound


def tell_expression(error: ExpressionError, path: Path, site: Site) -> None:
    """Note what is wrong with a condition, at its place, or with the words at fault where the file has it otherwise."""
    exact = site.place_in(path, error.start) if error.start is not None else None
    fragment = f" (at {quoted(error.fragment)})" if exact is None and error.fragment else ""
    cut = "; ' #' begins a comment in YAML: put the condition in quotes" if site.comment_behind(path) else ""
    site.problem(path, f"does not compile: {error.message}{fragment}{cut}", at=exact)


def _check_labels(name: str, source: FactSource, site: Site, known: Known) -> None:
    """Note labels in `by` that nothing of the source has, and aggregations of what is no number."""
    path = ("spec", "facts", name)
    if source.kind == "fact" and source.name in known.fact_types:
        kind = known.fact_types[source.name].type
        if source.operand.agg not in {Agg.LAST, Agg.ABSENT, Agg.COUNT} and kind not in NUMERIC:
            site.problem((*path, "agg"), f"is {source.operand.agg}, which needs numbers; {source.name} is a {kind}")
    labels = known.labels.get((source.kind, source.name), ())
    for place, label in enumerate(source.operand.by or ()):
        if label not in labels:
            has = f"it has {', '.join(labels)}" if labels else "it has no labels"
            site.problem((*path, "by", place), f"is {quoted(label)}, a label that {source.name} has not; {has}")


def read_source(written: Spec, path: Path, site: Site) -> FactSource:
    """Make the source of a fact of what has the keys of OPERAND; what does not fit together is noted at the site."""
    kind = next(kind for kind in SOURCES if kind in written)
    by = written.get("by")
    agg = Agg(written.get("agg", "last"))
    over_us = parse_span(written["over"]).us if "over" in written else 0
    if over_us and "agg" not in written:
        site.problem((*path, "over"), "needs agg to say what the values of the window come to", key=True)
    try:
        operand = Operand(
            agg=agg,
            over_us=over_us,
            offset_us=parse_span(written.get("offset", "0s")).us,
            by=None if by is None else tuple(by),
            # Points of windows that tile the time are added up rightly so.
            start=WindowStart.LEFT_OPEN,
        )
    except ValueError as error:
        site.problem(path, f"does not fit together: {error}")
        operand = Operand()
    return FactSource(kind, written[kind], operand, site.place(path, key=True))


def write_source(source: FactSource) -> dict[str, Any]:
    """Write a source as it is read."""
    operand = source.operand
    written: dict[str, Any] = {source.kind: source.name, "agg": str(operand.agg)}
    if operand.over_us:
        written["over"] = format_span(operand.over_us)
    if operand.offset_us:
        written["offset"] = format_span(operand.offset_us)
    return written | ({} if operand.by is None else {"by": list(operand.by)})


KIND = Kind(
    "AlertRule", "When something is wrong, how wrong, and since when it must have been.", SPEC, build, dump, check
)
