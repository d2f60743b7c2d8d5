"""Values in the currency of a model: SQL that converts them, those without a rate, and the digits they are told in."""

from __future__ import annotations

from dataclasses import dataclass

from trueline_rules.attribution_model import AttributionModel
from trueline_stores.warehouse.statements import Sql
from trueline_stores.warehouse.tables import EVENTS
from trueline_streams.pane_statements import Parameters, number_expression

from trueline_server.attribution.scope import Scope, instant, named

# ISO 4217; all other currencies have two digits.
_DIGITS = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
    3: "BHD IQD JOD KWD LYD OMR TND",
    4: "CLF UYW",
}


def minor_unit_digits(currency: str) -> int:
    """Decimals of a currency: 2 of USD, 0 of JPY."""
    return next((digits for digits, names in _DIGITS.items() if currency in names.split()), 2)


def money(field: str, model: AttributionModel, bound: Parameters, key: str = "amount") -> str:
    """SQL of an event field in the currency of the model, Float64; 0 where there is none. Currencies have rates."""
    value = f"ifNull(toFloat64({number_expression(field, bound, key)}), 0)"
    if not model.rates:
        return value
    currencies = bound.add("currencies", "Array(String)", list(model.rates))
    rates = bound.add("rates", "Array(Float64)", list(model.rates.values()))
    # A value without a currency is in that of the model.
    return f"({value} * transform(toString(currency), {currencies}, {rates}, toFloat64(1)))"


def without_rate(currency: str, model: AttributionModel, bound: Parameters) -> str:
    """SQL that holds for a currency that `money` cannot convert."""
    return f"{currency} NOT IN {bound.add('known', 'Array(String)', ['', model.currency, *model.rates])}"


@dataclass(frozen=True, slots=True)
class UnknownCurrencies:
    """Currencies of values that have no rate.

    Attributes:
        scope: whose, and of which period.
        model: with the currency and the rates.
        names: names of the events with values.
        later: whether those after the period count, too.

    """

    scope: Scope
    model: AttributionModel
    names: tuple[str, ...]
    later: bool = False

    def to_sql(self) -> Sql:
        """The statement; rows (currency, events), the most frequent first."""
        bound = Parameters()
        until = "" if self.later else f" AND occurred_at < {instant('end_us', self.scope.end_us, bound)}"
        return (
            f"SELECT toString(currency), count() FROM {EVENTS.full_name}\n"
            f"WHERE {self.scope.bound(bound)} AND {named('names', self.names, bound)}\n"
            f"  AND occurred_at >= {instant('start_us', self.scope.start_us, bound)}{until}\n"
            f"  AND {without_rate('currency', self.model, bound)}\n"
            "GROUP BY currency ORDER BY count() DESC, currency",
            bound.values,
        )
