"""Small rule texts for the tests: whole documents around a spec, and one broken text for every mistake."""

from dataclasses import dataclass

# Stands in a broken text at the place that the error must name.
MARK = "§"

FIELDS = "  fields: {id: id, source: source, name: name, occurred_at: at}\n"
STATEMENT = "  statement: SELECT 1 AS value\n"
TARGET = "  unit: ratio\n  direction: higher\n  target: 0.5\n"
BANDS = "  bands: {on_track: 80, at_risk: 50}\n"


def document(kind: str, spec: str, name: str = "a") -> str:
    """A whole document with this spec, which is indented already."""
    return f"apiVersion: trueline/v1\nkind: {kind}\nmetadata: {{name: {name}}}\nspec:\n{spec}"


def metric(spec: str, name: str = "a") -> str:
    """A whole Metric with this spec."""
    return document("Metric", spec, name)


def kpi(spec: str = TARGET + STATEMENT, name: str = "a") -> str:
    """A whole Kpi with this spec."""
    return document("Kpi", spec, name)


def mapping(spec: str = FIELDS, name: str = "a") -> str:
    """A whole EventMapping with this spec."""
    return document("EventMapping", spec, name)


def scorecard(spec: str, name: str = "a") -> str:
    """A whole Scorecard with this spec."""
    return document("Scorecard", spec, name)


@dataclass(frozen=True, slots=True)
class Broken:
    """A text with one mistake.

    Attributes:
        name: of the mistake.
        text: with MARK at the place of the error.
        message: part of what the error must say.
        seen: a JSON Schema can see it.

    """

    name: str
    text: str
    message: str
    seen: bool = True


_TALLY = "  aggregation: count\n  window: 1h\n"
_COUNT = "  events: [x]\n" + _TALLY
_SUM = "  events: [x]\n  aggregation: sum\n  field: value\n"
_VALUES = _SUM + "  window: 1h\n"
_HEAD = "apiVersion: trueline/v1\nkind: Metric\n"

ENVELOPE = (
    Broken("no map", "§just a text", "the document must be a map, is 'just a text'"),
    Broken("wrong version", metric(_COUNT).replace("trueline/v1", "§trueline/v2"), "did you mean 'trueline/v1'?"),
    Broken("unknown kind", document("§Metrik", _COUNT), "did you mean 'Metric'?"),
    Broken(
        "kind of another thing",
        document("§Deployment", "  replicas: 1\n"),
        "known: AlertRule, AttributionModel, CheckpointPolicy, ChurnModel",
    ),
    Broken("no kind", "§apiVersion: trueline/v1\nmetadata: {name: a}\nspec: {}\n", "lacks the key 'kind'"),
    Broken("no spec", "§" + _HEAD + "metadata: {name: a}\n", "the document lacks the key 'spec'"),
    Broken("empty spec", _HEAD + "metadata: {name: a}\nspec:§\n", "spec must be a map, is empty"),
    Broken("unknown key on top", "§specs: {}\n" + metric(_COUNT), "has no key 'specs'; did you mean 'spec'?"),
    Broken("unknown key in metadata", _HEAD + "metadata: {name: a, §ownr: me}\nspec:\n" + _COUNT, "mean 'owner'?"),
    Broken("no name", _HEAD + "§metadata: {owner: me}\nspec:\n" + _COUNT, "metadata lacks the key 'name'"),
    Broken("name in capitals", metric(_COUNT, "§Signups"), "metadata.name must be a name of up to 63 lowercase"),
    Broken("name too long", metric(_COUNT, "§" + "a" * 64), "metadata.name must have at most 63 bytes, has 64"),
    Broken("empty name", metric(_COUNT, '§""'), "is empty"),
    Broken("name is a number", metric(_COUNT, "§7"), "is the number 7; write it in quotes"),
    Broken("name is a boolean", metric(_COUNT, "§no"), "is the boolean no; write it in quotes"),
    Broken("name is a date", metric(_COUNT, "§2025-01-27"), "is the date 2025-01-27; write it in quotes"),
    Broken(
        "label of the wrong type", _HEAD + "metadata: {name: a, labels: {tier: §1}}\nspec:\n" + _COUNT, "labels.tier"
    ),
    Broken(
        "label in capitals",
        _HEAD + "metadata: {name: a, labels: {§Tier: x}}\nspec:\n" + _COUNT,
        "'-', is 'Tier'",
    ),
    Broken(
        "key that is no text",
        _HEAD + "metadata: {name: a, §1: x}\nspec:\n" + _COUNT,
        "a key that is the number 1",
        False,
    ),
    Broken("duplicate key", metric(_COUNT + "  §window: 2h\n"), "the key 'window' twice; first on line 7", False),
    Broken(
        "duplicate document", metric(_COUNT) + "---\n" + metric(_COUNT, "§a"), "rules.yaml:3 is called already", False
    ),
    Broken("tag of Python", metric("  events: §!!python/name:os.system x\n" + _TALLY), "has the tag", False),
    Broken("tag on a map", _HEAD + "metadata: §!!set {name: a}\nspec:\n" + _COUNT, "has the tag", False),
)

SYNTAX = (
    Broken(
        "indented with a tab", "kind: Metric\nspec:\n§\tx: 1\n", "not valid YAML: a tab; YAML is indented with blanks"
    ),
    Broken("colon in a text", metric("  unit: users§: daily\n"), "not valid YAML", False),
    Broken("tab as indent", metric("§\tevents: [x]\n"), "not valid YAML: a tab; YAML is indented with blanks", False),
    Broken("bell in the text", metric("  unit: a§\x07b\n"), "the character U+0007 is not allowed", False),
    Broken("half a surrogate pair", metric("  unit: a§\ud800b\n"), "the character U+D800 is not allowed", False),
    Broken("open quote", metric("  unit: §'users\n"), "the quote that opens here is never closed", False),
    Broken(
        "quote that closes too late",
        metric("  unit: §'users\n  events: ['x']\n"),
        "the quote that opens here is closed by the next quote, on line 6",
        False,
    ),
    Broken("text behind a quote", metric("  unit: 'a' §or 'b'\n"), "after the closing quote stands \"or 'b'\"", False),
    Broken("begins like a block", metric("  unit: > §5\n"), "make a text a block of lines", False),
    Broken("begins with a strange sign", metric("  unit: §@x\n"), "a text cannot begin with '@'", False),
    Broken("begins like a list", metric("  unit: §- x\n"), "'- ' begins a list", False),
    Broken("open bracket", metric("  events: §[x\n  unit: y\n"), "the '[' that opens here is not closed", False),
    Broken("indented otherwise", metric("  unit: x\n §window: 1h\n"), "indented otherwise than those", False),
    Broken("indented too far", metric("  unit: x\n    window§: 1h\n"), "this line is indented too far", False),
    Broken("alias", metric("  events: &e [x]\n  group_by: §*e\n" + _TALLY), "the alias '*e' is not allowed", False),
    Broken("merge key", metric(_COUNT + "  §<<: {unit: users}\n"), "keys are text", False),
    Broken("nested too deep", metric("  events: " + "[" * 30 + "§[" + "]" * 31), "deeper than 32 levels", False),
)

METRICS = (
    Broken("no aggregation", metric("  events: [x]\n  window: 1h\n").replace("spec", "§spec"), "lacks the key 'aggreg"),
    Broken(
        "unknown aggregation", metric("  events: [x]\n  aggregation: §cuont\n  window: 1h\n"), "did you mean 'count'"
    ),
    Broken("unknown key", metric(_COUNT + "  §windwo: 1h\n"), "spec has no key 'windwo'; did you mean 'window'?"),
    Broken("neither events nor roles", metric(_TALLY).replace("spec", "§spec"), "needs either 'events' or 'roles'"),
    Broken("events and roles", metric(_COUNT + "  §roles: [payment]\n"), "'events' or 'roles', has both"),
    Broken("events of the wrong type", metric("  events: §{x: 1}\n" + _TALLY), "a list (an event name each), is a map"),
    Broken("no event", metric("  events: §[]\n" + _TALLY), "must have 1 to 1000 values, is empty"),
    Broken("event twice", metric("  events: [x, §x]\n" + _TALLY), "spec.events[1] repeats 'x'"),
    Broken("empty event name", metric("  events: [§'']\n" + _TALLY), "spec.events[0] must be an event name, is empty"),
    Broken("event name too long", metric(f"  events: [§{'x' * 129}]\n" + _TALLY), "at most 128 bytes, has 129"),
    Broken("any event and another", metric("  events: §['*', x]\n" + _TALLY), "every event, beside", False),
    Broken(
        "sum of nothing",
        metric("  events: [x]\n  aggregation: sum\n  window: 1h\n").replace("spec", "§spec"),
        "aggregation 'sum' needs",
    ),
    Broken("count of a field", metric(_COUNT + "  §field: value\n"), "spec.field does not go with aggregation 'count'"),
    Broken("unknown field", metric(_COUNT + "  group_by: [§usr_id]\n"), "is 'usr_id'; did you mean 'user_id'?"),
    Broken(
        "property without key",
        metric(_COUNT + "  group_by: [§properties.]\n"),
        "must be an event field, is 'properties.'",
    ),
    Broken("group by the value", metric(_COUNT + "  group_by: [§value]\n"), "must be an event field, is 'value'"),
    Broken(
        "sum of a text",
        metric(_VALUES.replace("value", "§user_id")),
        "must be value or properties.<key> for sum",
        False,
    ),
    Broken("sum with quantile", metric(_VALUES + "  §quantile: 0.5\n"), "does not go with aggregation 'sum'"),
    Broken(
        "no quantile", metric(_VALUES.replace("sum", "quantile")).replace("spec", "§spec"), "lacks the key 'quantile'"
    ),
    Broken(
        "quantile of 1",
        metric(_VALUES.replace("sum", "quantile") + "  quantile: §1\n"),
        "above 0 below 1, is the number 1",
    ),
    Broken("where without values", metric(_COUNT + "  where: {name: §[]}\n"), "must have 1 to 1000 values"),
    Broken("where with a number", metric(_COUNT + "  where: {properties.n: [§1]}\n"), "write it in quotes"),
    Broken("where of an unknown field", metric(_COUNT + "  where: {§nmae: [x]}\n"), "did you mean 'name'?"),
    Broken("window in words", metric(_SUM + "  window: §5 minutes\n"), "a length of time such as 30s"),
    Broken("window of zero", metric(_SUM + "  window: §0s\n"), "a length of time such as 30s"),
    Broken("window of years", metric(_SUM + "  window: §401d\n"), "must be at most 400d", False),
    Broken("step that does not divide", metric(_VALUES + "  step: §7m\n"), "must divide the window of 1h", False),
    Broken("step longer than the window", metric(_VALUES + "  step: §2h\n"), "must divide the window of 1h", False),
    Broken(
        "sliding month", metric(_SUM + "  window: month\n  step: §1d\n"), "windows with a month do not overlap", False
    ),
    Broken("too many panes", metric(_SUM + "  window: 1d\n  step: §5s\n"), "at least 1/10000 of the window", False),
    Broken("groups in fractions", metric(_COUNT + "  max_groups: §1.5\n"), "a whole number from 1 up to 100000"),
    Broken("no groups", metric(_COUNT + "  max_groups: §0\n"), "a whole number from 1 up to 100000"),
    Broken("groups in base 60", metric(_COUNT + "  max_groups: §1:30\n"), "is the number 1:30", False),
    Broken("late by what", metric(_COUNT + "  lateness: {by: §windows}\n"), "did you mean 'window'?"),
    Broken(
        "lateness as a number",
        metric(_COUNT + "  lateness: {allowed: §48}\n"),
        "is the number 48; it needs a unit: write 48s, 48m, 48h or 48d",
    ),
    Broken("lateness unknown key", metric(_COUNT + "  lateness: {§max_dsorder: 1s}\n"), "mean 'max_disorder'?"),
)

KPIS = (
    Broken(
        "no target",
        kpi("  unit: ratio\n  direction: higher\n" + STATEMENT).replace("spec", "§spec"),
        "spec lacks the key 'target'",
    ),
    Broken("target of zero", kpi(TARGET.replace("0.5", "§0") + STATEMENT), "a number above 0, is the number 0"),
    Broken("negative target", kpi(TARGET.replace("0.5", "§-0.5") + STATEMENT), "a number above 0, is the number -0.5"),
    Broken("infinite target", kpi(TARGET.replace("0.5", "§.inf") + STATEMENT), "is the number .inf", False),
    Broken(
        "target beyond a double", kpi(TARGET.replace("0.5", "§1.0e+999") + STATEMENT), "is the number 1.0e+999", False
    ),
    Broken("no number for a target", kpi(TARGET.replace("0.5", "§.nan") + STATEMENT), "is the number .nan", False),
    Broken("quoted target", kpi(TARGET.replace("0.5", "§'0.5'") + STATEMENT), "plain digits, without quotes"),
    Broken("direction", kpi(TARGET.replace("higher", "§hihger") + STATEMENT), "did you mean 'higher'?"),
    Broken("unknown basis", kpi(TARGET + "  basis: §asumed\n" + STATEMENT), "did you mean 'assumed'?"),
    Broken(
        "blank statement",
        kpi(TARGET + "  statement: §' '\n"),
        "spec.statement must be a SELECT statement, is empty",
        False,
    ),
    Broken("no statement", kpi(TARGET).replace("spec", "§spec"), "lacks the key 'statement'"),
    Broken("statement that writes", kpi(TARGET + "  statement: §DROP TABLE events\n"), "must be one SELECT", False),
    Broken("two statements", kpi(TARGET + "  statement: §SELECT 1; SELECT 2\n"), "without a semicolon", False),
    Broken(
        "undeclared parameter",
        kpi(TARGET + "  parameters: {days: 7}\n  statement: §'SELECT {days:Int8} + {dyas:Int8}'\n"),
        "reads the parameter 'dyas', which is not declared; did you mean 'days'?",
        False,
    ),
    Broken("unread parameter", kpi(TARGET + "  parameters: {§days: 7}\n" + STATEMENT), "days is not read by", False),
    Broken(
        "parameter of the server",
        kpi(TARGET + "  parameters: {§at: 7}\n" + STATEMENT),
        "it is the instant judged",
        False,
    ),
    Broken("parameter in capitals", kpi(TARGET + "  parameters: {§Days: 7}\n" + STATEMENT), "is 'Days'"),
    Broken(
        "parameter is a list",
        kpi(TARGET + "  parameters: {days: §[7]}\n" + STATEMENT),
        "must be a text, a number, true",
    ),
    Broken("parameter is nothing", kpi(TARGET + "  parameters: {days: §}\n" + STATEMENT), "is empty"),
)

SCORECARDS = (
    Broken("no weights", scorecard(BANDS).replace("spec", "§spec"), "lacks the key 'weights'"),
    Broken("empty weights", scorecard("  weights: §{}\n" + BANDS), "must have 1 to 1000 keys, is empty"),
    Broken(
        "weight of zero",
        scorecard("  weights: {a: §0}\n" + BANDS),
        "a number above 0 up to 1000000000, is the number 0",
    ),
    Broken("weight in words", scorecard("  weights: {a: §ten}\n" + BANDS), "spec.weights.a must be a number"),
    Broken("boolean weight", scorecard("  weights: {a: §true}\n" + BANDS), "is the boolean true"),
    Broken("no bands", scorecard("  weights: {a: 1}\n").replace("spec", "§spec"), "lacks the key 'bands'"),
    Broken(
        "band above 100", scorecard("  weights: {a: 1}\n  bands: {on_track: §101, at_risk: 50}\n"), "from 0 up to 100"
    ),
    Broken(
        "bands upside down",
        scorecard("  weights: {a: 1}\n  bands: {on_track: 50, at_risk: §80}\n"),
        "at most on_track",
        False,
    ),
    Broken(
        "unknown band",
        scorecard("  weights: {a: 1}\n  bands: {on_track: 80, at_risk: 50, §good: 0}\n"),
        "bands has no key 'good'",
    ),
)

_FOUR = "id: id, source: s, name: n, occurred_at: t"


def _fields(written: str) -> str:
    return mapping(f"  fields: {{{written}}}\n")


def _property(written: str) -> str:
    return mapping(FIELDS + f"  properties: {{{written}}}\n")


def _role(written: str) -> str:
    return mapping(FIELDS + f"  roles: {{{written}}}\n")


MAPPINGS = (
    Broken("no fields", mapping("  roles: {}\n").replace("spec", "§spec"), "spec lacks the key 'fields'"),
    Broken("no occurred_at", mapping("  §fields: {id: id, source: s, name: n}\n"), "lacks the key 'occurred_at'"),
    Broken("unknown field", _fields(_FOUR + ", §user: u"), "spec.fields has no key 'user'; did you mean 'user_id'?"),
    Broken("field from a list", _fields(_FOUR + ", user_id: §[u]"), "must be a column or a map, is a list"),
    Broken("column and constant", _fields(_FOUR + ", currency: {column: c, §constant: GBP}"), "has both"),
    Broken("neither column nor constant", _fields(_FOUR + ", §currency: {absent: ['']}"), "has neither"),
    Broken("unknown key of a source", _fields(_FOUR + ", currency: {constant: c, §colum: c}"), "mean 'column'?"),
    Broken(
        "optional id", _fields("id: {column: id, required: §false}, source: s, name: n, occurred_at: t"), "must be true"
    ),
    Broken(
        "same id for all", _fields("id: §{constant: x}, source: s, name: n, occurred_at: t"), "put {line} into", False
    ),
    Broken(
        "unknown placeholder",
        _fields("id: {constant: §'{lien}'}, source: s, name: n, occurred_at: t"),
        "did you mean '{line}'?",
        False,
    ),
    Broken(
        "open brace",
        _fields("id: {constant: §'{line'}, source: s, name: n, occurred_at: t"),
        "is no placeholder",
        False,
    ),
    Broken("absent is a text", _fields(_FOUR + ", user_id: {column: u, absent: §''}"), "must be a list (a text each)"),
    Broken("format of a text", _fields(_FOUR + ", user_id: {column: u, §format: epoch_s}"), "has no key 'format'"),
    Broken("type of a field", _fields(_FOUR + ", value: {column: u, §type: number}"), "has no key 'type'"),
    Broken(
        "unknown time format",
        _fields("id: id, source: s, name: n, occurred_at: {column: t, format: §epoch_sec}"),
        "did you mean 'epoch_s'?",
        False,
    ),
    Broken(
        "pattern without a year",
        _fields("id: id, source: s, name: n, occurred_at: {column: t, format: §'%d %H:%M'}"),
        "does not hold a whole date",
        False,
    ),
    Broken(
        "broken pattern",
        _fields("id: id, source: s, name: n, occurred_at: {column: t, format: §'%Q'}"),
        "no strptime pattern",
        False,
    ),
    Broken("unknown type of a property", _property("qty: {column: q, type: §int}"), "is 'int'"),
    Broken("two object columns", _property("'*': §[a, b]"), "must be a column, is a list"),
    Broken("key too long", _property(f"§{'k' * 129}: q"), "must have at most 128 bytes"),
    Broken("role in capitals", _role("§Payment: [x]"), "has a key that must be a role name"),
    Broken("role called as a view", _role("§events: [x]"), "must be another name", False),
    Broken("role called as a lenient view", _role("§payment_if_any: [x]"), "must be another name", False),
    Broken("role of nothing", _role("payment: §[]"), "must have 1 to 1000 values, is empty"),
    Broken("role without events", _role("§payment: {occurrence: 1}"), "lacks the key 'events'"),
    Broken("occurrence of zero", _role("payment: {events: [x], occurrence: §0}"), "from 1 up to 1000000"),
    Broken("any event and another in a role", _role("payment: §['*', x]"), "every event, beside other names", False),
)

BROKEN = (*ENVELOPE, *SYNTAX, *METRICS, *KPIS, *SCORECARDS, *MAPPINGS)
