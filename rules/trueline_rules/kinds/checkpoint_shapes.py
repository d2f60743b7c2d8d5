"""The shape of the cells of a CheckpointPolicy: keys, names and values, as files write them."""

from __future__ import annotations

from trueline_rules.checkpoint_model import Part, Taken
from trueline_rules.kinds.alert_rule import LABEL, LABELS
from trueline_rules.kinds.fact_type import FACT_NAME
from trueline_rules.kinds.fields import DOCUMENT_NAME
from trueline_rules.model import Direction
from trueline_rules.names import quoted
from trueline_rules.records import Either, Key, ListOf, OneOf, Record
from trueline_rules.scalars import Choice, Number, Text

EVERY = "all"
SOURCES = {"kpi": "Kpi", "metric": "Metric", "fact": "FactType"}
PLURAL = {Part.PERSONA: "personas", Part.FUNCTION: "functions", Part.JOURNEY: "journeys"}
# Together with that of the policy they make the key of a case, which has 128 bytes.
_MOST_NAME, _MOST_MEASURE = 28, 24


def _no_word(name: str) -> str | None:
    return f"is {quoted(name)}, which means every one; choose another name" if name == EVERY else None


PART_NAME = Text(
    f"a name of up to {_MOST_NAME} lowercase letters, digits and '_' that starts with a letter",
    f"[a-z][a-z0-9_]{{0,{_MOST_NAME - 1}}}",
    most=_MOST_NAME,
    check=_no_word,
)
_REFERENCE = Text("a name, or all", f"[a-z][a-z0-9_]{{0,{_MOST_NAME - 1}}}", most=_MOST_NAME, examples=(EVERY,))
_NAMES = Either(scalar=_REFERENCE, sequence=ListOf(_REFERENCE))
MEASURE = Text(
    f"a measure of up to {_MOST_MEASURE} lowercase letters, digits and '_' that starts with a letter",
    f"[a-z][a-z0-9_]{{0,{_MOST_MEASURE - 1}}}",
    most=_MOST_MEASURE,
    examples=(
        "conversion",
        "retention",
        "nps",
        "time_to_value",
        "task_completion",
        "support_resolution_time",
        "renewal",
    ),
)
_MISS = Number(above=0, most=1000)
PRIORITIES = Record(
    {
        "critical": Key(_MISS, "Missed by this share of the target or more (absent = 0.5) it is critical."),
        "high": Key(_MISS, "From this share on it is high (absent = 0.25)."),
        "medium": Key(_MISS, "From this share on it is medium (absent = 0.1); a smaller miss is low."),
    }
)
VALUE = Record(
    {
        **{source: Key(DOCUMENT_NAME, f"Name of a {kind}.") for source, kind in SOURCES.items()},
        "agg": Key(
            Choice(tuple(Taken)),
            "What the windows of a metric in the period, or the subjects of a fact, come to; absent = avg, which "
            "weighs windows of averages by their events.",
        ),
        "labels": Key(LABELS, "Labels that the points of the metric must have."),
        "named_by": Key(LABEL, "Label of the metric, or text fact of the subject, that has the name of the cell."),
        "per": Key(DOCUMENT_NAME, "A metric whose sum over the same windows and labels divides that of the metric."),
        "of": Key(Text("an id", most=128), "Subject of the fact; absent = the one with the name of the cell."),
        "where": Key(LABELS, "Text facts of the same subject and what they must be; the subjects are taken together."),
        "observations": Key(FACT_NAME, "A fact of the same subject: how many observations are behind the value."),
    },
    rules=(OneOf(tuple(SOURCES)),),
)
CELL = Record(
    {
        "persona": Key(_NAMES, "Personas, or all of them: one cell for each."),
        "function": Key(_NAMES, "Business functions, or all of them: one cell for each."),
        "journey": Key(_NAMES, "Critical journeys, or all of them: one cell for each."),
        "measure": Key(MEASURE, "What is measured.", required=True),
        "target": Key(Number(), "What the value must meet or exceed (lower: not exceed).", required=True),
        "direction": Key(Choice(tuple(Direction)), "Which way is better.", required=True),
        "unit": Key(Text("a unit", most=64), "Unit of value and target."),
        "value": Key(VALUE, "Where the value comes from: {kpi: ...}, {metric: ...} or {fact: ...}.", required=True),
        "least": Key(
            Number(least=0, most=1_000_000_000, whole=True),
            "Observations below which nothing is said; absent = 1, of a KPI 0: it tells itself when it has no value.",
        ),
        "priority": Key(PRIORITIES, "How urgent a miss is; what is left out is as in the policy."),
        "owner": Key(Text("a name", most=128), "Who sees to a miss; absent = the owner of the policy."),
        "action": Key(Text("a text", lines=True, most=4096), "What to do about a miss."),
        "basis": Key(Choice(("agreed", "assumed", "seed")), "How firm the target is."),
    },
    rules=(OneOf(tuple(Part)),),
)
