"""The arguments of `trueline attribution validate`, and what it begins."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from trueline_cli import options
from trueline_cli.operating import add_detach

if TYPE_CHECKING:
    from datetime import datetime

    from trueline import Operation, TruelineClient


def add(parser: argparse.ArgumentParser) -> None:
    """Add the arguments beside document, conversion and period."""
    parser.add_argument("--model", action="append", default=[], metavar="MODEL", help="only this one; repeatable")
    parser.add_argument(
        "--held-out", type=_share, default=0.0, metavar="SHARE", help="of the journeys, up to 0.5 (0.2)"
    )
    parser.add_argument(
        "--resamples", type=options.count, default=0, metavar="N", help="for intervals, 20 to 2000 (200)"
    )
    parser.add_argument("--confidence", type=_share, default=0.0, metavar="SHARE", help="of intervals (0.95)")
    parser.add_argument("--seed", type=options.count, default=0, metavar="N", help="same one, same result (0)")
    parser.add_argument(
        "--highest-order", type=options.count, default=0, metavar="N", help="of a Markov chain, up to 10 (4)"
    )
    add_detach(parser)


def begin(client: TruelineClient, args: argparse.Namespace, start: datetime, end: datetime, **about: Any) -> Operation:
    """The validation that was begun."""
    return client.validate_attribution(
        start,
        end,
        models=args.model,
        held_out_share=args.held_out,
        resamples=args.resamples,
        confidence=args.confidence,
        seed=args.seed,
        highest_order=args.highest_order,
        **about,
    )


def _share(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < 1:
        raise argparse.ArgumentTypeError(f"'{text}' is not a share between 0 and 1, like 0.2")
    return value
