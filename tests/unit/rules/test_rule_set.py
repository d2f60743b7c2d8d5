"""Loading rule files: which files are read, what overrides what, and the checks between documents."""

import contextlib
import json
import time
from pathlib import Path

import pytest
from rule_texts import FIELDS, STATEMENT, TARGET, kpi, mapping, metric, scorecard
from trueline_rules.errors import RuleFileError
from trueline_rules.kinds import KINDS
from trueline_rules.kpi_circles import kpis_read
from trueline_rules.loader import load_rules
from trueline_rules.model import ANY, Aggregation, FieldSource, Role, RuleSet, Span

PAYING = "  roles: {payment: [order_placed], refund: [order_cancelled]}\n"
REVENUE = "  roles: [payment, refund]\n  aggregation: sum\n  field: value\n  window: 1d\n"
BANDS = "  bands: {on_track: 80, at_risk: 50}\n"


def _load(folder: Path, *texts: str, chosen: str | None = None) -> RuleSet:
    """Load texts as the only rule files."""
    for number, text in enumerate(texts):
        (folder / f"{number}.yaml").write_text(text, encoding="utf-8")
    return load_rules([folder], mapping=chosen, default_pack=False)


def _refused(folder: Path, *texts: str) -> list[str]:
    with pytest.raises(RuleFileError) as caught:
        _load(folder, *texts)
    return [str(problem).removeprefix(f"{folder}/") for problem in caught.value.problems]


def test_a_metric_has_all_that_its_file_says(tmp_path: Path) -> None:
    """Each key of a metric arrives at its place, and what is left out has its default."""
    text = metric(
        "  unit: GBP\n  events: [order_placed]\n  aggregation: quantile\n  field: properties.lines\n  quantile: 0.5\n"
        "  where: {properties.country: [France, Norway]}\n  group_by: [currency]\n  window: 1h\n  step: 5m\n"
        "  max_groups: 7\n  lateness: {allowed: 2d, by: event, max_disorder: 0s}\n"
    )
    rules = _load(tmp_path, mapping(), text, metric("  events: order\n  aggregation: count\n  window: week\n", "b"))
    full, plain = rules.metrics["a"], rules.metrics["b"]
    assert (full.unit, full.events, full.roles) == ("GBP", ("order_placed",), ())
    assert (full.aggregation, full.field, full.quantile) == (Aggregation.QUANTILE, "properties.lines", 0.5)
    assert full.where == {"properties.country": ("France", "Norway")}
    assert (full.group_by, full.max_groups) == (("currency",), 7)
    assert (full.window, full.step) == (Span("1h", 3_600_000_000), Span("5m", 300_000_000))
    assert (full.allowed_lateness_us, full.late_by, full.max_disorder_us) == (172_800_000_000, "event", 0)
    assert (plain.events, plain.field, plain.where, plain.group_by) == (("order",), "", {}, ())
    assert plain.window == plain.step == Span("week", 0, "week")
    assert (plain.max_groups, plain.allowed_lateness_us, plain.late_by) == (1000, None, "window")
    assert plain.max_disorder_us is None


def test_an_event_mapping_has_all_that_its_file_says(tmp_path: Path) -> None:
    """Short and long forms of fields, properties and roles mean what they say."""
    text = mapping(
        "  fields:\n    id: {constant: 'row-{line}'}\n    source: {constant: shop}\n"
        "    name: {column: event, absent: ['']}\n    occurred_at: {column: at, format: '%d/%m/%Y %H:%M'}\n"
        "    user_id: {column: user, required: true}\n    value: amount\n"
        "  properties: {'*': more, qty: {column: quantity, type: number}, country: country}\n"
        "  roles: {payment: [order_placed], signup: {events: [order_placed], occurrence: 1}, activity: '*'}\n"
    )
    read = _load(tmp_path, text).mapping
    assert read.fields == {
        "id": FieldSource(constant="row-{line}", required=True),
        "source": FieldSource(constant="shop", required=True),
        "name": FieldSource(column="event", required=True, absent=("",)),
        "occurred_at": FieldSource(column="at", required=True, format="%d/%m/%Y %H:%M"),
        "user_id": FieldSource(column="user", required=True),
        "value": FieldSource(column="amount"),
    }
    assert read.properties == {
        "qty": FieldSource(column="quantity", type="number"),
        "country": FieldSource(column="country"),
    }
    assert read.properties_object == "more"
    assert read.roles == {
        "payment": Role(("order_placed",)),
        "signup": Role(("order_placed",), 1),
        "activity": Role((ANY,)),
    }


def test_every_event_is_activity_unless_the_mapping_says_otherwise(tmp_path: Path) -> None:
    """A mapping without the role `activity` gets it, and a metric over it reads every event."""
    active = metric("  roles: [activity, signup]\n  aggregation: count_distinct\n  field: user_id\n  window: 1d\n")
    rules = _load(tmp_path, mapping(FIELDS + "  roles: {signup: [joined]}\n"), active)
    assert rules.mapping.roles["activity"] == Role((ANY,))
    assert rules.events_of(rules.metrics["a"]) == (ANY,)


def test_a_role_with_an_occurrence_is_not_read_by_metrics(tmp_path: Path) -> None:
    """The n-th event of a user is not known to a stream, so such a role gives a metric no events."""
    text = mapping(FIELDS + "  roles: {signup: {events: [order], occurrence: 1}}\n")
    rules = _load(tmp_path, text, metric("  roles: [signup]\n  aggregation: count\n  window: 1d\n"))
    assert rules.events_of(rules.metrics["a"]) == ()


def test_the_mapping_loaded_last_is_in_force_unless_one_is_named(tmp_path: Path) -> None:
    """Files are read by name; a mapping can be chosen, and a choice that does not exist gets a hint."""
    texts = (mapping(name="shop"), mapping(name="saas"))
    assert _load(tmp_path, *texts).mapping.metadata.name == "saas"
    assert _load(tmp_path, *texts, chosen="shop").mapping.metadata.name == "shop"
    with pytest.raises(RuleFileError, match="mapping: no event mapping is called 'shp'; did you mean 'shop'"):
        _load(tmp_path, *texts, chosen="shp")


def test_rules_without_a_mapping_are_refused(tmp_path: Path) -> None:
    """Nothing can be computed without an event mapping, so that is said."""
    assert _refused(tmp_path, kpi()) == ["rule files: there is no EventMapping among them"]


def test_own_documents_override_the_default_pack(tmp_path: Path) -> None:
    """A document with the kind and name of one in the pack replaces it; the rest of the pack stays."""
    own = kpi(TARGET.replace("0.5", "0.4") + STATEMENT, "churn_rate") + "---\n" + mapping(name="podcast")
    (tmp_path / "own.yml").write_text(own, encoding="utf-8")
    pack, both = load_rules([]), load_rules([tmp_path / "own.yml"])
    assert both.kpis["churn_rate"].target == 0.4
    assert both.kpis.keys() == pack.kpis.keys()
    assert both.mapping.fields["occurred_at"].column == "at"
    assert both.revision != pack.revision


def test_the_same_document_twice_in_own_files_is_refused(tmp_path: Path) -> None:
    """Two documents of one kind and name are a mistake, wherever they stand; other kinds may share the name."""
    problems = _refused(tmp_path, mapping() + "---\n" + kpi(), kpi())
    assert problems == [
        f"1.yaml:3:18: metadata.name is 'a', which the Kpi at {tmp_path}/0.yaml:9 is called already; "
        "rename one of them, or take it out",
    ]


@pytest.mark.parametrize(
    ("a", "b", "circle"),
    [
        ("FROM kpis WHERE kpi = 'b'", "FROM kpis WHERE 'a' = k.kpi", "a → b → a"),
        ("FROM kpis WHERE k.kpi == 'a'", "FROM events", "a → a"),
        ("FROM kpis WHERE kpi IN ['x', 'b']", "FROM `kpis` WHERE kpi = 'c'", "a → b → c → a"),
        ("FROM kpis WHERE kpi = 'b'", "FROM kpis WHERE kpi != 'a'", ""),
        ("FROM kpis WHERE kpi = 'b'", "FROM kpis WHERE kpi NOT IN ('a')", ""),
        ("FROM kpis WHERE kpi = 'b' -- kpi = 'a'", "FROM events WHERE name = 'a'", ""),
        ("FROM kpis WHERE kpi = 'b' AND 'b' = 'a'", "FROM kpis /* kpi = 'a' */", ""),
    ],
)
def test_kpis_that_read_each_other_in_a_circle_are_refused(tmp_path: Path, a: str, b: str, circle: str) -> None:
    """The circle is told once, where the first of them reads the next; what is excluded, what stands in comments and
    what is compared with other columns is not read."""
    statements = {"a": a, "b": b, "c": "FROM kpis WHERE kpi = 'a'"}
    texts = [kpi(f"{TARGET}  statement: |\n    SELECT 1 AS value {said}\n", name) for name, said in statements.items()]
    if not circle:
        assert _load(tmp_path, mapping(), *texts).kpis.keys() == {"a", "b", "c"}
        return
    (problem,) = _refused(tmp_path, mapping(), *texts)
    name = circle[4]
    column = len("    SELECT 1 AS value ") + a.index(f"'{name}'") + 1
    assert problem == (
        f"1.yaml:9:{column}: spec.statement reads the KPI '{name}' and so itself: {circle}; compute one of them from "
        "events or points instead"
    )


@pytest.mark.parametrize("part", ["/*", "/* ", "'", "''", "'\\", "`", "{a:", "kpi = 'x' "])
def test_a_hostile_statement_is_read_in_proportion_to_its_length(tmp_path: Path, part: str) -> None:
    """Whatever opens and never closes costs no more than its length."""
    statement = "SELECT * FROM kpis " + part * (65_000 // len(part))
    started = time.perf_counter()
    with contextlib.suppress(RuleFileError):
        _load(tmp_path, mapping(), kpi(f"{TARGET}  statement: {json.dumps(statement)}\n"))
    assert kpis_read(statement, {}).keys() <= {"x"}
    assert time.perf_counter() - started < 2


def test_a_scorecard_needs_kpis_that_exist(tmp_path: Path) -> None:
    """A weight for a KPI that no document defines is refused at its place, with the nearest name."""
    weights = "  weights:\n    churn_rate: 50\n    chrun_rate: 25\n    cac: 25\n"
    problems = _refused(tmp_path, mapping(), kpi(name="churn_rate"), scorecard(weights + BANDS))
    assert problems == [
        "2.yaml:7:5: spec.weights has 'chrun_rate', which is no KPI; did you mean 'churn_rate'?",
        "2.yaml:8:5: spec.weights has 'cac', which is no KPI; known: churn_rate",
    ]


def test_a_broken_kpi_does_not_make_its_scorecard_wrong(tmp_path: Path) -> None:
    """What refers to a document with a mistake is not reported on top of that mistake."""
    problems = _refused(tmp_path, mapping(), kpi(TARGET), scorecard("  weights: {a: 1}\n" + BANDS))
    assert problems == ["1.yaml:4:1: spec lacks the key 'statement'"]


def test_a_role_that_nobody_knows_is_refused(tmp_path: Path) -> None:
    """A misspelt role is an error; a standard one that this business lacks only leaves the metric without events."""
    typo = metric("  roles: [paymnet]\n  aggregation: count\n  window: 1d\n")
    lacking = metric("  roles: [spend]\n  aggregation: count\n  window: 1d\n", "b")
    own = metric("  roles: [barter]\n  aggregation: count\n  window: 1d\n", "c")
    mapped = mapping(FIELDS + "  roles: {barter: [swap]}\n")
    problems = _refused(tmp_path, mapped, typo, lacking, own)
    assert problems == [
        "1.yaml:5:11: spec.roles[0] is 'paymnet', a role that no event mapping fills; did you mean 'payment'?",
    ]


@pytest.mark.parametrize(
    ("changed", "counts"),
    [
        (REVENUE.replace("1d", "24h"), False),
        (REVENUE + "  unit: EUR\n", False),
        (REVENUE.replace("[payment, refund]", "[refund, payment]"), False),
        (REVENUE.replace("roles: [payment, refund]", "events: [order_cancelled, order_placed]"), False),
        (REVENUE.replace(", refund", ""), True),
        (REVENUE.replace("sum", "avg"), True),
        (REVENUE.replace("value", "properties.units"), True),
        (REVENUE.replace("1d", "2d"), True),
        (REVENUE + "  step: 1h\n", True),
        (REVENUE + "  group_by: [currency]\n", True),
        (REVENUE + "  where: {currency: [GBP]}\n", True),
        (REVENUE + "  max_groups: 5\n", True),
        (REVENUE + "  lateness: {allowed: 48h}\n", True),
        (REVENUE + "  lateness: {by: event}\n", True),
        (REVENUE + "  lateness: {max_disorder: 5m}\n", True),
    ],
)
def test_a_definition_changes_with_what_changes_the_numbers(tmp_path: Path, changed: str, counts: bool) -> None:
    """The digest of a metric follows its meaning and not its wording."""
    paying = mapping(FIELDS + PAYING)
    before = _load(tmp_path, paying, metric(REVENUE)).metrics["a"].definition
    after = _load(tmp_path, paying, metric(changed)).metrics["a"].definition
    assert len(before) == 16
    assert (before != after) == counts


def test_what_is_paid_back_is_taken_off_by_role(tmp_path: Path) -> None:
    """A metric reads `less` too, knows which events these are, and is another one than the plain sum."""
    paying = mapping(FIELDS + PAYING)
    plain = _load(tmp_path, paying, metric(REVENUE)).metrics["a"]
    rules = _load(tmp_path, paying, metric(REVENUE.replace("[payment, refund]", "[payment]\n  less: [refund]")))
    net = rules.metrics["a"]
    assert rules.events_of(net) == ("order_placed", "order_cancelled")
    assert (plain.less_events, net.less_events) == ((), ("order_cancelled",))
    assert plain.definition != net.definition


@pytest.mark.parametrize(
    ("written", "told"),
    [
        (
            "roles: [payment]\n  less: [payment]",
            "1.yaml:6:10: spec.less[0] is 'payment', which is one of the roles already",
        ),
        ("events: [a]\n  less: [refund]", "1.yaml:6:3: spec.less needs roles, not events, to take them off from"),
        (
            "roles: [payment]\n  less: [refnd]",
            "1.yaml:6:10: spec.less[0] is 'refnd', a role that no event mapping fills; did you mean 'refund'?",
        ),
    ],
)
def test_what_is_taken_off_must_make_sense(tmp_path: Path, written: str, told: str) -> None:
    """It needs roles to be taken off from, and is none of them."""
    text = REVENUE.replace("roles: [payment, refund]", written)
    assert _refused(tmp_path, mapping(FIELDS + PAYING), metric(text)) == [told]


def test_only_a_sum_has_something_taken_off(tmp_path: Path) -> None:
    """The average or the largest of payments less refunds would be a number of nothing."""
    text = REVENUE.replace("[payment, refund]", "[payment]\n  less: [refund]").replace("sum", "avg")
    (told,) = _refused(tmp_path, mapping(FIELDS + PAYING), metric(text))
    assert "spec.less" in told


def test_a_definition_changes_with_the_mapping(tmp_path: Path) -> None:
    """Other events behind a role make another metric, whose points must not mix with the former ones."""
    shop = mapping(FIELDS + PAYING, "shop")
    saas = mapping(FIELDS + "  roles: {payment: [invoice_paid]}\n", "saas")
    one = _load(tmp_path, shop, saas, metric(REVENUE), chosen="shop")
    other = _load(tmp_path, shop, saas, metric(REVENUE), chosen="saas")
    assert one.metrics["a"].definition != other.metrics["a"].definition
    assert one.revision != other.revision


def test_directories_are_read_by_name_and_each_file_once(tmp_path: Path) -> None:
    """*.yaml and *.yml directly in a directory count, hidden and other files do not; none is read twice."""
    (tmp_path / "b.yml").write_text(mapping(name="b"), encoding="utf-8")
    (tmp_path / "a.yaml").write_text("\ufeff" + mapping(name="a"), encoding="utf-8")
    (tmp_path / "notes.txt").write_text("no rule", encoding="utf-8")
    (tmp_path / ".hidden.yaml").write_text("no rule", encoding="utf-8")
    (tmp_path / "deeper").mkdir()
    (tmp_path / "deeper" / "c.yaml").write_text("no rule", encoding="utf-8")
    rules = load_rules([tmp_path, tmp_path / "a.yaml"], default_pack=False)
    assert list(rules.mappings) == ["a", "b"]


def test_files_that_cannot_be_read_are_told_together(tmp_path: Path) -> None:
    """A missing path, bytes that are no UTF-8 and a file over its limit are problems like any other."""
    (tmp_path / "latin.yaml").write_bytes(b"# ok\nname: caf\xe9\n")
    (tmp_path / "big.yaml").write_bytes(b"#" * 2**20 + b"\n")
    with pytest.raises(RuleFileError) as caught:
        load_rules([tmp_path / "none.yaml", tmp_path])
    assert {str(problem) for problem in caught.value.problems} == {
        f"{tmp_path}/none.yaml: does not exist",
        f"{tmp_path}/big.yaml: has more than 1048576 bytes, the most of a rule file: split it",
        f"{tmp_path}/latin.yaml:2:10: is not UTF-8 from the byte 0xe9 on",
    }


def test_all_documents_are_found_by_kind_and_name(tmp_path: Path) -> None:
    """`documents` holds what the typed attributes hold, so that a further kind needs no attribute."""
    rules = _load(tmp_path, mapping(FIELDS + PAYING), metric(REVENUE), kpi(), scorecard("  weights: {a: 1}\n" + BANDS))
    typed = {
        "EventMapping": rules.mappings,
        "Metric": rules.metrics,
        "Kpi": rules.kpis,
        "Scorecard": rules.scorecards,
        "FactType": rules.fact_types,
        "AlertRule": rules.alert_rules,
        "RuleTest": rules.rule_tests,
    }
    assert {kind: rules.documents[kind] for kind in typed} == typed
    assert set(rules.documents) == set(KINDS)
    assert rules.metrics["a"].definition == rules.documents["Metric"]["a"].definition
