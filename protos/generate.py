"""Generates clients/python/trueline/v1 from the protos; with --check, says whether the committed code is up to date."""

from __future__ import annotations

import filecmp
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PROTOS = ROOT / "protos"
TARGET = ROOT / "clients" / "python"


def generate(target: Path) -> None:
    """Run protoc with the Python, gRPC and mypy plugins; `target` becomes the import root of trueline.v1."""
    sources = sorted(str(path.relative_to(PROTOS)) for path in PROTOS.rglob("*.proto"))
    flags = [f"--{plugin}={target}" for plugin in ("python_out", "grpc_python_out")]
    # The stubs are told to be quiet: the plugins list every file on standard error otherwise.
    flags += [f"--{plugin}=quiet:{target}" for plugin in ("mypy_out", "mypy_grpc_out")]
    # The plugins of mypy-protobuf stand beside the interpreter, which need not be on the PATH.
    bin_dir = Path(sys.executable).parent
    flags += [f"--plugin={name}={bin_dir / name}" for name in ("protoc-gen-mypy", "protoc-gen-mypy_grpc")]
    command = [sys.executable, "-m", "grpc_tools.protoc", f"-I{PROTOS}", *flags, *sources]
    subprocess.run(command, check=True)  # noqa: S603  the command is built here from files of the project


def stale(target: Path) -> list[str]:
    """Generated files that differ from what the protos give, are missing, or are left over."""
    with tempfile.TemporaryDirectory() as fresh:
        generate(Path(fresh))
        made, kept = Path(fresh) / "trueline" / "v1", target / "trueline" / "v1"
        names = {path.name for path in made.iterdir()}
        names |= {path.name for path in kept.iterdir() if "_pb2" in path.name}
        _, different, missing = filecmp.cmpfiles(made, kept, sorted(names), shallow=False)
        return sorted(different + missing)


def main() -> int:
    """Generate, or with --check compare: exit status 1 if something is stale."""
    if "--check" not in sys.argv[1:]:
        generate(TARGET)
        return 0
    files = stale(TARGET)
    for name in files:
        sys.stderr.write(f"clients/python/trueline/v1/{name} does not fit the protos; run `make proto`\n")
    return 1 if files else 0


if __name__ == "__main__":
    raise SystemExit(main())
