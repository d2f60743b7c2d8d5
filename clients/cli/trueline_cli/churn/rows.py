"""Answers about churn as plain rows: what CSV has."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

Rows = tuple[Sequence[str], Iterable[Sequence[object]]]


def _predictions(found: Any) -> Rows:
    header = ("account", "probability", "coverage", "method", "model", "segment", "intervention")
    return header, [
        (one.id, o.probability, one.coverage, o.method, o.model_id, o.segment, o.intervention)
        for one in found.predictions
        for o in [one.outlook]
    ]


def _segments(found: Any) -> Rows:
    fields = ("name", "accounts", "mean_probability", "when", "intervention")
    return ("segment", *fields[1:]), [tuple(getattr(one, name) for name in fields) for one in found.segments]


def _drift(found: Any) -> Rows:
    header = ("feature", "psi", "ks", "verdict", "moved", "share_then", "share_now")
    return header, [tuple(getattr(one, name) for name in header) for one in found.features]


def _models(found: Any) -> Rows:
    header = ("id", "document", "trained_at", "active", "form", "accounts", "churned", "auc", "held_out_auc")
    return header, [tuple(getattr(one, name) for name in header) for one in found]


def _model(found: Any) -> Rows:
    """What the model learned: a row for each bin of each feature."""
    header = ("feature", "importance", "bin", "log_odds", "share")
    return header, [
        (shape.name, shape.importance, *cell)
        for shape in found.shapes
        for cell in zip(shape.bins, shape.log_odds, shape.shares, strict=True)
    ]


def _training(found: Any) -> Rows:
    return (("feature", "importance", "bin", "log_odds", "share"), ()) if found.model is None else _model(found.model)


def _survival(found: Any) -> Rows:
    header = ("group", "time", "at_risk", "left", "censored", "survival")
    return header, [
        (curve.group, *(getattr(step, name) for name in header[1:])) for curve in found for step in curve.steps
    ]


FLAT: Mapping[str, Callable[[Any], Rows]] = {
    "predictions": _predictions,
    "segments": _segments,
    "drift": _drift,
    "models": _models,
    "model": _model,
    "training": _training,
    "survival": _survival,
}
