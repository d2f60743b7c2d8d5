"""Every mistake in a rule text is told with its place and a way out, and the schemas for editors agree."""

import pytest
import yaml
from jsonschema import Draft7Validator
from rule_texts import BROKEN, FIELDS, MARK, SYNTAX, Broken, kpi, mapping, metric
from trueline_rules import syntax
from trueline_rules.documents import parse_mapping, parse_rules
from trueline_rules.errors import MOST_PROBLEMS, RuleFileError
from trueline_rules.model import Place
from trueline_rules.schema import schema_for

# A schema judges plain values: no tags, and keys that are text.
PLAIN = [broken for broken in BROKEN if broken not in SYNTAX and "!!" not in broken.text and "§1: x" not in broken.text]


def _problems(text: str) -> RuleFileError:
    with pytest.raises(RuleFileError) as caught:
        parse_rules(text, "rules.yaml")
    return caught.value


def _place(marked: str) -> Place:
    before = marked[: marked.index(MARK)]
    return Place("rules.yaml", before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1)


@pytest.mark.parametrize("broken", BROKEN, ids=lambda broken: broken.name)
def test_a_mistake_is_told_once_at_its_place(broken: Broken) -> None:
    """A text with one mistake has one problem, which says where it is and what is wrong."""
    error = _problems(broken.text.replace(MARK, ""))
    assert [str(problem) for problem in error.problems] == [str(error.problems[0])]
    assert broken.message in error.problems[0].message
    assert error.problems[0].place == _place(broken.text)


@pytest.mark.parametrize("broken", PLAIN, ids=lambda broken: broken.name)
def test_schemas_see_what_the_loader_sees(broken: Broken) -> None:
    """A schema refuses each mistake that it can see, and none is marked as unseen that it sees."""
    refused = False
    for document in yaml.safe_load_all(broken.text.replace(MARK, "")):
        kind = document.get("kind", "Metric") if isinstance(document, dict) else "Metric"
        kind = kind if kind in {"EventMapping", "Metric", "Kpi", "Scorecard"} else "Metric"
        refused = refused or not Draft7Validator(schema_for(kind)).is_valid(document)
    assert refused == broken.seen


@pytest.mark.parametrize("broken", SYNTAX, ids=lambda broken: broken.name)
def test_both_yaml_parsers_tell_the_same(broken: Broken, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without libyaml the same mistakes are found at the same places."""
    monkeypatch.setattr(syntax, "_EVENTS", yaml.SafeLoader)
    error = _problems(broken.text.replace(MARK, ""))
    assert error.problems[0].place == _place(broken.text)
    assert broken.message in error.problems[0].message


def test_all_mistakes_of_a_file_are_told_in_order() -> None:
    """Problems of several documents come together, by place, and a broken document does not hide the next."""
    text = metric("  events: [x]\n  aggregation: cuont\n  windw: 1h\n") + "---\n" + kpi("  target: -1\n")
    problems = _problems(text).problems
    assert [problem.place.line for problem in problems] == [4, 6, 7, 12, 12, 12, 13]
    assert [problem.message.partition(";")[0] for problem in problems] == [
        "spec lacks the key 'window'",
        "spec.aggregation is 'cuont'",
        "spec has no key 'windw'",
        "spec lacks the key 'unit'",
        "spec lacks the key 'direction'",
        "spec lacks the key 'statement'",
        "spec.target must be a number above 0, is the number -1",
    ]


def test_an_error_of_syntax_does_not_hide_the_documents_before_it() -> None:
    """What was read before the text became unreadable is checked too."""
    text = metric("  events: [x]\n  aggregation: cuont\n  window: 1h\n") + "---\nkind: [\n"
    problems = _problems(text).problems
    assert [problem.message.partition(":")[0] for problem in problems] == [
        "spec.aggregation is 'cuont'; did you mean 'count'?",
        "not valid YAML",
    ]


def test_the_error_names_its_first_place_for_programs() -> None:
    """The metadata of the error carries file and line, and its text has one line a problem as compilers write it."""
    error = _problems(metric("  events: [x]\n  aggregation: cuont\n  window: 1h\n"))
    assert error.metadata == {"file": "rules.yaml", "line": "6"}
    assert str(error) == "rules.yaml:6:16: spec.aggregation is 'cuont'; did you mean 'count'?"


def test_a_file_that_is_no_rule_file_gives_a_bounded_answer() -> None:
    """Of very many problems the first 200 are told, and how many there are more."""
    error = _problems("".join(f"k{number}: 1\n" for number in range(1000)))
    assert len(error.problems) == MOST_PROBLEMS + 1
    assert error.problems[-1].message == "and 804 further problems from here on"


def test_the_size_of_a_text_is_bounded() -> None:
    """A text of more than 1 MiB, or with very many values, is refused before it costs time."""
    assert "a rule file has at most 1048576" in str(_problems("# " + "x" * syntax.MOST_BYTES))
    many = "a: [" + "1," * (syntax.MOST_NODES) + "]"
    assert "more than 200000 values" in str(_problems(many))


def test_a_long_name_is_cut_in_messages() -> None:
    """A message stays readable whatever a stranger writes into the file."""
    error = _problems(metric("  events: [x]\n  aggregation: count\n  window: 1h\n  ? " + "k" * 5000 + "\n  : 1\n"))
    assert len(str(error)) < 300


@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        ("", Place("m.yaml", 0, 0), "holds no EventMapping"),
        ("# nothing but a comment\n---\n", Place("m.yaml", 0, 0), "holds no EventMapping"),
        (kpi(), Place("m.yaml", 2, 7), "only an EventMapping is read here"),
        (mapping() + "---\n" + mapping(name="b"), Place("m.yaml", 7, 1), "one too many"),
        (mapping(FIELDS.replace("at}", "''}")), Place("m.yaml", 5, 61), "must be a column, is empty"),
    ],
    ids=["empty", "comment", "another kind", "two", "broken"],
)
def test_a_text_for_a_mapping_holds_exactly_one(text: str, place: Place, message: str) -> None:
    """parse_mapping refuses anything but one sound EventMapping."""
    with pytest.raises(RuleFileError) as caught:
        parse_mapping(text, "m.yaml")
    assert caught.value.problems[0].place == place
    assert message in caught.value.problems[0].message
