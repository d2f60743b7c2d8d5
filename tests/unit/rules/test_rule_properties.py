"""Whatever a rule set says: written and read again it says the same, in any order and any style."""

import string
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft7Validator
from trueline_rules.documents import API_VERSION, dump_document, parse_rules
from trueline_rules.errors import Problem, RuleFileError
from trueline_rules.kinds import KINDS
from trueline_rules.loader import load_rules
from trueline_rules.model import RuleSet
from trueline_rules.names import nearest
from trueline_rules.schema import schema_for
from trueline_rules.spans import format_span, parse_span

# Text that YAML reads as something else when it is not quoted, and text of any script.
awkward = st.sampled_from(
    ["no", "1", "0x10", "2025-01-27", "~", "<<", "*", "a: b", "#", "'", "Österreich", "日本", "-"]
)
words = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1, max_size=8) | awkward
names = st.text(string.ascii_lowercase + string.digits + "_-", min_size=1, max_size=8).filter(
    lambda n: n[0] not in "_-"
)
events = st.lists(words.filter(lambda word: word != "*"), min_size=1, max_size=3, unique=True) | st.just(["*"])
labels = st.sampled_from(["name", "user_id", "currency", "properties.x", "properties.Land"])
spans = st.sampled_from(["1s", "60s", "5m", "1h", "24h", "7d"])


def _some(required: dict[str, Any], optional: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(required, optional=optional)


lateness = _some(
    {}, {"allowed": spans, "by": st.sampled_from(["window", "event"]), "max_disorder": st.just("0s") | spans}
)
reads = events.map(lambda chosen: {"events": chosen}) | st.just({"roles": ["payment", "refund"]})
aggregates = (
    st.just({"aggregation": "count"})
    | st.sampled_from(["sum", "avg", "latest"]).map(lambda how: {"aggregation": how, "field": "value"})
    | st.just({"aggregation": "count_distinct", "field": "user_id"})
    | st.floats(0.01, 0.99).map(lambda q: {"aggregation": "quantile", "field": "properties.x", "quantile": q})
)
windows = st.sampled_from([{"window": "month"}, {"window": "1h", "step": "5m"}, {"window": "1d"}, {"window": "90s"}])
further = _some(
    {},
    {
        "unit": words,
        "where": st.dictionaries(labels, st.lists(words, min_size=1, max_size=3, unique=True), min_size=1, max_size=2),
        "group_by": st.lists(labels, min_size=1, max_size=3, unique=True),
        "max_groups": st.integers(1, 5000),
        "lateness": lateness,
    },
)
metric_specs = st.tuples(reads, aggregates, windows, further).map(
    lambda parts: parts[0] | parts[1] | parts[2] | parts[3]
)
parameters = st.dictionaries(
    st.text(string.ascii_lowercase + "_", min_size=1, max_size=5).filter(lambda name: name != "at"),
    words | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | st.booleans(),
    max_size=3,
)


def _kpi_spec(parts: tuple[dict[str, Any], dict[str, Any]]) -> dict[str, Any]:
    read = " + ".join(["1", *(f"{{{name}:Float64}}" for name in parts[1])])
    return parts[0] | {"parameters": parts[1], "statement": f"SELECT\n  {read} AS value -- ; {{no:Type}}\n"}


kpi_specs = st.tuples(
    _some(
        {"unit": words, "direction": st.sampled_from(["higher", "lower"]), "target": st.floats(1e-9, 1e9)},
        {"source": words, "basis": st.sampled_from(["seed", "assumed", "agreed"]), "action": words},
    ),
    parameters,
).map(_kpi_spec)
sources = words | _some(
    {"column": words}, {"required": st.booleans(), "absent": st.lists(words, min_size=1, unique=True)}
)
mapping_specs = _some(
    {"fields": st.just({"id": "id", "source": {"constant": "{file}-x"}, "name": "n", "occurred_at": "t"})},
    {
        "properties": st.dictionaries(words.filter(lambda word: word != "*"), sources, max_size=3),
        "roles": st.dictionaries(
            st.sampled_from(["payment", "refund", "signup", "activity"]),
            events | st.builds(lambda chosen, n: {"events": chosen, "occurrence": n}, events, st.integers(1, 9)),
            max_size=3,
        ),
    },
)
metadata = _some(
    {}, {"description": words, "owner": words, "runbook": words, "labels": st.dictionaries(names, words, max_size=2)}
)


@st.composite
def rule_documents(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Documents of a sound rule set with at least one mapping, in any order."""
    specs = {"EventMapping": mapping_specs, "Metric": metric_specs, "Kpi": kpi_specs}
    documents = []
    for kind, spec in specs.items():
        for name in draw(st.lists(names, min_size=kind == "EventMapping", max_size=2, unique=True)):
            about = {"name": name} | draw(metadata)
            documents.append({"apiVersion": API_VERSION, "kind": kind, "metadata": about, "spec": draw(spec)})
    kpis = [document["metadata"]["name"] for document in documents if document["kind"] == "Kpi"]
    if kpis:
        # As many equal parts as there are KPIs, and what the first one gives to the second.
        moved = draw(st.integers(0, 90)) / len(kpis) if len(kpis) > 1 else 0
        weights = {name: 100 / len(kpis) + (-moved, moved, 0)[min(at, 2)] for at, name in enumerate(kpis)}
        spec = {
            "weights": weights,
            "bands": {"on_track": draw(st.integers(50, 100)), "at_risk": draw(st.floats(0, 50))},
        }
        documents.append({"apiVersion": API_VERSION, "kind": "Scorecard", "metadata": {"name": "all"}, "spec": spec})
    return draw(st.permutations(documents))


class NoAliases(yaml.SafeDumper):
    """Writes a value that stands at two places twice, as rule files need it."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _load(documents: list[dict[str, Any]], flow: bool = False) -> RuleSet:
    chosen = min(d["metadata"]["name"] for d in documents if d["kind"] == "EventMapping")
    with TemporaryDirectory() as folder:
        text = yaml.dump_all(documents, Dumper=NoAliases, allow_unicode=True, sort_keys=False, default_flow_style=flow)
        (Path(folder) / "rules.yaml").write_text(text, encoding="utf-8")
        return load_rules([Path(folder)], mapping=chosen, default_pack=False)


def _definitions(rules: RuleSet) -> dict[str, str]:
    return {name: metric.definition for name, metric in rules.metrics.items()}


@settings(max_examples=60, deadline=None)
@given(documents=rule_documents())
def test_what_is_written_and_read_again_is_the_same(documents: list[dict[str, Any]]) -> None:
    """load(dump(rules)) has the revision and definitions of rules, and each dump is valid by its schema."""
    rules = _load(documents)
    written = [dump_document(kind, model) for kind, models in rules.documents.items() for model in models.values()]
    for document in (*documents, *written):
        assert [e.message for e in Draft7Validator(schema_for(document["kind"])).iter_errors(document)] == []
    again = _load(written)
    assert again.revision == rules.revision
    assert _definitions(again) == _definitions(rules)
    assert {kind: set(models) for kind, models in again.documents.items()} == {
        kind: set(models) for kind, models in rules.documents.items()
    }


@settings(max_examples=40, deadline=None)
@given(documents=rule_documents(), data=st.data())
def test_order_and_style_do_not_change_a_revision(documents: list[dict[str, Any]], data: st.DataObject) -> None:
    """The same documents in another order, written in flow style, are the same rule set."""
    shuffled = data.draw(st.permutations(documents))
    one, other = _load(documents), _load(shuffled, flow=True)
    assert one.revision == other.revision
    assert _definitions(one) == _definitions(other)


@settings(max_examples=40, deadline=None)
@given(documents=rule_documents(), data=st.data())
def test_any_change_of_a_document_changes_the_revision(documents: list[dict[str, Any]], data: st.DataObject) -> None:
    """Another description of one document makes another rule set, with the same definitions of metrics."""
    before = _load(documents)
    changed = data.draw(st.sampled_from(documents))
    changed["metadata"]["description"] = changed["metadata"].get("description", "") + "."
    after = _load(documents)
    assert before.revision != after.revision
    assert _definitions(before) == _definitions(after)


def _problems(text: str) -> tuple[Problem, ...]:
    try:
        parse_rules(text, "x.yaml")
    except RuleFileError as error:
        return error.problems
    return ()


@settings(max_examples=200, deadline=None)
@given(text=st.text(alphabet="abks: -[]{}&*!|>\"'#,\n\t%@~1.", max_size=80))
def test_no_text_breaks_the_reader(text: str) -> None:
    """Any text either has documents or is refused with a place inside it."""
    for problem in _problems(text):
        assert 0 <= problem.place.line <= text.count("\n") + 2


known_keys = st.sampled_from(["fields", "weights", "window", "events", "roles", "where", "statement", "id", "column"])
shapes = st.recursive(
    st.none() | st.booleans() | st.integers() | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words | known_keys, inner, max_size=3),
)


@settings(max_examples=150, deadline=None)
@given(kind=st.sampled_from(sorted(KINDS)), spec=shapes)
def test_no_spec_breaks_the_reader(kind: str, spec: Any) -> None:
    """A spec of any shape is refused with problems wherever the schema refuses it."""
    document = {"apiVersion": API_VERSION, "kind": kind, "metadata": {"name": "a"}, "spec": spec}
    problems = _problems(yaml.dump(document, Dumper=NoAliases, allow_unicode=True))
    assert problems or Draft7Validator(schema_for(kind)).is_valid(document)


@given(seconds=st.integers(0, 400 * 86_400))
def test_spans_are_read_as_they_are_written(seconds: int) -> None:
    """Every whole number of seconds survives being written and read."""
    assert parse_span(format_span(seconds * 1_000_000)).us == seconds * 1_000_000


@given(known=st.lists(names, min_size=1, unique=True), data=st.data())
def test_the_nearest_name_is_a_known_one(known: list[str], data: st.DataObject) -> None:
    """A known name is nearest to itself, in whatever case; any other answer is a known name too."""
    name = data.draw(st.sampled_from(known))
    found = nearest(name.upper(), known)
    assert found is not None
    assert found.replace("-", "_") == name.replace("-", "_")
    assert nearest(data.draw(words), known) in {None, *known}
    assert nearest("x" * 129, ["x" * 129]) is None
