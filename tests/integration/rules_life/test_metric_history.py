"""Metrics have their whole history when the rules that name them come into force, while the dataflow goes on."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from trueline_stores.log.memory import InMemoryEventLog
from trueline_stores.warehouse.client import Warehouse
from trueline_streams.backfill import Backfilled, backfill_metrics

from tests.integration.rules_life.life_world import FlowLife, flowing, log_clock, metric
from tests.integration.warehouse.playing import tenant_name

OWN = [("own.yaml", metric("own_views"))]


def all_hours(life: FlowLife, tenant: str) -> dict[int, float | None]:
    """What a count of views must show of all events sent."""
    counts: dict[int, float | None] = {}
    for entry in life.log.read(0, 10_000):
        if entry.tenant == tenant and entry.events is not None:
            for at in entry.events["occurred_at"].cast("int64").to_pylist():
                hour = (at // 3_600_000_000) % 24
                counts[hour] = (counts.get(hour) or 0) + 1
    return counts


def test_a_new_metric_has_its_points_when_it_becomes_active(warehouse: Warehouse, tmp_path: Path) -> None:
    """Whoever hears of the change reads all of the history; events that come later add to it."""
    tenant = tenant_name()
    with flowing(tmp_path, warehouse, InMemoryEventLog(log_clock), tenant) as life:
        life.send(tenant, 1, 2, 2)
        heard: list[dict[int, float | None]] = []
        life.book.subscribe(lambda change: heard.append(life.points(tenant, "own_views")))
        assert life.activation.activate(tenant, OWN).stage is not None
        assert heard == [{1: 1, 2: 2}]
        life.send(tenant, 2, 3)
        assert life.points(tenant, "own_views") == {1: 1, 2: 3, 3: 1}


def test_other_tenants_do_not_get_it(warehouse: Warehouse, tmp_path: Path) -> None:
    """What one tenant activates is computed for that tenant alone, and the others' metrics go on."""
    tenant = tenant_name()
    mine, other = f"{tenant}-a", f"{tenant}-b"
    with flowing(tmp_path, warehouse, InMemoryEventLog(log_clock), tenant) as life:
        life.write("base.yaml", metric("base_views"))
        assert life.activation.scan()
        for each in (mine, other):
            life.send(each, 1)
        life.activation.activate(mine, OWN)
        for each in (mine, other):
            life.send(each, 1, 2)
            assert life.points(each, "base_views") == {1: 2, 2: 1}
        assert life.points(mine, "own_views") == {1: 2, 2: 1}
        found = warehouse.query(
            "SELECT DISTINCT tenant FROM trueline.points WHERE metric = 'own_views' AND startsWith(tenant, {t:String})",
            {"t": tenant},
        )
        assert found == [(mine,)]


def test_ingestion_and_metrics_in_force_go_on_while_a_history_is_computed(
    warehouse: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Events that come during a long backfill are written and counted at once, by the metrics of before and the new."""
    tenant = tenant_name()
    begun, go_on = threading.Event(), threading.Event()

    def slowly(*args: object, **options: object) -> object:
        begun.set()
        assert go_on.wait(30)
        yield from backfill_metrics(*args, **options)  # type: ignore[arg-type]

    with flowing(tmp_path, warehouse, InMemoryEventLog(log_clock), tenant) as life:
        life.activation.activate(tenant, [("a.yaml", metric("former_views"))])
        life.send(tenant, 1)
        monkeypatch.setattr("trueline_server.rules.metric_plans.backfill_metrics", slowly)
        activating = threading.Thread(target=life.activation.activate, args=(tenant, OWN))
        activating.start()
        assert begun.wait(30)
        life.send(tenant, 1, 2)
        assert life.points(tenant, "former_views") == {1: 2, 2: 1}
        assert "own_views" not in life.book.of(tenant).metrics
        go_on.set()
        activating.join(30)
        assert life.points(tenant, "own_views") == {1: 2, 2: 1}
        life.send(tenant, 2)
        assert life.points(tenant, "own_views") == {1: 2, 2: 2}


@pytest.mark.parametrize("restarted", [False, True], ids=["running on", "restarted in between"])
def test_a_metric_that_was_out_of_use_has_no_hole(warehouse: Warehouse, tmp_path: Path, restarted: bool) -> None:
    """Rolled back to, it shows the events of the time when nobody asked for it, in old panes and in those since."""
    tenant, log = tenant_name(), InMemoryEventLog(log_clock)
    with flowing(tmp_path, warehouse, log, tenant) as life:
        life.activation.activate(tenant, OWN)
        life.send(tenant, 1, 2)
        life.activation.activate(tenant, [("own.yaml", metric("own_views", "2h"))])
        life.send(tenant, 2, 3)
        if not restarted:
            life.activation.rollback(tenant)
            assert life.points(tenant, "own_views") == {1: 1, 2: 2, 3: 1}
            life.send(tenant, 1, 2, 3, 4)
            assert life.points(tenant, "own_views") == all_hours(life, tenant) == {1: 2, 2: 3, 3: 2, 4: 1}
    if restarted:
        with flowing(tmp_path, warehouse, log, tenant) as life:
            life.send(tenant, 2)
            life.activation.rollback(tenant)
            life.send(tenant, 1)
            assert life.points(tenant, "own_views") == all_hours(life, tenant) == {1: 2, 2: 3, 3: 1}


def test_rules_of_a_base_that_come_back_have_no_hole(warehouse: Warehouse, tmp_path: Path) -> None:
    """A tenant that left everybody's metric out, by its own rules, finds it whole when it has everybody's again."""
    tenant = tenant_name()
    with flowing(tmp_path, warehouse, InMemoryEventLog(log_clock), tenant) as life:
        life.write("base.yaml", metric("shared_views"))
        life.activation.scan()
        life.send(tenant, 1, 2)
        life.activation.activate(tenant, [("a.yaml", metric("shared_views", "2h"))])
        life.send(tenant, 2, 3)
        life.activation.activate(tenant, [])
        assert life.points(tenant, "shared_views") == {1: 1, 2: 2, 3: 1}
        life.send(tenant, 1, 2)
        assert life.points(tenant, "shared_views") == {1: 2, 2: 3, 3: 1}


def test_what_a_shadow_needs_is_computed(warehouse: Warehouse, tmp_path: Path) -> None:
    """A metric of the shadow has its points before it is active, and keeps them when the shadow takes over."""
    tenant = tenant_name()
    with flowing(tmp_path, warehouse, InMemoryEventLog(log_clock), tenant) as life:
        life.send(tenant, 1)
        shadow = life.activation.activate(tenant, OWN, stage="shadow")
        life.send(tenant, 2)
        definition = life.book.rules_at(tenant, shadow.revision).metrics["own_views"].definition
        counted = "SELECT count() FROM trueline.points FINAL WHERE tenant = {t:String} AND definition = {d:String}"
        assert warehouse.query(counted, {"t": tenant, "d": definition}) == [(2,)]
        assert "own_views" not in life.book.of(tenant).metrics
        life.activation.activate(tenant, revision=shadow.revision)
        assert life.book.shadow_of(tenant) is None
        assert life.points(tenant, "own_views") == {1: 1, 2: 1}


def test_a_start_computes_only_what_is_not_whole(
    warehouse: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the former process left whole is not computed again, also of tenants that came since."""
    tenant, log = tenant_name(), InMemoryEventLog(log_clock)
    done: list[Backfilled] = []

    def noted(*args: object, **options: object) -> object:
        for each in backfill_metrics(*args, **options):  # type: ignore[arg-type]
            done.append(each)
            yield each

    monkeypatch.setattr("trueline_server.rules.metric_plans.backfill_metrics", noted)
    with flowing(tmp_path, warehouse, log, tenant) as life:
        life.activation.activate(f"{tenant}-a", OWN)
        life.send(f"{tenant}-a", 1)
        life.send(f"{tenant}-b", 1)
    assert done == []
    with flowing(tmp_path, warehouse, log, tenant) as life:
        assert done == []
        life.send(f"{tenant}-a", 1)
        assert life.points(f"{tenant}-a", "own_views") == {1: 2}
        life.write("base.yaml", metric("base_views"))
        life.activation.scan()
    assert {(each.tenant, each.metric) for each in done} == {(f"{tenant}-{x}", "base_views") for x in "ab"}


def test_what_comes_back_is_computed_from_where_it_was_left(
    warehouse: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a long history only the panes are computed that got events while nobody asked for the metric."""
    tenant, log = tenant_name(), InMemoryEventLog(log_clock)
    done: list[Backfilled] = []

    def noted(*args: object, **options: object) -> object:
        for each in backfill_metrics(*args, **options):  # type: ignore[arg-type]
            done.append(each)
            yield each

    with flowing(tmp_path, warehouse, log, tenant) as life:
        life.activation.activate(tenant, OWN)
        life.send(tenant, *range(20))
        life.activation.activate(tenant, [])
        life.send(tenant, 19, 20)
    with flowing(tmp_path, warehouse, log, tenant) as life:
        monkeypatch.setattr("trueline_server.rules.metric_plans.backfill_metrics", noted)
        life.activation.activate(tenant, OWN)
        assert [(each.metric, each.points) for each in done] == [("own_views", 2)]
        assert life.points(tenant, "own_views") == all_hours(life, tenant)


def test_a_failed_history_changes_nothing(
    warehouse: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An activation whose metrics cannot be computed is as if it had not been; tried again it is whole."""
    tenant = tenant_name()
    with flowing(tmp_path, warehouse, InMemoryEventLog(log_clock), tenant) as life:
        life.send(tenant, 1)
        before = life.book.sets()

        def failing(*_: object, **__: object) -> object:
            raise OSError("the disk is gone")

        with monkeypatch.context() as patch:
            patch.setattr("trueline_server.rules.metric_plans.backfill_metrics", failing)
            with pytest.raises(OSError, match="the disk is gone"):
                life.activation.activate(tenant, OWN)
        assert life.book.sets() is before
        assert life.kinds(tenant) == []
        life.send(tenant, 1, 2)
        life.activation.activate(tenant, OWN)
        life.send(tenant, 2)
        assert life.points(tenant, "own_views") == {1: 2, 2: 2}
