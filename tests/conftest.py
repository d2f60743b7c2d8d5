"""What tests share: the real data, and the one chDB that a process can have."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from trueline_stores.warehouse.client import Warehouse
from trueline_stores.warehouse.tables import TABLES

# How long an example takes says more of the machine than of the code.
settings.register_profile("trueline", deadline=None)
settings.load_profile("trueline")

# Modules of assertions that several folders share say what differs, too.
pytest.register_assert_rewrite("tests.unit.streams.support")

# A file system in memory; containers may have a tiny one. All tests together leave a few hundred MiB.
_MEMORY, _ROOM_BYTES = Path("/dev/shm"), 4 << 30

_REPOSITORY = Path(__file__).resolve().parent.parent


def pytest_configure(config: pytest.Config) -> None:
    """Files of tests lie in memory where there is room, and processes that tests start share what they compile.

    Nobody cuts the power, and kill -9 loses nothing that was written: waiting for a disk at each commit shows nothing.
    A server has thousands of modules, and compiling them all is a good part of its start; where Python may write
    nothing beside its sources, what is compiled goes into a folder of this run.
    """
    if "TMPDIR" not in os.environ and _MEMORY.is_dir() and shutil.disk_usage(_MEMORY).free >= _ROOM_BYTES:
        os.environ["TMPDIR"] = tempfile.tempdir = str(_MEMORY)
    if os.environ.pop("PYTHONDONTWRITEBYTECODE", ""):
        compiled = tempfile.TemporaryDirectory(prefix="trueline-compiled-")
        config.add_cleanup(compiled.cleanup)
        os.environ["PYTHONPYCACHEPREFIX"] = compiled.name


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The real data with its oracles: TRUELINE_DATA, else ../shared/data beside the repository; skips if absent."""
    path = Path(os.environ.get("TRUELINE_DATA") or _REPOSITORY.parent / "shared" / "data")
    if not path.is_dir():
        pytest.skip(f"the real data is not at {path}; set TRUELINE_DATA")
    return path


@pytest.fixture(scope="session")
def chdb_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of this process's chDB: a process can open only one, so whoever needs one opens this."""
    return tmp_path_factory.mktemp("warehouse")


@pytest.fixture(scope="session")
def migrated_warehouse(chdb_path: Path) -> Iterator[Warehouse]:
    """The one warehouse of this process, with its tables; tests take `warehouse`."""
    opened = Warehouse.chdb(chdb_path)
    opened.migrate()
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def warehouse(migrated_warehouse: Warehouse) -> Warehouse:
    """A warehouse with its tables, empty when a module begins. Every test of a module uses tenants of its own.

    What reads all tenants would become slower with each module that went before.
    """
    for table in TABLES:
        migrated_warehouse.command(f"TRUNCATE TABLE {table.full_name}")
    return migrated_warehouse
