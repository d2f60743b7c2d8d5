"""`trueline churn`: who is likely to leave, why, and what to do about it."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from trueline_cli import app, exits, options

_OUTPUTS = ("table", "json", "csv")
_ROWS_AT_ONCE = 2_000
_IDS_AT_ONCE = 1_000
_EXAMPLES = (
    "trueline churn evaluate customers.csv --label Churn --id customerID",
    "trueline churn evaluate train.csv --label Churn --test test.csv",
    "trueline churn train",
    "trueline churn train customers.csv --label Churn --id customerID",
    "trueline churn predict account-17 account-18",
    "trueline churn predict --table new.csv --id customerID --model churn-5f2a…",
    "trueline churn segments",
    "trueline churn drift",
    "trueline churn survival customers.csv --time tenure --by Contract",
)


class ChurnVerb:
    """Churn: evaluate, survival, train, models, show, predict, segments, drift."""

    help = "who is likely to leave, why, and what to do"

    def configure(self, parser: argparse.ArgumentParser) -> None:
        """Add the actions."""
        options.describe(
            parser,
            "Learns from accounts that left and accounts that stayed. What leaving is, which\n"
            "facts and metrics are looked at, and which segment gets which intervention is\n"
            "said by ChurnModel documents (trueline rules show ChurnModel accounts).",
            _EXAMPLES,
        )
        verbs = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
        evaluate = _action(verbs, "evaluate", "how well a table foretells, without a server", _EXAMPLES[:2], _evaluate)
        evaluate.add_argument("file", metavar="FILE", help="accounts: .csv, .tsv or .parquet, also .gz")
        evaluate.add_argument("--test", default="", metavar="FILE", help="judge by these accounts (a fifth of FILE)")
        _add_learning(evaluate)
        survival = _action(verbs, "survival", "how long accounts stay, without a server", _EXAMPLES[8:], _survival)
        survival.add_argument("file", metavar="FILE", help="accounts: .csv, .tsv or .parquet, also .gz")
        survival.add_argument("--time", required=True, metavar="COLUMN", help="how long each has been there")
        survival.add_argument("--by", default="", metavar="COLUMN", help="a curve for each value of this column, too")
        _add_labels(survival)
        train = _action(verbs, "train", "train a model on the server", _EXAMPLES[2:4], _train)
        train.add_argument("file", nargs="?", default="", metavar="FILE", help="a table of accounts (what is known)")
        train.add_argument("--at", type=options.instant, metavar="TIME", help="what was known by then (now)")
        _add_learning(train)
        _add_document(train)
        models = _action(verbs, "models", "the models that are kept", ("trueline churn models",), _models)
        _add_document(models)
        show = _action(verbs, "show", "all about a model", ("trueline churn show",), _show)
        show.add_argument("model", nargs="?", default="", metavar="MODEL", help="id of a model (the active one)")
        _add_document(show)
        predict = _action(verbs, "predict", "how likely accounts are to leave, and why", _EXAMPLES[4:6], _predict)
        predict.add_argument("accounts", nargs="*", metavar="ACCOUNT", help="ids of accounts, by facts and metrics")
        predict.add_argument("--table", default="", metavar="FILE", help="rows of a table instead")
        predict.add_argument("--id", default="", metavar="COLUMN", help="its column with the ids")
        predict.add_argument("--at", type=options.instant, metavar="TIME", help="facts and metrics as of then (now)")
        _add_document(predict, model=True)
        segments = _action(verbs, "segments", "all accounts by segment, and what to do", (_EXAMPLES[6],), _segments)
        segments.add_argument("--at", type=options.instant, metavar="TIME", help="facts and metrics as of then (now)")
        _add_document(segments, model=True)
        drift = _action(verbs, "drift", "are accounts still those that were learned from", (_EXAMPLES[7],), _drift)
        drift.add_argument("--table", default="", metavar="FILE", help="rows of a table instead")
        drift.add_argument("--at", type=options.instant, metavar="TIME", help="facts and metrics as of then (now)")
        _add_document(drift, model=True)

    def run(self, args: argparse.Namespace) -> int:
        """Do what was asked."""
        status: int = args.act(args)
        return status


command = ChurnVerb()


def _action(
    verbs: Any, name: str, about: str, examples: tuple[str, ...], act: Callable[[argparse.Namespace], int]
) -> argparse.ArgumentParser:
    made = options.action(verbs, name, about, f"{about[0].upper()}{about[1:]}.", examples, outputs=_OUTPUTS)
    made.set_defaults(act=act)
    return made


def _add_labels(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--label", default="", metavar="COLUMN", help="column that tells who left (by its name)")
    parser.add_argument("--id", default="", metavar="COLUMN", help="column with the ids (by its name)")
    parser.add_argument("--churned", default="", metavar="VALUE", help="value of the label of those who left")


def _add_learning(parser: argparse.ArgumentParser) -> None:
    _add_labels(parser)
    parser.add_argument("--keep", action="append", default=[], metavar="COLUMN", help="a column that stays; repeatable")
    parser.add_argument("--seed", type=options.count, default=0, metavar="N", help="of all that is drawn (0)")


def _add_document(parser: argparse.ArgumentParser, *, model: bool = False) -> None:
    parser.add_argument("--document", default="", metavar="NAME", help="a ChurnModel (accounts)")
    if model:
        parser.add_argument("--model", default="", metavar="ID", help="id of a model (the active one)")


def _evaluate(args: argparse.Namespace) -> int:
    from trueline import churn

    from trueline_cli.churn.reading import read_table

    extra = app.load_extra("churn")
    table = read_table(args.file)
    test = read_table(args.test) if args.test else None
    try:
        found = churn.training(extra.evaluate(table, test, args))
    except ValueError as error:
        raise options.UsageError(str(error)) from error
    return _print(args, found, "training") or (exits.FINDING if found.model is None else exits.YES)


def _survival(args: argparse.Namespace) -> int:
    from trueline_cli.churn.reading import read_table

    try:
        found = app.load_extra("churn").survival(read_table(args.file), args)
    except ValueError as error:
        raise options.UsageError(str(error)) from error
    return _print(args, found, "survival")


def _train(args: argparse.Namespace) -> int:
    from trueline_cli.churn.reading import read_table
    from trueline_cli.operating import follow

    table = read_table(args.file) if args.file else None
    with options.connect(args) as client:
        # Of what was accepted a moment ago, some may not be counted yet.
        fresh = table is None and args.at is None
        begun = client.train_churn_model(
            document=args.document,
            table=table,
            label=args.label,
            id=args.id,
            churned=args.churned,
            keep=args.keep,
            seed=args.seed,
            at=args.at,
            min_position=client.status().accepted_position if fresh else 0,
        )
        found: Any = follow(client, begun.name).result
    return _print(args, found, "training") or (exits.FINDING if found.model is None else exits.YES)


def _models(args: argparse.Namespace) -> int:
    with options.connect(args) as client:
        return _print(args, client.list_churn_models(args.document), "models")


def _show(args: argparse.Namespace) -> int:
    with options.connect(args) as client:
        return _print(args, client.get_churn_model(args.model, document=args.document), "model")


def _predict(args: argparse.Namespace) -> int:
    from trueline import ChurnPredictions

    from trueline_cli.churn.reading import read_table

    if bool(args.accounts) == bool(args.table):
        raise options.UsageError("give either ids of accounts or --table FILE")
    how = {"document": args.document, "model_id": args.model, "most_effects": 0 if args.output == "json" else 3}
    pages = []
    with options.connect(args) as client:
        if args.table:
            table = read_table(args.table)
            rows = len(next(iter(table.values())))
            for start in range(0, rows, _ROWS_AT_ONCE):
                part = {name: values[start : start + _ROWS_AT_ONCE] for name, values in table.items()}
                pages.append(client.predict_churn(table=part, id=args.id, **how))
        pages += [
            client.predict_churn(args.accounts[start : start + _IDS_AT_ONCE], at=args.at, **how)
            for start in range(0, len(args.accounts), _IDS_AT_ONCE)
        ]
    found = ChurnPredictions(
        tuple(one for page in pages for one in page.predictions),
        tuple(one for page in pages for one in page.unknown_ids),
        # A feature that some part of a long table has is not absent.
        tuple(name for name in pages[0].absent_features if all(name in page.absent_features for page in pages)),
    )
    if args.table:
        _tell_absent(found.absent_features, table)
    return _print(args, found, "predictions")


def _tell_absent(absent: Sequence[str], columns: Iterable[str]) -> None:
    """A column that is called otherwise is the likeliest reason why a feature is not there."""
    import difflib
    import sys

    plain = {name.lower(): name for name in columns}
    for name in absent:
        near = difflib.get_close_matches(name.lower(), plain, n=1)
        meant = f"; did you mean its column '{plain[near[0]]}'?" if near and plain[near[0]] != name else ""
        print(f"trueline churn: the table has no value of '{name}'{meant}", file=sys.stderr)


def _segments(args: argparse.Namespace) -> int:
    with options.connect(args) as client:
        found = client.list_churn_segments(document=args.document, model_id=args.model, at=args.at)
    return _print(args, found, "segments")


def _drift(args: argparse.Namespace) -> int:
    from trueline import DriftVerdict

    from trueline_cli.churn.reading import read_table

    table = read_table(args.table) if args.table else None
    with options.connect(args) as client:
        found = client.check_churn_drift(document=args.document, model_id=args.model, table=table, at=args.at)
    return _print(args, found, "drift") or (exits.FINDING if found.verdict is DriftVerdict.DRIFTED else exits.YES)


def _print(args: argparse.Namespace, found: Any, what: str) -> int:
    from trueline_cli.churn.rows import FLAT
    from trueline_cli.output import print_found

    def show() -> None:
        from trueline_cli.churn.showing import SHOWN

        SHOWN[what](found)

    print_found(args.output, found, lambda: FLAT[what](found), show)
    return 0
