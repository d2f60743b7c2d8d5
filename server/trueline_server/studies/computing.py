"""Computes a study: reads sums from the warehouse, and puts figures, campaigns and notes together."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from trueline_rules.model import RuleSet
from trueline_rules.names import quoted
from trueline_rules.study_model import StudyModel
from trueline_stores.warehouse.statements import Statement
from trueline_stores.warehouse.tables import CLOCKS

from trueline_server.errors import TruelineError, invalid_field
from trueline_server.studies.campaigns import by_group, campaign_figures, read_campaigns
from trueline_server.studies.figures import MOST_GROUPS, TOTAL, Key, judged
from trueline_server.studies.model import Campaign, Figure, Group, Period
from trueline_server.studies.periods import day_of, previous_period
from trueline_server.studies.questions import names_of, playable
from trueline_server.studies.renewals import Renewals, read_renewals, renewal_figures
from trueline_server.studies.revenue import NO_REVENUE, read_revenue, revenue_figures
from trueline_server.studies.statements import (
    MOST_CAMPAIGNS_READ,
    MOST_GROUPS_READ,
    SETTINGS,
    CountRenewals,
    FirstEvents,
    Reading,
    SumCampaigns,
    SumRevenue,
    UnknownCurrencies,
)

# Campaigns that a run keeps, the costliest.
MOST_CAMPAIGNS = 1_000
_MOST_NAMED = 10
# Clocks are written last of all, so what lies before is wholly there.
_POSITION = f"SELECT max(revision) FROM {CLOCKS.full_name} WHERE tenant = {{tenant:String}}"
_ALL_TIME_US = 0
# Stands for every group that a part knows nothing of.
NOBODY: Key = ("", "nobody")

Figures = dict[Key, list[Figure]]
Step = Callable[[int, int, str], None]


class StudyWarehouse(Protocol):
    """What is asked of the warehouse's client."""

    def query(
        self, sql: str, parameters: dict[str, Any] | None = None, *, settings: Any = None
    ) -> list[tuple[Any, ...]]:
        """Rows of a query."""
        ...


@dataclass(slots=True)
class Computed:
    """What a study came to; see StudyRun."""

    position: int
    previous: Period
    groups: tuple[Group, ...] = ()
    campaigns: tuple[Campaign, ...] = ()
    notes: list[str] = field(default_factory=list)


class StudyComputer:
    """Computes studies. Methods block; thread-safe."""

    def __init__(self, warehouse: StudyWarehouse) -> None:
        self._warehouse = warehouse

    def compute(self, tenant: str, rules: RuleSet, asked: StudyModel, period: Period, step: Step) -> Computed:
        """The figures of a period beside the one before.

        Args:
            tenant: whose.
            rules: in force.
            asked: the study, with the breakdowns that are wanted.
            period: that is over.
            step: called with (done, total, what) before each part; may raise.

        Raises:
            TruelineError: UNPLAYED_ROLE, MIXED_CURRENCIES, INVALID_FIELD (too many groups or campaigns).
            StoreError: the warehouse cannot answer.

        """
        study, missing = playable(rules, asked)
        ((position,),) = self._warehouse.query(_POSITION, {"tenant": tenant})
        reading = Reading(tenant, int(position or 0), study, rules.mapping)
        before = previous_period(period, study.previous)
        found = Computed(reading.position, before, notes=list(missing))
        self._check_currencies(rules, reading, before, period)
        parts = [
            (name, work)
            for name, has, work in (
                ("deals", study.deals, self._renewals),
                ("revenue", study.revenue, self._revenue),
                ("campaigns", study.campaigns, self._campaigns),
            )
            if has is not None
        ]
        told: list[Figures] = []
        for done, (name, work) in enumerate(parts):
            step(done, len(parts), name)
            told.append(work(reading, period, before, found))
        step(len(parts), len(parts), "")
        # Each group has every figure: one without deals has a renewal rate for which data are insufficient.
        figures: Figures = {
            key: [figure for part in told for figure in part.get(key, part[NOBODY])]
            for key in dict.fromkeys(key for part in told for key in part if key != NOBODY)
        }
        found.groups = judged(_shown(figures, found.notes), study.confidence)
        found.notes += self._about_data(rules, reading, before, period)
        return found

    def _renewals(self, reading: Reading, period: Period, before: Period, _: Computed) -> Figures:
        deals = reading.study.deals
        assert deals is not None
        now, then = (read_renewals(self._groups(CountRenewals(reading, deals, one))) for one in (period, before))
        return {
            key: renewal_figures(now.get(key, Renewals()), then.get(key, Renewals()), **_terms(reading.study))
            for key in now | then | {TOTAL: None, NOBODY: None}
        }

    def _revenue(self, reading: Reading, period: Period, before: Period, _: Computed) -> Figures:
        revenue = reading.study.revenue
        assert revenue is not None
        periods = (period, before, previous_period(before, reading.study.previous))
        found = read_revenue(self._groups(SumRevenue(reading, revenue, periods)))
        told = {TOTAL: NO_REVENUE, NOBODY: NO_REVENUE} | found
        return {key: revenue_figures(one, **_terms(reading.study)) for key, one in told.items()}

    def _campaigns(self, reading: Reading, period: Period, before: Period, found: Computed) -> Figures:
        now, then = (self._campaigns_of(reading, one) for one in (period, before))
        found.campaigns = tuple(now[:MOST_CAMPAIGNS])
        if len(now) > MOST_CAMPAIGNS:
            found.notes.append(f"of {len(now):,} campaigns the {MOST_CAMPAIGNS:,} costliest are listed; all count")
        free = [campaign.id for campaign in now if not campaign.cost > 0]
        if free:
            more = f" and {len(free) - _MOST_NAMED:,} more" if len(free) > _MOST_NAMED else ""
            named = ", ".join(free[:_MOST_NAMED]) + more
            found.notes.append(f"campaigns without a cost have no return on it and do not count: {named}")
        own, other = by_group(now), by_group(then)
        return {
            key: campaign_figures(own.get(key, ()), other.get(key, ()), **_terms(reading.study))
            for key in own | other | {TOTAL: None, NOBODY: None}
        }

    def _campaigns_of(self, reading: Reading, period: Period) -> list[Campaign]:
        campaigns = reading.study.campaigns
        assert campaigns is not None
        rows = self._rows(SumCampaigns(reading, campaigns, period))
        if len(rows) > MOST_CAMPAIGNS_READ:
            raise invalid_field("end_time", f"has more than {MOST_CAMPAIGNS_READ:,} campaigns before it; ask for less")
        return read_campaigns(rows, tuple(reading.study.breakdowns))

    def _groups(self, statement: Statement) -> Sequence[tuple[Any, ...]]:
        rows = self._rows(statement)
        if len(rows) > MOST_GROUPS_READ:
            told = f"have more than {MOST_GROUPS_READ:,} values; break down by what has fewer"
            raise invalid_field("breakdowns", told)
        return rows

    def _rows(self, statement: Statement) -> list[tuple[Any, ...]]:
        return self._warehouse.query(*statement.to_sql(), settings=SETTINGS)

    def _check_currencies(self, rules: RuleSet, reading: Reading, before: Period, period: Period) -> None:
        study, names = reading.study, names_of(rules, reading.study)
        earliest = previous_period(before, study.previous).start_us
        # What a campaign that finished had cost lies before the period.
        spans = {"deals": before.start_us, "revenue": earliest, "campaigns": before.start_us}
        if study.campaigns is not None and study.campaigns.finished is not None:
            spans["campaigns"] = _ALL_TIME_US
        for part, start_us in spans.items():
            valued = tuple(name for key, of in names.items() if key.startswith(part) for name in of)
            found = self._rows(UnknownCurrencies(reading, valued, Period(start_us, period.end_us))) if valued else []
            if found:
                currencies = [str(currency) for currency, _ in found]
                told = (
                    f"amounts of {part} are in {', '.join(currencies)} beside {study.currency}, and have no rate; add "
                    f"`rates: {{{currencies[0]}: …}}` to the study {quoted(study.metadata.name)}"
                )
                metadata = {"currencies": ",".join(currencies), "currency": study.currency}
                raise TruelineError("FAILED_PRECONDITION", "MIXED_CURRENCIES", told, metadata=metadata)

    def _about_data(self, rules: RuleSet, reading: Reading, before: Period, period: Period) -> list[str]:
        """What is to be kept in mind of when the events begin."""
        names = names_of(rules, reading.study)
        notes = []
        for part in dict.fromkeys(key.partition(".")[0] for key in names):
            own = tuple(name for key, of in names.items() if key.startswith(part) for name in of)
            ((first,),) = self._rows(FirstEvents(reading, own))
            if first is None:
                notes.append(f"there is no event of {part} yet: none is called {' or '.join(dict.fromkeys(own))}")
            elif int(first) >= period.end_us:
                notes.append(f"events of {part} begin on {day_of(int(first))}, after the period")
            elif int(first) > before.start_us:
                told = f"events of {part} begin on {day_of(int(first))}, after the previous period does"
                notes.append(f"{told}; what is compared with it is compared with a part of it")
        return notes


def _terms(study: StudyModel) -> Mapping[str, Any]:
    return {"confidence": study.confidence, "least": study.least, "currency": study.currency}


def _shown(figures: Figures, notes: list[str]) -> Figures:
    """The groups with the most observations; the others are counted in a note."""
    shown: Figures = {}
    for breakdown in dict.fromkeys(key[0] for key in figures):
        keys = [key for key in figures if key[0] == breakdown]
        keys.sort(key=lambda key: (-max((one.now.observations for one in figures[key]), default=0), key))
        shown |= {key: figures[key] for key in keys[:MOST_GROUPS]}
        if len(keys) > MOST_GROUPS:
            told = f"the {MOST_GROUPS} largest of {len(keys):,} groups are told; all count in the total"
            notes.append(f"{breakdown}: {told}")
    return shown
