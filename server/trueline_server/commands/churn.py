"""What the server extra adds to `trueline churn`: how well a table foretells, without a server."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from trueline.v1 import churn_service_pb2 as pb

if TYPE_CHECKING:
    from trueline_server.churn.tables import Labelled


class ChurnCommand:
    """The entry point that the command line finds; it has no verb of its own."""

    def evaluate(
        self, table: Mapping[str, Sequence[Any]], test: Mapping[str, Sequence[Any]] | None, args: argparse.Namespace
    ) -> pb.TrainChurnModelResult:
        """Train on a table and judge: by `test`, or by a fifth of the table.

        Args:
            table: values by column; None = missing.
            test: the same columns of other accounts.
            args: label, id, churned, keep, seed.

        Raises:
            ValueError: there is no such column, or its labels cannot be told apart; with the option at fault. Or the
                extra is missing.

        """
        from trueline_server.churn.learning import require_learning
        from trueline_server.errors import TruelineError

        try:
            require_learning()
        except TruelineError as error:
            raise ValueError(error.message) from error
        from trueline_server.churn.fitting.training import Held, train
        from trueline_server.churn.mapping import map_insufficient_to_proto, map_report_to_proto
        from trueline_server.churn.model import Trained
        from trueline_server.churn.tables import read_alike

        labelled = _labelled(table, args)
        held = None
        if test is not None:
            other = _told_by_option(lambda: read_alike(_texts(test), labelled, churned=args.churned))
            held = Held(other.accounts, other.labels)
        found = train(
            labelled.accounts,
            labelled.labels,
            seed=args.seed,
            keep=frozenset(args.keep),
            held=held,
            notes=labelled.notes,
            tell=_told if sys.stderr.isatty() else lambda *_: None,
        )
        if sys.stderr.isatty():
            print("\r\x1b[K", end="", file=sys.stderr)
        if not isinstance(found, Trained):
            return pb.TrainChurnModelResult(insufficient=map_insufficient_to_proto(found))
        form = found.model.form
        message = map_report_to_proto(found.report, form=form, seed=args.seed, source="table", horizon_us=0)
        return pb.TrainChurnModelResult(model=message)

    def survival(self, table: Mapping[str, Sequence[Any]], args: argparse.Namespace) -> Sequence[Any]:
        """Curves of how long accounts stay: of all, and of each value of a column; see `survival.Survival`.

        Args:
            table: values by column; None = missing.
            args: label, id, churned; `time`, the column with how long; `by`, a column, "" = none.

        Raises:
            ValueError: there is no such column, or it has no numbers.

        """
        from trueline_server.churn.columns import Numbers
        from trueline_server.churn.survival import kaplan_meier, survival_by

        for option, name in (("time", args.time), ("by", args.by)):
            if name and name not in table:
                raise ValueError(f"--{option} is '{name}', which is no column; there are {', '.join(list(table)[:12])}")
        labelled = _labelled(table, args)
        times = labelled.accounts.columns.get(args.time)
        if not isinstance(times, Numbers):
            # It is a value that was typed, and not a type of Python's.
            raise ValueError(f"--time is '{args.time}', which has no numbers")  # noqa: TRY004
        by = labelled.accounts.columns.get(args.by)
        groups = () if by is None else survival_by(times.values, labelled.labels, by)
        return (kaplan_meier(times.values, labelled.labels), *groups)


command = ChurnCommand()


def _labelled(table: Mapping[str, Sequence[Any]], args: argparse.Namespace) -> Labelled:
    from trueline_server.churn.tables import read_labelled

    how = {"label": args.label, "id": args.id, "churned": args.churned, "keep": getattr(args, "keep", ())}
    return _told_by_option(lambda: read_labelled(_texts(table), **how))


def _told_by_option(read: Callable[[], Labelled]) -> Labelled:
    """What is read; an error names the option."""
    from trueline_server.churn.reading import TableError

    try:
        return read()
    except TableError as error:
        raise ValueError(f"--{error.field} {error.description}") from error


def _texts(table: Mapping[str, Sequence[Any]]) -> dict[str, list[str | None]]:
    # As the command's caller and the service's are given the same answers, values are texts here, too.
    return {name: [_text(value) for value in values] for name, values in table.items()}


def _text(value: object) -> str | None:
    if isinstance(value, bool):
        return "true" if value else "false"
    return None if value is None else str(value)


def _told(done: int, total: int, message: str) -> None:
    print(f"\r\x1b[K{done} of {total}: {message}", end="", file=sys.stderr, flush=True)
