"""A fitted model: data that predicts and explains without the library that fitted it, and its bytes. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from trueline_server.churn.columns import Accounts, Column, Floats, Numbers, Texts, absent
from trueline_server.churn.effects import Bins, Effect, LevelBins, Line, NumberBins, PairTable, Table

FORMAT = 1


@dataclass(frozen=True, slots=True)
class Profile:
    """How a feature was spread over the accounts that a model learned from: shares by bin, which add up to 1.

    Attributes:
        feature: its name.
        bins, shares: ranges or texts, and the share of the accounts in each.
        way: how its numbers were written in the table, see Numbers; "" = plainly, or it was no table.
        meaning: where its value was from, see ChurnFeature; "" = a table.

    """

    feature: str
    bins: Bins
    shares: tuple[float, ...]
    way: str = ""
    meaning: str = ""


@dataclass(frozen=True, slots=True)
class FittedModel:
    """A sum of effects on the log-odds of churn.

    Attributes:
        form: "logistic", "additive" or "pairwise".
        intercept: log-odds of the average account; each effect is 0 on average over the accounts it learned from.
        effects: tables and lines.
        profiles: how each feature was spread, to tell drift.
        score_edges: ascending probabilities that cut the scores of these accounts into tenths, (9,) at most.
        score_shares: shares of these accounts between the edges.
        among: condition that these accounts met; "" = none, or they were a table.

    """

    form: str
    intercept: float
    effects: tuple[Effect, ...]
    profiles: tuple[Profile, ...]
    score_edges: tuple[float, ...]
    score_shares: tuple[float, ...]
    among: str = ""

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the features."""
        return tuple(profile.feature for profile in self.profiles)

    def meaning(self, meanings: Mapping[str, str], among: str) -> FittedModel:
        """The same model that tells where the values of its features were from, by feature, and of which accounts."""
        profiles = tuple(replace(one, meaning=meanings[one.feature]) for one in self.profiles)
        return replace(self, profiles=profiles, among=among)

    def columns(self, accounts: Accounts) -> Mapping[str, Column]:
        """The columns that it reads; one that is not there is missing."""
        found = {}
        for profile in self.profiles:
            kind = Numbers if isinstance(profile.bins, NumberBins) else Texts
            column = accounts.columns.get(profile.feature)
            found[profile.feature] = absent(kind, len(accounts)) if column is None else column
        return found

    def log_odds(self, accounts: Accounts) -> Floats:
        """Log-odds of churn, (n,)."""
        columns = self.columns(accounts)
        found = np.full(len(accounts), self.intercept)
        # One by one in their order, as SQL adds them, so that both come to the same.
        for effect in self.effects:
            found = found + effect.add(columns)
        return found

    def probabilities(self, accounts: Accounts) -> Floats:
        """Probabilities of churn, (n,)."""
        return sigmoid(self.log_odds(accounts))

    def explained(self, accounts: Accounts) -> Floats:
        """Log-odds that each effect adds for each account, (n, effects); with the intercept they add up to all."""
        columns = self.columns(accounts)
        added = [effect.add(columns) for effect in self.effects]
        return np.column_stack(added) if added else np.zeros((len(accounts), 0))


def sigmoid(log_odds: Floats) -> Floats:
    """Probabilities of log-odds."""
    found: Floats = 1.0 / (1.0 + np.exp(-np.clip(log_odds, -700.0, 700.0)))
    return found


def model_id(content: bytes) -> str:
    """The id of a model: a digest of its bytes."""
    return "churn-" + hashlib.blake2b(content, digest_size=8).hexdigest()


def write_model(model: FittedModel) -> bytes:
    """A model as JSON: the same bytes for the same model."""
    written = {
        "format": FORMAT,
        "form": model.form,
        "intercept": model.intercept,
        "effects": [_write_effect(effect) for effect in model.effects],
        "profiles": [_write_profile(one) for one in model.profiles],
        "score": {"edges": model.score_edges, "shares": model.score_shares},
    }
    if model.among:
        written["among"] = model.among
    return json.dumps(written, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def read_model(content: bytes) -> FittedModel:
    """A model from its JSON.

    Raises:
        ValueError: it is of a format that is not known here.

    """
    read = json.loads(content)
    if read["format"] != FORMAT:
        raise ValueError(f"the model has format {read['format']}, known here is {FORMAT}; train it again")
    return FittedModel(
        form=read["form"],
        intercept=read["intercept"],
        effects=tuple(_read_effect(effect) for effect in read["effects"]),
        profiles=tuple(
            Profile(
                one["feature"],
                _read_bins(one["bins"]),
                tuple(one["shares"]),
                one.get("way", ""),
                one.get("meaning", ""),
            )
            for one in read["profiles"]
        ),
        score_edges=tuple(read["score"]["edges"]),
        score_shares=tuple(read["score"]["shares"]),
        among=read.get("among", ""),
    )


def _write_profile(profile: Profile) -> dict[str, Any]:
    written = {"feature": profile.feature, "bins": _write_bins(profile.bins), "shares": profile.shares}
    more = {"way": profile.way, "meaning": profile.meaning}
    return written | {key: value for key, value in more.items() if value}


def _write_bins(bins: Bins) -> dict[str, Any]:
    return {"edges": bins.edges} if isinstance(bins, NumberBins) else {"levels": bins.levels}


def _read_bins(read: Mapping[str, Any]) -> Bins:
    return NumberBins(tuple(read["edges"])) if "edges" in read else LevelBins(tuple(read["levels"]))


def _write_effect(effect: Effect) -> dict[str, Any]:
    match effect:
        case Line():
            fields = ("feature", "low", "high", "at_low", "slope", "missing")
            return {name: getattr(effect, name) for name in fields}
        case Table():
            return {"feature": effect.feature, "bins": _write_bins(effect.bins), "values": effect.values}
        case PairTable():
            bins = [_write_bins(one) for one in effect.bins]
            return {"features": effect.features, "bins": bins, "values": effect.values}


def _read_effect(read: Mapping[str, Any]) -> Effect:
    if "features" in read:
        first, second = read["features"]
        bins = (_read_bins(read["bins"][0]), _read_bins(read["bins"][1]))
        return PairTable((first, second), bins, tuple(tuple(row) for row in read["values"]))
    if "bins" in read:
        return Table(read["feature"], _read_bins(read["bins"]), tuple(read["values"]))
    return Line(**read)
