"""Another system's good and broken rule files come out as its tool judged them, and rules as ops write them load.

What has no counterpart is listed with its reason: recording rules compute numbers from numbers, templates fill in
texts, and expression tests evaluate an expression by itself.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from trueline_rules.analysis.findings import analyse
from trueline_rules.documents import parse_rules
from trueline_rules.errors import Problem, RuleFileError
from trueline_rules.loader import load_texts

from tests.oracles.alertmanager_channels import translate as channels_of
from tests.oracles.prometheus_rules import RULES, Translation, translate_rules
from tests.oracles.promtool_tests import play

pytestmark = pytest.mark.oracle

# Words of a verdict whose mistake cannot be made here, and why.
NO_COUNTERPART = {
    "template:": "texts are shown as they stand, nothing is filled in; the analysis tells of places for values",
}
# Configurations of delivery, by a part of their names, whose mistake cannot be made here, and why.
NO_CHANNEL = {
    "old-team": "its mistake is a route to a receiver that is not there, which the routes show",
    "both-url-and-token": "a channel has one address, and no token beside it",
    "update-message": "messages are not edited",
}
# How names and verdicts call a receiver that lacks something, or has it twice.
OF_CHANNELS = re.compile(r"-both-|-no-(?!username)|at most one of|no global|missing |must provide")
Mutation = Callable[[list[str], int], tuple[list[str], int]]


@pytest.fixture(scope="module")
def folder(data_dir: Path) -> Path:
    """The rule files of another system, with the verdicts of its tool."""
    found = data_dir / "rules"
    if not (found / "tool_verdicts.json").is_file():
        pytest.skip(f"the collection is not at {found}; set TRUELINE_DATA")
    return found


def _verdicts(folder: Path, tool: str) -> list[tuple[Path, bool, str]]:
    """File, whether it is good, and what the tool said; a name tells what newer versions of the tool say."""
    verdicts = json.loads((folder / "tool_verdicts.json").read_text(encoding="utf-8"))["verdicts"]
    found = []
    for name, verdict in sorted(verdicts.items()):
        if verdict["tool"] == tool and (folder / name).is_file():
            said = verdict["message"]
            good = verdict["ok"] or name.endswith(".good.yaml")
            found.append((folder / name, good, said if isinstance(said, str) else " ".join(said)))
    return found


def _problems(texts: list[tuple[str, str]]) -> tuple[Problem, ...]:
    try:
        load_texts(texts)
    except RuleFileError as error:
        return error.problems
    return ()


def _translated(path: Path) -> Translation | None:
    """The translation of a file; None if it is no YAML."""
    try:
        return translate_rules(path.read_text(encoding="utf-8"))
    except yaml.YAMLError:
        return None


def _judge(path: Path, good: bool, said: str) -> str:
    """What is wrong with how a file comes out here; "" if nothing is."""
    made = _translated(path)
    if made is None:
        told = _problems([(path.name, path.read_text(encoding="utf-8"))])
        return "" if not good and told and told[0].place.line else f"no YAML: {told}"
    problems = _problems(made.texts())
    if good:
        return "; ".join(map(str, problems))
    reason = next((reason for words, reason in NO_COUNTERPART.items() if words in said), "")
    if reason:
        return "; ".join(map(str, problems))
    if not problems:
        return f"loads, although: {said}"
    named = re.search(r'rule \d+, "((?:[^"\\]|\\.)*)"', said)
    origins = {made.origin(problem.place.line) for problem in problems if problem.place.file == RULES}
    if named is not None and json.loads(f'"{named[1]}"') not in origins:
        return f"told of {origins}, but the mistake is in {named[1]}: {problems[0]}"
    untold = [problem for problem in problems if not problem.place.line or len(problem.message) < 20]
    return f"told without a place: {untold}" if untold else ""


def test_rule_files_come_out_as_their_tool_judged_them(folder: Path, record_property: Any) -> None:
    """Good ones load; bad ones are refused at the rule that the tool named, with file and line of each mistake."""
    judged = _verdicts(folder, "promtool check rules")
    wrong = {path.name: found for path, good, said in judged if (found := _judge(path, good, said))}
    listed = {path.name: words for path, good, said in judged for words in NO_COUNTERPART if not good and words in said}
    made = [translation for path, _, _ in judged if (translation := _translated(path)) is not None]
    told = (
        f"{len(judged)} files, {sum(good for _, good, _ in judged)} good; {sum(one.translated for one in made)} "
        f"alerting rules, {sum(one.recorded for one in made)} recording rules, which have no counterpart; mistakes "
        f"without a counterpart: {listed or 'none'}"
    )
    record_property("collection", told)
    print(told)
    assert wrong == {}
    assert judged


def test_unit_tests_of_rules_come_out_as_their_tool_judged_them(folder: Path, record_property: Any) -> None:
    """The alerts that tests expect are those that fire here, and what is wrong with series and rules is wrong here."""
    wrong: dict[str, str] = {}
    reasons, compared = Counter[str](), 0
    for path, good, said in _verdicts(folder, "promtool test rules"):
        played = play(path)
        compared += played.compared
        reasons.update(played.without_counterpart)
        # What a newer version reads and what fails an expression by itself says nothing about alerts.
        elsewhere = "expr:" in said or "not found in type" in said
        if good and played.mistakes:
            wrong[path.name] = str(played.mistakes)
        if not good and not elsewhere and not played.mistakes:
            wrong[path.name] = f"nothing is wrong, although: {said}"
    told = f"{compared} expectations of alerts were compared; without a counterpart: {dict(reasons)}"
    record_property("unit tests", told)
    print(told)
    assert wrong == {}


def test_copies_of_rules_are_told(folder: Path) -> None:
    """What its tool calls duplicate rules loads, and the analysis tells of each copy."""
    copied = 0
    for path, good, _ in _verdicts(folder, "promtool check rules"):
        made = _translated(path)
        if made is None or not good or not made.copies:
            continue
        copied += len(made.copies)
        superfluous = {one.document for one in analyse(load_texts(made.texts())) if one.check == "shadowed"}
        assert superfluous >= {f"AlertRule {name}" for name in made.copies}, path.name
    print(f"{copied} copies")


def test_rules_as_ops_write_them_load(folder: Path, record_property: Any) -> None:
    """Each rule that can be said loads; the others tell what they need that cannot be said."""
    files = sorted((folder / "real_world_rules").glob("*.yml"))
    left_out: Counter[str] = Counter()
    translated = 0
    for path in files:
        made = translate_rules(path.read_text(encoding="utf-8"))
        assert _problems(made.texts()) == (), path.name
        analyse(load_texts(made.texts()))
        translated += made.translated
        left_out.update(reason for _, reason in made.left_out)
    told = (
        f"{translated} of {translated + left_out.total()} rules of {len(files)} files were translated; the others "
        f"need: {', '.join(f'{reason} ({count})' for reason, count in left_out.most_common())}"
    )
    record_property("rules", told)
    print(told)
    if not files:
        pytest.skip("no rules as ops write them are there")
    assert translated > left_out.total()


def _replaced(pattern: str, by: str) -> Mutation:
    """Change the first line from a place on that a pattern is found in."""

    def mutate(lines: list[str], start: int) -> tuple[list[str], int]:
        for number in range(start, len(lines)):
            if lines[number] == "---":
                break
            if re.search(pattern, lines[number]):
                return [*lines[:number], re.sub(pattern, by, lines[number], count=1), *lines[number + 1 :]], number + 1
        return lines, 0

    return mutate


def _added(line: str) -> Mutation:
    """Add a line to the end of the document."""

    def mutate(lines: list[str], start: int) -> tuple[list[str], int]:
        end = next((number for number in range(start, len(lines)) if lines[number] == "---"), len(lines))
        return [*lines[:end], line, *lines[end:]], end + 1

    return mutate


def _doubled(lines: list[str], start: int) -> tuple[list[str], int]:
    end = next((number for number in range(start, len(lines)) if lines[number] == "---"), len(lines))
    name = next(number for number in range(start, end) if lines[number].startswith("  name:"))
    return [*lines[:end], "---", *lines[start:end], *lines[end:]], end + 1 + (name - start) + 1


# Each breaks a document that is right: what is done to it, and what must be said at the line that it is done to.
MUTATIONS: dict[str, tuple[Mutation, str]] = {
    "unknown key": (_added("  sevrity: high"), "has no key 'sevrity'"),
    "key twice": (_replaced(r"^(  facts: .*)$", r"\1\n\1"), ""),
    "misspelt kind": (_replaced(r'"AlertRule"', '"AlertRul"'), "did you mean 'AlertRule'"),
    "wrong version": (_replaced("trueline/v1", "monitoring.coreos.com/v1"), "apiVersion"),
    "name twice": (_doubled, "is called already"),
    "name with a blank": (_replaced(r'^(  name: ")', r"\1a b "), "metadata.name must be"),
    "wrong duration": (_added("  keep_firing_for: 5 minuten"), "must be a length of time"),
    "duration without a unit": (_added("  keep_firing_for: 5"), "it needs a unit"),
    "negative duration": (_added("  keep_firing_for: -5m"), "must be a length of time"),
    "unbalanced bracket": (_replaced(r'^(  (?:warning|critical): ")', r"\1("), "is never closed"),
    "unbalanced quote": (_replaced(r'^(  (?:warning|critical): ".*)"$', r"""\1 or 'x" """), "never closed"),
    "half an expression": (_replaced(r'^(  (?:warning|critical): ".*)"$', r'\1 and"'), "where a value is expected"),
    "unknown fact": (_replaced(r'^(  (?:warning|critical): ".*)"$', r'\1 and nobody > 1"'), "unknown fact 'nobody'"),
    "wrong type": (_replaced(r'^(  (?:warning|critical): ".*)"$', r"""\1 and 1 > 'x'" """), "cannot join"),
    "function of another language": (
        _replaced(r'^(  (?:warning|critical): )".*"$', r'\1"rate(x) > 1"'),
        "function call",
    ),
    "empty condition": (_replaced(r'^(  (?:warning|critical): )".*"$', r'\1""'), "is empty"),
    "unknown metric": (_replaced(r'"metric": "[^"]*"', '"metric": "no_such"'), "there is no Metric of that name"),
    "unknown aggregation": (_replaced(r'"metric":', '"agg": "mean", "metric":'), ""),
    "bad label name": (_added("  labels: {ins-tance: x}"), "a label's name of letters"),
    "label that is a number": (_added("  labels: {tier: 1}"), "write it in quotes"),
    "tab": (_added("\tsummary: x"), "a tab; YAML is indented with blanks"),
    "no YAML": (_added("  summary: 'a' b"), "not valid YAML"),
    "list for a map": (_replaced(r"^  facts: .*$", "  facts: [a, b]"), "must be a map from facts"),
    "alias": (_added("  summary: *other"), "the alias"),
}


@pytest.mark.parametrize("mutation", MUTATIONS)
def test_a_mistake_in_a_real_rule_is_told_at_its_line(folder: Path, mutation: str) -> None:
    """Whichever rule is broken, the problem is at the line that was changed, and says what is wrong there."""
    mutate, message = MUTATIONS[mutation]
    broken = 0
    for path in sorted((folder / "real_world_rules").glob("*.yml")):
        made = translate_rules(path.read_text(encoding="utf-8"))
        (_, text), metrics = made.texts()
        lines = text.splitlines()
        starts = [number for number, line in enumerate(lines) if line == 'kind: "AlertRule"']
        # The first, the last and one in the middle stand for all.
        for kind_line in {starts[at] for at in (0, len(starts) // 2, -1)} if starts else ():
            changed, expected = mutate(lines, kind_line - 1)
            if not expected:
                continue
            broken += 1
            problems = _problems([(RULES, "\n".join(changed) + "\n"), metrics])
            shown = [(one.place.file, one.place.line) for one in problems]
            assert shown, f"{path.name}: {mutation} is not seen"
            if mutation == "key twice":
                expected, message = expected + 1, "has the key 'facts' twice"
            told = [one.message for one in problems if (one.place.file, one.place.line) == (RULES, expected)]
            assert told, f"{path.name}:{expected}: {problems[0]}"
            assert any(message in one for one in told), told
    assert broken, "no rule was broken"


def test_files_of_the_other_system_are_told_as_what_they_are(folder: Path, record_property: Any) -> None:
    """Given as they are they do not load, and one message says what they are and how the same is written here."""
    names = Counter[str]()
    for path in sorted(path for path in folder.rglob("*.y*ml") if path.is_file()):
        text = path.read_text(encoding="utf-8")
        with pytest.raises(RuleFileError) as caught:
            parse_rules(text, path.name)
        try:
            top = next(iter(yaml.safe_load_all(text)), None)
        except yaml.YAMLError:
            names["no YAML"] += 1
            continue
        first = caught.value.problems[0]
        keys = set(top) if isinstance(top, dict) else set()
        for mark, said in (
            ("groups", "this is a rule file of Prometheus"),
            ("rule_files", "this is a unit test of promtool"),
            ("receivers", "this is a configuration of Alertmanager"),
        ):
            if mark in keys and (mark != "receivers" or "route" in keys):
                names[mark] += 1
                assert said in first.message, path.name
                assert text.splitlines()[first.place.line - 1].startswith(("groups", "rule_files", "rou", "rec"))
                break
        else:
            names["another"] += 1
    told = ", ".join(f"{count} {name}" for name, count in names.items())
    record_property("given as they are", told)
    print(told)


def test_configurations_of_delivery_come_out_as_their_tool_judged_them(folder: Path, record_property: Any) -> None:
    """Receivers without what they need, and secrets that stand in two places, are refused as channels, too.

    The tool was older than some of the files, whose keys it does not know; their names say whether they are good.
    """
    wrong, judged, elsewhere = {}, Counter[bool](), {}
    for path, good, said in _verdicts(folder, "amtool check-config"):
        with pytest.raises(RuleFileError):
            parse_rules(path.read_text(encoding="utf-8"), path.name)
        new = "not found in type" in said or "-default-" in path.name
        meant = good or (new and not OF_CHANNELS.search(path.name))
        reason = next((reason for words, reason in NO_CHANNEL.items() if words in path.name), "")
        if reason or not (meant or OF_CHANNELS.search(f"{path.name} {said}")):
            elsewhere[path.name] = reason or "its mistake is in no receiver"
            continue
        judged[meant] += 1
        problems = _problems([(path.name, channels_of(path))])
        told = [one for one in problems if one.place.line and ("has both" in one.message or "lacks" in one.message)]
        if bool(told) == meant or len(told) < len(problems):
            wrong[path.name] = "; ".join(map(str, problems)) or f"loads, although: {said}"
    told_of = f"{judged.total()} configurations, {judged[True]} good; not judged: {elsewhere or 'none'}"
    record_property("delivery", told_of)
    print(told_of)
    assert wrong == {}
    assert judged
