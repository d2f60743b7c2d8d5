"""Rule files that are not in force: checked, and tested. They come as texts and leave nothing behind."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import yaml
from trueline_rules.alerting.series import MOST_SAMPLES
from trueline_rules.analysis.findings import Finding, analyse
from trueline_rules.errors import Problem, Problems, RuleFileError
from trueline_rules.loader import load_texts
from trueline_rules.model import RuleSet
from trueline_rules.names import quoted
from trueline_rules.stopping import Stopped, StoppedError, never, while_wanted
from trueline_rules.syntax import compose
from trueline_rules.testing.report import TestReport
from trueline_rules.testing.runner import run_tests

from trueline_server.errors import TruelineError, invalid_field

MOST_BYTES = 4 * 1024 * 1024
# Instants times series that the tests of one call may play: a few seconds of one core.
MOST_SAMPLES_PLAYED = 100_000

# Samples of all series as they are written, which a few bytes can be millions of: a second of one core.
MOST_SAMPLES_WRITTEN = 2_000_000
# Analysis takes time in proportion to the alert rules: a second or two for as many, ten at worst.
MOST_ANALYSED = 5_000
# Rules that are copies of each other shadow each other, pair by pair; the first ones show what is wrong.
MOST_WARNINGS = 200

_REPETITION = re.compile("x([0-9]+)")

# KPIs whose statements are refused, with place and reason; it blocks.
RefusedStatements = Callable[[RuleSet], Mapping[str, Problem]]


@dataclass(frozen=True, slots=True)
class Draft:
    """The texts of rule files, in the order in which they are loaded.

    Attributes:
        files: (name, text).
        mapping: name of the event mapping in force; "" = the one loaded last.

    """

    files: tuple[tuple[str, str], ...]
    mapping: str = ""


@dataclass(frozen=True, slots=True)
class Checked:
    """What is wrong with a draft; all but the problems only if there is none.

    Attributes:
        problems: what keeps it from loading.
        warnings: likely mistakes, at most MOST_WARNINGS.
        total_warnings: how many there are.
        analysed: False if it has more alert rules than MOST_ANALYSED; then there are no warnings.
        documents: kind -> number, the default pack's among them.
        revision: of the rule set.

    """

    problems: tuple[Problem, ...] = ()
    warnings: tuple[Finding, ...] = ()
    total_warnings: int = 0
    analysed: bool = False
    documents: Mapping[str, int] = field(default_factory=dict)
    revision: str = ""


@dataclass(frozen=True, slots=True)
class Tested:
    """What the tests of a draft and of the default pack showed; no report if there is a problem."""

    problems: tuple[Problem, ...] = ()
    report: TestReport | None = None
    revision: str = ""


def check_draft(draft: Draft, refused: RefusedStatements, stopped: Stopped = never) -> Checked:
    """Load a draft on top of the default pack, and look for likely mistakes.

    Raises:
        TruelineError: INVALID_FIELD, for two files of one name and for too many bytes; NOT_SERVING, if it was stopped.

    """
    with _as_error():
        return _check(draft, refused, stopped)


def _check(draft: Draft, refused: RefusedStatements, stopped: Stopped) -> Checked:
    rules = _load(draft, refused, stopped)
    if not isinstance(rules, RuleSet):
        return Checked(problems=rules)
    counts = {kind: len(documents) for kind, documents in rules.documents.items() if documents}
    analysed = len(rules.alert_rules) <= MOST_ANALYSED
    warnings = analyse(rules, stopped=stopped) if analysed else []
    return Checked(
        warnings=tuple(warnings[:MOST_WARNINGS]),
        total_warnings=len(warnings),
        analysed=analysed,
        documents=counts,
        revision=rules.revision,
    )


def run_draft(draft: Draft, refused: RefusedStatements, stopped: Stopped = never) -> Tested:
    """Load a draft on top of the default pack, and run all tests.

    Raises:
        TruelineError: INVALID_FIELD, as `check_draft`, and for tests that play more than MOST_SAMPLES_PLAYED;
            NOT_SERVING, if it was stopped.

    """
    with _as_error():
        return _run(draft, refused, stopped)


def _run(draft: Draft, refused: RefusedStatements, stopped: Stopped) -> Tested:
    rules = _load(draft, refused, stopped)
    if not isinstance(rules, RuleSet):
        return Tested(problems=rules)
    played = samples_played(rules)
    if played > MOST_SAMPLES_PLAYED:
        told = f"have tests that play {played:,} samples; at most {MOST_SAMPLES_PLAYED:,} are played here"
        raise invalid_field("files", f"{told}. Ask for fewer instants, or run them with trueline rules test")
    return Tested(report=run_tests(rules, stopped=stopped), revision=rules.revision)


@contextlib.contextmanager
def _as_error() -> Iterator[None]:
    try:
        yield
    except StoppedError:
        told = "the work was stopped before it was done, because its caller has left"
        raise TruelineError("UNAVAILABLE", "NOT_SERVING", told) from None


def samples_played(rules: RuleSet) -> int:
    """How much the tests of a rule set do: of each case, the instants evaluated times the series read."""
    return sum(
        (case.expectations[-1].at_us // test.interval_us + 1) * (1 + len(case.series))
        for test in rules.rule_tests.values()
        for case in test.cases
        if case.expectations and not case.skip
    )


def samples_written(text: str) -> int:
    """How many samples the repetitions in a text come to (1+1x99 are 100), each as its scalar reads, at least."""
    if "RuleTest" not in text and "\\" not in text:
        return 0
    nodes: list[yaml.Node] = compose(text.removeprefix("\ufeff"), "", Problems())[0]
    total = 0
    while nodes:
        node = nodes.pop()
        if isinstance(node, yaml.ScalarNode):
            counts = (count.lstrip("0") for count in _REPETITION.findall(node.value))
            # A series of more is refused before it is read.
            total += sum(min(int(count[:8] or "0"), MOST_SAMPLES) for count in counts)
        elif isinstance(node, yaml.MappingNode):
            nodes += [part for pair in node.value for part in pair]
        else:
            nodes += node.value
    return total


def _load(draft: Draft, refused: RefusedStatements, stopped: Stopped) -> RuleSet | tuple[Problem, ...]:
    refuse_unfit(draft.files)
    try:
        rules = load_texts(while_wanted(draft.files, stopped), mapping=draft.mapping or None)
    except RuleFileError as error:
        return error.problems
    return tuple(refused(rules).values()) or rules


def refuse_unfit(files: Sequence[tuple[str, str]]) -> None:
    """Refuse files that cannot be told apart, and more than is read in one call.

    Raises:
        TruelineError: INVALID_FIELD.

    """
    first: dict[str, int] = {}
    for number, (name, _) in enumerate(files):
        if name in first:
            told = f"is {quoted(name)}, which files[{first[name]}] is called already; problems could not be told apart"
            raise invalid_field(f"files[{number}].name", told)
        first[name] = number
    size = sum(len(text.encode()) for _, text in files)
    if size > MOST_BYTES:
        raise invalid_field("files", f"have {size} bytes together; at most {MOST_BYTES} are allowed")
    samples = sum(samples_written(text) for _, text in files)
    if samples > MOST_SAMPLES_WRITTEN:
        told = f"have series of {samples:,} samples; at most {MOST_SAMPLES_WRITTEN:,} are read here"
        raise invalid_field("files", f"{told}. Write fewer, or use trueline rules check")
