"""The tables of the grammar that are made ahead: those of the rule-engine that is installed, and taken by it."""

from __future__ import annotations

import json
import subprocess
import sys

from trueline_rules.expressions import parse_tables

# Says how a parser got its tables: PLY's short form of productions comes from a module, the long one from making them.
TELLS = """
import trueline_rules.expressions, rule_engine
print(type(rule_engine.Rule.parser._parser.productions[1]).__name__)
"""


def test_they_are_those_of_the_grammar() -> None:
    """Made anew they are the same; if not, `trueline_rules.expressions.parse_tables.write()` brings them up to date."""
    assert json.loads(parse_tables.FILE.read_text(encoding="utf-8")) == parse_tables.made_anew()


def test_rule_engine_takes_them() -> None:
    """Whoever imports the language has rule-engine without its tables being made."""
    told = subprocess.run([sys.executable, "-c", TELLS], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "MiniProduction"
    assert told.stderr == ""
