"""`trueline alerts`: what fires, who has it, who was told."""

from __future__ import annotations

import argparse

from trueline_cli import options

_EXAMPLES = (
    "trueline alerts                                   # what fires",
    "trueline alerts watch                             # the same, live",
    "trueline alerts show alert-17                     # all about one",
    "trueline alerts ack alert-17                      # nobody else is told",
    "trueline alerts why alert-17                      # who was told, who not",
    "trueline alerts silence rule=dau_drop --for 2h --reason 'known'",
    "trueline alerts notifications --state dead        # what could not be sent",
)


class Alerts:
    """Alerts: what fires, and what people do about it."""

    help = "what fires, who has it, who was told; silences"

    def configure(self, parser: argparse.ArgumentParser) -> None:
        """Add the actions; without one: list."""
        from trueline_cli.alerts import changing, delivering, reading, silencing

        options.describe(
            parser, "What fires, who has it, who was told of it and why. Without an action: list.", _EXAMPLES
        )
        reading.add_filters(parser)
        parser.set_defaults(act=reading.list_alerts)
        verbs = parser.add_subparsers(dest="action", metavar="ACTION")
        reading.add(verbs)
        changing.add(verbs)
        silencing.add(verbs)
        delivering.add(verbs)

    def run(self, args: argparse.Namespace) -> int:
        """Do what was asked."""
        status: int = args.act(args)
        return status


command = Alerts()
