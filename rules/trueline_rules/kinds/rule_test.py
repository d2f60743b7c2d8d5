"""Kind RuleTest: given facts, or series over time, the decisions of a rule."""

from __future__ import annotations

from typing import Any

from trueline_rules.alert_model import (
    Expectation,
    ExpectedAlert,
    Given,
    GivenSeries,
    RuleTest,
    TestCase,
)
from trueline_rules.alert_rules import SEVERITIES
from trueline_rules.alerting.series import NotationError, count_samples
from trueline_rules.kinds.alert_rule import LABELS
from trueline_rules.kinds.fact_type import FACT_NAME
from trueline_rules.kinds.fields import DOCUMENT_NAME
from trueline_rules.kinds.kind import Kind, Spec
from trueline_rules.kinds.rule_test_facts import check
from trueline_rules.model import Metadata
from trueline_rules.names import quoted
from trueline_rules.records import Either, Key, ListOf, OrNull, Record, map_of
from trueline_rules.scalars import Choice, Scalar, Text
from trueline_rules.site import Path, Site
from trueline_rules.spans import DELAY, WINDOW_OF_TIME, format_span, parse_span

# States that an expectation can name; an alert that is inactive or resolved is not listed.
STATES = ("pending", "firing", "recovering", "no_data", "error")
DECISIONS = (*SEVERITIES, "none", "unknown")
INTERVAL = "1m"
# Bounds of one case, so that a slip of the pen does not run for hours.
MOST_EVALUATIONS = 100_000
MOST_SAMPLES = 100_000
MOST_LISTED = 10_000

_VALUE = Either(scalar=Scalar(), sequence=ListOf(Text("a text", least=0), least=0))
_VALUES = map_of(
    FACT_NAME,
    _VALUE,
    least=0,
    most=64,
    noun="a map from facts to values",
    about="The value of a fact, in its type: 0.3, gold, true, [a, b], or an instant in quotes.",
)
_ALERT = Record(
    {
        "labels": Key(LABELS, "Labels that come from its facts and its rule."),
        "state": Key(Choice(STATES), "Its state.", required=True),
        "severity": Key(Choice(SEVERITIES), "Its severity; absent = any."),
    }
)
_EXPECT = Either(
    mapping=Record({"severity": Key(Choice(DECISIONS), "What the rule decides about the facts given.", required=True)}),
    sequence=ListOf(
        Record(
            {
                "at": Key(DELAY, "When, counted from the first sample.", required=True),
                "alerts": Key(ListOf(_ALERT, least=0), "All alerts that are there.", required=True),
            }
        )
    ),
)
_BODY = {
    "given": Key(_VALUES, "Facts at one instant; those left out are missing."),
    "series": Key(
        ListOf(
            Record(
                {
                    "fact": Key(FACT_NAME, "A fact of the rule.", required=True),
                    "labels": Key(LABELS, "Labels of the series."),
                    "values": Key(
                        Either(
                            scalar=Text("samples", most=65_536, examples=("0.35-0.02x10", "5x3 _ stale")),
                            sequence=ListOf(OrNull(_VALUE), most=MOST_LISTED, unique=False),
                        ),
                        "Numbers: 0.35-0.02x10 (one and ten further ones, each 0.02 less), 5x3 (four times 5), _ for "
                        "none, stale for the end. Values of any type: a list, with null for none.",
                        required=True,
                    ),
                }
            )
        ),
        "Samples of the facts, one `interval` apart.",
    ),
    "expect": Key(_EXPECT, "The decision about `given`, or the alerts of `series` at instants."),
    "skip": Key(Text("a text", lines=True), "Why the case is not run."),
}
SPEC = Record(
    {
        "rule": Key(DOCUMENT_NAME, "Name of the AlertRule.", required=True),
        "interval": Key(WINDOW_OF_TIME, f"Distance of samples and evaluations; absent = {INTERVAL}.", default=INTERVAL),
        "cases": Key(
            ListOf(
                Record(
                    {
                        "name": Key(Text("a text", most=256), "What the case shows.", required=True),
                        "each": Key(ListOf(Record(_BODY), unique=False), "Several of the same kind: each is a case."),
                        **_BODY,
                    }
                )
            ),
            "What is given and what is expected.",
            required=True,
        ),
    }
)


def build(metadata: Metadata, spec: Spec, site: Site) -> RuleTest:
    """Make a test; `each` becomes as many cases."""
    interval_us = parse_span(spec.get("interval", INTERVAL)).us
    cases: list[TestCase] = []
    names: set[str] = set()
    for number, written in enumerate(spec["cases"]):
        path: Path = ("spec", "cases", number)
        if written["name"] in names:
            site.problem(
                (*path, "name"), f"is {quoted(written['name'])}, which another case is called already; rename one"
            )
        names.add(written["name"])
        if "each" not in written:
            cases.append(_case(written["name"], written, path, interval_us, site))
            continue
        for key in _BODY:
            if key in written:
                site.problem((*path, key), "does not go with 'each'; write it in each of them", key=True)
        for row, one in enumerate(written["each"]):
            name = f"{written['name']} [{row + 1}]"
            cases.append(_case(name, one, (*path, "each", row), interval_us, site))
    return RuleTest(metadata, spec["rule"], interval_us, tuple(cases))


def dump(test: RuleTest) -> dict[str, Any]:
    """Write a test as a spec."""
    return {
        "rule": test.rule,
        "interval": format_span(test.interval_us),
        "cases": [_dump_case(case) for case in test.cases],
    }


def _case(name: str, written: Spec, path: Path, interval_us: int, site: Site) -> TestCase:
    skip = written.get("skip", "")
    expect = written.get("expect")
    if ("given" in written) == ("series" in written):
        held = "both" if "given" in written else "neither"
        site.problem(path, f"needs either 'given' or 'series', has {held}", key=True)
    elif expect is None:
        site.problem(path, "lacks the key 'expect'", key=True)
    elif ("given" in written) != isinstance(expect, dict):
        wanted = "{severity: …}" if "given" in written else "a list of {at: …, alerts: […]}"
        site.problem((*path, "expect"), f"must be {wanted} for what is given")
    else:
        if isinstance(expect, dict):
            given = dict(written["given"])
            return TestCase(name, skip, given=given, severity=expect["severity"], path=path, place=site.place(path))
        series = tuple(_series(one, (*path, "series", number), site) for number, one in enumerate(written["series"]))
        return TestCase(
            name,
            skip,
            series=series,
            expectations=_expectations(expect, (*path, "expect"), interval_us, site),
            path=path,
            place=site.place(path),
        )
    return TestCase(name, skip)


def _series(written: Spec, path: Path, site: Site) -> GivenSeries:
    values = written["values"]
    if isinstance(values, str):
        try:
            count_samples(values, MOST_SAMPLES)
        except NotationError as error:
            place = site.place_in((*path, "values"), error.column - 1) or site.place((*path, "values"))
            site.problem((*path, "values"), f"cannot be read: {error}", at=place)
    return GivenSeries(written["fact"], written.get("labels", {}), values)


def _expectations(written: Any, path: Path, interval_us: int, site: Site) -> tuple[Expectation, ...]:
    expectations: list[Expectation] = []
    for number, one in enumerate(written):
        at_us = parse_span(one["at"]).us
        if any(at_us == other.at_us for other in expectations):
            site.problem((*path, number, "at"), f"is {one['at']}, an instant that stands above already")
        if at_us // interval_us > MOST_EVALUATIONS:
            most = f"{MOST_EVALUATIONS:,} evaluations, one each {format_span(interval_us)}"
            site.problem(
                (*path, number, "at"),
                f"is {one['at']}, too late for a case: it has at most {most}; make the interval longer",
            )
        labels = [sorted(alert.get("labels", {}).items()) for alert in one["alerts"]]
        if any(each in labels[:place] for place, each in enumerate(labels)):
            site.problem((*path, number, "alerts"), "has two alerts with the same labels, which cannot both be")
        if at_us % interval_us:
            site.problem((*path, number, "at"), f"must be a multiple of the interval, {format_span(interval_us)}")
        alerts = tuple(
            ExpectedAlert(alert.get("labels", {}), alert["state"], alert.get("severity", "")) for alert in one["alerts"]
        )
        expectations.append(Expectation(at_us, alerts))
    return tuple(sorted(expectations, key=lambda each: each.at_us))


def _dump_case(case: TestCase) -> dict[str, Any]:
    written: dict[str, Any] = {"name": case.name}
    if case.skip:
        written["skip"] = case.skip
    if case.given is not None:
        given = {fact: _dump_value(value) for fact, value in case.given.items()}
        return written | {"given": given, "expect": {"severity": case.severity}}
    series = [
        {
            "fact": one.fact,
            "labels": dict(one.labels),
            "values": one.values if isinstance(one.values, str) else [_dump_value(value) for value in one.values],
        }
        for one in case.series
    ]
    expect = [
        {"at": format_span(each.at_us), "alerts": [_dump_alert(alert) for alert in each.alerts]}
        for each in case.expectations
    ]
    return written | {"series": series, "expect": expect}


def _dump_value(value: Given) -> Given | list[str]:
    return list(value) if isinstance(value, tuple) else value


def _dump_alert(alert: ExpectedAlert) -> dict[str, Any]:
    written: dict[str, Any] = {"labels": dict(alert.labels), "state": alert.state}
    return written | ({"severity": alert.severity} if alert.severity else {})


KIND = Kind("RuleTest", "Given facts, or series over time, the decisions of a rule.", SPEC, build, dump, check)
