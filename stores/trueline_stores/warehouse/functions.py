"""Which ClickHouse functions a KPI statement may call: an allow-list by category, from the server's own catalogue."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

TABLE_FUNCTIONS = frozenset({"numbers", "generate_series", "generateseries"})

# Everything in these categories only computes. What is new in a later ClickHouse is refused until somebody looks at it.
_CATEGORIES = frozenset(
    {
        "Aggregate Functions",
        "Arithmetic",
        "Arrays",
        "Bit",
        "Bitmap",
        "Comparison",
        "Conditional",
        "Dates and Times",
        "Distance",
        "Encoding",
        "Financial",
        "Hash",
        "IP Address",
        "JSON",
        "Logical",
        "Map",
        "Mathematical",
        "Null",
        "Rounding",
        "String",
        "String Replacement",
        "String Search",
        "String Splitting",
        "Time Window",
        "Tuple",
        "Type Conversion",
        "URL",
    }
)
# Harmless members of mixed categories, and syntax that EXPLAIN AST shows as functions.
_SINGLE = frozenset(
    {
        "_cast",
        "bar",
        "casewithexpression",
        "exists",
        "formatreadabledecimalsize",
        "formatreadablequantity",
        "formatreadablesize",
        "formatreadabletimedelta",
        "identity",
        "ignore",
        "isconstant",
        "lambda",
        "materialize",
        "throwif",
        "totypename",
        "transform",
        "untuple",
    }
)
# The instant judged is a parameter, so that a past one can be judged again; chance and the machine's clock are not.
_CLOCKS = frozenset(
    {"now", "now64", "nowinblock", "nowinblock64", "today", "yesterday", "utctimestamp", "servertimezone", "timezone"}
)
_CHANCE = frozenset({"arrayshuffle", "arraypartialshuffle", "arrayrandomsample", "randomhadamardtransform"})
_REFUSED = _CLOCKS | _CHANCE | frozenset({"chdb"})


class NamedReader(Protocol):
    """Reads rows as dictionaries; the warehouse's client."""

    def query_named(
        self, sql: str, parameters: Mapping[str, Any] | None = None, *, settings: Mapping[str, Any] | None = None
    ) -> Sequence[Mapping[str, Any]]:
        """Rows of a query by column name."""
        ...


class FunctionCatalogue:
    """Allowed functions, and the names of the refused ones."""

    def __init__(
        self, allowed: frozenset[str], aggregates: frozenset[str], refused: frozenset[str], combinators: Sequence[str]
    ) -> None:
        """All names in lower case."""
        self._allowed = allowed
        self._aggregates = aggregates
        self._refused = refused
        self._combinators = tuple(combinators)

    @classmethod
    def read(cls, reader: NamedReader) -> FunctionCatalogue:
        """The catalogue of the server behind a reader."""
        rows = reader.query_named("SELECT name, is_aggregate, alias_to, categories, origin FROM system.functions")
        by_name = {str(row["name"]): row for row in rows}
        allowed, aggregates, refused = set(_SINGLE), set[str](), set[str]()
        for name, row in by_name.items():
            real = by_name.get(str(row["alias_to"]), row)
            lower = name.lower()
            fits = (
                str(real["origin"]) == "System"
                and (real["is_aggregate"] or str(real["categories"]) in _CATEGORIES)
                and not {lower, str(real["name"]).lower()} & _REFUSED
            )
            if real["is_aggregate"] and fits:
                aggregates.add(lower)
            (allowed if fits or lower in _SINGLE else refused).add(lower)
        suffixes = reader.query_named("SELECT name FROM system.aggregate_function_combinators")
        return cls(
            frozenset(allowed - refused),
            frozenset(aggregates),
            frozenset(refused),
            sorted((str(row["name"]).lower() for row in suffixes), key=len, reverse=True),
        )

    def allows(self, name: str) -> bool:
        """Whether a function of this name may be called; aggregates also with combinators (sumIf, uniqExactOrNull)."""
        lower = name.lower()
        return lower in self._allowed or self._is_combined(lower)

    def refuses(self, name: str) -> bool:
        """Whether this is the name of a function that is refused (and not merely the name of none)."""
        return name.lower() in self._refused

    def _is_combined(self, lower: str) -> bool:
        if lower in self._aggregates:
            return True
        return any(
            lower.endswith(suffix) and self._is_combined(lower.removesuffix(suffix)) for suffix in self._combinators
        )


def why_refused(name: str) -> str:
    """The way out for a refused function."""
    if name.lower() in _CLOCKS:
        return "the instant judged is {at:DateTime64(6)}, so that a past one can be judged again"
    if name.lower() in _CHANCE or name.lower().startswith("rand"):
        return "a KPI must answer the same when it is judged again"
    return "only functions that compute from their arguments may be called"
