"""The schemas for editors: one for whole rule files, each key with its meaning, defaults as the loader has them."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import resources
from typing import Any

import pytest
import yaml
from alert_texts import ALONE
from jsonschema import Draft7Validator
from rule_texts import BROKEN, MARK, Broken
from trueline_rules.documents import dump_document, parse_rules
from trueline_rules.kinds import KINDS
from trueline_rules.schema import schema_for, schema_for_all

ANY = Draft7Validator(schema_for_all())
PACKS = sorted(entry.name for entry in (resources.files("trueline_rules") / "packs").iterdir())
# What YAML itself refuses is no matter of a schema.
READ = [broken for broken in (*BROKEN, *ALONE) if "!!" not in broken.text and "§1: x" not in broken.text]


def _documents(text: str) -> list[Any]:
    try:
        return list(yaml.safe_load_all(text.replace(MARK, "")))
    except yaml.YAMLError:
        return []


@pytest.mark.parametrize("name", PACKS)
def test_the_schema_of_rule_files_accepts_the_default_pack(name: str) -> None:
    """All documents of all files, whatever their kinds."""
    text = (resources.files("trueline_rules") / "packs" / name).read_text(encoding="utf-8")
    for document in _documents(text):
        assert [error.message for error in ANY.iter_errors(document)] == []


@pytest.mark.parametrize("broken", READ, ids=lambda broken: broken.name)
def test_it_refuses_what_the_schema_of_the_kind_refuses(broken: Broken) -> None:
    """One schema for files with several kinds says of each document what the schema of its kind does."""
    for document in _documents(broken.text):
        kind = document.get("kind") if isinstance(document, dict) else None
        if kind in KINDS:
            assert ANY.is_valid(document) == Draft7Validator(schema_for(str(kind))).is_valid(document)
        else:
            assert not ANY.is_valid(document)


def _undescribed(schema: Any, path: str = "") -> Iterator[str]:
    if isinstance(schema, list):
        for one in schema:
            yield from _undescribed(one, path)
    if not isinstance(schema, dict):
        return
    for key, value in schema.get("properties", {}).items():
        if isinstance(value, dict):
            # A rule between keys tells nothing of its own.
            if not value.keys() & {"description", "const", "enum"}:
                yield f"{path}.{key}"
            yield from _undescribed(value, f"{path}.{key}")
    further = schema.get("additionalProperties")
    if isinstance(further, dict):
        if "description" not in further:
            yield f"{path}.*"
        yield from _undescribed(further, f"{path}.*")
    for word in ("anyOf", "allOf", "items", "then"):
        yield from _undescribed(schema.get(word), path)


def test_every_key_tells_what_it_means() -> None:
    """An editor shows it where the pointer rests, and beside what it offers."""
    assert sorted(set(_undescribed(schema_for_all()))) == []


def test_defaults_are_what_the_loader_takes() -> None:
    """What an editor inserts for a key that is left out changes nothing."""
    rule = {
        "apiVersion": "trueline/v1",
        "kind": "AlertRule",
        "metadata": {"name": "r"},
        "spec": {"facts": {"a": {"metric": "sales"}}, "warning": "a < 5"},
    }
    keys = KINDS["AlertRule"].spec.keys
    defaults = {name: key.default for name, key in keys.items() if key.default is not None}
    assert {"for", "keep_firing_for", "on_missing", "on_no_data", "on_error", "limit"} <= defaults.keys()
    (bare,) = parse_rules(yaml.safe_dump(rule), "a.yaml")
    (full,) = parse_rules(yaml.safe_dump({**rule, "spec": {**rule["spec"], **defaults}}), "a.yaml")  # type: ignore[dict-item]
    assert dump_document("AlertRule", bare.model) == dump_document("AlertRule", full.model)
