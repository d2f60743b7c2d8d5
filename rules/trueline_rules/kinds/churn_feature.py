"""Features of a ChurnModel: facts by name, or with where their values are from; read, checked and written."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from trueline_rules.churn_model import PROBABILITY, ChurnFeature
from trueline_rules.kinds.account_source import (
    ACCOUNT_SOURCE,
    is_account_source,
    read_account_source,
    write_account_source,
)
from trueline_rules.kinds.alert_rule import read_source
from trueline_rules.kinds.fact_type import FACT_NAME
from trueline_rules.kinds.kind import Known, Spec
from trueline_rules.names import quoted
from trueline_rules.records import Either, Key, ListOf, Record
from trueline_rules.scalars import Number
from trueline_rules.site import Path, Site

FEATURE_TYPES = ("number", "decimal", "text", "bool")
MOST_FEATURES = 100

FEATURE = Either(
    scalar=FACT_NAME,
    mapping=Record(
        {
            "name": Key(FACT_NAME, "What conditions and models call it.", required=True),
            "from": Key(ACCOUNT_SOURCE, "Where its value is from.", required=True),
            "on_missing": Key(
                Record({"default": Key(Number(), "The value that is taken then.", required=True)}),
                "Of a metric: its value for accounts that have had events but none that it looks at; absent = missing.",
            ),
        },
        noun="{name: ..., from: ...}",
    ),
)
FEATURES = ListOf(FEATURE, most=MOST_FEATURES)


def read_features(written: Sequence[Any], label_fact: str, site: Site) -> tuple[ChurnFeature, ...]:
    """Make the features; what they cannot be is noted at the site."""
    features = tuple(_feature(one, ("spec", "features", place), site) for place, one in enumerate(written))
    for place, one in enumerate(features):
        path = ("spec", "features", place)
        if label_fact and (one.source.kind, one.source.name) == ("fact", label_fact):
            site.problem(path, f"is {quoted(label_fact)}, the label; a feature must not tell it")
        if one.name == PROBABILITY:
            site.problem(path, f"is {quoted(one.name)}, which is what is foreseen; give it another name")
        if one.name in {other.name for other in features[:place]}:
            site.problem(path, f"repeats {quoted(one.name)}")
    return features


def write_feature(one: ChurnFeature) -> Any:
    """Write a feature as it is read."""
    if one.is_fact:
        return one.name
    written = {"name": one.name, "from": write_account_source(one.source)}
    return written | ({} if one.default is None else {"on_missing": {"default": one.default}})


def check_feature(one: ChurnFeature, path: Path, site: Site, known: Known) -> bool:
    """Whether a feature can be learned from; why not is noted."""
    where = path if one.is_fact else (*path, "from", one.source.kind)
    if not is_account_source(one.source, where, site, known):
        return False
    if one.source.kind == "fact" and known.fact_types[one.source.name].type not in FEATURE_TYPES:
        kind = known.fact_types[one.source.name].type
        site.problem(where, f"is {quoted(one.source.name)}, a {kind}; features are {', '.join(FEATURE_TYPES)}")
        return False
    return True


def _feature(written: str | Spec, path: Path, site: Site) -> ChurnFeature:
    if isinstance(written, str):
        return ChurnFeature(written, read_source({"fact": written}, path, site))
    source = read_account_source(written["from"], (*path, "from"), site)
    if "on_missing" not in written:
        return ChurnFeature(written["name"], source)
    if source.kind == "fact":
        told = "goes with a metric; a fact that is not known is missing, which a model learns, too"
        site.problem((*path, "on_missing"), told, key=True)
    return ChurnFeature(written["name"], source, float(written["on_missing"]["default"]))
