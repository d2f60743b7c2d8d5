"""The tables of rule-engine's grammar, made ahead: making them takes most of the time that rule-engine is imported for.

Its parser generator (PLY) looks for a module `parsetab` beside the grammar, which rule-engine does not come with. It
takes the tables of one only if its signature is that of the grammar, and else makes them; so another rule-engine is
slower to import, and parses the same. `write` makes them anew.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

MODULE = "rule_engine.parser.parsetab"
FILE = Path(__file__).with_suffix(".json")


def offer() -> None:
    """Put the tables where PLY looks for them. Called before rule-engine is imported."""
    tables = json.loads(FILE.read_text(encoding="utf-8"))
    module = ModuleType(MODULE)
    # Names of states are numbers, which JSON has no keys of.
    by_state = {part: {int(state): row for state, row in tables[part].items()} for part in ("action", "goto")}
    vars(module).update(
        _tabversion=tables["version"],
        _lr_method=tables["method"],
        _lr_signature=tables["signature"],
        _lr_action=by_state["action"],
        _lr_goto=by_state["goto"],
        # Where a production stands in rule-engine's source is told only by PLY's own tracing.
        _lr_productions=[(*production, "", 0) for production in tables["productions"]],
    )
    sys.modules.setdefault(MODULE, module)


def made_anew() -> dict[str, Any]:
    """The tables of the rule-engine that is installed, as the file has them."""
    import rule_engine
    from rule_engine._vendor.ply import yacc

    grammar = rule_engine.Rule.parser
    former = sys.modules.pop(MODULE, None)
    try:
        parser = yacc.yacc(module=grammar, debug=False, write_tables=False)
    finally:
        if former is not None:
            sys.modules[MODULE] = former
    described = yacc.ParserReflect({name: getattr(grammar, name) for name in dir(grammar)})
    described.get_all()
    return {
        "version": yacc.__tabversion__,
        "method": "LALR",
        "signature": described.signature(),
        "action": {str(state): row for state, row in parser.action.items()},
        "goto": {str(state): row for state, row in parser.goto.items()},
        "productions": [[one.str, one.name, one.len, one.func or None] for one in parser.productions],
    }


def write() -> None:
    """Write the tables of the rule-engine that is installed."""
    text = json.dumps(made_anew(), sort_keys=True, separators=(",", ":"))
    FILE.write_text(text + "\n", encoding="utf-8")


# Done by importing this module, so that nothing can import rule-engine in between.
offer()
