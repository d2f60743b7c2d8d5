"""The dataflow on the real log and warehouse, with room for so few panes that it must compute old ones again."""

from __future__ import annotations

from pathlib import Path

from trueline_stores.bus import InProcessBus
from trueline_stores.log import SqliteEventLog
from trueline_stores.log.identities import DIGEST_BYTES
from trueline_stores.warehouse.client import Warehouse
from trueline_streams.points import POINT_SCHEMA, PointBatch
from trueline_streams.recompute import PaneRecompute
from trueline_streams.records import FlowSettings
from trueline_streams.runner import FlowRunner
from trueline_streams.warehouse_writer import WarehouseWriter

from tests.integration.streams.flow_support import PLANS, TurnedClock, expected, machine_us, reach, running, stream
from tests.unit.streams.reference import End
from tests.unit.streams.support import batch_of, differing


def test_old_panes_are_computed_again_from_the_warehouse(warehouse: Warehouse, tmp_path: Path) -> None:
    """Across two runs and with three cells in memory, the points in the warehouse equal plain Python's."""
    appends = [(f"flow-{tenant}", accepted, content) for tenant, accepted, content in stream(60)]
    clock = TurnedClock()
    log = SqliteEventLog(tmp_path / "log.sqlite3", clock)
    settings = FlowSettings(publish_interval_us=0, poll_interval_us=5_000, epoch_interval_us=50_000, max_cells=3)
    for part in (appends[:35], appends[35:]):
        runner = FlowRunner(
            log,
            WarehouseWriter(warehouse, InProcessBus()),
            machine_us,
            plans=PLANS,
            loader=PaneRecompute(warehouse),
            settings=settings,
            directory=tmp_path / "flow",
        )
        with running(runner):
            for tenant, clock.now_us, content in part:
                if isinstance(content, End):
                    last = log.finish(tenant, content.source).result()
                else:
                    digests = b"".join(number.to_bytes(DIGEST_BYTES, "big") for number in range(len(content)))
                    last = log.append(tenant, batch_of(content), digests).result().last_position
                # One append a batch: each finds other panes in memory.
                reach(runner, last)
    log.close()
    columns = ", ".join(POINT_SCHEMA.names)
    found = warehouse.query_arrow(f"SELECT {columns} FROM trueline.points FINAL WHERE startsWith(tenant, 'flow-')", {})
    points = PointBatch(found.cast(POINT_SCHEMA))
    written = {(point.tenant, point.metric, point.pane_start_us, point.groups): point for point in points}
    assert differing(written, expected(appends).points) == {}
    assert warehouse.query("SELECT count() FROM trueline.events WHERE startsWith(tenant, 'flow-')") == [(360,)]
