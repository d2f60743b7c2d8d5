"""`trueline rules decisions`, `shadow` and the online half of `explain`: what rules decided, and why."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from trueline_cli import options

if TYPE_CHECKING:
    from trueline import DecisionExplanation, LoggedDecision, RuleDecision, ShadowDifferences

_KINDS = ("transition", "request", "shadow", "correction")
_LIMIT = 20


def add(verbs: Any) -> None:
    """Add the actions."""
    shadow = options.action(
        verbs,
        "shadow",
        "where the shadow decides otherwise",
        "Where the rules in the shadow decide otherwise than the active ones.",
        (
            "trueline rules shadow",
            "trueline rules shadow --rule churn_rate_high --limit 0 --output json",
            "trueline rules shadow --end",
        ),
    )
    shadow.add_argument("--end", action="store_true", help="end the shadow; its differences stay in the log")
    shadow.add_argument("--etag", default="", metavar="ETAG", help="with --end: only if it is as `revisions` showed it")
    decisions = options.action(
        verbs,
        "decisions",
        "the decision log, the newest first",
        "The decision log: what rules decided, when and about what, the newest first.",
        (
            "trueline rules decisions",
            "trueline rules decisions --rule churn_rate_high --kind transition",
            "trueline rules decisions --label plan=pro --from 2026-03-01 --output json",
        ),
    )
    decisions.add_argument("--kind", choices=_KINDS, default="", help="an alert's state changed, one asked, shadow")
    decisions.add_argument(
        "--label",
        action="append",
        default=[],
        type=options.label,
        metavar="K=V",
        help="only label sets with it; may be repeated",
    )
    for one in (shadow, decisions):
        one.add_argument("--rule", default="", metavar="NAME", help="only this rule")
        one.add_argument("--from", dest="start", type=options.instant, metavar="TIME", help="about this instant on")
        one.add_argument("--to", dest="end_time", type=options.instant, metavar="TIME", help="about instants before")
        one.add_argument(
            "--limit", type=options.count, default=_LIMIT, metavar="N", help=f"so many; 0 = all ({_LIMIT})"
        )
    shadow.set_defaults(act=_shadow)
    decisions.set_defaults(act=_decisions)


def _decisions(args: argparse.Namespace) -> int:
    with options.connect(args) as client:
        found = client.list_decisions(
            args.rule,
            kind=args.kind,
            labels=dict(args.label),
            start=args.start,
            end=args.end_time,
            limit=args.limit,
        )
    if args.output == "json":
        from trueline_cli.output import print_json

        print_json({"decisions": found})
        return 0
    from trueline_cli import style

    style.show(_table(found) if found else "there are no such decisions in the log")
    if found:
        print("\nwhy: trueline rules explain --decision ID")
    return 0


def _shadow(args: argparse.Namespace) -> int:
    from trueline_cli.output import print_json

    with options.connect(args) as client:
        if args.end:
            ended = client.end_shadow(etag=args.etag, author=options.author())
            told = f"✓ the shadow ended: revision {ended.former_revision}"
            if args.output == "json":
                print_json(ended)
            else:
                print(told if ended.former_revision else "there was nothing in the shadow")
            return 0
        found = client.shadow_differences(args.rule, start=args.start, end=args.end_time, limit=args.limit)
    if args.output == "json":
        print_json(found)
    else:
        _tell_shadow(found)
    return 0


def _tell_shadow(found: ShadowDifferences) -> None:
    from trueline_cli import style
    from trueline_cli.rules.activating import staged_words

    if found.shadow is None:
        print("nothing is in the shadow; try rules there with:")
        print("  trueline rules activate PATH --shadow")
    else:
        print(staged_words(found.shadow))
    if found.counts:
        columns = ("evaluated", "equal", "different", "logged")
        made = style.table("rule", *columns, right=columns)
        for one in found.counts:
            counts = (one.evaluations, one.equal, one.different, one.differences)
            made.add_row(one.rule, *(f"{count:,}" for count in counts))
        style.show("", made)
    if found.differences:
        style.show("", _table(found.differences))
        print("\nwhy: trueline rules explain --decision ID")
    elif found.shadow is not None:
        print("it decided like the active rules wherever both were evaluated")


def _table(decisions: tuple[LoggedDecision, ...]) -> Any:
    """Decisions: when, what, about what; the id stands below, as it fills half a line."""
    from rich.text import Text

    from trueline_cli import style
    from trueline_cli.rules.reasons import about, values_words

    made = style.table("about", "decision", "rule, label set, facts, id", fold=("rule, label set, facts, id",))
    for one in decisions:
        said = Text(about(one.rule, one.labels))
        if change := _change(one):
            said.append(f"\n{change}")
        if facts := values_words(one.values) or one.message:
            said.append(f"\n{facts}")
        said.append(f"\n{one.id}", style="dim")
        decided = Text(one.decision)
        decided.append(f"\n{one.kind}", style="dim")
        made.add_row(style.moment(one.at), decided, said)
    return made


def _change(one: LoggedDecision) -> str:
    if one.kind == "shadow":
        return f"active rules: {one.before}, shadow: {one.after}"
    return f"{one.before} → {one.after}" if one.kind == "transition" else ""


def explain_logged(args: argparse.Namespace) -> int:
    """Explain a decision of the log; exit status 1 if the replay does not come to the same."""
    with options.connect(args) as client:
        found = client.explain_decision(args.decision)
    if args.output == "json":
        from trueline_cli.output import print_json

        print_json(found)
    else:
        _tell_logged(found)
    return 0 if found.same else 1


def _tell_logged(found: DecisionExplanation) -> None:
    from trueline_cli import style
    from trueline_cli.rules.reasons import about, explained, values_words

    one = found.decision
    print(f"{about(one.rule, one.labels)}: {one.decision}")
    if change := _change(one):
        print(change)
    print(f"about {style.moment(one.at)}, decided {style.moment(one.decided_at)} by revision {one.rule_revision}")
    if one.values:
        print(values_words(one.values))
    print("\n".join(explained(found.conditions)) or found.note)
    if found.same:
        print("\n✓ judged again, it comes to the same")
    else:
        print(f"\n✗ {found.note}")


def explain_live(args: argparse.Namespace) -> int:
    """Explain what a rule in force decides now about the facts of the server."""
    values = dict(map(_given, args.given))
    with options.connect(args) as client:
        found = client.evaluate_rule(args.rule, values, at=args.at, row_limit=args.limit)
    if args.output == "json":
        from trueline_cli.output import print_json

        print_json(found)
    else:
        _tell_live(found)
    return 0


def _given(written: str) -> tuple[str, object]:
    """A fact as it is written on the command line: nothing = missing, else a number, true, false, or a text."""
    name, equals, text = written.partition("=")
    if not equals:
        raise options.UsageError(f"--given is written FACT=VALUE, is '{written}'")
    if not text:
        return name, None
    if text in ("true", "false"):
        return name, text == "true"
    try:
        return name, float(text)
    except ValueError:
        return name, text


def _tell_live(found: RuleDecision) -> None:
    from trueline_cli import style
    from trueline_cli.rules.reasons import about, explained, values_words

    print(f"{found.rule}: {found.decision}")
    if found.total_rows > 1:
        counts = ", ".join(f"{count:,} {decision}" for decision, count in found.counts.items())
        print(f"{found.total_rows:,} label sets: {counts}")
    for row in found.rows:
        if row.labels:
            print(f"\n{about(found.rule, row.labels)}: {row.decision}")
        if row.values:
            print(values_words(row.values))
        print("\n".join(explained(row.conditions)))
    if found.total_rows > len(found.rows):
        print(f"\n… and {found.total_rows - len(found.rows):,} more label sets; --limit explains more")
    for name, why in found.notes.items():
        print(f"! {name}: {why}")
    if found.pushdown_note:
        print(f"! judged one by one, not in the warehouse: {found.pushdown_note}")
    print(f"\nat {style.moment(found.at)}, by revision {found.rule_revision}")
    if found.decision_id:
        print(f"logged as {found.decision_id}")
