"""The operator's rule files: changes are taken up, broken ones leave what is in force, also across restarts."""

from __future__ import annotations

import logging
import os
import time
from pathlib import Path

import pytest
from trueline_rules.errors import RuleFileError
from trueline_server.rules.operator_files import OperatorFiles

from tests.integration.rules_life.life_world import Life, living, metric

BROKEN = "kind: Nonsense\n"
SLOW = """apiVersion: trueline/v1
kind: FactType
metadata: {name: tier, description: Plan.}
spec: {subject: account, type: text}
---
apiVersion: trueline/v1
kind: AlertRule
metadata:
  name: gold
spec:
  facts:
    tier: {fact: tier}
  warning: tier.as_lower == 'gold'
"""


def test_files_that_change_are_taken_up(tmp_path: Path) -> None:
    """New, changed and removed files hold for everybody with the next look; without a change a look does nothing."""
    with living(tmp_path) as life:
        assert not life.activation.scan()
        life.write("a.yaml", metric("one"))
        assert life.activation.scan()
        assert life.names("acme") == {"one"}
        assert not life.activation.scan()
        life.write("b.yaml", metric("two"))
        life.write("a.yaml", metric("three"))
        assert life.activation.scan()
        assert life.names("acme") == {"two", "three"}
        (life.rule_files / "b.yaml").unlink()
        assert life.activation.scan()
        assert life.names("acme") == {"three"}
        assert life.kinds("") == ["loaded"] * 4


def test_a_condition_without_sql_is_logged_when_it_is_loaded(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Whoever reads the log learns which condition over facts of many subjects is judged one by one, and where; once
    for each revision."""
    with living(tmp_path) as life:
        life.write("a.yaml", SLOW)
        assert life.activation.scan()
        life.activation.activate("acme", [("own.yaml", metric("one"))], validate_only=True)
        life.activation.activate("acme", [("own.yaml", metric("one"))], validate_only=True)
    told = [record.getMessage() for record in caplog.records if "has no SQL" in record.getMessage()]
    files = [one.partition("a.yaml:")[2].partition(": warning")[0] for one in told]
    assert files == ["13:12: AlertRule gold"] * 2
    assert all("'tier.as_lower' has no SQL, so the warehouse cannot judge all subjects at once" in one for one in told)


def test_broken_files_leave_the_active_set(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The failure is told once for each content with its place, holds until mended, and then is told as mended."""
    with living(tmp_path) as life:
        life.write("a.yaml", metric("one"))
        life.activation.scan()
        good = life.book.of("").revision
        life.clock.now_us += 1_000_000
        life.write("a.yaml", BROKEN)
        assert life.activation.scan()
        since = life.clock.now_us
        life.clock.now_us += 1_000_000
        assert not life.activation.scan()
        failure = life.book.failure("")
        assert failure is not None
        assert failure.since_us == since
        assert any("a.yaml:1:7: kind is 'Nonsense'" in str(problem) for problem in failure.problems)
        assert "the last good rules" in caplog.text
        life.write("a.yaml", "kind: [\n")
        assert life.activation.scan()
        changed = life.book.failure("")
        assert changed is not None
        assert changed.since_us == since
        assert changed.problems != failure.problems
        assert life.book.of("").revision == good
        life.write("a.yaml", metric("one"))
        assert life.activation.scan()
        assert life.book.failure("") is None
        assert life.kinds("") == ["loaded", "loaded", "load_failed", "load_failed", "load_mended"]
        failed, mended = life.book.changes("")[-2:]
        assert failed.problems == changed.problems
        assert (mended.revision, mended.former) == (good, good)
        life.write("a.yaml", metric("two"))
        life.activation.scan()
        assert life.names("") == {"two"}


def test_a_directory_that_is_gone_is_a_failure(tmp_path: Path) -> None:
    """Files that cannot be found or read leave what is in force, too."""
    with living(tmp_path) as life:
        life.write("a.yaml", metric("one"))
        life.activation.scan()
        life.rule_files.rename(tmp_path / "away")
        assert life.activation.scan()
        assert life.names("") == {"one"}
        failure = life.book.failure("")
        assert failure is not None
        assert "does not exist" in failure.problems[0].message
        (tmp_path / "away").rename(life.rule_files)
        assert life.activation.scan()
        assert life.book.failure("") is None


def test_a_start_with_broken_files_keeps_the_last_good_set(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The server comes up as it was, tenants too, says so loudly and as a failure; mended files are taken up."""
    with living(tmp_path) as life:
        life.write("a.yaml", metric("one"))
        life.activation.scan()
        life.activation.activate("acme", [("mine.yaml", metric("mine"))])
        revisions = [life.book.of(tenant).revision for tenant in ("", "acme")]
        life.write("a.yaml", BROKEN)
    caplog.clear()
    for _ in range(2):
        with living(tmp_path) as life:
            assert [life.book.of(tenant).revision for tenant in ("", "acme")] == revisions
            assert life.book.failure("") is not None
            assert [record.levelno for record in caplog.records] == [logging.ERROR]
            assert "a.yaml:1:7" in caplog.text
            caplog.clear()
    with living(tmp_path) as life:
        assert life.kinds("") == ["loaded", "loaded", "load_failed"]
        life.write("a.yaml", metric("two"))
        assert life.activation.scan()
        assert life.names("acme") == {"two", "mine"}
        assert life.book.failure("") is None


def test_without_a_last_good_set_a_start_is_refused(tmp_path: Path) -> None:
    """A server that never had rules in force has nothing to come up with."""
    life = Life(tmp_path)
    life.write("a.yaml", BROKEN)
    with pytest.raises(RuleFileError, match="Nonsense"):
        life.activation.open()
    life.state.close()


def test_a_start_takes_up_what_changed_meanwhile(tmp_path: Path) -> None:
    """Files that changed while no server ran hold from the start on, with the tenants' own on top; a pin ends."""
    with living(tmp_path) as life:
        life.write("a.yaml", metric("one"))
        life.activation.scan()
        life.activation.activate("acme", [("mine.yaml", metric("mine"))])
        life.activation.activate("bolt", [("bolt.yaml", metric("bolted"))])
        life.activation.rollback("bolt")
        etag = life.book.etag("acme")
    with living(tmp_path) as life:
        assert life.names("acme") == {"one", "mine"}
        assert life.book.etag("acme") == etag
        stage = life.book.stage("bolt", "active")
        assert stage is not None
        assert stage.pinned
        life.write("a.yaml", metric("two"))
    with living(tmp_path) as life:
        assert life.names("acme") == {"two", "mine"}
        assert life.names("bolt") == {"two"}
        assert life.kinds("acme")[-1] == "loaded"
        assert life.book.etag("acme") != etag


def test_a_tenant_whose_rules_do_not_fit_keeps_its_last_ones(tmp_path: Path) -> None:
    """Others get the operator's new rules; the tenant has a failure of its own until its rules fit again."""
    card = (
        "apiVersion: trueline/v1\nkind: AlertRule\nmetadata: {name: mine, owner: ops}\n"
        "spec: {facts: {views: {metric: shared}}, critical: views < 1}\n"
    )
    with living(tmp_path) as life:
        life.write("a.yaml", metric("shared"))
        life.activation.scan()
        last = life.activation.activate("acme", [("mine.yaml", card)]).revision
        life.write("a.yaml", metric("renamed"))
        assert life.activation.scan()
        assert life.names("bolt") == {"renamed"}
        assert life.book.of("acme").revision == last
        assert life.book.failure("") is None
        failure = life.book.failure("acme")
        assert failure is not None
        assert any("mine.yaml" in str(problem) and "shared" in str(problem) for problem in failure.problems)
        assert life.kinds("acme") == ["activated", "load_failed"]
    with living(tmp_path) as life:
        assert life.book.of("acme").revision == last
        assert life.book.failure("acme") == failure
        assert life.kinds("acme") == ["activated", "load_failed"]
        life.write("b.yaml", metric("shared"))
        assert life.activation.scan()
        assert life.names("acme") == {"renamed", "shared"}
        assert life.book.failure("acme") is None
        assert life.kinds("acme")[-1] == "load_mended"
        life.write("b.yaml", metric("other"))
        life.activation.scan()
        assert life.book.failure("acme") is not None
        life.activation.activate("acme", [])
        assert life.book.failure("acme") is None


def test_a_failure_behind_the_files_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What could not be taken up because of the dataflow or a store is taken up at the next look."""
    with living(tmp_path) as life:
        life.write("a.yaml", metric("one"))

        def failing(_: object) -> None:
            raise OSError("the disk is gone")

        with monkeypatch.context() as patch:
            patch.setattr(life.metrics, "prepare", failing)
            with pytest.raises(OSError, match="the disk is gone"):
                life.activation.scan()
        assert life.names("") == set()
        assert life.activation.scan()
        assert life.names("") == {"one"}


def test_a_file_that_is_being_written_is_left_until_it_is_done(tmp_path: Path) -> None:
    """A file that changed a moment ago is taken up by a later look, one with a time in the future at once."""
    file = tmp_path / "a.yaml"
    files = OperatorFiles([tmp_path], settle_s=3600)
    files.read()
    file.write_text(metric("one"))
    assert not files.changed()
    for age_s in (7200, -7200):
        os.utime(file, (time.time() - age_s,) * 2)
        assert files.changed()
        files.read()
        assert not files.changed()


def test_a_change_within_one_tick_of_the_file_system_is_found(tmp_path: Path) -> None:
    """Files that were read just after they changed are read once more: their time may not tell a further change."""
    file = tmp_path / "a.yaml"
    file.write_text(metric("one"))
    files = OperatorFiles([tmp_path], settle_s=0)
    files.read()
    assert files.changed()
    os.utime(file, (time.time() - 60,) * 2)
    files.read()
    assert not files.changed()
