"""`trueline doctor`: looks at everything that a server needs, and says what to do about what is missing."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path

from trueline_server.commands.findings import Finding, State
from trueline_server.settings import SettingError, Settings, unknown_variables

_SIGNS = {State.GOOD: "✓", State.NOTICE: "!", State.BAD: "✗"}


class DoctorCommand:
    """The entry point that the command line finds."""

    help = "check Python, packages, data directory, disk, port, rule files and the running server"

    def configure(self, parser: argparse.ArgumentParser) -> None:
        """Add the arguments."""
        parser.add_argument(
            "--data-dir", "--data", type=Path, metavar="DIR", help="the server's data directory (default: .trueline)"
        )

    def run(self, args: argparse.Namespace) -> int:
        """Check; 0 = nothing stands in the way, 1 = something does."""
        os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
        found = examine(args)
        if getattr(args, "output", None) == "json":
            print(json.dumps([finding.to_json() for finding in found], ensure_ascii=False, indent=2))
        else:
            for finding in found:
                print(_line(finding))
        return 1 if any(finding.state is State.BAD for finding in found) else 0


command = DoctorCommand()


def examine(args: argparse.Namespace) -> list[Finding]:
    """All findings, in the order in which to mend them."""
    from trueline_server.commands import checks

    findings = [checks.check_python(), packages := checks.check_packages()]
    if packages.state is State.BAD:
        return findings
    try:
        settings = Settings.from_environment(
            os.environ, address=getattr(args, "address", None), data_dir=getattr(args, "data_dir", None)
        )
    except SettingError as error:
        return [*findings, Finding("settings", State.BAD, str(error), "correct or unset the variable")]
    findings += [
        Finding(
            "settings",
            State.NOTICE,
            f"{variable} is not a setting",
            f"did you mean {near}?" if near else "it is ignored; see the settings in the documentation",
        )
        for variable, near in unknown_variables(os.environ).items()
    ]
    token = getattr(args, "token", None) or os.environ.get("TRUELINE_TOKEN") or next(iter(settings.tokens), "")
    server = checks.check_server(settings.address, token)
    return [
        *findings,
        checks.check_data_dir(settings.data_dir),
        checks.check_disk(settings.data_dir),
        checks.check_rules(settings.rules, settings.mapping),
        *server,
        # Whoever answers has the port.
        *([checks.check_port(settings.address)] if server[0].state is State.NOTICE else []),
    ]


def _line(finding: Finding) -> str:
    sign = _SIGNS[finding.state]
    encoding = sys.stdout.encoding or "ascii"
    # A terminal that cannot show the sign gets a word instead.
    shown = sign if sign.encode(encoding, errors="replace") != b"?" else finding.state.value
    way_out = f" → {finding.way_out}" if finding.way_out else ""
    text = f"{shown} {finding.check}: {finding.told}{way_out}"
    return text.encode(encoding, errors="replace").decode(encoding)
