"""What is in force for whom: activation, etags, rollback, pins, shadows; each change whole for every reader."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from trueline_rules.errors import Problem
from trueline_rules.model import Place
from trueline_server.errors import TruelineError

from tests.integration.rules_life.life_world import joined, kpi, living, metric


def test_a_tenants_rules_override_and_leave_others_alone(tmp_path: Path) -> None:
    """A document of a tenant replaces the one with its kind and name, for that tenant only, and tells its origin."""
    with living(tmp_path) as life:
        life.write("base.yaml", joined(metric("shared"), metric("other")))
        life.activation.scan()
        before = life.book.of("bolt")
        done = life.activation.activate("acme", [("a.yaml", metric("shared", "2h"))], author="ada", note="longer")
        rules = life.book.of("acme")
        assert (done.revision, done.problems) == (rules.revision, ())
        assert rules.metrics["shared"].window.text == "2h"
        assert rules.origins["Metric", "shared"] == "tenant"
        assert rules.origins["Metric", "other"] == "operator"
        assert rules.origins["Kpi", "churn_rate"] == "pack"
        assert life.book.of("bolt") is before
        assert set(life.book.rule_sets()) == {"", "acme"}
        stage = life.book.stage("acme", "active")
        assert stage is not None
        assert (stage.version, stage.author, stage.note, stage.pinned) == (1, "ada", "longer", False)
        assert life.book.stage("bolt", "active") is None


def test_back_to_what_everybody_has(tmp_path: Path) -> None:
    """Without files of its own a tenant follows the operator's rules again."""
    with living(tmp_path) as life:
        life.activation.activate("acme", [("a.yaml", metric("mine"))])
        done = life.activation.activate("acme", [])
        assert life.book.of("acme").revision == life.book.of("").revision == done.revision
        assert set(life.book.rule_sets()) == {""}
        life.write("base.yaml", metric("new"))
        assert life.activation.scan()
        assert life.names("acme") == {"new"}


def test_rules_that_do_not_load_change_nothing(tmp_path: Path) -> None:
    """All that is wrong is answered with its place: in files, between documents, and in statements that are refused."""
    refusal = Problem(Place("a.yaml", 9, 5), "KPI bad: is not allowed")
    with living(tmp_path, refused=lambda rules: {"bad": refusal} if "bad" in rules.kpis else {}) as life:
        before = life.book.sets()
        for text, told in (
            ("kind: Nonsense\n", "a.yaml:1:7: kind is 'Nonsense'"),
            (metric("m", events="[]"), "a.yaml:4"),
            (kpi("bad"), "a.yaml:9:5: KPI bad: is not allowed"),
        ):
            done = life.activation.activate("acme", [("a.yaml", text)])
            assert (done.stage, done.revision) == (None, "")
            assert any(str(problem).startswith(told) for problem in done.problems), done.problems
        assert life.book.sets() is before
        assert life.book.changes("acme", most=10) == life.book.changes("")


def test_only_validated(tmp_path: Path) -> None:
    """A dry run answers the revision that would be, and nothing changes."""
    with living(tmp_path) as life:
        before = life.book.sets()
        files = [("a.yaml", metric("mine"))]
        done = life.activation.activate("acme", files, validate_only=True)
        assert (done.stage, done.problems) == (None, ())
        assert life.book.sets() is before
        assert life.activation.activate("acme", files).revision == done.revision


def test_an_etag_guards_against_the_changes_of_others(tmp_path: Path) -> None:
    """What was seen last must still hold; the error names what holds now. Without an etag nothing is checked."""
    with living(tmp_path) as life:
        assert life.book.etag("acme") == "0"
        life.activation.activate("acme", [("a.yaml", metric("one"))], etag="0")
        for attempt in (
            lambda: life.activation.activate("acme", [("a.yaml", metric("two"))], etag="0"),
            lambda: life.activation.rollback("acme", etag="0"),
            lambda: life.activation.activate("acme", [], etag="0", validate_only=True),
        ):
            with pytest.raises(TruelineError) as refused:
                attempt()
            assert (refused.value.code, refused.value.reason) == ("ABORTED", "ETAG_MISMATCH")
            assert refused.value.metadata == {"etag": "1"}
        assert life.names("acme") == {"one"}
        life.activation.activate("acme", [("a.yaml", metric("two"))], etag="1")
        life.activation.activate("acme", [("a.yaml", metric("three"))])
        assert life.book.etag("acme") == "3"


def test_odd_requests_are_told(tmp_path: Path) -> None:
    """Files with a revision, two files of one name, and revisions that are not stored are refused with a reason."""
    with living(tmp_path) as life:
        twice = [("a.yaml", metric("one")), ("a.yaml", metric("two"))]
        for reason, attempt in (
            ("INVALID_FIELD", lambda: life.activation.activate("acme", twice[:1], "0" * 16)),
            ("INVALID_FIELD", lambda: life.activation.activate("acme", twice)),
            ("UNKNOWN_REVISION", lambda: life.activation.activate("acme", revision="0" * 16)),
            ("UNKNOWN_REVISION", lambda: life.activation.rollback("acme", revision="0" * 16)),
            ("UNKNOWN_REVISION", lambda: life.activation.rollback("acme")),
            ("UNKNOWN_REVISION", lambda: life.book.rules_at("acme", "0" * 16)),
        ):
            with pytest.raises(TruelineError) as refused:
                attempt()
            assert refused.value.reason == reason


def test_rollbacks_go_back_along_the_way(tmp_path: Path) -> None:
    """One call brings back what was active before; the next one what was before that, down to everybody's rules."""
    with living(tmp_path) as life:
        for name in ("one", "two", "three"):
            life.activation.activate("acme", [("a.yaml", metric(name))])
        for names in ({"two"}, {"one"}, set()):
            life.activation.rollback("acme")
            assert life.names("acme") == names
        with pytest.raises(TruelineError, match="nothing was in force before"):
            life.activation.rollback("acme")
        life.activation.activate("acme", [("a.yaml", metric("four"))])
        life.activation.rollback("acme")
        assert life.names("acme") == set()
        assert life.kinds("acme") == [*["activated"] * 3, *["rolled_back"] * 3, "activated", "rolled_back"]


def test_a_rollback_pins_until_the_operator_changes_something(tmp_path: Path) -> None:
    """Rolled back to, a revision keeps the operator's files of then; with new ones the tenant's own are kept on top."""
    with living(tmp_path) as life:
        life.write("base.yaml", metric("base_one"))
        life.activation.scan()
        first = life.activation.activate("acme", [("a.yaml", metric("mine"))]).revision
        life.write("base.yaml", metric("base_two"))
        life.activation.scan()
        assert life.names("acme") == {"mine", "base_two"}
        done = life.activation.rollback("acme")
        assert done.revision == first
        assert done.stage is not None
        assert done.stage.pinned
        assert life.names("acme") == {"mine", "base_one"}
        assert life.names("bolt") == {"base_two"}
        # What says the same in other words is no change.
        life.write("base.yaml", "# a remark\n" + metric("base_two"))
        life.activation.scan()
        assert life.names("acme") == {"mine", "base_one"}
        life.write("base.yaml", metric("base_three"))
        life.activation.scan()
        assert life.names("acme") == {"mine", "base_three"}
        stage = life.book.stage("acme", "active")
        assert stage is not None
        assert not stage.pinned


def test_a_tenant_without_own_rules_rolls_back_what_the_operator_did(tmp_path: Path) -> None:
    """The operator's last change is undone for that tenant alone."""
    with living(tmp_path) as life:
        for name in ("one", "two"):
            life.write("base.yaml", metric(name))
            life.activation.scan()
        life.activation.rollback("acme")
        assert life.names("acme") == {"one"}
        assert life.names("bolt") == {"two"}


def test_a_shadow_and_its_end(tmp_path: Path) -> None:
    """A shadow follows the operator's files, has an etag of its own, ends when told, and when it becomes active."""
    with living(tmp_path) as life:
        life.activation.activate("acme", [("a.yaml", metric("try"))], stage="shadow", etag="0")
        shadow = life.book.shadow_of("acme")
        assert shadow is not None
        assert "try" in shadow.metrics
        assert life.names("acme") == set()
        assert (life.book.etag("acme"), life.book.etag("acme", "shadow")) == ("0", "1")
        life.write("base.yaml", metric("base"))
        life.activation.scan()
        followed = life.book.shadow_of("acme")
        assert followed is not None
        assert {"try", "base"} <= set(followed.metrics)
        with pytest.raises(TruelineError, match="shadow"):
            life.activation.end_shadow("acme", etag="1")
        assert life.activation.end_shadow("acme", etag="2").revision == followed.revision
        assert life.book.shadow_of("acme") is None
        assert life.activation.end_shadow("acme").revision == ""
        life.activation.activate("acme", revision=followed.revision, stage="shadow")
        life.activation.activate("acme", revision=followed.revision)
        assert life.book.shadow_of("acme") is None
        assert life.names("acme") == {"try", "base"}
        assert life.book.etag("acme", "shadow") == "5"
        stage = life.book.stage("acme", "active")
        assert stage is not None
        assert not stage.pinned


def test_revisions_and_changes_are_kept(tmp_path: Path) -> None:
    """Every revision can be loaded again by its name, also after a restart, and changes are numbered in order."""
    with living(tmp_path) as life:
        made = {}
        for second, name in enumerate(("one", "two", "three"), start=1):
            life.clock.now_us += second * 1_000_000
            made[name] = life.activation.activate("acme", [("a.yaml", metric(name))], note=name).revision
        last = life.book.last_change("acme")
    with living(tmp_path) as life:
        for name, revision in made.items():
            assert name in life.book.rules_at("acme", revision).metrics
        with pytest.raises(TruelineError):
            life.book.rules_at("bolt", made["one"])
        newest = life.book.revisions("acme", most=2)
        assert [(info.revision, info.stages) for info in newest] == [(made["three"], ("active",)), (made["two"], ())]
        rest = life.book.revisions("acme", after=newest[-1].revision)
        assert [info.revision for info in rest] == [made["one"], life.book.of("").revision]
        changes = life.book.changes("acme")
        assert [change.number for change in changes] == sorted({change.number for change in changes})
        assert [change.note for change in changes if change.tenant == "acme"] == ["one", "two", "three"]
        assert [change.former for change in changes][1:] == [change.revision for change in changes][:-1]
        assert life.book.last_change("acme") == last == changes[-1].number
        assert life.book.changes("acme", after=changes[0].number, most=2) == changes[1:3]
        assert life.book.earliest_change("acme") == changes[0].number


def test_listeners_hear_once_it_holds(tmp_path: Path) -> None:
    """A listener finds in force what it is told, one that fails harms nobody, and one that left hears nothing."""
    with living(tmp_path) as life:
        heard: list[tuple[str, bool]] = []

        def failing(change: object) -> None:
            raise OSError

        leave = life.book.subscribe(failing)
        end = life.book.subscribe(
            lambda change: heard.append((change.kind, life.book.of(change.tenant).revision == change.revision))
        )
        life.activation.activate("acme", [("a.yaml", metric("one"))])
        leave()
        life.activation.rollback("acme")
        end()
        life.activation.activate("acme", [])
        assert heard == [("activated", True), ("rolled_back", True)]


def test_readers_see_one_whole_set_at_any_moment(tmp_path: Path) -> None:
    """While rules are activated again and again, a reader never finds a part of two of them, nor waits."""
    names = ("one", "two")
    with living(tmp_path) as life:
        files = {
            name: [("a.yaml", joined(metric(f"m_{name}"), kpi(f"k_{name}"), kpi("same", f"SELECT {n} AS value")))]
            for n, name in enumerate(names)
        }
        life.activation.activate("acme", files["one"])
        mixed: list[object] = []
        reads: list[int] = []
        done = threading.Event()

        def read() -> None:
            count = 0
            while not done.is_set() or not count:
                rules = life.book.of("acme")
                there = {name for name in names if f"m_{name}" in rules.metrics}
                kpis = {name for name in names if f"k_{name}" in rules.kpis}
                if there != kpis or len(there) != 1 or f"SELECT {names.index(*there)} " not in _same(rules):
                    mixed.append((there, kpis))
                count += 1
            reads.append(count)

        readers = [threading.Thread(target=read) for _ in range(4)]
        for reader in readers:
            reader.start()
        for turn in range(20):
            life.activation.activate("acme", files[names[(turn + 1) % 2]])
        done.set()
        for reader in readers:
            reader.join(30)
        assert mixed == []
        assert len(reads) == 4


def _same(rules: object) -> str:
    return rules.kpis["same"].statement  # type: ignore[attr-defined, no-any-return]


def test_activations_at_once_follow_each_other(tmp_path: Path) -> None:
    """Of callers who saw the same etag one wins; without etags all succeed, one after the other."""
    with living(tmp_path) as life:
        outcomes: list[str] = []

        def activate(number: int, etag: str) -> None:
            try:
                life.activation.activate("acme", [("a.yaml", metric(f"m{number}"))], etag=etag)
                outcomes.append("done")
            except TruelineError as error:
                outcomes.append(error.reason)

        for etag in ("0", ""):
            callers = [threading.Thread(target=activate, args=(number, etag)) for number in range(6)]
            for caller in callers:
                caller.start()
            for caller in callers:
                caller.join(30)
        assert sorted(outcomes) == ["ETAG_MISMATCH"] * 5 + ["done"] * 7
        assert life.book.etag("acme") == "7"


def test_a_mapping_of_a_tenants_own(tmp_path: Path) -> None:
    """The event mapping loaded last is in force, so a tenant can bring its own, unless a setting names one."""
    mapping = (
        "apiVersion: trueline/v1\nkind: EventMapping\nmetadata: {name: mine}\n"
        "spec:\n  roles: {payment: [paid]}\n  fields:\n    id: {column: id}\n    source: {constant: x}\n"
        "    name: {column: n}\n    occurred_at: {column: at, format: epoch_s}\n"
    )
    for folder, wanted, found in (("any", "", "mine"), ("named", "standard", "standard")):
        (tmp_path / folder).mkdir()
        with living(tmp_path / folder) as life:
            standard = life.book.of("").mapping.metadata.name
        with living(tmp_path / folder, mapping=standard if wanted else "") as life:
            done = life.activation.activate("acme", [("a.yaml", mapping)])
            assert done.problems == ()
            assert life.book.of("acme").mapping.metadata.name == (standard if wanted else found)
            assert life.book.of("bolt").mapping.metadata.name == standard
