"""Churn on a real telephone company's customers, against scikit-learn's metrics and what others came to."""

from __future__ import annotations

import csv
import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from trueline_server.churn import metrics
from trueline_server.churn.columns import Numbers, Texts
from trueline_server.churn.fitting.training import Held, train
from trueline_server.churn.model import Trained
from trueline_server.churn.survival import kaplan_meier
from trueline_server.churn.tables import Labelled, read_labelled

from tests.oracles.reading import rows

pytestmark = pytest.mark.oracle


@pytest.fixture(scope="module")
def folder(data_dir: Path) -> Path:
    """Folder of the real customers."""
    return data_dir / "churn"


def _columns(path: Path) -> dict[str, list[str]]:
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        found = list(csv.DictReader(file))
    return {name: [row[name] for row in found] for name in found[0]}


@pytest.fixture(scope="module")
def telco(folder: Path) -> Labelled:
    """The customers that are learned from; label and ids are found by their names."""
    found = read_labelled(_columns(folder / "telco_train.csv.gz"))
    assert (found.label, found.id, len(found.accounts)) == ("Churn", "customerID", 3651)
    charges = found.accounts.columns["TotalCharges"]
    assert isinstance(charges, Numbers), "blanks among them are missing numbers"
    assert charges.missing.any()
    return found


@pytest.fixture(scope="module")
def trained(telco: Labelled, folder: Path) -> Trained:
    """A model of them, judged by others."""
    test = read_labelled(_columns(folder / "telco_test.csv.gz"))
    found = train(telco.accounts, telco.labels, held=Held(test.accounts, test.labels), notes=telco.notes)
    assert isinstance(found, Trained)
    return found


def test_metrics_of_given_scores_are_those_of_the_oracle(folder: Path) -> None:
    """To 1e-9: ranks, errors, calibration bins, confusions."""
    scores = _columns(folder / "scores_logreg.csv.gz")
    labels = np.array([value == "1" for value in scores["churn"]])
    found = np.array([float(value) for value in scores["score"]])
    oracle: dict[str, Any] = json.loads((folder / "oracle_metrics_on_scores.json").read_text())
    bins = metrics.calibration(labels, found)
    told = {
        "roc_auc": metrics.roc_auc(labels, found),
        "pr_auc": metrics.pr_auc(labels, found),
        "brier": metrics.brier(labels, found),
        "log_loss": metrics.log_loss(labels, found),
        "lift_top_decile": metrics.lift(labels, found),
        "ks": metrics.ks(labels, found),
        "gini": metrics.gini(labels, found),
        "ece_10": metrics.calibration_error(bins),
    }
    for name, value in told.items():
        assert value == pytest.approx(oracle[name], abs=1e-9), name
    for one, expected in zip(bins, oracle["calibration_10_bins"], strict=True):
        assert one.accounts == expected["n"]
        assert one.mean_score == pytest.approx(expected["mean_score"], abs=1e-9)
        assert one.churn_rate == pytest.approx(expected["churn_rate"], abs=1e-9)
    for threshold in (0.3, 0.5, 0.7):
        confusion, expected = metrics.confusion(labels, found, threshold), oracle[f"at_{threshold}"]
        four = (confusion.true_positives, confusion.false_positives)
        assert (*four, confusion.true_negatives, confusion.false_negatives) == tuple(
            expected[name] for name in ("tp", "fp", "tn", "fn")
        )
        for name in ("precision", "recall", "f1"):
            assert getattr(confusion, name) == pytest.approx(expected[name], abs=1e-9)


def test_the_model_is_as_good_as_published_ones(trained: Trained) -> None:
    """AUC, Brier score and lift at the level that others report, by cross-validation and on others."""
    validated, held = trained.report.validated, trained.report.held_out
    assert held is not None
    chosen = next(one for one in trained.report.candidates if one.chosen)
    assert chosen.auc >= 0.84
    assert (validated.auc >= 0.84, validated.brier <= 0.140, validated.lift >= 2.6) == (True, True, True)
    assert (held.auc >= 0.83, held.brier <= 0.140, held.lift >= 2.6) == (True, True, True)
    assert held.auc == pytest.approx(0.8667, abs=0.01), "what logistic regression and boosting come to there"
    assert validated.calibration_error < 0.03


def test_the_model_knows_what_makes_customers_leave(trained: Trained) -> None:
    """New customers, contracts from month to month and fiber leave; nothing is left out of this table."""
    shapes = {shape.name: shape for shape in trained.report.shapes}
    assert [shape.name for shape in trained.report.shapes][:3] == ["tenure", "Contract", "InternetService"]
    by_contract = dict(zip(shapes["Contract"].bins, shapes["Contract"].log_odds, strict=True))
    assert by_contract["Month-to-month"] > by_contract["One year"] > by_contract["Two year"]
    assert shapes["tenure"].log_odds[0] > 1 > -1 > shapes["tenure"].log_odds[-1]
    assert trained.report.notes == ()


def test_tenure_survives_as_kaplan_and_meier_say(telco: Labelled, folder: Path) -> None:
    """At risk, left, censored and the share that stays, month by month."""
    tenure = telco.accounts.columns["tenure"]
    assert isinstance(tenure, Numbers)
    found = kaplan_meier(tenure.values, telco.labels)
    expected = rows(folder / "oracle_kaplan_meier.csv")
    assert len(found.steps) == len(expected)
    for step, row in zip(found.steps, expected, strict=True):
        told = (int(step.time), step.at_risk, step.left, step.censored)
        assert told == tuple(int(row[name]) for name in ("tenure", "at_risk", "churned", "censored"))
        assert step.survival == pytest.approx(float(row["survival"]), abs=1e-8)


def test_segments_leave_at_the_rates_of_the_oracle(telco: Labelled, folder: Path) -> None:
    """Customers and those who left, by value of each column of texts."""
    checked = 0
    for row in rows(folder / "oracle_segment_churn.csv"):
        column = telco.accounts.columns.get(row["segment"])
        if not isinstance(column, Texts):
            continue
        mask = column.codes == column.levels.index(row["value"])
        assert (int(mask.sum()), int(telco.labels[mask].sum())) == (int(row["customers"]), int(row["churned"]))
        checked += 1
    assert checked >= 6
