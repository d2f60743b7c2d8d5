"""What is known of accounts at an instant, as one statement: facts, metrics over events, and who has any. Pure.

Rows have account_id, `persona` (Nullable(String)), `active` (whether it had any event), x0, x1, … for the inputs of the
profile and c0, c1, … for other values: Nullable(Float64), flags 1 and 0, or Nullable(String). An account without any
value and without any event has no row.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from trueline_rules.churn_model import ChurnFeature
from trueline_rules.model import RuleSet
from trueline_rules.scoring_model import InputType
from trueline_stores.warehouse.tables import EVENTS, FACTS
from trueline_streams.pane_statements import Parameters

from trueline_server.ingest.own_events import SOURCE
from trueline_server.scoring.account_metrics import OWN_EVENTS, metric_columns
from trueline_server.scoring.profiles import CompiledProfile

SUBJECT = "account"
# Which of two observations counts: the later one, of the same instant the one that was put later.
_STAMP = "bitShiftLeft(toInt128(toUnixTimestamp64Micro(observed_at)), 64) + toInt128(revision)"
_NUMBER = "ifNull(coalesce(number, toFloat64(decimal)), nan)"
_FLAG = "ifNull(toFloat64(flag), nan)"
# A text that is absent differs from an empty one.
_TEXT = "ifNull(concat('=', text), '')"


@dataclass(frozen=True, slots=True)
class Accounts:
    """Which accounts are looked at: all, some by id, or those with ids in (after, until]; "" = no bound."""

    ids: tuple[str, ...] = ()
    after: str = ""
    until: str = ""

    def where(self, column: str) -> str:
        """As a condition; `parameters` are its values."""
        parts = [f"{column} != ''"]
        if self.ids:
            parts.append(f"{column} IN {{account_ids:Array(String)}}")
        if self.after:
            parts.append(f"{column} > {{account_after:String}}")
        if self.until:
            parts.append(f"{column} <= {{account_until:String}}")
        return " AND ".join(parts)

    @property
    def parameters(self) -> dict[str, Any]:
        """Values of `where`."""
        return {"account_ids": list(self.ids), "account_after": self.after, "account_until": self.until}


@dataclass(frozen=True, slots=True)
class AccountQuestion:
    """What is asked of accounts.

    Attributes:
        tenant: whose.
        rules: in force.
        profile: of them, of accounts.
        at_us: the instant (µs since 1970, UTC).
        accounts: which.
        others: further values that are read, in the order of c0, c1, ….
        observed: whether o0, o1, … tell when each input's fact was observed (µs; NULL = it is none).

    """

    tenant: str
    rules: RuleSet
    profile: CompiledProfile
    at_us: int
    accounts: Accounts = field(default_factory=Accounts)
    others: tuple[ChurnFeature, ...] = ()
    observed: bool = False

    def to_sql(self) -> tuple[str, dict[str, Any]]:
        """The statement and its parameters."""
        bound = Parameters({"tenant": self.tenant, "subject": SUBJECT, "at_us": self.at_us, "own_source": SOURCE})
        bound.values |= self.accounts.parameters
        events, nested, metrics = self._events(bound)
        facts, columns = self._facts(bound)
        # What a nested metric tells is of accounts with events, all of which the other side has.
        joined = "".join(f" LEFT JOIN ({one}) AS {name}_of USING (account_id)" for name, one in nested.items())
        known = " OR ".join(["active", *(f"isNotNull({name})" for name in columns)])
        observed = [f"o{name[1:]}" for name in columns if self.observed and name.startswith("x")]
        named = ", ".join([*columns, *metrics, *observed])
        return (
            f"SELECT * EXCEPT (p), p AS persona FROM (SELECT account_id, {named}, ifNull(was_active, 0) AS active "
            f"FROM ({facts}) AS facts_of FULL JOIN ({events}) AS events_of USING (account_id){joined}) WHERE {known}"
        ), bound.values

    def _events(self, bound: Parameters) -> tuple[str, dict[str, str], list[str]]:
        sources = {
            f"x{one.place}": one.input.source
            for one in self.profile.inputs
            if one.input.source is not None and one.input.source.kind == "metric"
        }
        others = enumerate(self.others)
        sources |= {f"c{place}": one.source for place, one in others if one.source.kind == "metric"}
        accounts = self.accounts.where("account_id")
        made = metric_columns(self.rules, sources, accounts, self.at_us, bound)
        straight = [f"{sql} AS {name}" for name, sql in made.straight.items()]
        columns = ", ".join(["account_id", *straight, "toNullable(1) AS was_active"])
        statement = f"SELECT {columns} FROM {EVENTS.full_name} WHERE {OWN_EVENTS} AND {accounts} GROUP BY account_id"
        return statement, made.nested, list(sources)

    def _facts(self, bound: Parameters) -> tuple[str, list[str]]:
        """The statement of facts, and the columns that tell whether there is any."""
        wanted: dict[str, tuple[str, str]] = {
            f"x{one.place}": (one.input.source.name, _column(one.input.type))
            for one in self.profile.inputs
            if one.input.source is not None and one.input.source.kind == "fact"
        }
        for place, other in enumerate(self.others):
            if other.source.kind == "fact":
                kind = {"text": _TEXT, "bool": _FLAG}.get(other.kind(self.rules.fact_types), _NUMBER)
                wanted[f"c{place}"] = other.source.name, kind
        wanted["p"] = self.profile.profile.persona_fact, _TEXT
        names = sorted({name for name, _ in wanted.values()})
        fact_names = bound.add("fact_names", "Array(String)", names)
        parts = []
        for column, (name, kind) in wanted.items():
            at = names.index(name) + 1
            own = f"name = {fact_names}[{at}]"
            newest = f"argMaxOrNullIf({kind}, stamp, {own})"
            told = f"substring(nullIf({newest}, ''), 2)" if kind == _TEXT else f"if(isFinite({newest}), {newest}, NULL)"
            parts.append(f"{told} AS {column}")
            if self.observed and column.startswith("x"):
                parts.append(f"maxOrNullIf(toUnixTimestamp64Micro(observed_at), {own}) AS o{column[1:]}")
        return (
            f"SELECT subject_id AS account_id, {', '.join(parts)} FROM (SELECT *, {_STAMP} AS stamp "
            f"FROM {FACTS.full_name} WHERE tenant = {{tenant:String}} AND subject = {{subject:String}} "
            f"AND name IN {fact_names} AND {self.accounts.where('subject_id')} "
            f"AND observed_at <= fromUnixTimestamp64Micro({{at_us:Int64}}, 'UTC')) GROUP BY subject_id"
        ), list(wanted)


def _column(kind: InputType) -> str:
    return {InputType.TEXT: _TEXT, InputType.FLAG: _FLAG}.get(kind, _NUMBER)
