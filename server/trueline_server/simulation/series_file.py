"""Reads a series file, and the cases of rule tests, as scenarios."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from trueline_rules.alert_model import AlertRule, FactSource, RuleTest, TestCase
from trueline_rules.alert_rules import compile_rule
from trueline_rules.alerting.series import NotationError, Series, count_samples
from trueline_rules.alerting.vectors import Labels, labels_of, shown
from trueline_rules.backtesting.replay import History
from trueline_rules.errors import Problems
from trueline_rules.expressions import Fact, FactType
from trueline_rules.kinds.alert_rule import LABELS
from trueline_rules.kinds.fields import DOCUMENT_NAME
from trueline_rules.kinds.matchers import MATCHERS
from trueline_rules.kinds.rule_test import INTERVAL, MOST_LISTED
from trueline_rules.kinds.times import TIME, parse_time
from trueline_rules.model import Place, RuleSet
from trueline_rules.names import hint, quoted
from trueline_rules.records import Either, Key, ListOf, OneOf, OrNull, Record
from trueline_rules.scalars import Choice, Scalar, Text
from trueline_rules.site import BAD, Path, Site
from trueline_rules.spans import DELAY, WINDOW_OF_TIME, parse_span
from trueline_rules.syntax import compose, place_of
from trueline_rules.testing.given import samples_of
from trueline_rules.testing.runner import NOW

from trueline_server.alerts.kpi_values import LOOKBACK_US
from trueline_server.backtests.model import Note
from trueline_server.rules.series_reader import lookback_of
from trueline_server.simulation.model import GivenSilence, Hand, HandKind, Scenario
from trueline_server.simulation.values import names_of

# Of a file; a year of minutes of four series.
MOST_SAMPLES = 2_000_000
MOST_INSTANTS = 1_000_000
_FOR_EVER_US = 1 << 60
_NOW_US = int(NOW.timestamp()) * 1_000_000
_KINDS = ("metric", "kpi", "fact")
_PERSON = Text("a name", most=256)
_VALUE = Either(scalar=Scalar(), sequence=ListOf(Text("a text", least=0), least=0))
_SERIES = Record(
    {
        "metric": Key(DOCUMENT_NAME, "A metric."),
        "kpi": Key(DOCUMENT_NAME, "A KPI."),
        "fact": Key(DOCUMENT_NAME, "A fact type."),
        "labels": Key(LABELS, "Labels of the series: of a metric those of its group_by, of a fact its subject."),
        "values": Key(
            Either(
                scalar=Text("samples", most=65_536, examples=("0.35-0.02x10", "5x3 _ stale")),
                sequence=ListOf(OrNull(_VALUE), most=MOST_LISTED, unique=False),
            ),
            "Samples, one `interval` apart: promtool's notation for numbers, or a list of any type.",
            required=True,
        ),
    },
    rules=(OneOf(_KINDS),),
)
_ACT = Record(
    {
        "at": Key(DELAY, "When, counted from the start.", required=True),
        "rule": Key(DOCUMENT_NAME, "Name of the AlertRule.", required=True),
        "labels": Key(LABELS, "Which alerts of it; absent = all."),
        "by": Key(_PERSON, "Who.", required=True),
        "how": Key(Choice(tuple(HandKind)), "What; absent = acknowledge.", default="acknowledge"),
        "meets": Key(Text("the name of a deadline", most=128), "Of a note: the deadline that it meets, e.g. update."),
    }
)
_SILENCE = Record(
    {
        "matchers": Key(MATCHERS, "Which alerts; all of them must match.", required=True),
        "from": Key(DELAY, "Since when, counted from the start.", default="0s"),
        "until": Key(DELAY, "Until when, counted from the start.", required=True),
        "author": Key(_PERSON, "Who says so.", required=True),
        "reason": Key(Text("a text", lines=True, most=1024), "Why.", required=True),
    }
)
FILE = Record(
    {
        "start": Key(TIME, "Instant of the first sample; who is on call depends on it.", required=True),
        "interval": Key(WINDOW_OF_TIME, f"Distance of samples and evaluations; absent = {INTERVAL}.", default=INTERVAL),
        "until": Key(DELAY, "The clock goes on until then, counted from the start; absent = the last sample."),
        "series": Key(ListOf(_SERIES, most=10_000), "What rules read.", required=True),
        "acks": Key(ListOf(_ACT, unique=False), "What people do about alerts."),
        "silences": Key(ListOf(_SILENCE), "Silences that people put in."),
    }
)

# Of a source of values: "metric", "kpi" or "fact", and its name.
_Source = tuple[str, str]


@dataclass(frozen=True, slots=True)
class _Read:
    """What is in a file: series by source, how many samples the longest has."""

    series: dict[_Source, list[Series]]
    longest: int


def read_series_file(
    text: str,
    file: str,
    rules: RuleSet,
    *,
    only: Sequence[str] = (),
    start_us: int | None = None,
    until_us: int | None = None,
) -> Scenario:
    """Read a series file as a scenario.

    Args:
        text: of the file.
        file: its name, as problems tell it.
        rules: what holds.
        only: alert rules that are evaluated; () = those that read one of the series.
        start_us: instant of the first sample instead of the file's.
        until_us: the clock goes on for so long from the start, instead of what the file says; None = as it says.

    Raises:
        RuleFileError: with all that is wrong.

    """
    problems = Problems()
    nodes, complete = compose(text.removeprefix("\ufeff"), file, problems)
    if complete and len(nodes) != 1:
        problems.add(Place(file, 0, 0), f"must hold one document, holds {len(nodes)}")
    problems.raise_if_any()
    site = Site(file, problems, place_of(file, nodes[0].start_mark))
    written = site.read(FILE, nodes[0], ())
    problems.raise_if_any()
    assert written is not BAD
    every_us = parse_span(written.get("interval", INTERVAL)).us
    begin_us = parse_time(written["start"], "UTC") if start_us is None else start_us
    found = _read_series(written["series"], rules, site, begin_us, every_us)
    hands = _hands(written.get("acks", ()), rules, site, begin_us)
    silences = _silences(written.get("silences", ()), site, begin_us)
    problems.raise_if_any()
    names, notes = _names(rules, found.series, only)
    if until_us is None and "until" in written:
        until_us = parse_span(written["until"]).us
    return _bounded(
        Scenario(
            rules=rules,
            names=names,
            histories=_histories(rules, names, found.series),
            start_us=begin_us,
            last_us=begin_us + max(found.longest - 1, 0) * every_us,
            every_us=every_us,
            end_us=begin_us + max(found.longest - 1, 0) * every_us,
            hands=hands,
            silences=silences,
            notes=notes,
        ),
        until_us,
    )


def scenario_of_test(
    rules: RuleSet, test: RuleTest, case: TestCase, *, start_us: int | None = None, until_us: int | None = None
) -> Scenario:
    """The series of a case of a rule test as a scenario: its rule alone is evaluated, with its values.

    Raises:
        ValueError: the case has no series, or one of them cannot be read.

    """
    if not case.series:
        raise ValueError(f"case {quoted(case.name)} of {test.metadata.name} gives facts at one instant, no series")
    rule = rules.alert_rules[test.rule]
    declared = compile_rule(rule, rules.fact_types).sampled
    begin_us = _NOW_US if start_us is None else start_us
    series: dict[FactSource, list[Series]] = {source: [] for source in rule.facts.values()}
    longest = 0
    for given in case.series:
        samples = samples_of(Fact(given.fact, declared[given.fact]), given.values)
        longest = max(longest, len(samples))
        made = Series.regular(labels_of(given.labels), samples, test.interval_us, begin_us)
        series[rule.facts[given.fact]].append(made)
    last_us = max([each.at_us for each in case.expectations], default=(longest - 1) * test.interval_us) + begin_us
    # As where tests are run, the look-back is that of the operand.
    histories = {source: History(found) for source, found in series.items()}
    scenario = Scenario(rules, (test.rule,), histories, begin_us, last_us, test.interval_us, last_us)
    return _bounded(scenario, until_us)


def _bounded(scenario: Scenario, until_us: int | None) -> Scenario:
    """A scenario whose clock goes on, or stops earlier."""
    if until_us is None:
        return scenario
    end_us = scenario.start_us + until_us
    return replace(scenario, last_us=min(scenario.last_us, end_us), end_us=end_us)


def _read_series(written: Sequence[Any], rules: RuleSet, site: Site, start_us: int, every_us: int) -> _Read:
    found: dict[_Source, list[Series]] = {}
    seen: set[tuple[_Source, Labels]] = set()
    total = longest = 0
    for number, one in enumerate(written):
        path: Path = ("series", number)
        kind = next(kind for kind in _KINDS if kind in one)
        source = (kind, one[kind])
        known = _type_of(rules, source, path, site)
        if known is None:
            continue
        labels = labels_of(one.get("labels", {}))
        _check_labels(rules, source, labels, path, site)
        if (source, labels) in seen:
            site.problem(path, f"is a second series of {kind} {one[kind]} with the labels {shown(labels)}")
        seen.add((source, labels))
        try:
            values = one["values"]
            count = count_samples(values, MOST_SAMPLES) if isinstance(values, str) else len(values)
            total, longest = total + count, max(longest, count)
            if total > MOST_SAMPLES:
                site.problem(path, f"makes more than {MOST_SAMPLES:,} samples of the file")
                break
            samples = samples_of(Fact(one[kind], known), values)
        except NotationError as error:
            at = site.place_in((*path, "values"), error.column - 1)
            site.problem((*path, "values"), f"cannot be read: {error}", at=at)
        except ValueError as error:
            site.problem((*path, "values"), f"cannot be read: {error}")
        else:
            found.setdefault(source, []).append(Series.regular(labels, samples, every_us, start_us))
    if longest > MOST_INSTANTS:
        site.problem(("series",), f"comes to {longest:,} evaluations, at most {MOST_INSTANTS:,} are simulated")
    return _Read(found, longest)


def _type_of(rules: RuleSet, source: _Source, path: Path, site: Site) -> FactType | None:
    """The type of the samples of a source; None after telling that there is no such source."""
    kind, name = source
    known: Mapping[str, Any] = {"metric": rules.metrics, "kpi": rules.kpis, "fact": rules.fact_types}[kind]
    if name not in known:
        site.problem((*path, kind), f"is {quoted(name)}, which is not defined{hint(name, known)}")
        return None
    return FactType(rules.fact_types[name].type) if kind == "fact" else FactType.NUMBER


def _check_labels(rules: RuleSet, source: _Source, labels: Labels, path: Path, site: Site) -> None:
    kind, name = source
    operand = next(
        (s for rule in rules.alert_rules.values() for s in rule.facts.values() if (s.kind, s.name) == source), None
    )
    if operand is None:
        return
    may = names_of(rules, operand)
    for label, _ in labels:
        if label not in may:
            has = f"has {', '.join(may)}" if may else "has none"
            site.problem((*path, "labels"), f"has {quoted(label)}; {kind} {name} {has}", key=True)


def _names(
    rules: RuleSet, series: Mapping[_Source, Sequence[Series]], only: Sequence[str]
) -> tuple[tuple[str, ...], list[Note]]:
    """The rules that are evaluated, and what is not read by any or missing for some."""
    names = tuple(
        name
        for name, rule in sorted(rules.alert_rules.items())
        if (name in only if only else any((s.kind, s.name) in series for s in rule.facts.values()))
    )
    read = {(s.kind, s.name): name for name in names for s in rules.alert_rules[name].facts.values()}
    notes = [Note(kind, name, "is given, but read by no rule") for kind, name in series if (kind, name) not in read]
    notes += [
        Note(kind, name, f"is read by {rule}, but not given: it has no value")
        for (kind, name), rule in read.items()
        if (kind, name) not in series
    ]
    return names, notes


def _histories(
    rules: RuleSet, names: Iterable[str], series: Mapping[_Source, Sequence[Series]]
) -> dict[FactSource, History]:
    """What rules read, each value for as long as it counts live."""
    found = {}
    for name in names:
        rule: AlertRule = rules.alert_rules[name]
        for source in rule.facts.values():
            lookback_us = {"kpi": LOOKBACK_US, "fact": _FOR_EVER_US}.get(source.kind)
            if source.kind == "metric":
                lookback_us = lookback_of(rules.metrics[source.name])
            found[source] = History(series.get((source.kind, source.name), ()), lookback_us)
    return found


def _hands(written: Sequence[Any], rules: RuleSet, site: Site, start_us: int) -> list[Hand]:
    found = []
    for number, one in enumerate(written):
        path: Path = ("acks", number)
        kind = HandKind(one.get("how", HandKind.ACKNOWLEDGE))
        if one["rule"] not in rules.alert_rules:
            told = f"is {quoted(one['rule'])}, which is not defined{hint(one['rule'], rules.alert_rules)}"
            site.problem((*path, "rule"), told)
        if "meets" in one and kind is not HandKind.NOTE:
            site.problem((*path, "meets"), "goes with 'how: note' only", key=True)
        at_us = start_us + parse_span(one["at"]).us
        found.append(Hand(at_us, kind, one["by"], one["rule"], one.get("labels", {}), one.get("meets", "")))
    return found


def _silences(written: Sequence[Any], site: Site, start_us: int) -> list[GivenSilence]:
    found = []
    for number, one in enumerate(written):
        starts_us, ends_us = (start_us + parse_span(one.get(key, "0s")).us for key in ("from", "until"))
        if ends_us <= starts_us:
            site.problem(("silences", number, "until"), f"is {one['until']}, which is not after 'from'")
        found.append(GivenSilence(starts_us, ends_us, one["matchers"], one["author"], one["reason"]))
    return found
