"""`trueline operations`: long work on the server: list, show, cancel, wait."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any, assert_never

from trueline_cli import options

if TYPE_CHECKING:
    from trueline import AttributionReport, AttributionValidation, ChannelPaths, ModelComparison, Operation
    from trueline.operations import OperationResult

_PREFIX = "operations/"


class Operations:
    """Long work on the server."""

    help = "long work on the server: list, show, cancel, wait"

    def configure(self, parser: argparse.ArgumentParser) -> None:
        """The four things to do."""
        options.describe(
            parser,
            "Long work on the server, like backtests. Without a further word: list.",
            (
                "trueline operations",
                "trueline operations show 000649d0c9a1c05f3a2b7e91",
                "trueline operations wait operations/000649d0c9a1c05f3a2b7e91",
                "trueline operations cancel 000649d0c9a1c05f3a2b7e91",
            ),
        )
        parser.set_defaults(what="list", kind="", limit=20)
        kinds = parser.add_subparsers(dest="what", metavar="list | show | cancel | wait")
        common: dict[str, Any] = {"formatter_class": argparse.RawDescriptionHelpFormatter, "epilog": parser.epilog}
        listing = kinds.add_parser("list", help="the operations that are kept, the newest first", **common)
        options.add_global(listing, defaults=False)
        listing.add_argument("--kind", default="", metavar="KIND", help="only these, like BacktestRules")
        listing.add_argument("--limit", type=options.count, default=20, metavar="N", help="so many; 0 = all (20)")
        for what, about in (
            ("show", "one, with its result"),
            ("cancel", "ask one to end"),
            ("wait", "until it has ended, then show it"),
        ):
            one = kinds.add_parser(what, help=about, **common)
            options.add_global(one, defaults=False)
            one.add_argument("name", metavar="NAME", help="as it was told, with or without operations/")

    def run(self, args: argparse.Namespace) -> int:
        """Do it; 1 if the operation that is shown or waited for failed."""
        if args.what == "list" or args.what is None:
            return _list(args)
        name = args.name if args.name.startswith(_PREFIX) else _PREFIX + args.name
        with options.connect(args) as client:
            if args.what == "wait":
                from trueline_cli.operating import follow

                found = follow(client, name)
            else:
                found = client.cancel_operation(name) if args.what == "cancel" else client.get_operation(name)
        return _show(args, found)


command = Operations()


def _list(args: argparse.Namespace) -> int:
    with options.connect(args) as client:
        found = client.list_operations(args.kind, limit=args.limit)
    if args.output == "json":
        from trueline_cli.output import print_json

        print_json({"operations": [_plain(one) for one in found]})
        return 0
    from trueline_cli import style

    made = style.table("name", "kind", "state", "since", fold=("state",))
    for one in found:
        made.add_row(one.name.removeprefix(_PREFIX), one.kind, _state(one), style.moment(one.created_at))
    style.show(made if found else "no operation is kept")
    return 0


def _show(args: argparse.Namespace, found: Operation) -> int:
    failed = args.what != "cancel" and found.error is not None
    if args.output == "json":
        from trueline_cli.output import print_json

        print_json(_plain(found) | {"result": found.result})
        return int(failed)
    from trueline_cli import style

    print(f"{found.name}  {found.kind}, {_state(found)}")
    if found.error is not None:
        from trueline_cli.explain import explain

        print(f"  {explain(found.error)}")
    print(f"  since {style.moment(found.created_at)}")
    if not found.done and found.message:
        print(f"  {found.message}")
    if found.result is not None:
        _show_result(found.result)
    return int(failed)


def _show_result(result: OperationResult) -> None:
    from trueline import (
        AttributionReport,
        AttributionValidation,
        Backtest,
        ChannelPaths,
        Checkpoint,
        ChurnTraining,
        ModelComparison,
        Simulation,
        StudyRun,
    )

    match result:
        case Backtest():
            from trueline_cli.rules import backtests

            backtests.show(result)
        case Simulation():
            from trueline_cli.rules import timeline

            timeline.show(result)
        case Checkpoint():
            from trueline_cli.checkpoints.showing import show_checkpoint

            show_checkpoint(result, every=False)
        case StudyRun():
            from trueline_cli.studies.showing import show_run

            show_run(result, every=False)
        case ChurnTraining():
            from trueline_cli.churn.showing import show_training

            show_training(result)
        case AttributionReport() | ModelComparison() | ChannelPaths() | AttributionValidation():
            _show_attribution(result)
        case _:
            assert_never(result)


def _show_attribution(result: AttributionReport | ModelComparison | ChannelPaths | AttributionValidation) -> None:
    from trueline import AttributionReport, ChannelPaths, ModelComparison

    from trueline_cli.attribution.tables import SHOWN

    match result:
        case AttributionReport():
            SHOWN["report"](result)
        case ModelComparison():
            SHOWN["comparison"](result)
        case ChannelPaths():
            SHOWN["paths"](result)
        case _:
            SHOWN["validation"](result)


def _state(operation: Operation) -> str:
    from trueline_cli.operating import share

    words: str = operation.state.value
    done = share(operation)
    if operation.state == "running" and done is not None:
        words += f", {done:.0%}"
    if operation.cancelled and not operation.done:
        words += ", to be cancelled"
    return words


def _plain(operation: Operation) -> dict[str, Any]:
    from dataclasses import fields

    told = {field.name: getattr(operation, field.name) for field in fields(operation) if field.name != "result"}
    error = operation.error
    if error is not None:
        told["error"] = {
            "code": error.code,
            "reason": error.reason,
            "message": error.message,
            "metadata": error.metadata,
        }
    return told
