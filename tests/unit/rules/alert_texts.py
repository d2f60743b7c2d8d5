"""Small texts of alert rules, fact types and tests of rules, and one broken text for every mistake."""

from rule_texts import Broken, document

RULE = "  facts: {a: {metric: sales}, tier: {fact: tier}}\n  warning: a < 5 and tier == 'gold'\n"
PLAIN = "  facts: {a: {metric: sales}}\n  warning: a < 5\n"
CASE = "  rule: r\n  cases:\n    - {name: c, given: {a: 1}, expect: {severity: warning}}\n"
METRIC = document("Metric", "  events: [x]\n  aggregation: count\n  window: 1h\n", "sales")
TIER = document("FactType", "  subject: account\n  type: text\n", "tier")


def alert(spec: str = PLAIN, name: str = "r") -> str:
    """A whole AlertRule with this spec."""
    return document("AlertRule", spec, name)


def rule_test(spec: str = CASE, name: str = "t") -> str:
    """A whole RuleTest with this spec."""
    return document("RuleTest", spec, name)


def fact(spec: str, name: str = "tier") -> str:
    """A whole FactType with this spec."""
    return document("FactType", spec, name)


def _series(values: str, expect: str = "[{at: 1m, alerts: []}]") -> str:
    return rule_test(
        f"  rule: r\n  cases:\n    - {{name: c, series: [{{fact: a, values: {values}}}], expect: {expect}}}\n"
    )


# What one document shows by itself.
ALONE = (
    Broken(
        "fact type with a minus", fact("  subject: user\n  type: text\n", "§a-b"), "must be a fact's name of", False
    ),
    Broken("unknown type", fact("  subject: user\n  type: §string\n"), "known: bool, datetime, decimal, number, text"),
    Broken("unit of a text", fact("  subject: user\n  type: text\n  §unit: kg\n"), "but a text has no unit", False),
    Broken("subject in capitals", fact("  subject: §User\n  type: text\n"), "must be a subject of lowercase letters"),
    Broken(
        "no condition",
        alert("  facts: {a: {metric: sales}}\n").replace("spec:", "§spec:"),
        "needs a condition: 'warning' or 'critical' or both",
        False,
    ),
    Broken("no facts", alert("  facts: §{}\n  warning: 1 < 2\n"), "must have 1 to 64 keys, is empty"),
    Broken("misspelt severity", alert(PLAIN + "  §critcal: a < 2\n"), "did you mean 'critical'?"),
    Broken("two sources", alert("  facts: {a: {metric: s, §kpi: k}}\n  warning: a < 5\n"), "has both"),
    Broken("no source", alert("  facts: {§a: {over: 5m, agg: avg}}\n  warning: a < 5\n"), "has neither"),
    Broken(
        "window without an aggregation",
        alert("  facts: {a: {metric: s, §over: 5m}}\n  warning: a < 5\n"),
        "needs agg to say what the values of the window come to",
        False,
    ),
    Broken("rate of nothing", alert("  facts: {§a: {metric: s, agg: rate}}\n  warning: a < 5\n"), "agg 'rate' needs"),
    Broken(
        "average of nothing",
        alert("  facts: {a: §{metric: s, agg: avg}}\n  warning: a < 5\n"),
        "does not fit together: agg avg needs a window (over: 5m), or labels to keep",
        False,
    ),
    Broken(
        "fact in capitals", alert("  facts: {§Active: {metric: s}}\n  warning: a < 5\n"), "a fact's name of lowercase"
    ),
    Broken(
        "fact called like a word",
        alert("  facts: {§not: {metric: s}}\n  warning: 1 < 2\n"),
        "a word of the language",
        False,
    ),
    Broken(
        "control character",
        alert('  facts: {a: {metric: s}}\n  warning: §"a < 5 or a == \x7f"\n'.replace("\x7f", "\\x1b")),
        "U+001B",
        False,
    ),
    Broken("unknown policy", alert(PLAIN + "  on_no_data: §ignore\n"), "known: alerting, keep, no_data, ok"),
    Broken(
        "for without a unit", alert(PLAIN + "  for: §5\n"), "is the number 5; it needs a unit: write 5s, 5m, 5h or 5d"
    ),
    Broken("calendar as a window", alert(PLAIN.replace("sales", "sales, agg: avg, over: §week")), "such as 30s, 5m"),
    Broken("label with a minus", alert(PLAIN + "  labels: {§a-b: c}\n"), "a label's name of letters, digits and '_'"),
    Broken(
        "nothing given",
        rule_test("  rule: r\n  cases:\n    - §{name: c, expect: {severity: none}}\n"),
        "needs either 'given' or 'series', has neither",
        False,
    ),
    Broken(
        "nothing expected",
        rule_test("  rule: r\n  cases:\n    - §{name: c, given: {a: 1}}\n"),
        "lacks the key 'expect'",
        False,
    ),
    Broken(
        "alerts of facts",
        rule_test("  rule: r\n  cases:\n    - {name: c, given: {a: 1}, expect: §[{at: 0s, alerts: []}]}\n"),
        "must be {severity: …} for what is given",
        False,
    ),
    Broken(
        "decision of series",
        rule_test(
            '  rule: r\n  cases:\n    - {name: c, series: [{fact: a, values: "1"}], expect: §{severity: none}}\n'
        ),
        "must be a list of {at: …, alerts: […]} for what is given",
        False,
    ),
    Broken("unknown decision", rule_test(CASE.replace("warning", "§warn")), "did you mean 'warning'?"),
    Broken("unknown state", _series('"1"', "[{at: 1m, alerts: [{state: §fire}]}]"), "did you mean 'firing'?"),
    Broken(
        "between evaluations",
        _series('"1"', "[{at: §90s, alerts: []}]"),
        "must be a multiple of the interval, 1m",
        False,
    ),
    Broken(
        "one instant twice",
        _series('"1"', "[{at: 60s, alerts: []}, {at: §1m, alerts: []}]"),
        "stands above already",
        False,
    ),
    Broken("too many evaluations", _series('"1"', "[{at: §400d, alerts: []}]"), "at most 100,000 evaluations", False),
    Broken(
        "one alert twice",
        _series('"1"', "[{at: 1m, alerts: §[{state: firing}, {state: pending}]}]"),
        "two alerts with the same labels",
        False,
    ),
    Broken(
        "too many samples",
        _series('"§1x100000"'),
        "value 1 ('1x100000', column 1): a series has at most 100,000 samples here",
        False,
    ),
    Broken(
        "one name twice",
        rule_test(CASE + "    - {name: §c, given: {a: 2}, expect: {severity: none}}\n"),
        "another case",
        False,
    ),
    Broken("unreadable samples", _series('"1 2 §3x 4"'), "after x stands how many samples follow", False),
    Broken("unreadable samples, folded", _series('§"1 \\x32 3x"'), "value 3 ('3x', column 5)", False),
    Broken(
        "given beside each",
        rule_test(
            "  rule: r\n  cases:\n    - name: c\n      §given: {a: 1}\n"
            "      each: [{given: {a: 1}, expect: {severity: none}}]\n"
        ),
        "does not go with 'each'",
        False,
    ),
)

# What only the documents together show.
TOGETHER = (
    Broken("unknown metric", METRIC + "---\n" + alert(PLAIN.replace("sales", "§sale")), "did you mean 'sales'?"),
    Broken(
        "unknown fact type",
        TIER + "---\n" + alert("  facts: {t: {fact: §teir}}\n  warning: t == 'x'\n"),
        "is 'teir', but there is no FactType of that name; did you mean 'tier'?",
    ),
    Broken(
        "label that the metric has not",
        METRIC + "---\n" + alert("  facts: {a: {metric: sales, by: [§contry], agg: sum}}\n  warning: a < 5\n"),
        "is 'contry', a label that sales has not; it has no labels",
    ),
    Broken(
        "average of texts",
        TIER + "---\n" + alert("  facts: {t: {fact: tier, agg: §max, over: 5m}}\n  warning: t == null\n"),
        "is max, which needs numbers; tier is a text",
    ),
    Broken(
        "label of no fact",
        METRIC + "---\n" + alert(PLAIN + "  labels: {tier: {fact: §b}}\n"),
        "is 'b', but the rule has no fact of that name",
    ),
    Broken(
        "label of a number",
        METRIC + "---\n" + alert(PLAIN + "  labels: {size: {fact: §a}}\n"),
        "is 'a', which is no text; a label is the value of a FactType with type: text",
    ),
    Broken(
        "label that nobody may see",
        TIER.replace("type: text", "type: text\n  sensitive: true")
        + "---\n"
        + alert("  facts: {t: {fact: tier}}\n  warning: t == null\n  labels: {tier: {fact: §t}}\n"),
        "is 't', which is sensitive; labels are told to everybody",
    ),
    Broken("unknown name", METRIC + "---\n" + alert(PLAIN.replace("a < 5", "§b < 5")), "unknown fact 'b'"),
    Broken("deep in an expression", METRIC + "---\n" + alert(PLAIN.replace("a < 5", "a < 5 and §x > 1")), "fact 'x'"),
    Broken(
        "on the third line",
        METRIC
        + "---\n"
        + alert("  facts: {a: {metric: sales}}\n  warning: |\n    a < 5\n      or a > 7\n    or §zz\n"),
        "unknown fact 'zz'",
    ),
    Broken("in single quotes", METRIC + "---\n" + alert(PLAIN.replace("a < 5", "'a < 5 or §zz'")), "'zz'"),
    Broken(
        "with escapes",
        METRIC + "---\n" + alert(PLAIN.replace("a < 5", '§"a < 5 \\x6fr zz"')),
        "unknown fact 'zz'; known: a (at 'zz')",
    ),
    Broken("folded", METRIC + "---\n" + alert(PLAIN.replace("a < 5", "§>\n    a < 5\n    or zz")), "unknown fact 'zz'"),
    Broken("text against number", METRIC + "---\n" + alert(PLAIN.replace("a < 5", "§a < 'x'")), "a number and a text"),
    Broken("no condition but a number", METRIC + "---\n" + alert(PLAIN.replace("a < 5", "§a + 5")), "spec.warning"),
    Broken(
        "fact that nothing reads",
        METRIC + "---\n" + alert("  facts: {a: {metric: sales}, §b: {metric: sales}}\n  warning: a < 5\n"),
        "is read by no condition",
    ),
    Broken(
        "test of no rule",
        METRIC + "---\n" + alert() + "---\n" + rule_test(CASE.replace("rule: r", "rule: §q")),
        "no AlertRule",
    ),
    Broken(
        "test of no fact",
        METRIC
        + "---\n"
        + alert()
        + "---\n"
        + rule_test(CASE.replace("{name: c, given: {a: 1}", "{name: c, given: {§b: 1}")),
        "spec.cases[0].given.b is no fact of rule 'r'; known: a",
    ),
)
