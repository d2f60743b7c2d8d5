"""`trueline score-feature`: what features are worth, to whom, against each other, and what to build when."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trueline_cli import options
from trueline_cli.scoring.reading import FeatureFile, input_value, read_features

if TYPE_CHECKING:
    from trueline import Feature, FeatureScore, TruelineClient

_EXAMPLES = (
    "trueline score-feature --inputs",
    "trueline score-feature --input complexity=0.7 --input learning_hours=2..5",
    "trueline score-feature features.yaml --persona agency --explain",
    "trueline score-feature features.yaml --compare",
    "trueline score-feature features.yaml --roadmap --capacity 8 --capacity 8",
)


class ScoreFeatureVerb:
    """Scores features, compares them, and puts them into a roadmap."""

    help = "what features are worth to whom; what to build when"

    def configure(self, parser: argparse.ArgumentParser) -> None:
        """Add the arguments."""
        options.describe(
            parser,
            "Scores features by a ScoringProfile (trueline rules show). A file is YAML:\n"
            "id, name and inputs of one feature, or a list of such below `features`. A\n"
            "value is a number, [low, high], a text, true or false. A roadmap needs the\n"
            "effort of each, and may have after (ids) and not_before (a period).",
            _EXAMPLES,
        )
        # Scripts read rows, too.
        parser.add_argument("--output", choices=("table", "json", "csv"), default=argparse.SUPPRESS)
        parser.add_argument("file", nargs="?", type=Path, metavar="FILE", help="features as YAML or JSON")
        parser.add_argument("--id", default="feature", metavar="ID", help="id of the feature of --input (feature)")
        parser.add_argument(
            "--input", action="append", default=[], metavar="NAME=VALUE", help="an input; low..high is a range"
        )
        parser.add_argument(
            "--persona", action="append", default=[], metavar="NAME", help="only for this one; repeatable"
        )
        parser.add_argument("--profile", default="", metavar="NAME", help="a ScoringProfile of features (features)")
        parser.add_argument("--explain", action="store_true", help="every number down to its inputs")
        how = parser.add_mutually_exclusive_group()
        how.add_argument("--compare", action="store_true", help="the order of the features, and what would change it")
        how.add_argument("--roadmap", action="store_true", help="what to build in which period")
        how.add_argument("--inputs", action="store_true", help="list the inputs of the profile")
        parser.add_argument(
            "--capacity", action="append", type=float, default=[], metavar="N", help="of a period; repeatable"
        )

    def run(self, args: argparse.Namespace) -> int:
        """Do what was asked."""
        if args.inputs:
            with options.connect(args) as client:
                return _list_inputs(client, args)
        given = _given(args)
        with options.connect(args) as client:
            if args.roadmap:
                return _roadmap(client, args, given)
            if args.compare:
                return _compare(client, args, given)
            return _score(client, args, given)


command = ScoreFeatureVerb()


def _given(args: argparse.Namespace) -> FeatureFile:
    """What is to be scored."""
    from trueline import RoadmapItem

    if args.file is not None and args.input:
        raise options.UsageError("give either a file or --input")
    if args.file is not None:
        found = read_features(args.file)
        if not found.items:
            raise options.UsageError(f"{args.file} has no feature")
        return found
    if not args.input:
        raise options.UsageError("give a file of features, or --input name=value; --inputs lists the names")
    pairs = [input_value(one) for one in args.input]
    for name, _ in pairs:
        if sum(name == other for other, _ in pairs) > 1:
            raise options.UsageError(f"the input {name} is given twice")
    return FeatureFile((RoadmapItem(args.id, dict(pairs), 0.0),))


def _score(client: TruelineClient, args: argparse.Namespace, given: FeatureFile) -> int:
    from trueline_cli.scoring.rows import csv_inputs, csv_scores
    from trueline_cli.scoring.tables import show_scores

    personas, profile = args.persona or list(given.personas or ()), args.profile or given.profile
    scores = [_scored(client, one, personas, profile, alone=len(given.features) == 1) for one in given.features]
    if args.output == "table":
        show_scores(scores, explained=args.explain)
        return 0
    return _write(args, scores, (csv_inputs if args.explain else csv_scores)(scores))


def _scored(
    client: TruelineClient, one: Feature, personas: Sequence[str], profile: str, *, alone: bool
) -> FeatureScore:
    from trueline import InvalidRequestError

    try:
        return client.score_feature(one.feature_id, one.inputs, name=one.name, personas=personas, profile=profile)
    except InvalidRequestError as error:
        if alone:
            raise
        # Each is a call of its own, so the error does not know which of the file it is.
        from trueline_cli.explain import explain

        raise options.UsageError(f"{one.feature_id}: {explain(error)}") from error


def _compare(client: TruelineClient, args: argparse.Namespace, given: FeatureFile) -> int:
    from trueline_cli.scoring.rows import csv_comparison
    from trueline_cli.scoring.tables import show_comparison

    found = client.compare_features(
        given.features, personas=args.persona or list(given.personas or ()), profile=args.profile or given.profile
    )
    if args.output == "table":
        show_comparison(found, explained=args.explain)
        return 0
    return _write(args, found, csv_comparison(found))


def _roadmap(client: TruelineClient, args: argparse.Namespace, given: FeatureFile) -> int:
    from trueline_cli.scoring.rows import csv_roadmap
    from trueline_cli.scoring.tables import show_roadmap

    capacities: Sequence[float] = args.capacity or given.capacities
    if not capacities:
        raise options.UsageError("say what can be built: --capacity 8 for each period, or capacities in the file")
    personas: Any = args.persona or given.personas or ()
    found = client.score_roadmap(given.items, capacities, personas=personas, profile=args.profile or given.profile)
    if args.output == "table":
        show_roadmap(found)
        return 0
    return _write(args, found, csv_roadmap(found))


def _list_inputs(client: TruelineClient, args: argparse.Namespace) -> int:
    from trueline_cli.scoring.tables import show_inputs

    profiles = client.list_scoring_profiles("feature")
    wanted = args.profile or "features"
    found = next((one for one in profiles if one.name == wanted), None)
    if found is None:
        known = ", ".join(one.name for one in profiles)
        raise options.UsageError(f"there is no profile of features called {wanted}; known: {known}")
    if args.output == "table":
        show_inputs(found)
        return 0
    header = ("dimension", "input", "unit", "least", "most", "curve", "weight", "on_missing", "assumed")
    rows = [
        (of.name, one.name, one.unit, one.least, one.most, one.curve, one.weight, one.on_missing, one.assumed)
        for of in found.dimensions
        for one in of.inputs
    ]
    return _write(args, found, (header, rows))


def _write(args: argparse.Namespace, found: Any, rows: Any) -> int:
    if args.output == "json":
        from trueline_cli.output import print_json

        print_json(found)
    else:
        from trueline_cli.output import print_csv

        print_csv(*rows)
    return 0
