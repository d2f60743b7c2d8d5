"""Backtests over a real warehouse: what plain Python says would have fired, and what live evaluation says."""

from __future__ import annotations

import pytest
from trueline_rules.loader import load_texts
from trueline_server.backtests.model import Asked, Backtest, RuleSource
from trueline_server.errors import TruelineError
from trueline_server.kpis.evaluate import Evaluator
from trueline_server.kpis.materialiser import Materialiser
from trueline_server.kpis.service import KpiService
from trueline_server.kpis.store import KpiValues
from trueline_server.operations.model import WorkStoppedError
from trueline_server.rules.live_facts import LiveFacts
from trueline_server.rules.service import RuleService
from trueline_stores.warehouse.client import Warehouse
from trueline_stores.warehouse.confined import Confinement

from tests.integration.backtests.backtest_world import COUNTED, NOON, RULES, WatchedWork, World, firings, looks
from tests.integration.warehouse.playing import tenant_name
from tests.unit.streams.support import HOUR, MINUTE

# Hours before noon -> looks in the hour that ends then.
COUNTS = {9: 1, 8: 2, 7: 3, 6: 4, 5: 2, 4: 1, 3: 0, 2: 5, 1: 3, 0: 4}


@pytest.fixture
def world(warehouse: Warehouse) -> World:
    """Ten hours of looks, by two plans."""
    made = World(warehouse, tenant_name())
    made.happen([*looks(COUNTS), *looks({1: 3}, "pro")])
    return made


def changed(before: str, after: str) -> RuleSource:
    """The rules with one thing changed."""
    assert before in RULES
    return RuleSource(files=(("changed.yaml", RULES.replace(before, after)),))


def test_metrics_as_plain_python_says(world: World) -> None:
    """Each hour is judged at its end; firings are the runs of hours with few looks; an offset looks back."""
    found = world.run(rule_names=("few", "fell"))
    # At -6 there were four, at -5 two, at -4 one, at -3 none, at -2 five, at -1 six, at 0 four.
    assert firings(found, "few") == [(-5, -2, "critical")]
    assert firings(found, "fell") == [(-5, -2, "warning"), (0, None, "warning")]
    assert (found.replays["few"].evaluations, found.replays["few"].without_data) == (7, 0)
    assert found.revision == world.rules.revision
    assert found.notes == ()


def test_kpis_are_computed_for_each_instant(world: World) -> None:
    """A KPI has the value of each instant, an offset that of then; what has no value is told, with the reason."""
    found = world.run(rule_names=("kpi", "without"))
    # Over two hours: -6: 7, -5: 6, -4: 3, -3: 1, -2: 5, -1: 11, 0: 10; 90 minutes before there are as many as an hour
    # and two hours before, less what is not in those two hours.
    assert firings(found, "kpi")[0][2] == "warning"
    assert found.replays["without"].without_data == 7
    (note,) = found.notes
    assert (note.kind, note.name) == ("kpi", "nothing")
    assert note.message.startswith("has no value at any of 7 instants: the statement answered no value")


def test_facts_are_as_they_were_observed(world: World) -> None:
    """Each evaluation sees the last observation before it, however old; put in as absent, it is not known any more."""
    world.put("tier", NOON - 1000 * HOUR, a="gold", b="gold", c="free", d="gold")
    world.put("seats", NOON - 1000 * HOUR, a=10.0, b=1.0, c=10.0, d=10.0)
    world.put("seats", NOON - 4 * HOUR, b=6.0)
    world.put("tier", NOON - 3 * HOUR - MINUTE, a="free", d=None)
    world.put("seats", NOON - 90 * MINUTE, b=2.0)
    found = world.run(rule_names=("gold", "grew"))
    labelled = {dict(one.labels)["account"]: one for one in found.replays["gold"].firings}
    assert {name: ((one.since_us - NOON) / HOUR, one.until_us) for name, one in labelled.items()} == {
        "a": (-6, NOON - 3 * HOUR),
        "b": (-4, NOON - HOUR),
        "d": (-6, None),
    }
    assert found.replays["gold"].without_data == 4
    # Within three hours, open at their start.
    assert firings(found, "grew") == [(-4, -1, "warning")]


def test_a_backtest_says_what_live_evaluation_says(world: World) -> None:
    """Of every rule and instant: replayed over the whole history, or asked for that instant alone."""
    world.put("tier", NOON - 5 * HOUR, a="gold")
    world.put("seats", NOON - 4 * HOUR - MINUTE, a=9.0)
    evaluator = Evaluator(Confinement(world.warehouse), world.clock)
    values = KpiValues(world.warehouse)
    materialiser = Materialiser(evaluator, values, world.clocks, lambda _: world.rules, world.clock)
    kpis = KpiService(materialiser, evaluator, world.clocks, lambda _: world.rules, world.clock)
    live = RuleService(
        lambda _: world.rules,
        LiveFacts(kpis, world.reader, world.warehouse, world.facts),
        world.clocks,
        world.clock,
        lambda _: {},
    )
    # A KPI over a window has live those values that were kept, so it is left to others.
    names = tuple(sorted(world.rules.alert_rules.keys() - {"best"}))
    found = world.run(rule_names=names, every_us=HOUR // 2)
    for name in names:
        for at_us in range(NOON - 6 * HOUR, NOON + 1, HOUR // 2):
            decided = live.evaluate(world.tenant, name, {}, at_us)
            fires = {"critical", "warning"} & {row.decision for row in decided.rows}
            assert bool(fires) == fired_at(found, name, at_us), (name, (at_us - NOON) / HOUR, decided)


def fired_at(found: Backtest, rule: str, at_us: int) -> bool:
    """Whether an alert of a rule fired at an evaluation."""
    return any(
        one.since_us <= at_us and (one.until_us is None or at_us < one.until_us) for one in found.replays[rule].firings
    )


def test_two_rule_sets_are_compared(world: World) -> None:
    """What an edited limit would have changed; what both read is read once, and says nothing of itself."""
    work = WatchedWork(world.tenant)
    found = world.run(changed("n < 3", "n < 5"), baseline=RuleSource(), rule_names=("few", "kpi"), work=work)
    assert found.baseline is not None
    (before,), (after, new) = found.baseline["few"].firings, found.replays["few"].firings
    assert [(str(one.change), one.before, one.after) for one in found.changes] == [
        ("changed", before, after),
        ("added", None, new),
    ]
    assert found.baseline["kpi"] == found.replays["kpi"]
    assert (found.baseline_revision, found.notes) == (world.rules.revision, ())
    # Two grids of seven instants for the KPI, a metric, two rules of seven evaluations on both sides.
    assert {total for _, total, _ in work.told} == {1 + 14 + 2 * 14}
    assert [done for done, _, _ in work.told] == sorted(done for done, _, _ in work.told)


def test_a_changed_kpi_is_judged_by_its_own_statement(world: World) -> None:
    """Each side has the values of its own statement, and that they differ is told by name."""
    edited = changed("INTERVAL 2 HOUR", "INTERVAL 1 HOUR")
    found = world.run(edited, baseline=RuleSource(), rule_names=("best",))
    assert [(note.kind, note.name) for note in found.notes] == [("kpi", "looks")]
    assert "computed otherwise by the baseline" in found.notes[0].message
    assert found.baseline is not None
    assert found.baseline["best"] != found.replays["best"]


def test_a_changed_metric_has_the_points_in_force(world: World) -> None:
    """Its points are those that the server computes, which is told by name; one that nothing computes has none."""
    edited = changed("aggregation: count\n  window: 1h\n", "aggregation: count\n  window: 30m\n")
    found = world.run(edited, rule_names=("few",))
    (note,) = found.notes
    assert (note.kind, note.name, "defined otherwise" in note.message) == ("metric", "hourly", True)
    assert firings(found, "few") == [(-5, -2, "critical")]
    renamed = RuleSource(files=(("new.yaml", RULES.replace("hourly", "unheard_of")),))
    found = world.run(renamed, rule_names=("few",))
    assert [(one.name, "not computed" in one.message) for one in found.notes] == [("unheard_of", True)]
    assert found.replays["few"].without_data == 7


def test_files_on_the_base_and_stored_revisions(world: World) -> None:
    """Files may stand on the operator's; a revision that is kept is replayed as it was; an unknown one is refused."""
    overlay = "---\n".join(part for part in RULES.split("---\n") if "name: few" in part).replace("n < 3", "n < 6")
    found = world.run(RuleSource(files=(("own.yaml", overlay),), on_base=True), rule_names=("few",))
    assert firings(found, "few") == [(-6, -1, "critical"), (0, None, "warning")]
    former = load_texts([("f.yaml", RULES.replace("n < 3", "n < 1").replace("n < 2", "n < 1"))], default_pack=False)
    world.revisions.known[former.revision] = former
    assert firings(world.run(RuleSource(revision=former.revision), rule_names=("few",)), "few") == [
        (-3, -2, "critical")
    ]
    with pytest.raises(TruelineError) as refused:
        world.run(RuleSource(revision="none"))
    assert refused.value.reason == "UNKNOWN_REVISION"


def test_a_work_that_is_stopped_ends_at_the_next_step(world: World) -> None:
    """Wherever it is: reading points, computing KPIs, replaying; nothing more is done."""
    whole = WatchedWork(world.tenant)
    world.run(rule_names=("few", "kpi"), work=whole)
    for steps in range(len(whole.told)):
        work = WatchedWork(world.tenant, ends_after=steps)
        with pytest.raises(WorkStoppedError):
            world.run(rule_names=("few", "kpi"), work=work)
        assert work.told == whole.told[:steps]


def test_a_tenant_without_events(warehouse: Warehouse) -> None:
    """Nothing fires, nothing fails; what is missing is told."""
    world = World(warehouse, tenant_name())
    found = world.run(rule_names=("plans", "kpi", "gold"))
    assert all(not one.firings and one.without_data == 7 for one in found.replays.values())
    assert {(note.kind, note.name) for note in found.notes} == {
        ("metric", "by_plan"),
        ("kpi", "looks"),
        ("fact", "tier"),
        ("fact", "seats"),
    }
    assert found.watermark_us is None


def test_the_span_has_defaults(world: World) -> None:
    """Behind the end of the data where nothing is live, 30 days before, every six hours; the same at any time."""
    checked = world.backtests.check(
        world.tenant, world.backtests.check(world.tenant, asked_of(start_us=None, end_us=None, every_us=None))
    )
    assert (checked.start_us, checked.end_us, checked.every_us) == (NOON - 720 * HOUR, NOON, 6 * HOUR)
    assert checked.source.revision == world.rules.revision


def asked_of(**how: object) -> Asked:
    """A request."""
    return Asked(**{"source": RuleSource(), **how})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("how", "field"),
    [
        ({"start_us": NOON, "end_us": NOON}, "start_time"),
        ({"end_us": NOON + HOUR}, "end_time"),
        ({"start_us": 0, "end_us": NOON}, "start_time"),
        ({"length_us": 0}, "span"),
        ({"length_us": -1}, "span"),
        ({"length_us": 1_000_000 * HOUR}, "span"),
        ({"every_us": 999_999}, "every"),
        ({"every_us": 1_000_000}, "every"),
        ({"every_us": 60_000_000, "length_us": 24 * 65 * HOUR}, "every"),
        ({"source": RuleSource(files=(("a", ""),), revision="r")}, "revision"),
        ({"source": RuleSource(files=(("a", ""), ("a", "")))}, "files[1].name"),
    ],
)
def test_what_cannot_be_replayed_is_refused(world: World, how: dict[str, object], field: str) -> None:
    """With the field at fault, before anything begins: no span, a future, too many evaluations or values of KPIs."""
    with pytest.raises(TruelineError) as refused:
        world.backtests.check(world.tenant, asked_of(**how))
    assert (refused.value.reason, refused.value.metadata["field"]) == ("INVALID_FIELD", field)


def test_rules_that_are_not_there_or_do_not_load(world: World) -> None:
    """A name that no rule has, with the nearest; files with mistakes, with their places; a refused statement."""
    with pytest.raises(TruelineError, match="did you mean 'plans'") as refused:
        world.run(rule_names=("plan",))
    assert (refused.value.code, refused.value.reason) == ("NOT_FOUND", "UNKNOWN_RULE")
    with pytest.raises(TruelineError) as refused:
        world.run(changed("n < 3", "n < nobody"))
    assert (refused.value.code, refused.value.reason) == ("FAILED_PRECONDITION", "RULES_DO_NOT_LOAD")
    assert refused.value.violations[0][0].startswith("changed.yaml:")
    with pytest.raises(TruelineError, match="KPI looks") as refused:
        world.run(changed(COUNTED, "SELECT 1 AS value FROM system.tables"))
    assert refused.value.reason == "RULES_DO_NOT_LOAD"
