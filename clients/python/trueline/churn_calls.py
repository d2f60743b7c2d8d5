"""Each call of the ChurnService as a value; see `trueline.calls`."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import TypeAlias
from uuid import uuid4

from trueline import churn, mapping, operations
from trueline.calls import Call, built
from trueline.churn import ChurnDrift, ChurnModel, ChurnModelSummary, ChurnPredictions, ChurnSegments
from trueline.operations import Operation
from trueline.v1 import churn_service_pb2 as pb

_SERVICE = "ChurnService"

# Columns of a table by name; None and NaN = missing.
ChurnTable: TypeAlias = Mapping[str, Sequence[str | float | bool | date | None]]


@built
def train_churn_model(
    *,
    document: str,
    table: ChurnTable | None,
    label: str,
    id: str,  # noqa: A002 as the contract calls it
    churned: str,
    keep: Sequence[str],
    seed: int,
    at: datetime | None,
    min_position: int,
    request_id: str,
) -> Call[Operation]:
    """TrainChurnModel; a call that is tried again begins nothing twice."""
    request = pb.TrainChurnModelRequest(
        document=document,
        table=None if table is None else table_to_proto(table),
        label=label,
        id=id,
        churned=churned,
        keep=keep,
        seed=seed,
        at=mapping.timestamp(at),
        min_position=min_position,
        request_id=request_id or str(uuid4()),
    )
    return Call(_SERVICE, "TrainChurnModel", request, lambda answers: operations.operation(answers[0].operation))


@built
def get_churn_model(id: str, document: str) -> Call[ChurnModel]:  # noqa: A002
    """GetChurnModel."""
    request = pb.GetChurnModelRequest(id=id, document=document)
    return Call(_SERVICE, "GetChurnModel", request, lambda answers: churn.model(answers[0].model))


@built
def list_churn_models(document: str) -> Call[tuple[ChurnModelSummary, ...]]:
    """ListChurnModels."""
    request = pb.ListChurnModelsRequest(document=document)
    return Call(
        _SERVICE, "ListChurnModels", request, lambda answers: tuple(churn.summary(one) for one in answers[0].models)
    )


@built
def predict_churn(
    account_ids: Sequence[str],
    *,
    table: ChurnTable | None,
    id: str,  # noqa: A002
    document: str,
    model_id: str,
    at: datetime | None,
    most_effects: int,
) -> Call[ChurnPredictions]:
    """PredictChurn."""
    request = pb.PredictChurnRequest(
        document=document,
        model_id=model_id,
        account_ids=account_ids,
        table=None if table is None else table_to_proto(table),
        id=id,
        at=mapping.timestamp(at),
        most_effects=most_effects,
    )
    return Call(_SERVICE, "PredictChurn", request, lambda answers: churn.predictions(answers[0]))


@built
def check_churn_drift(
    *, document: str, model_id: str, table: ChurnTable | None, at: datetime | None
) -> Call[ChurnDrift]:
    """CheckChurnDrift."""
    request = pb.CheckChurnDriftRequest(
        document=document,
        model_id=model_id,
        table=None if table is None else table_to_proto(table),
        at=mapping.timestamp(at),
    )
    return Call(_SERVICE, "CheckChurnDrift", request, lambda answers: churn.drift(answers[0]))


@built
def list_churn_segments(*, document: str, model_id: str, at: datetime | None) -> Call[ChurnSegments]:
    """ListChurnSegments."""
    request = pb.ListChurnSegmentsRequest(document=document, model_id=model_id, at=mapping.timestamp(at))
    return Call(_SERVICE, "ListChurnSegments", request, lambda answers: churn.segments(answers[0]))


def table_to_proto(table: ChurnTable) -> pb.ChurnTable:
    """A table by columns, each text once.

    Raises:
        ValueError: columns are of different lengths.

    """
    lengths = {name: len(values) for name, values in table.items()}
    if len(set(lengths.values())) > 1:
        told = ", ".join(f"{name} {length:,}" for name, length in list(lengths.items())[:8])
        raise ValueError(f"columns of a table have as many rows as each other, these have: {told}")
    columns = []
    for name, values in table.items():
        places: dict[str, int] = {}
        codes = []
        for value in values:
            text = _text(value)
            codes.append(0 if text is None else places.setdefault(text, len(places) + 1))
        columns.append(pb.ChurnColumn(name=name, levels=places, codes=codes))
    return pb.ChurnTable(columns=columns)


def _text(value: str | float | bool | date | None) -> str | None:
    match value:
        case None:
            return None
        case bool():
            return "true" if value else "false"
        case float() if not math.isfinite(value):
            return None
        case date():
            return value.isoformat()
        case str():
            return value
        case _:
            return repr(value) if isinstance(value, float) else str(value)
