"""Trains a churn model: screens, holds out, chooses, calibrates, fits on all, and tells how good it is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

from trueline_server.churn.assessing import assess
from trueline_server.churn.columns import Accounts, Flags
from trueline_server.churn.fitting.candidates import added
from trueline_server.churn.fitting.choosing import FOLDS, Choice, choose, steps
from trueline_server.churn.fitting.making import make_model, shapes_of
from trueline_server.churn.model import Insufficient, Quality, Report, Trained
from trueline_server.churn.screening import Note, screen

MOST_ACCOUNTS = 200_000
# Of 20,000 accounts 500 features take minutes.
MOST_FEATURES = 500
# The choice is cross-validated on at most so many; what it comes to is fitted on all.
MOST_CHOSEN_ON = 20_000
HELD_SHARE = 0.2
_FEWEST_HELD = 30

Telling = Callable[[int, int, str], None]


@dataclass(frozen=True, slots=True)
class Needed:
    """Below these there is nothing to learn from: accounts in all, and of each class."""

    accounts: int = 200
    of_each_class: int = 30


@dataclass(frozen=True, slots=True)
class Held:
    """Accounts that a model is judged by and does not learn from."""

    accounts: Accounts
    labels: Flags


def train(
    accounts: Accounts,
    labels: Flags,
    *,
    seed: int = 0,
    needed: Needed = Needed(),
    keep: AbstractSet[str] = frozenset(),
    held: Held | None = None,
    notes: Sequence[Note] = (),
    tell: Telling = lambda *_: None,
) -> Trained | Insufficient:
    """Train a model, or say why there is too little to learn from. The same input gives the same bytes.

    Args:
        accounts: what is known of them; of more than 200,000 so many are drawn.
        labels: who left, (n,).
        seed: of all that is drawn.
        needed: the least there must be.
        keep: columns that stay whatever they are like, see `screen`.
        held: accounts to judge the model by; None = a fifth of those given, where enough of each class are in it.
        notes: what is known of the data already; it stands before what is found.
        tell: told (steps done, steps in all, what comes now); may raise to end the work.

    """
    # The order of accounts must not matter: it would else change who is in which fold.
    order = np.array(sorted(range(len(accounts)), key=accounts.ids.__getitem__), dtype=np.intp)
    notes = list(notes)
    if len(order) > MOST_ACCOUNTS:
        order = np.sort(np.random.default_rng(seed).permutation(order)[:MOST_ACCOUNTS])
        notes.append(Note("", "rows", f"{MOST_ACCOUNTS:,} of {len(accounts):,} accounts were drawn to learn from"))
    accounts, labels = accounts.take(order), labels[order]
    churned = int(labels.sum())
    reason = _too_little(len(labels), churned, needed)
    if reason:
        return Insufficient(reason, len(labels), churned, tuple(notes))
    screened = screen(accounts, labels, keep=keep)
    notes += screened.notes
    accounts = screened.accounts
    if not accounts.columns:
        told = "; ".join(f"{note.feature}, {note.text}" for note in screened.notes) or "there is none but label and id"
        return Insufficient(f"no feature is left to learn from: {told}", len(labels), churned, tuple(notes))
    if len(accounts.columns) > MOST_FEATURES:
        told = f"there are {len(accounts.columns)} features, at most {MOST_FEATURES} are learned from"
        return Insufficient(f"{told}; take out those that matter least", len(labels), churned, tuple(notes))
    # One thread: the order of sums then is the same on every machine, and the server's other work goes on.
    with threadpool_limits(limits=1):
        return _trained(accounts, labels, seed, held, notes=notes, tell=tell)


def _too_little(accounts: int, churned: int, needed: Needed) -> str:
    if not accounts:
        return "there is no account to learn from"
    if churned in (0, accounts):
        return f"all {accounts:,} accounts {'left' if churned else 'stayed'}, so nothing tells one kind from the other"
    if accounts < needed.accounts:
        return f"there are {accounts:,} accounts, {needed.accounts:,} are needed"
    fewer, kind = min((churned, "left"), (accounts - churned, "stayed"))
    if fewer < needed.of_each_class:
        return f"only {fewer:,} of {accounts:,} accounts {kind}, {needed.of_each_class:,} are needed"
    return ""


def _trained(
    accounts: Accounts, labels: Flags, seed: int, held: Held | None, *, notes: list[Note], tell: Telling
) -> Trained:
    done, total = 0, steps() + 2

    def go_on(message: str) -> None:
        nonlocal done
        tell(done, total, message)
        done += 1

    inner = np.arange(len(labels))
    if held is None:
        outer = _drawn(labels, seed)
        if outer is not None:
            held = Held(accounts.take(outer), labels[outer])
            inner = np.setdiff1d(inner, outer)
        else:
            told = f"none were held out: of a fifth of the accounts fewer than {_FEWEST_HELD} would be of one class"
            notes.append(Note("", "rows", told))
    choice_rows = inner
    if len(inner) > MOST_CHOSEN_ON:
        choice_rows = np.sort(np.random.default_rng(seed + 1).permutation(inner)[:MOST_CHOSEN_ON])
        told = f"the form was chosen by cross-validation on {MOST_CHOSEN_ON:,} accounts that were drawn"
        notes.append(Note("", "rows", told))
    choice = choose(accounts.take(choice_rows), labels[choice_rows], seed, go_on)
    go_on("judges the model on accounts that took no part")
    held_out = _judged(choice, accounts.take(inner), labels[inner], held, seed)
    go_on("fits the model on all accounts")
    form, setting = choice.chosen.form, choice.chosen.setting
    model = make_model(form.name, form.learn(accounts, labels, setting, seed=seed), choice.platt, accounts)
    moved, scale = choice.platt
    report = Report(
        accounts=len(labels),
        churned=int(labels.sum()),
        candidates=choice.candidates,
        folds=FOLDS,
        validated=assess(labels[choice_rows], moved + scale * choice.chosen.log_odds),
        held_out=held_out,
        recalibrated=choice.platt != (0.0, 1.0),
        shapes=shapes_of(model, accounts),
        notes=tuple(notes),
    )
    return Trained(model, report)


def _drawn(labels: Flags, seed: int) -> npt.NDArray[np.intp] | None:
    """A fifth of each class, sorted; None where that is too few to judge by."""
    drawn = np.random.default_rng(seed + 2)
    parts = [drawn.permutation(np.flatnonzero(labels == kind)) for kind in (False, True)]
    sizes = [int(len(part) * HELD_SHARE) for part in parts]
    if min(sizes) < _FEWEST_HELD:
        return None
    return np.sort(np.concatenate([part[:size] for part, size in zip(parts, sizes, strict=True)]))


def _judged(choice: Choice, accounts: Accounts, labels: Flags, held: Held | None, seed: int) -> Quality | None:
    """How a model of the others does on those held out, as the final one is made."""
    if held is None or not 0 < int(held.labels.sum()) < len(held.labels):
        return None
    learned = choice.chosen.form.learn(accounts, labels, choice.chosen.setting, seed=seed)
    moved, scale = choice.platt
    return assess(held.labels, moved + scale * added(learned, held.accounts.only(tuple(accounts.columns))))
