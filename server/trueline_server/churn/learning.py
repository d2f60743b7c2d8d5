"""What a model learns from: accounts as they were a horizon ago, and who of them left since. No protobuf."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass

import numpy as np
from trueline_rules.churn_model import ChurnModel
from trueline_rules.model import RuleSet

from trueline_server.churn.account_features import leaving_events
from trueline_server.churn.columns import Accounts, Column, Flags, Numbers, Texts
from trueline_server.churn.model import Report
from trueline_server.churn.population import ChurnPopulation
from trueline_server.errors import TruelineError

NEEDED = ("sklearn", "threadpoolctl")


@dataclass(frozen=True, slots=True)
class Lesson:
    """Accounts as they were at `features_us`, and who of them left by `labels_us`, (n,)."""

    accounts: Accounts
    labels: Flags
    features_us: int
    labels_us: int


def require_learning() -> None:
    """See that what fits models is installed.

    Raises:
        TruelineError: MISSING_EXTRA.

    """
    if any(importlib.util.find_spec(name) is None for name in NEEDED):
        raise TruelineError(
            "FAILED_PRECONDITION",
            "MISSING_EXTRA",
            "models are fitted with scikit-learn, which is not installed; install it with: "
            'pip install "trueline[server,ml]"',
            metadata={"extra": "ml"},
        )


def lesson_of(population: ChurnPopulation, tenant: str, rules: RuleSet, document: ChurnModel, at_us: int) -> Lesson:
    """What can be learned from what was known by `at_us` (µs since 1970, UTC).

    Facts and metrics are as they were the document's horizon before; what came later tells only who left.

    Raises:
        TruelineError: UNPLAYED_ROLE, if no event plays the roles by which accounts leave.
        StoreError: of the warehouse.

    """
    if document.label.of is not None and not leaving_events(document, rules):
        roles = ", ".join(document.label.of.roles)
        raise TruelineError(
            "FAILED_PRECONDITION",
            "UNPLAYED_ROLE",
            f"no event plays {roles}, so nobody leaves; map one to it, or name events in the label",
            metadata={"roles": roles},
        )
    before_us = at_us - document.label.within_us
    parts = list(population.parts(tenant, rules, document, before_us))
    accounts = _together(parts, document.names)
    left = population.left_between(tenant, rules, document, before_us, at_us)
    return Lesson(accounts, np.array([one in left for one in accounts.ids], dtype=np.bool_), before_us, at_us)


def failed_check(report: Report) -> str:
    """What stands against a model, for people; "" = nothing."""
    quality = report.held_out or report.validated
    where = "that were held out" if report.held_out is not None else "of the cross-validation"
    if not quality.auc_low > 0.5:
        told = f"AUC {quality.auc:.3f}, 95 % interval from {quality.auc_low:.3f}"
        return f"on accounts {where} it is not surely better than a coin ({told})"
    rate = quality.churned / quality.accounts
    if quality.brier >= rate * (1 - rate):
        return (
            f"on accounts {where} it is no better than the same probability for all (Brier score {quality.brier:.3f})"
        )
    return ""


def _together(parts: list[Accounts], features: tuple[str, ...]) -> Accounts:
    ids = tuple(one for part in parts for one in part.ids)
    columns: dict[str, Column] = {}
    for name in features if parts else ():
        found = [part.columns[name] for part in parts]
        if isinstance(found[0], Numbers):
            columns[name] = Numbers(np.concatenate([one.values for one in found if isinstance(one, Numbers)]))
        else:
            columns[name] = _joined([one for one in found if isinstance(one, Texts)])
    return Accounts(ids, columns)


def _joined(parts: list[Texts]) -> Texts:
    """Texts of several parts over the levels of all."""
    levels = tuple(sorted({level for part in parts for level in part.levels}))
    places = {level: place for place, level in enumerate(levels)}
    moved = [np.array([*(places[level] for level in part.levels), -1], dtype=np.int32)[part.codes] for part in parts]
    return Texts(np.concatenate(moved), levels)
