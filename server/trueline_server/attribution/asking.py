"""From a question about conversions to the journeys that answer it, or to the reason why nothing can."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any, Protocol

import pyarrow as pa
from trueline_rules.attribution_model import AttributionModel, Selection
from trueline_rules.model import RuleSet
from trueline_rules.names import quoted
from trueline_stores.warehouse.statements import Statement
from trueline_stores.warehouse.streaming import BlockStream
from trueline_stores.warehouse.tables import CLOCKS

from trueline_server.attribution.choosing import unknown
from trueline_server.attribution.identity_tables import IdentityTables, IdentityWarehouse
from trueline_server.attribution.journeys import Journeys
from trueline_server.attribution.limits import SETTINGS, within_memory
from trueline_server.attribution.money import UnknownCurrencies
from trueline_server.attribution.refunds import UnknownRefundCurrencies
from trueline_server.attribution.scope import Scope
from trueline_server.errors import TruelineError, invalid_field
from trueline_server.kpis.instants import FINISHED_US, FIRST_US
from trueline_server.rules.in_force import RulesOf

DEFAULT_DOCUMENT = "default"
# Clocks are written last of all, so what lies before is wholly there.
_POSITION = f"SELECT max(revision) FROM {CLOCKS.full_name} WHERE tenant = {{tenant:String}}"
LONGEST_US = 400 * 86_400_000_000
# Tenant and revision -> rules that were in force.
RulesAt = Callable[[str, str], RuleSet]


@dataclass(frozen=True, slots=True)
class Question:
    """Which conversions are asked about.

    Attributes:
        tenant: whose.
        start_us: conversions from this instant on (µs since 1970, UTC).
        end_us: up to this one, without it.
        document: name of an attribution model; "" = default.
        conversion: type of conversion; "" = the first one of the document.
        known_us: only what had been accepted by then; None = all that is known now.
        position: events up to this log position; None = all that are in the warehouse.
        revision: of the rules that say what is meant; "" = those in force.

    """

    tenant: str
    start_us: int
    end_us: int
    document: str = ""
    conversion: str = ""
    known_us: int | None = None
    position: int | None = None
    revision: str = ""


@dataclass(frozen=True, slots=True)
class Asked:
    """A question that can be answered.

    Attributes:
        question: with the names, the log position and the revision that it left open: asked again it is the same.
        rules: that say what is meant.
        journeys: that answer it, without campaigns.

    """

    question: Question
    rules: RuleSet
    journeys: Journeys

    @property
    def document(self) -> AttributionModel:
        """The attribution model."""
        return self.journeys.model


class Needs(Enum):
    """What an answer needs of money."""

    NO_MONEY = "no money"
    VALUES = "values of conversions and refunds"
    VALUES_AND_COSTS = "values and costs"


class AttributionWarehouse(IdentityWarehouse, Protocol):
    """What is asked of the warehouse's client."""

    def query(
        self, sql: str, parameters: dict[str, Any] | None = None, *, settings: Any = None
    ) -> list[tuple[Any, ...]]:
        """Rows of a query."""
        ...

    def query_arrow(self, sql: str, parameters: dict[str, Any] | None = None, *, settings: Any = None) -> pa.Table:
        """Rows of a query as columns."""
        ...

    def stream(self, sql: str, parameters: dict[str, Any] | None = None, *, settings: Any = None) -> BlockStream:
        """Rows of a query in blocks of columns."""
        ...


class Asking:
    """Makes questions answerable and reads the warehouse for them. Methods block; thread-safe."""

    def __init__(self, warehouse: AttributionWarehouse, rules: RulesOf, rules_at: RulesAt | None = None) -> None:
        """`rules_at` knows rules that were in force; None = those in force are meant whatever revision is asked for."""
        self._warehouse = warehouse
        self._rules = rules
        self._rules_at = rules_at
        self._identities = IdentityTables(warehouse)

    def rows(self, statement: Statement) -> list[tuple[Any, ...]]:
        """Rows of a statement over journeys.

        Raises:
            StoreError: the warehouse cannot answer.

        """
        return within_memory(self._warehouse.query, statement)

    def columns(self, statement: Statement) -> pa.Table:
        """As `rows`, in columns."""
        return within_memory(self._warehouse.query_arrow, statement)

    def stream(self, statement: Statement, settings: Mapping[str, int]) -> BlockStream:
        """As `columns`, in blocks that are read as they are wanted; with further settings."""
        return self._warehouse.stream(*statement.to_sql(), settings={**SETTINGS, **settings})

    def close(self) -> None:
        """Drop what was made to answer questions."""
        self._identities.close()

    def ask(self, question: Question, needs: Needs = Needs.VALUES_AND_COSTS) -> Asked:
        """The journeys of a question; what is needed of money must be in currencies that have rates.

        Raises:
            TruelineError: INVALID_FIELD, UNKNOWN_ATTRIBUTION_MODEL, UNPLAYED_ROLE, MIXED_CURRENCIES, UNKNOWN_REVISION.

        """
        _check_period(question)
        rules = self._rules_of(question)
        document = _document(rules, question.document or DEFAULT_DOCUMENT)
        conversion = question.conversion or next(iter(document.conversions))
        if conversion not in document.conversions:
            what = f"type of conversion in the document {quoted(document.metadata.name)} called"
            raise unknown(conversion, document.conversions, what)
        position = question.position
        if position is None:
            ((newest,),) = self._warehouse.query(_POSITION, {"tenant": question.tenant})
            position = int(newest)
        scope = Scope(question.tenant, question.start_us, question.end_us, question.known_us, position)
        check_played(rules, "touch", document.touches.of)
        check_played(rules, "conversion", document.conversions[conversion].of)
        _check_read(rules, document, conversion)
        stitches = () if document.stitches is None else document.stitches.names(rules.mapping)
        identity = self._identities.of(scope, stitches)
        journeys = Journeys(scope, document, rules.mapping, conversion, identity)
        if needs is not Needs.NO_MONEY:
            self._check_currencies(journeys, costs=needs is Needs.VALUES_AND_COSTS)
        named = replace(
            question,
            document=document.metadata.name,
            conversion=conversion,
            position=position,
            revision=rules.revision,
        )
        return Asked(named, rules, journeys)

    def _rules_of(self, question: Question) -> RuleSet:
        rules = self._rules(question.tenant)
        if question.revision in ("", rules.revision) or self._rules_at is None:
            return rules
        try:
            return self._rules_at(question.tenant, question.revision)
        except TruelineError as error:
            if error.reason != "UNKNOWN_REVISION":
                raise
            told = (
                f"revision {quoted(question.revision)} of the rules, by which this answer was begun, is not kept any "
                "more; ask again without page_token, from the first page on"
            )
            raise TruelineError(error.code, error.reason, told, metadata=error.metadata) from error

    def _check_currencies(self, journeys: Journeys, *, costs: bool) -> None:
        model, mapping, converting = journeys.model, journeys.mapping, journeys.converting
        valued = [converting.of] if converting.value else []
        valued += [model.costs.of] if costs and model.costs is not None else []
        names = tuple(name for of in valued for name in of.names(mapping))
        found = self.rows(UnknownCurrencies(journeys.scope, model, names)) if names else []
        refunds = () if converting.refunds is None else converting.refunds.names(mapping)
        # Whose refunds they are takes longer to tell, and mostly there is nothing to tell.
        if not found and refunds and self.rows(UnknownCurrencies(journeys.scope, model, refunds, later=True)):
            found = self.rows(UnknownRefundCurrencies(journeys))
        if found:
            currencies = [str(currency) for currency, _ in found]
            told = (
                f"values are in {', '.join(currencies)} beside {model.currency}, and have no rate; add "
                f"`rates: {{{currencies[0]}: …}}` to the attribution model {quoted(model.metadata.name)}"
            )
            metadata = {"currencies": ",".join(currencies), "currency": model.currency}
            raise TruelineError("FAILED_PRECONDITION", "MIXED_CURRENCIES", told, metadata=metadata)


def check_played(rules: RuleSet, what: str, of: Selection) -> tuple[str, ...]:
    """Names of the events that are meant.

    Raises:
        TruelineError: UNPLAYED_ROLE, there are none.

    """
    names = of.names(rules.mapping)
    if not names:
        mapping, once = rules.mapping, _once(rules, of)
        told = f"none plays the role {', '.join(of.roles)} in the event mapping {quoted(mapping.metadata.name)}"
        if once:
            told = f"the role {once[0]} is not each such event but one of each user, which only KPIs read"
        raise TruelineError(
            "FAILED_PRECONDITION",
            "UNPLAYED_ROLE",
            f"no event is a {what}: {told}; map one to another role, or name events in its place",
            metadata={"roles": ",".join(of.roles)},
        )
    return names


def _check_read(rules: RuleSet, document: AttributionModel, conversion: str) -> None:
    """What a document may have need not happen, but it must not be said of what attribution cannot read."""
    for what, of in (
        ("refund", document.conversions[conversion].refunds),
        ("cost", None if document.costs is None else document.costs.of),
        ("stitch", document.stitches),
        ("lead", document.lead),
        ("opportunity", document.opportunity),
    ):
        if of is not None and _once(rules, of):
            check_played(rules, what, of)


def _once(rules: RuleSet, of: Selection) -> list[str]:
    """Roles that one event of each user plays."""
    roles = rules.mapping.roles
    return [role for role in of.roles if role in roles and roles[role].occurrence is not None]


def _check_period(question: Question) -> None:
    for field, us in (("start_time", question.start_us), ("end_time", question.end_us)):
        if not FIRST_US <= us < FINISHED_US:
            raise invalid_field(f"question.{field}", "is not a time between the years 1971 and 2100")
    if question.start_us >= question.end_us:
        raise invalid_field("question.end_time", "is not after start_time; no conversion lies between them")
    if question.end_us - question.start_us > LONGEST_US:
        raise invalid_field("question.end_time", "is more than 400 days after start_time; ask for shorter periods")


def _document(rules: RuleSet, name: str) -> AttributionModel:
    documents = rules.documents.get("AttributionModel", {})
    found = documents.get(name)
    if not isinstance(found, AttributionModel):
        raise unknown(name, documents, "attribution model called")
    return found
