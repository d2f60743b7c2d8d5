"""Runs the statements of KPIs confined: one SELECT over the views of one tenant, read only, within limits."""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from trueline_stores.errors import QueryMemoryError, QueryTimeoutError, StatementRefusedError, StoreError
from trueline_stores.warehouse.answers import Answer, read_answer
from trueline_stores.warehouse.functions import TABLE_FUNCTIONS, FunctionCatalogue, NamedReader, why_refused
from trueline_stores.warehouse.statement_text import StatementText, read_statement
from trueline_stores.warehouse.syntax_tree import Node, read_tree
from trueline_stores.warehouse.views import FIXED_VIEWS, POINTS, TABLES, TENANT_TABLES, Views

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SET_FUNCTION = re.compile(r"(?:global)?(?:not)?(?:null)?in(?:ignoreset)?", re.IGNORECASE)
_NODES = frozenset(
    {
        "ArrayJoin",
        "Asterisk",
        "ColumnsExceptTransformer",
        "ColumnsReplaceTransformer",
        "ColumnsReplaceTransformer::Replacement",
        "ColumnsTransformerList",
        "ExpressionList",
        "Function",
        "Identifier",
        "Literal",
        "OrderByElement",
        "QualifiedAsterisk",
        "SelectIntersectExceptQuery",
        "SelectQuery",
        "SelectWithUnionQuery",
        "Subquery",
        "TableExpression",
        "TableIdentifier",
        "TableJoin",
        "TablesInSelectQuery",
        "TablesInSelectQueryElement",
        "WindowDefinition",
        "WindowListElement",
        "WithElement",
    }
)
_CODE = re.compile(r"Code: \d+\. DB::Exception: (.*)", re.DOTALL)
# Where ClickHouse stumbled, from 1 and in bytes; the bracket that lacks its partner is nearer to the mistake.
_STUMBLED = re.compile(r"failed at position (\d+)(?:.*Unmatched parentheses: '.' at position (\d+))?", re.DOTALL)
_VIEWS = "events, points, facts, kpis"
_EXPLAINED = "EXPLAIN AST SELECT * FROM (\n"


@dataclass(frozen=True, slots=True)
class Limits:
    """What one statement may use.

    Attributes:
        seconds: longest run.
        memory_bytes: most memory.
        threads: most threads; few, because statements run beside ingestion.

    """

    seconds: float = 30.0
    memory_bytes: int = 1024 * 1024 * 1024
    threads: int = 1


@dataclass(frozen=True, slots=True)
class CheckedStatement:
    """A statement that may run.

    Attributes:
        text: what to run.
        views: what it may read.
        reads: names of the views that it reads.
        unplayed: roles that it reads and no event plays; if there is one, it is not run and has no value.
        parameters: values of its own parameters.

    """

    text: StatementText
    views: Views
    reads: frozenset[str]
    unplayed: tuple[str, ...]
    parameters: Mapping[str, Any]


class Confinement:
    """Checks and runs statements. Thread-safe if its reader is.

    Three things confine a statement, each alone enough for the common case: its syntax tree, as ClickHouse itself reads
    it, may hold known nodes, views and functions only; it runs with readonly=1; and every table is filtered to the
    tenant by a setting that the statement cannot change.
    """

    def __init__(self, reader: NamedReader, limits: Limits | None = None) -> None:
        self._reader = reader
        self._limits = limits or Limits()
        self._lock = threading.Lock()
        self._catalogue: FunctionCatalogue | None = None

    def check(self, statement: str, views: Views, parameters: Mapping[str, Any]) -> CheckedStatement:
        """Check a statement without running it.

        Args:
            statement: one SELECT.
            views: what it may read.
            parameters: values of the parameters that it may read, beside `at`.

        Raises:
            StatementRefusedError: naming what is refused, the way out, and as far as it is known the place.

        """
        text = read_statement(statement, parameters)
        bound = {name: _bindable(value) for name, value in parameters.items() if name in text.parameters}
        try:
            reads = self._reads(text, views, bound)
        except StatementRefusedError as error:
            if error.offset is None and error.names:
                error.offset = text.find(error.names)
            raise
        unplayed = tuple(sorted(name for name in reads if not views.is_known(name)))
        return CheckedStatement(text, views, reads, unplayed, bound)

    def _reads(self, text: StatementText, views: Views, parameters: Mapping[str, Any]) -> frozenset[str]:
        """Names of the views that a statement reads, if all of it is allowed."""
        for name in sorted(text.own_names):
            if name in TABLES or views.is_known(name) or name in views.roles:
                told = f"'{name}' is a view of Trueline; call the statement's own one otherwise"
                raise StatementRefusedError(told, names=name)
        reads: set[str] = set()
        self._walk(self._parse(text, parameters), text.own_names, reads)
        return frozenset(reads)

    def run(
        self,
        checked: CheckedStatement,
        *,
        tenant: str,
        at_us: int,
        known_at_us: int | None = None,
        seconds: float | None = None,
    ) -> Answer:
        """Run a statement for a tenant and an instant.

        Args:
            checked: from `check`.
            tenant: whose events.
            at_us: the instant judged: later events are not seen.
            known_at_us: only what had been accepted by then; None = everything known by now.
            seconds: shorter than the limit, if the caller cannot wait so long.

        Raises:
            StatementRefusedError: it does not run, runs over its limits or does not answer one row as it should.

        """
        if known_at_us is not None and POINTS in checked.reads:
            raise StatementRefusedError(
                "metric points are kept as corrected since; read `events` to ask what was known"
            )
        if checked.unplayed:
            raise StatementRefusedError(f"no event plays the role '{checked.unplayed[0]}'")
        with_clause, parameters = checked.views.with_clause(checked.reads, as_known=known_at_us is not None)
        parameters |= {"trueline_tenant": tenant, "trueline_at": _instant(at_us), **checked.parameters}
        if "at" in checked.text.parameters:
            parameters["at"] = _instant(at_us)
        if known_at_us is not None:
            parameters["trueline_known_at"] = _instant(known_at_us)
        sql = f"{with_clause}\nSELECT * FROM (\n{checked.text.sql}\n) LIMIT 2"
        seconds = self._limits.seconds if seconds is None else min(seconds, self._limits.seconds)
        return read_answer(self._query(sql, parameters, self._settings(tenant, seconds), seconds))

    def _settings(self, tenant: str, seconds: float) -> dict[str, Any]:
        condition = _quoted("tenant = " + _quoted(tenant))
        filters = ", ".join(f"'trueline.{table}': {condition}" for table in TENANT_TABLES)
        return {
            "max_execution_time": max(seconds, 0.001),
            "timeout_overflow_mode": "throw",
            "max_memory_usage": self._limits.memory_bytes,
            "max_threads": self._limits.threads,
            "join_use_nulls": 0,
            # `sum(value) AS value, sum(value) AS numerator` means the column both times.
            "prefer_column_name_to_alias": 1,
            "session_timezone": "UTC",
            # The month before the first of 1970 is in 1969, and not in the far future.
            "enable_extended_results_for_datetime_functions": 1,
            "additional_table_filters": f"{{{filters}}}",
            # After it nothing can be set.
            "readonly": 1,
        }

    def _parse(self, text: StatementText, parameters: Mapping[str, Any]) -> Node:
        """The syntax tree, after ClickHouse has read the text alone as one query: as data, so that nothing can run."""
        try:
            self._query("SELECT formatQuery({query:String}) AS text", {"query": text.sql}, {}, self._limits.seconds)
        except StatementRefusedError as error:
            error.offset = _stumbled(error, text, 0)
            raise
        dummies = {"at": _instant(0)} if "at" in text.parameters else {}
        # In brackets, because there only a SELECT can stand, without FORMAT or INTO OUTFILE.
        sql = f"{_EXPLAINED}{text.sql}\n)"
        try:
            rows = self._query(sql, {**parameters, **dummies}, {}, self._limits.seconds)
        except StatementRefusedError as error:
            if "Syntax error" not in error.message:
                raise
            raise StatementRefusedError(
                "a statement is one SELECT that can stand in brackets: no INSERT, no FORMAT, no INTO OUTFILE",
                offset=_stumbled(error, text, len(_EXPLAINED)),
            ) from error
        return _inside(read_tree([str(next(iter(row.values()))) for row in rows]))

    def _walk(self, node: Node, own_names: frozenset[str], reads: set[str]) -> None:
        if node.kind not in _NODES:
            raise StatementRefusedError(_node_refusal(node.kind))
        if node.kind == "TableIdentifier":
            _read_table(node.name, own_names, reads)
        elif node.kind == "TableExpression" and node.children[0].kind == "Function":
            self._check_table_function(node.children[0])
            for child in node.children[0].children:
                self._walk(child, own_names, reads)
            return
        elif node.kind == "Function":
            self._check_function(node)
            if _SET_FUNCTION.fullmatch(node.name) and node.children:
                right = node.children[0].children[1]
                # A bare name on the right of IN is a table.
                if right.kind == "Identifier":
                    _read_table(right.name, own_names, reads)
        elif node.kind == "Identifier" and self._functions().refuses(node.name):
            # arrayMap(file, […]) calls a function by its bare name.
            told = f"'{node.name}' names a function that is refused; call the column otherwise"
            raise StatementRefusedError(told, names=node.name)
        for child in node.children:
            self._walk(child, own_names, reads)

    def _check_function(self, node: Node) -> None:
        if not self._functions().allows(node.name):
            told = f"the function {node.name} is refused: {why_refused(node.name)}"
            raise StatementRefusedError(told, names=node.name)

    @staticmethod
    def _check_table_function(node: Node) -> None:
        if node.name.lower() not in TABLE_FUNCTIONS:
            way_out = "read the views events, points, facts, kpis, or those of the roles"
            raise StatementRefusedError(f"the table function {node.name} is refused; {way_out}", names=node.name)

    def _functions(self) -> FunctionCatalogue:
        with self._lock:
            if self._catalogue is None:
                self._catalogue = FunctionCatalogue.read(self._reader)
            return self._catalogue

    def _query(
        self, sql: str, parameters: Mapping[str, Any], settings: Mapping[str, Any], seconds: float
    ) -> list[Mapping[str, Any]]:
        try:
            return list(self._reader.query_named(sql, parameters, settings=settings))
        except QueryTimeoutError as error:
            raise StatementRefusedError(f"the statement ran longer than {seconds:g} s and was stopped") from error
        except QueryMemoryError as error:
            most = self._limits.memory_bytes // (1024 * 1024)
            raise StatementRefusedError(
                f"the statement needed more than {most} MiB of memory and was stopped"
            ) from error
        except StoreError as error:
            said = _CODE.search(str(error.__cause__))
            if said is None:
                raise
            raise StatementRefusedError(_refusal_of(said.group(1))) from error


def _refusal_of(said: str) -> str:
    """What ClickHouse said, for people: without the query, the stack and the list of what might have stood there."""
    first = re.split(r": while executing|: In scope|\. Expected one of|\. In query", said, maxsplit=1)[0]
    return f"the statement does not run: {' '.join(first.split())[:500]}"


def _stumbled(error: StatementRefusedError, text: StatementText, before: int) -> int | None:
    """Where ClickHouse stumbled over a statement as written, if it says so; `before` it stand so many bytes."""
    found = _STUMBLED.search(error.message)
    if found is None:
        return None
    position = int(found[2] or found[1]) - 1 - before
    return text.written_at(position) if position >= 0 else None


def _inside(tree: Node) -> Node:
    """The subquery of `SELECT * FROM (…)`, if that is all there is beside the settings that a client adds."""
    shape = (
        ("ExpressionList",),
        ("SelectQuery",),
        ("ExpressionList", "TablesInSelectQuery"),
        ("TablesInSelectQueryElement",),
        ("TableExpression",),
        ("Subquery",),
    )
    node = tree
    for kinds in shape:
        children = [child for child in node.children if child.kind != "Set"]
        if tuple(child.kind for child in children) != kinds:
            raise StatementRefusedError("a statement is one SELECT that can stand in brackets")
        node = children[-1]
    return node


def _read_table(name: str, own_names: frozenset[str], reads: set[str]) -> None:
    if not re.fullmatch(r"[A-Za-z_]\w*", name, re.ASCII):
        raise StatementRefusedError(
            f"the table {name} is refused; read the views {_VIEWS}, or those of the roles, e.g. signup", names=name
        )
    if name in own_names:
        return
    if name in TABLES - FIXED_VIEWS:
        raise StatementRefusedError(
            f"the table {name} is refused; read the views {_VIEWS}, or those of the roles", names=name
        )
    reads.add(name)


def _node_refusal(kind: str) -> str:
    known = {
        "Set": "a SETTINGS clause is refused; limits and read-only are the server's",
        "ColumnsApplyTransformer": "APPLY is refused; call the function with the column",
        "SampleRatio": "SAMPLE is refused; it would make the value depend on chance",
    }
    return known.get(kind, f"a statement is one plain SELECT; {kind} is refused")


def _instant(us: int) -> str:
    """As ClickHouse reads it, µs since 1970 (UTC)."""
    return (_EPOCH + timedelta(microseconds=us)).strftime("%Y-%m-%d %H:%M:%S.%f")


def _bindable(value: Any) -> Any:
    return ("true" if value else "false") if isinstance(value, bool) else value


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
