"""Alerts go to the receivers that a real amtool says, and configurations load as Alertmanager's do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from trueline_rules.errors import RuleFileError
from trueline_rules.loader import load_texts
from trueline_rules.model import RuleSet
from trueline_rules.routing.tree import RouteTree

from tests.oracles.alertmanager_routes import UntranslatableError, name_of, translate

pytestmark = pytest.mark.oracle

CASES = 120
# An inhibition with a matcher that has no value, and a route to a receiver that is not there.
REFUSED_FOR_ROUTES = {"conf.nil-source_match_re-inhibition.yml", "conf.opsgenie-default-apikey-old-team.yml"}


@pytest.fixture(scope="module")
def routing(data_dir: Path) -> Path:
    """Folder of the cases; TRUELINE_DATA or ../shared/data has it."""
    folder = data_dir / "rules" / "routing"
    if not folder.is_dir():
        pytest.skip(f"the routing cases are not at {folder}; set TRUELINE_DATA")
    return folder


@pytest.fixture(scope="module")
def cases(routing: Path) -> list[dict[str, Any]]:
    """Label sets and the receivers of each."""
    found: list[dict[str, Any]] = json.loads((routing / "routing_cases.json").read_text(encoding="utf-8"))["cases"]
    return found


def load(path: Path) -> RuleSet:
    """The rule set of a configuration, over the default pack."""
    return load_texts([(path.name, translate(path))])


def tree(path: Path) -> RouteTree:
    """The routes of a configuration."""
    routes: Any = load(path).documents["Route"].values()
    return RouteTree.of(routes)


def test_every_case_has_the_receivers_of_amtool(routing: Path, cases: list[dict[str, Any]]) -> None:
    """Each label set goes to the same receivers in the same order."""
    trees = {name: tree(routing / name) for name in {case["config"] for case in cases}}
    wrong = []
    for case in cases:
        found = [name for each in trees[case["config"]].destinations(case["labels"]) for name in each.channels]
        if found != [name_of(receiver) for receiver in case["receivers"]]:
            wrong.append((case, found))
    assert wrong == []


def test_every_case_is_tested(cases: list[dict[str, Any]]) -> None:
    """The file has as many cases as are run here, or more."""
    assert len(cases) >= CASES


def test_routes_of_configurations_load(data_dir: Path) -> None:
    """Every configuration whose routes Alertmanager takes has routes that load here, with the same defaults."""
    files = sorted((data_dir / "rules" / "alertmanager_conf").glob("*.yml"))
    assert files
    refused = set()
    for path in files:
        try:
            root = tree(path).destinations({})[0]
        except (UntranslatableError, RuleFileError):
            refused.add(path.name)
        else:
            assert root.timing.group_wait_us == 30_000_000
    assert refused == {path.name for path in files} & REFUSED_FOR_ROUTES
