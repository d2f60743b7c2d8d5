"""The shape of a ScoringProfile: its keys and values, as files write them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import yaml

from trueline_rules.kinds.account_source import ACCOUNT_SOURCE
from trueline_rules.kinds.alert_rule import CONDITION
from trueline_rules.kinds.fact_type import FACT_NAME
from trueline_rules.kinds.fields import DOCUMENT_NAME
from trueline_rules.records import Either, Key, ListOf, OneOf, Record, map_of
from trueline_rules.scalars import Choice, Number, Scalar, Text
from trueline_rules.scoring_model import BASES, EVERYBODY_ELSE, LEAST_WEIGHT, OnMissing, Subject
from trueline_rules.site import BAD, BOOLEAN, MAP, TEXT, Path, Site, show_node
from trueline_rules.spans import WINDOW_OF_TIME

RISING, FALLING = "rising", "falling"
MOST_INPUTS = 64

_NAME = Text("a name of lowercase letters, digits and '_'", "[a-z][a-z0-9_]{0,62}", most=63)
_SCORE = Number(least=0, most=100)
_WORDS = Text("a text", lines=True, most=1024)


@dataclass(frozen=True, slots=True)
class FlagScores:
    """Scores of true and of false, {true: 100, false: 0}; YAML takes these keys for booleans, other maps have texts."""

    noun: str = "the scores of both, {true: 100, false: 0}"

    def take(self, node: yaml.Node, path: Path, site: Site) -> Any:
        """Answer the scores of false and of true."""
        if not isinstance(node, yaml.MappingNode) or node.tag != MAP:
            site.problem(path, f"must be {self.noun}, {show_node(node)}", at=node)
            return BAD
        scores: dict[str, Any] = {}
        for key, value in node.value:
            flag = str(key.value).lower() if key.tag in {BOOLEAN, TEXT} else ""
            if flag not in {"true", "false"} or flag in scores:
                site.problem(path, f"must be {self.noun}; a key {show_node(key)}", at=key)
                return BAD
            scores[flag] = site.read(_SCORE, value, (*path, flag), key)
        if len(scores) < 2:
            site.problem(path, f"must be {self.noun}, lacks one", at=node)
        return BAD if len(scores) < 2 or BAD in scores.values() else (scores["false"], scores["true"])

    def schema(self) -> dict[str, Any]:
        """Describe it as JSON Schema."""
        score = _SCORE.schema()
        return {
            "type": "object",
            "properties": {
                "true": score | {"description": "Score of true."},
                "false": score | {"description": "Score of false."},
            },
            "required": ["true", "false"],
            "additionalProperties": False,
        }


BASIS = Choice(BASES)
INPUT = Record(
    {
        "description": Key(_WORDS, "In words."),
        "unit": Key(Text("a unit", most=64), 'Unit of a number, e.g. "USD/month".'),
        "range": Key(
            ListOf(Number(), least=2, most=2, unique=False), "Least and greatest value of a number, [0, 50000]."
        ),
        "values": Key(map_of(Text(most=256), _SCORE, most=100, about="Score of a text."), "Scores of texts."),
        "flags": Key(FlagScores(), "Scores of true and of false, {true: 100, false: 0}."),
        "curve": Key(
            Either(Choice((RISING, FALLING)), ListOf(ListOf(Number(), least=2, most=2, unique=False), most=64)),
            "What a number is worth: points [value, score] that only rise or only fall, or rising (from 0 to 100 over "
            "the range) or falling.",
            default=RISING,
        ),
        "weight": Key(
            Number(least=LEAST_WEIGHT, most=1), "Its weight; those of a dimension add up to 1.", required=True
        ),
        "on_missing": Key(
            Either(
                Choice((OnMissing.DROP, OnMissing.REQUIRED)),
                mapping=Record({"default": Key(Scalar(), "The value that is taken then.", required=True)}),
            ),
            "What happens if it is not known: the others weigh more (drop), an error (required), or {default: value}.",
            default="drop",
        ),
        "basis": Key(BASIS, "How firm weight and curve are."),
        "from": Key(ACCOUNT_SOURCE, "Of accounts: where its value is from."),
    },
    rules=(OneOf(("range", "values", "flags")),),
)
_WEIGHTS = map_of(_NAME, Number(least=0, most=1), about="Weight of a dimension.")
_ADVICE = ListOf(
    Record(
        {
            "name": Key(_NAME, "Its name.", required=True),
            "personas": Key(ListOf(_NAME, most=64), "Whom it is for; absent = everybody."),
            "when": Key(
                CONDITION,
                "When it holds: a condition over inputs, scores of dimensions, overall, coverage and persona.",
                required=True,
            ),
            "text": Key(_WORDS, "What people read.", required=True),
            "basis": Key(BASIS, "How firm the numbers of the condition are."),
        }
    ),
    least=0,
    most=100,
)
SPEC = Record(
    {
        "subject": Key(Choice(tuple(Subject)), "What is scored.", required=True),
        "dimensions": Key(
            map_of(
                _NAME,
                Record(
                    {
                        "title": Key(Text("a title", most=64), "What people call it; absent = its name."),
                        "inputs": Key(
                            map_of(FACT_NAME, INPUT, most=MOST_INPUTS, about="An input; no other has its name."),
                            "What it is made of.",
                            required=True,
                        ),
                    }
                ),
                most=16,
                about="A dimension.",
            ),
            "What is judged, each from 0 to 100.",
            required=True,
        ),
        "personas": Key(
            map_of(
                _NAME,
                Record(
                    {
                        "description": Key(_WORDS, "In words."),
                        "weights": Key(_WEIGHTS, "Weight of every dimension; they add up to 1.", required=True),
                        "basis": Key(BASIS, "How firm they are."),
                    }
                ),
                most=64,
                about=f"What dimensions weigh for somebody; of accounts, {EVERYBODY_ELSE} is everybody else.",
            ),
            "For whom.",
            required=True,
        ),
        "persona_from": Key(
            Record({"fact": Key(DOCUMENT_NAME, "Name of a text FactType of accounts.", required=True)}),
            "Of accounts: where the persona is from.",
        ),
        "bands": Key(
            map_of(_NAME, _SCORE, most=16, about="From this score on."),
            "Names of scores from a score on, the best first, the last from 0.",
            required=True,
        ),
        "minimum_coverage": Key(
            Number(least=0, most=1), "Of accounts: below it the class is insufficient_data (absent = 0)."
        ),
        "trend": Key(WINDOW_OF_TIME, "Of accounts: how long ago the score is that it is compared with.", default="7d"),
        "basis": Key(BASIS, "How firm bands, minimum_coverage and trend are."),
        "concerns": Key(_ADVICE, "What somebody would be worried about."),
        "recommendations": Key(_ADVICE, "What to do, the most urgent first."),
    }
)
