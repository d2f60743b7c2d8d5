"""A plain account of random histories of alerts: what is true, what people heard, and what they ought to have heard."""

from __future__ import annotations

from dataclasses import dataclass, field

from sqlalchemy import select
from trueline_server.alerts.groups import StoredGroup, groups_of, read_groups
from trueline_server.cases.model import Case, CaseState
from trueline_server.cases.store import find_case
from trueline_stores.state.case_tables import NOTIFICATIONS

from tests.integration.alerts.dispatch_world import TENANT, DispatchWorld

SECOND = 1_000_000
# The longest until a group is looked at, and until all levels were told from then on.
LOOK = 330 * SECOND
ALL_LEVELS = LOOK + 600 * SECOND + LOOK
LAST = "boss"


@dataclass
class Known:
    """One alert as it is.

    Attributes:
        case: None = it does not fire.
        silent: whether it is silenced.
        needs_us: since when somebody has to be found for it without a break; None = nobody has.
        first, last: whether some level, and the last level, has still to hear that nobody has it.
        held_us: since when somebody has it without a break and nothing silences it; None = not.

    """

    case: Case | None = None
    silent: bool = False
    needs_us: int | None = None
    first: bool = False
    last: bool = False
    held_us: int | None = None

    @property
    def calls(self) -> bool:
        """Whether somebody has to be found for it."""
        return self.case is not None and self.case.state is CaseState.OPEN and not self.silent


@dataclass
class Plain:
    """All alerts of a world by name, and what each channel took for true of each of them last."""

    world: DispatchWorld
    alerts: dict[str, Known] = field(default_factory=dict)
    believed: dict[tuple[str, str], str] = field(default_factory=dict)
    heard: set[str] = field(default_factory=set)

    def look(self) -> None:
        """See what is true now, and compare what was said since the last look with it."""
        now_us = self.world.clock()
        with self.world.state.reading() as connection:
            for alert in self.alerts.values():
                before = alert.case
                if before is not None:
                    found = find_case(connection, TENANT, before.id)
                    assert found is not None
                    alert.case = found if found.is_open else None
                self._note(alert, before, now_us)
        self._listen()

    def changed(self, name: str) -> None:
        """It fires anew or gets another severity: whoever was told before was not told of this."""
        self.alerts[name].first = self.alerts[name].last = True
        self.alerts[name].needs_us = self.alerts[name].held_us = None

    def ought(self) -> None:
        """Everybody who had to be told was, and whoever waits for somebody waits for a step that comes."""
        now_us = self.world.clock()
        for name, alert in self.alerts.items():
            if alert.needs_us is not None and now_us - alert.needs_us >= LOOK:
                assert not alert.first, f"nobody was told of {name}"
                assert now_us - alert.needs_us < ALL_LEVELS or not alert.last, f"the last level was not told of {name}"
            calls = alert.needs_us is not None and now_us - alert.needs_us >= LOOK
            rests = alert.held_us is not None and now_us - alert.held_us >= LOOK
            if (calls or rests) and alert.case is not None:
                self._has_one(alert.case, held=rests)

    def over(self) -> None:
        """All alerts are over: no channel takes one for firing, unless it was told that it fires on elsewhere."""
        assert all(alert.case is None for alert in self.alerts.values())
        for (channel, name), status in self.believed.items():
            assert status != "firing", f"{channel} takes {name} for firing"

    def _note(self, alert: Known, before: Case | None, now_us: int) -> None:
        if before is not None and alert.case is not None and _taken_back(before, alert.case):
            alert.first = alert.last = True
        alert.needs_us = (alert.needs_us or now_us) if alert.calls else None
        held = alert.case is not None and alert.case.state is CaseState.ACKNOWLEDGED and not alert.silent
        alert.held_us = (alert.held_us or now_us) if held else None

    def _listen(self) -> None:
        rows = select(NOTIFICATIONS).where(NOTIFICATIONS.c.id.not_in(self.heard))
        with self.world.state.reading() as connection:
            said = connection.execute(rows.order_by(NOTIFICATIONS.c.created_us, NOTIFICATIONS.c.id)).all()
        for row in said:
            self.heard.add(row.id)
            for each in row.content["alerts"]:
                name = each["labels"]["plan"]
                alert = self.alerts[name]
                self._is_true(alert, each["case"], each["status"])
                self.believed[row.channel, name] = each["status"]
                if row.reason == "escalation":
                    assert alert.calls, f"{row.channel} was called for {name}, which somebody has or is silenced"
                    alert.first = False
                    alert.last = alert.last and row.content["escalation"]["level"] != LAST

    @staticmethod
    def _is_true(alert: Known, case: str, status: str) -> None:
        fires = alert.case is not None and alert.case.id == case
        assert fires == (status in {"firing", "moved"})
        assert status != "firing" or not alert.silent

    def _has_one(self, case: Case, *, held: bool) -> None:
        """A live escalation is about it, with a step to come, or exhausted, or somebody has it for a while."""
        with self.world.state.reading() as connection:
            ids = groups_of(connection, TENANT, [case.key])[case.key]
            groups = read_groups(connection, TENANT, ids).values()
        own = [group for group in groups if _fires_in(group, case)]
        assert len(own) == 1
        about = [each.state for each in own[0].escalations if each.live and case.id in each.cases]
        assert len(about) == 1
        state = about[0]
        if held:
            assert state.acknowledged_us is not None
            assert state.rearm_us is not None
        else:
            assert state.acknowledged_us is None
            assert state.step is not None or state.exhausted


def _fires_in(group: StoredGroup, case: Case) -> bool:
    return any(one.firing and one.case == case.id for one in group.group.members.values())


def _taken_back(before: Case, after: Case) -> bool:
    return before.state is CaseState.ACKNOWLEDGED and after.state is CaseState.OPEN
