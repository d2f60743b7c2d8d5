"""The ChurnService over the wire: statements and arithmetic on threads."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from trueline.v1 import churn_service_pb2 as pb
from trueline.v1 import churn_service_pb2_grpc

from trueline_server.churn.columns import Accounts
from trueline_server.churn.mapping import (
    map_drift_to_proto,
    map_model_to_proto,
    map_prediction_to_proto,
    map_segments_to_proto,
    map_table_from_proto,
)
from trueline_server.churn.operation import ChurnTraining
from trueline_server.churn.outlook import Foresight
from trueline_server.churn.reading import Raw, TableError
from trueline_server.churn.service import ChurnService, accounts_of
from trueline_server.churn.tables import (
    facts_of_rows,
    no_column,
    read_rows,
    require_features,
    row_ids,
    unknown_features,
)
from trueline_server.errors import invalid_field
from trueline_server.operations.mapping import map_operation_to_proto
from trueline_server.transport.progress import Progress
from trueline_server.transport.tenant import current_tenant
from trueline_server.transport.times import microseconds_of

_MOST_ROWS = 5_000


class ChurnServicer(churn_service_pb2_grpc.ChurnServiceServicer):
    """TrainChurnModel, GetChurnModel, ListChurnModels, PredictChurn, CheckChurnDrift, ListChurnSegments."""

    def __init__(self, service: ChurnService, training: ChurnTraining, progress: Progress) -> None:
        self._service = service
        self._training = training
        self._progress = progress

    async def TrainChurnModel(self, request: pb.TrainChurnModelRequest, context: Any) -> pb.TrainChurnModelResponse:
        """Begins an operation, once the events are in that it is to know of."""
        await self._progress.wait(request.min_position)
        operation = await asyncio.to_thread(self._training.begin, current_tenant(), request)
        return pb.TrainChurnModelResponse(operation=map_operation_to_proto(operation))

    async def GetChurnModel(self, request: pb.GetChurnModelRequest, context: Any) -> pb.GetChurnModelResponse:
        """All about a model."""
        tenant = current_tenant()

        def work() -> pb.ChurnModel:
            found = self._service.model(tenant, request.document, request.id)
            _, active = self._service.models(tenant, found.document)
            return map_model_to_proto(found, active=(found.document, found.id) in active)

        return pb.GetChurnModelResponse(model=await asyncio.to_thread(work))

    async def ListChurnModels(self, request: pb.ListChurnModelsRequest, context: Any) -> pb.ListChurnModelsResponse:
        """The models that are kept."""
        found, active = await asyncio.to_thread(self._service.models, current_tenant(), request.document)
        models = (map_model_to_proto(one, active=(one.document, one.id) in active).summary for one in found)
        return pb.ListChurnModelsResponse(models=models)

    async def PredictChurn(self, request: pb.PredictChurnRequest, context: Any) -> pb.PredictChurnResponse:
        """By facts and metrics, or by rows of a table."""
        if bool(request.account_ids) == request.HasField("table"):
            raise invalid_field("account_ids", "or table is needed, one of them")
        tenant = current_tenant()

        def work() -> pb.PredictChurnResponse:
            foresight = self._service.foresight(tenant, request.document, request.model_id)
            if request.HasField("table"):
                return self._by_rows(tenant, request, foresight)
            self._service.require_same_meaning(foresight)
            at_us = self._at_us(request)
            ids = list(dict.fromkeys(request.account_ids))
            found = self._service.outlooks(tenant, ids, foresight, at_us=at_us)
            return pb.PredictChurnResponse(
                predictions=[
                    map_prediction_to_proto(one, outlook, request.most_effects) for one, outlook in found.items()
                ],
                unknown_ids=[one for one in ids if one not in found],
            )

        return await asyncio.to_thread(work)

    async def CheckChurnDrift(self, request: pb.CheckChurnDriftRequest, context: Any) -> pb.CheckChurnDriftResponse:
        """Accounts of now, or of a table, against those that a model learned from."""
        tenant = current_tenant()

        def work() -> pb.CheckChurnDriftResponse:
            foresight = self._service.foresight(tenant, request.document, request.model_id)
            at_us = self._at_us(request)
            accounts: Accounts | None = None
            if request.HasField("table") and foresight.model is not None:
                columns = map_table_from_proto(request.table)
                rows = len(next(iter(columns.values())))
                _require_features(columns, foresight)
                accounts = read_rows(columns, foresight.model, row_ids(None, rows))
            else:
                self._service.require_same_meaning(foresight)
            count = self._service.drift(tenant, foresight, at_us=at_us, accounts=accounts)
            document = foresight.document
            return map_drift_to_proto(count, count.compared(document.shifted, document.drifted), foresight.model_id)

        return await asyncio.to_thread(work)

    async def ListChurnSegments(
        self, request: pb.ListChurnSegmentsRequest, context: Any
    ) -> pb.ListChurnSegmentsResponse:
        """All accounts by segment."""
        tenant = current_tenant()

        def work() -> pb.ListChurnSegmentsResponse:
            foresight = self._service.foresight(tenant, request.document, request.model_id)
            self._service.require_same_meaning(foresight)
            at_us = self._at_us(request)
            return map_segments_to_proto(foresight, self._service.segments(tenant, foresight, at_us=at_us))

        return await asyncio.to_thread(work)

    def _at_us(
        self, request: pb.PredictChurnRequest | pb.CheckChurnDriftRequest | pb.ListChurnSegmentsRequest
    ) -> int | None:
        return self._service.past(microseconds_of(request.at, "at")) if request.HasField("at") else None

    def _by_rows(self, tenant: str, request: pb.PredictChurnRequest, foresight: Foresight) -> pb.PredictChurnResponse:
        columns = map_table_from_proto(request.table)
        rows = len(next(iter(columns.values())))
        if rows > _MOST_ROWS:
            raise invalid_field("table", f"has {rows:,} rows, at most {_MOST_ROWS:,} are answered; send several calls")
        if request.id and request.id not in columns:
            raise invalid_field("id", no_column(request.id, columns))
        _require_features(columns, foresight)
        ids = row_ids(columns[request.id] if request.id else None, rows)
        document = self._service.known(tenant, request.document)
        types = {one.name: one.kind(document.rules.fact_types) for one in foresight.document.features}
        facts = facts_of_rows(columns, types, rows)
        if foresight.model is None:
            accounts = accounts_of(ids, facts, foresight.document.names)
        else:
            accounts = read_rows(columns, foresight.model, ids)
        outlooks = foresight.outlooks(accounts, facts)
        return pb.PredictChurnResponse(
            predictions=[
                map_prediction_to_proto(one, outlook, request.most_effects)
                for one, outlook in zip(ids, outlooks, strict=True)
            ],
            absent_features=unknown_features(accounts, foresight.features),
        )


def _require_features(columns: Mapping[str, Raw], foresight: Foresight) -> None:
    try:
        require_features(columns, foresight.features)
    except TableError as error:
        raise invalid_field(error.field, error.description) from error
