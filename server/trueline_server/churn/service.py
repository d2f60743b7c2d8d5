"""The use case of churn: models that are kept, and what they foresee of accounts. No protobuf."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache

from trueline_rules.churn_model import SUBJECT, ChurnModel
from trueline_rules.model import RuleSet
from trueline_rules.names import hint, nearest, quoted
from trueline_stores.state.database import StateDatabase

from trueline_server.churn.columns import Accounts, Column, numbers, texts
from trueline_server.churn.drift import DriftCount
from trueline_server.churn.fitted import FittedModel, read_model
from trueline_server.churn.outlook import Facts, Foresight, Outlook
from trueline_server.churn.population import ChurnPopulation, Judged, SegmentCount
from trueline_server.churn.store import KeptModel, find_active, find_model, keep_model, list_models
from trueline_server.clock import Clock
from trueline_server.errors import TruelineError, invalid_field
from trueline_server.facts.store import FactStore
from trueline_server.rules.in_force import RulesOf

DEFAULT_DOCUMENT = "accounts"
_NONE_YET = "no model was trained yet"


@dataclass(frozen=True, slots=True)
class Known:
    """A document in force with the rules that it is of."""

    rules: RuleSet
    document: ChurnModel


@lru_cache(maxsize=64)
def _read(content: bytes) -> FittedModel:
    return read_model(content)


class ChurnService:
    """What is known of churn. Methods block; thread-safe. They raise StoreError, if a store cannot answer."""

    def __init__(
        self, state: StateDatabase, rules: RulesOf, facts: FactStore, population: ChurnPopulation, clock: Clock
    ) -> None:
        self._state = state
        self._rules = rules
        self._facts = facts
        self._population = population
        self._clock = clock

    def known(self, tenant: str, document: str = "") -> Known:
        """A document in force; "" = "accounts".

        Raises:
            TruelineError: UNKNOWN_CHURN_MODEL.

        """
        rules = self._rules(tenant)
        documents = rules.documents.get("ChurnModel", {})
        name = document or DEFAULT_DOCUMENT
        found = documents.get(name)
        if not isinstance(found, ChurnModel):
            told = f"no ChurnModel {quoted(name)} is in force{hint(name, documents)}"
            raise _unknown(told, name, nearest(name, documents) or "")
        return Known(rules, found)

    def model(self, tenant: str, document: str = "", model: str = "") -> KeptModel:
        """A model by its id, or the active one of a document.

        Raises:
            TruelineError: UNKNOWN_CHURN_MODEL.

        """
        with self._state.reading() as connection:
            if model:
                found = find_model(connection, tenant, model)
            else:
                found = find_active(connection, tenant, document or DEFAULT_DOCUMENT)
        if found is None:
            told = (
                f"no model {quoted(model)} is kept" if model else f"{document or DEFAULT_DOCUMENT} has no active model"
            )
            raise _unknown(f"{told}; train one with TrainChurnModel", model or document or DEFAULT_DOCUMENT, "")
        return found

    def models(self, tenant: str, document: str = "") -> tuple[list[KeptModel], frozenset[tuple[str, str]]]:
        """Models, the newest first, and (document, id) of those that answer for their document, if it is in force."""
        with self._state.reading() as connection:
            found = list_models(connection, tenant, document)
            names = {one.document for one in found}
            active = [find_active(connection, tenant, name) for name in sorted(names)]
        documents = self._rules(tenant).documents.get("ChurnModel", {})
        return found, frozenset(
            (one.document, one.id)
            for one in active
            if one is not None
            and isinstance(now := documents.get(one.document), ChurnModel)
            and not _changed(_read(one.content), now)
        )

    def past(self, at_us: int) -> int:
        """An instant of which something is known.

        Raises:
            TruelineError: INVALID_FIELD, it lies ahead of the clock.

        """
        if at_us > self._clock():
            raise invalid_field("at", "lies ahead of the server's clock; leave it out for now")
        return at_us

    def keep(self, tenant: str, model: KeptModel) -> bool:
        """Keep a model; answers whether it is the active one now."""
        with self._state.writing() as connection:
            keep_model(connection, tenant, model)
            active = find_active(connection, tenant, model.document)
        return active is not None and active.id == model.id

    def foresight(self, tenant: str, document: str = "", model: str = "") -> Foresight:
        """What answers for a document: a model by its id, else its active model, else its plain rule.

        Raises:
            TruelineError: UNKNOWN_CHURN_MODEL.

        """
        known = self.known(tenant, document)
        name = known.document.metadata.name
        kept, why = None, _NONE_YET
        if model:
            kept = self.model(tenant, name, model)
        else:
            with self._state.reading() as connection:
                kept = find_active(connection, tenant, name)
                tried = [] if kept is not None else list_models(connection, tenant, name)
            if tried:
                why = f"the last model is not used: {tried[0].failed_check}"
        fitted = None if kept is None else _read(kept.content)
        if fitted is not None and not model and (changed := _changed(fitted, known.document)):
            fitted, why = None, f"the last model is not used: {changed}; train it again"
        if kept is None or fitted is None:
            return Foresight(known.document, known.rules.fact_types, why=why)
        return Foresight(known.document, known.rules.fact_types, fitted, kept.id)

    @staticmethod
    def require_same_meaning(foresight: Foresight) -> None:
        """See that a model, which may be asked for by its id, reads of accounts what it learned from.

        Raises:
            TruelineError: INVALID_FIELD, the document takes a feature of it from something else by now.

        """
        if foresight.model is not None and (changed := _meant(foresight.model, foresight.document)):
            told = f"is {quoted(foresight.model_id)}: {changed}; train it again, or give a table with its features"
            raise invalid_field("model_id", told)

    def outlook(self, tenant: str, account_id: str, *, document: str = "", at_us: int | None = None) -> Outlook | None:
        """What is foreseen of one account as it was at an instant (None = now); None if nothing is known of it.

        Raises:
            TruelineError: UNKNOWN_CHURN_MODEL.

        """
        found = self.outlooks(tenant, [account_id], self.foresight(tenant, document), at_us=at_us)
        return found.get(account_id)

    def outlooks(
        self, tenant: str, account_ids: Sequence[str], foresight: Foresight, *, at_us: int | None = None
    ) -> dict[str, Outlook]:
        """What is foreseen of accounts as they were at an instant (None = now).

        Those of which nothing is known, or that the document is not about, are left out.
        """
        document, at = foresight.document, self._clock() if at_us is None else at_us
        sources = {one.name: one.source.name for one in document.features if one.source.kind == "fact"}
        most = len(sources) * len(account_ids)
        names = tuple(sources.values())
        rows = self._facts.as_of(tenant, SUBJECT, at, names=names, ids=account_ids, most=most) if most else []
        observed: dict[str, dict[str, object]] = {}
        for row in rows:
            if row.value is not None:
                value = float(row.value) if isinstance(row.value, Decimal) else row.value
                observed.setdefault(row.subject_id, {})[row.name] = value
        metrics = self._population.metrics_of(tenant, self._rules(tenant), document, account_ids, at)
        facts: dict[str, dict[str, object]] = {}
        for account in dict.fromkeys(account_ids):
            seen = observed.get(account, {})
            values = {name: seen[source] for name, source in sources.items() if source in seen}
            known = values | metrics.get(account, {})
            if known and foresight.is_about(known):
                facts[account] = known
        accounts = accounts_of(tuple(facts), tuple(facts.values()), document.names)
        return dict(zip(facts, foresight.outlooks(accounts, tuple(facts.values())), strict=True))

    def judged(self, tenant: str, foresight: Foresight, *, at_us: int | None = None) -> Iterator[Judged]:
        """What is foreseen of all accounts, judged in the warehouse, in parts of bounded size and in no order.

        The places of segments are those of `foresight.document.segments` from 1; 0 = in none. Accounts that have left,
        or of which nothing is known, are left out.
        """
        at = self._clock() if at_us is None else at_us
        return self._population.judged(tenant, self._rules(tenant), foresight, at)

    def segments(self, tenant: str, foresight: Foresight, *, at_us: int | None = None) -> list[SegmentCount]:
        """All accounts by segment; see ChurnPopulation."""
        at = self._clock() if at_us is None else at_us
        return self._population.segments(tenant, self._rules(tenant), foresight, at)

    def drift(
        self,
        tenant: str,
        foresight: Foresight,
        *,
        at_us: int | None = None,
        accounts: Accounts | None = None,
        go_on: Callable[[], None] = lambda: None,
    ) -> DriftCount:
        """Accounts counted by the bins of a model: those given, or all as they were at an instant (None = now).

        Raises:
            TruelineError: UNKNOWN_CHURN_MODEL, without a model; INVALID_FIELD, without any account.

        """
        if foresight.model is None:
            name = foresight.document.metadata.name
            told = f"{name} has no active model, so there is nothing to drift from; train one with TrainChurnModel"
            raise _unknown(told, name, "")
        count = DriftCount(foresight.model)
        if accounts is not None:
            count.add(accounts)
        else:
            at = self._clock() if at_us is None else at_us
            for part in self._population.parts(tenant, self._rules(tenant), foresight.document, at):
                go_on()
                count.add(part)
        if not count.accounts:
            raise invalid_field("table" if accounts is not None else "at", "has no account to compare")
        return count


def _changed(model: FittedModel, document: ChurnModel) -> str:
    """Which feature of a model means something else in the document by now, for people; "" = none."""
    names = frozenset(document.names)
    for profile in model.profiles:
        if profile.feature not in names:
            return f"it learned from {profile.feature}, which is no feature by now"
    return _meant(model, document)


def _meant(model: FittedModel, document: ChurnModel) -> str:
    """What the document takes from something else by now: a feature that it still has, or all; "" = nothing."""
    now = {one.name: one.meaning for one in document.features}
    for profile in model.profiles:
        meaning = now.get(profile.feature, profile.meaning)
        if profile.meaning and profile.meaning != meaning:
            return f"it learned {profile.feature} from {profile.meaning}, which is now {meaning}"
    # Of a table it is not known which accounts are in it.
    if model.among != document.among and any(profile.meaning for profile in model.profiles):
        return f"it learned from accounts with {model.among or 'anything'}, which is now {document.among or 'anything'}"
    return ""


def accounts_of(ids: Sequence[str], facts: Sequence[Facts], features: Sequence[str]) -> Accounts:
    """Accounts from the values of their facts, a column a feature; texts where any value is one."""
    columns: dict[str, Column] = {}
    for name in features:
        values = [one.get(name) for one in facts]
        if any(isinstance(value, str) for value in values):
            columns[name] = texts([value if isinstance(value, str) else None for value in values])
        else:
            columns[name] = numbers([None if value is None else float(value) for value in values])  # type: ignore[arg-type]
    return Accounts(tuple(ids), columns)


def _unknown(message: str, name: str, near: str) -> TruelineError:
    return TruelineError("NOT_FOUND", "UNKNOWN_CHURN_MODEL", message, metadata={"name": name, "nearest": near})
