"""RuleTests under pytest: one item a case, a readable failure, and nothing at all unless somebody asks for it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

RULE = """\
apiVersion: trueline/v1
kind: AlertRule
metadata: {name: slow}
spec:
  facts: {users: {metric: daily_active_users}}
  warning: users < 10
"""
TESTS = """\
apiVersion: trueline/v1
kind: RuleTest
metadata: {name: slow}
spec:
  rule: slow
  cases:
    - name: what it decides
      each:
        - {given: {users: 5}, expect: {severity: warning}}
        - {given: {users: 50}, expect: {severity: warning}}
    - name: over time
      skip: not yet
      series: [{fact: users, values: "5x3"}]
      expect: [{at: 1m, alerts: [{state: firing}]}]
"""
INI = "[pytest]\naddopts = -p no:cacheprovider\n"


@pytest.fixture
def project(pytester: pytest.Pytester) -> pytest.Pytester:
    """A project with a rule, its tests and a test of its own."""
    (pytester.path / "rules").mkdir()
    (pytester.path / "rules" / "slow.yaml").write_text(RULE)
    (pytester.path / "rules" / "slow_test.yaml").write_text(TESTS)
    pytester.makeini(INI)
    pytester.makepyfile(test_own="def test_own():\n    pass\n")
    return pytester


def test_each_case_is_a_test(project: pytest.Pytester) -> None:
    """The option has the cases run beside what else is asked for; a wrong decision names file, line and values."""
    found = project.runpytest_subprocess("--trueline-rules", "rules", "-rs", "test_own.py")
    found.assert_outcomes(passed=2, failed=1, skipped=1)
    found.stdout.fnmatch_lines(
        [
            "rules/slow_test.yaml:10: slow: what it decides [[]2[]]",
            "expected warning, decided none",
            "*users < 10*50*",
            "*not yet*",
        ]
    )
    found.stdout.no_fnmatch_line("*runner.py*")


def test_paths_of_the_configuration_are_run_when_pytest_comes_by(project: pytest.Pytester) -> None:
    """With `trueline_rules` in the configuration a plain pytest runs them, a single file runs alone, -k chooses."""
    project.makeini(INI + "trueline_rules = rules\n")
    project.runpytest_subprocess().assert_outcomes(passed=2, failed=1, skipped=1)
    project.runpytest_subprocess("test_own.py").assert_outcomes(passed=1)
    project.runpytest_subprocess("rules/slow_test.yaml", "-k", "decides and 1").assert_outcomes(passed=1, deselected=2)
    chosen = "rules/slow_test.yaml::slow: what it decides [2]"
    project.runpytest_subprocess(chosen).assert_outcomes(failed=1)


def test_without_being_asked_nothing_is_collected(project: pytest.Pytester) -> None:
    """Rule files that lie about are left alone, and nothing of Trueline is imported but the plugin."""
    project.makeconftest(
        "import sys\n\n\ndef pytest_unconfigure():\n"
        "    print('loaded:', sorted(name for name in sys.modules if name.startswith('trueline')))\n"
    )
    found = project.runpytest_subprocess("-s")
    found.assert_outcomes(passed=1)
    (loaded,) = re.findall("loaded: (.*)", found.stdout.str())
    assert loaded == str(["trueline_rules", "trueline_rules.testing", "trueline_rules.testing.pytest_plugin"])


def test_rules_that_do_not_load(project: pytest.Pytester) -> None:
    """Told with file and line, as an error of the file, and other tests go on."""
    (project.path / "rules" / "slow.yaml").write_text(RULE.replace("users < 10", "user < 10"))
    found = project.runpytest_subprocess("--trueline-rules", "rules", "--continue-on-collection-errors", "test_own.py")
    found.assert_outcomes(passed=1, errors=1)
    found.stdout.fnmatch_lines(["*rules/slow.yaml:6:*user*"])


def test_a_path_that_is_not_there(project: pytest.Pytester) -> None:
    """Wrong use, and not a run without tests."""
    found = project.runpytest_subprocess("--trueline-rules", "nowhere")
    assert found.ret == pytest.ExitCode.USAGE_ERROR
    found.stderr.fnmatch_lines(["ERROR: rule files: nowhere: does not exist"])


def test_the_plugin_imports_quickly() -> None:
    """Every pytest run imports it: nothing but pytest comes with it."""
    code = "import pytest, sys; before = set(sys.modules); import trueline_rules.testing.pytest_plugin as plugin; "
    code += "print(sorted(set(sys.modules) - before))"
    root = Path(__file__).parents[3] / "rules"
    told = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True, timeout=60
    )
    assert told.stdout.split() == [
        "['trueline_rules',",
        "'trueline_rules.testing',",
        "'trueline_rules.testing.pytest_plugin']",
    ]
