"""A plugin of pytest: each case of the RuleTests in chosen rule files is a test. Does nothing unless it is asked to.

Every pytest run of an environment with Trueline imports this module, so it imports nothing of Trueline by itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from trueline_rules.alert_model import RuleTest, TestCase
    from trueline_rules.model import RuleSet
    from trueline_rules.testing.runner import CaseRunner

_NAME = "trueline_rules"
_ABOUT = "rule files and folders, on top of Trueline's default pack, whose RuleTests are run"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Take the paths from the command line or from the configuration."""
    group = parser.getgroup("trueline")
    group.addoption("--trueline-rules", action="append", metavar="PATH", help=f"{_ABOUT}; may be given several times")
    parser.addini(_NAME, f"{_ABOUT} when pytest comes by them", type="paths")


def pytest_configure(config: pytest.Config) -> None:
    """Take part if there are paths; those of the command line are run, too, whatever else is."""
    given = [config.invocation_params.dir / path for path in config.getoption("--trueline-rules") or ()]
    paths = given or config.getini(_NAME)
    if not paths:
        return
    config.pluginmanager.register(_Rules(paths), f"{_NAME}_files")
    config.args.extend(str(path) for path in given if str(path) not in config.args)


class _Rules:
    """The rule files of a run. They are one rule set, which is loaded when the first of them is collected."""

    def __init__(self, paths: Iterable[Path]) -> None:
        from trueline_rules.errors import Problems
        from trueline_rules.files import find_files

        self._paths = [_from_here(path) for path in paths]
        problems = Problems()
        self._files = {path.resolve() for path in find_files(self._paths, problems)}
        for problem in problems:
            raise pytest.UsageError(f"rule files: {problem}")
        self._runner: CaseRunner | None = None
        self._rules: RuleSet | None = None

    def pytest_collect_file(self, file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
        """Collect a rule file that has tests."""
        if file_path.resolve() not in self._files or b"RuleTest" not in file_path.read_bytes():
            return None
        collected: _RuleFile = _RuleFile.from_parent(parent, path=file_path)
        collected.rules = self
        return collected

    def cases(self, file: Path) -> Iterator[tuple[RuleTest, TestCase]]:
        """The cases that stand in a file.

        Raises:
            RuleFileError: the rule set does not load.

        """
        for test in self._loaded().rule_tests.values():
            for case in test.cases:
                if case.place is not None and Path(case.place.file).resolve() == file.resolve():
                    yield test, case

    def runner(self) -> CaseRunner:
        """What runs the cases."""
        from trueline_rules.testing.runner import CaseRunner

        if self._runner is None:
            self._runner = CaseRunner(self._loaded())
        return self._runner

    def _loaded(self) -> RuleSet:
        from trueline_rules.loader import load_rules

        if self._rules is None:
            self._rules = load_rules(self._paths)
        return self._rules


class _RuleFile(pytest.File):
    """A rule file, as a collector of cases."""

    rules: _Rules

    def collect(self) -> Iterator[pytest.Item]:
        """Each case of each RuleTest of the file; rules that do not load are an error of the file."""
        from trueline_rules.errors import RuleFileError

        try:
            for test, case in self.rules.cases(self.path):
                item: _Case = _Case.from_parent(self, name=f"{test.metadata.name}: {case.name}")
                item.test, item.case, item.rules = test, case, self.rules
                yield item
        except RuleFileError as error:
            raise self.CollectError(str(error)) from None


class _WrongError(Exception):
    """A case decided otherwise than it expects, or nothing at all."""


class _Case(pytest.Item):
    """A case of a RuleTest."""

    test: RuleTest
    case: TestCase
    rules: _Rules

    def runtest(self) -> None:
        """Run it as `trueline rules test` does."""
        from trueline_rules.testing.report import Outcome

        result = self.rules.runner().run(self.test, self.case)
        if result.outcome is Outcome.SKIP:
            pytest.skip(result.message)
        if result.outcome is not Outcome.PASS:
            raise _WrongError(result.message)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """File, line and what was decided, without the traceback of the runner."""
        if not isinstance(excinfo.value, _WrongError):
            return super().repr_failure(excinfo, style)
        place = self.case.place
        where = f"{place.file}:{place.line}: " if place is not None else ""
        return f"{where}{self.name}\n{excinfo.value}"

    def reportinfo(self) -> tuple[Path, int | None, str]:
        """Where the case stands."""
        place = self.case.place
        return self.path, None if place is None else place.line - 1, self.name


def _from_here(path: Path) -> Path:
    """A path as people would write it, so that messages name files as `trueline rules test` does."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path
