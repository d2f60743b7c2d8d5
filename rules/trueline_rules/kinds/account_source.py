"""Where a value of accounts is from: the last value of a fact, or what the windows of a metric come to for each."""

from __future__ import annotations

from typing import Any

from trueline_rules.alert_model import FactSource
from trueline_rules.alerting.aggregates import Agg
from trueline_rules.kinds.alert_rule import LABEL, SOURCES, read_source, write_source
from trueline_rules.kinds.fields import DOCUMENT_NAME
from trueline_rules.kinds.kind import Known, Spec
from trueline_rules.model import Aggregation, Metric
from trueline_rules.names import hint, quoted
from trueline_rules.records import Either, Key, ListOf, OneOf, Record
from trueline_rules.scalars import Choice
from trueline_rules.site import Path, Site
from trueline_rules.spans import WINDOW_OF_TIME

ACCOUNT = "account"
ACCOUNT_LABEL = "account_id"
# What the windows of an account's metric may come to.
TAKEN = (Agg.LAST, Agg.AVG, Agg.MAX, Agg.MIN, Agg.SUM, Agg.COUNT)


def _way_out(key: str) -> str:
    return "; a KPI is one of the whole business: take a metric, or a fact" if key == "kpi" else ""


ACCOUNT_SOURCE = Record(
    {
        "fact": Key(DOCUMENT_NAME, "Name of a FactType of accounts; its last value."),
        "metric": Key(DOCUMENT_NAME, "Name of a Metric; its windows are computed for each account, grouped or not."),
        "agg": Key(Choice(tuple(Agg)), "What the windows of the metric come to.", default="last"),
        "over": Key(WINDOW_OF_TIME, "Length of the time that ends at the instant judged."),
        "by": Key(Either(LABEL, ListOf(LABEL, most=1)), "Whose windows they are: account_id."),
    },
    rules=(OneOf(("fact", "metric")),),
    way_out=_way_out,
)


def read_account_source(written: Spec, path: Path, site: Site) -> FactSource:
    """Make a source of what has the keys of ACCOUNT_SOURCE; what does not fit together is noted at the site."""
    if "fact" in written:
        for key in ("agg", "over", "by"):
            if key in written:
                site.problem((*path, key), "goes with a metric; of a fact the last value is taken", key=True)
        return read_source({"fact": written["fact"]}, path, site)
    by = written.get("by", (ACCOUNT_LABEL,))
    by = (by,) if isinstance(by, str) else by
    if tuple(by) != (ACCOUNT_LABEL,):
        site.problem((*path, "by"), f"must be {ACCOUNT_LABEL}, is {quoted(', '.join(by))}")
    return read_source({**written, "by": (ACCOUNT_LABEL,)}, path, site)


def write_account_source(source: FactSource) -> dict[str, Any]:
    """Write a source as it is read."""
    return {"fact": source.name} if source.kind == "fact" else write_source(source)


def is_account_source(source: FactSource, path: Path, site: Site, known: Known) -> bool:
    """Whether a source is defined and of accounts; at `path` is noted why not, unless it is broken, as is told then."""
    kind = SOURCES[source.kind]
    names = known.names.get(kind, frozenset())
    if source.name not in names:
        told = f"is {quoted(source.name)}, but there is no {kind} of that name{hint(source.name, names)}"
    elif source.name not in (known.metrics if source.kind == "metric" else known.fact_types):
        return False
    elif source.kind == "metric" and (wrong := _unread(source, known.metrics[source.name])):
        told = f"is {quoted(source.name)}, {wrong}"
    elif source.kind == "fact" and known.fact_types[source.name].subject != ACCOUNT:
        subject = known.fact_types[source.name].subject
        told = f"is {quoted(source.name)}, a fact of the subject {subject}, not {ACCOUNT}"
    else:
        return True
    site.problem(path, told)
    return False


def _unread(source: FactSource, metric: Metric) -> str:
    """Why windows of a metric cannot be computed for each account; "" if they can."""
    if metric.window.text != metric.step.text:
        return f"whose windows of {metric.window.text} overlap; take one whose windows do not"
    if metric.aggregation is Aggregation.QUANTILE:
        return "a quantile; take another aggregation"
    if source.operand.agg not in TAKEN:
        return f"of which {source.operand.agg} is taken; take {', '.join(TAKEN)}"
    return ""
