"""What the backend may import of the SDK: the contract, and no module beside it."""

from __future__ import annotations

import tomllib
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[3]


def test_every_module_of_the_sdk_is_forbidden_to_the_backend() -> None:
    """The border names modules one by one; a new one that is not named would be open."""
    settings = tomllib.loads((_ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = settings["tool"]["importlinter"]["contracts"]
    (border,) = [one for one in contracts if one["name"].startswith("the backend builds on the contract")]
    modules = {f"trueline.{path.stem}" for path in (_ROOT / "clients/python/trueline").glob("*.py")}
    assert modules - {"trueline.__init__"} == set(border["forbidden_modules"]) - {"trueline_cli"}
