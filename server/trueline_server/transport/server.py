"""The grpc.aio server: which services it offers, its limits, health and reflection."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import grpc
from grpc_reflection.v1alpha import reflection
from trueline.v1 import (
    alert_service_pb2,
    alert_service_pb2_grpc,
    attribution_service_pb2,
    attribution_service_pb2_grpc,
    checkpoint_service_pb2,
    checkpoint_service_pb2_grpc,
    churn_service_pb2,
    churn_service_pb2_grpc,
    compliance_service_pb2,
    compliance_service_pb2_grpc,
    fact_service_pb2,
    fact_service_pb2_grpc,
    ingest_service_pb2,
    ingest_service_pb2_grpc,
    kpi_service_pb2,
    kpi_service_pb2_grpc,
    metric_service_pb2,
    metric_service_pb2_grpc,
    operation_service_pb2,
    operation_service_pb2_grpc,
    rule_service_pb2,
    rule_service_pb2_grpc,
    scoring_service_pb2,
    scoring_service_pb2_grpc,
    study_service_pb2,
    study_service_pb2_grpc,
    system_service_pb2,
    system_service_pb2_grpc,
)

from trueline_server.settings import SettingError, split_address
from trueline_server.transport.guard import Guard
from trueline_server.transport.health import Health

# All of Trueline's services: full name -> the function that registers its servicer.
SERVICES: Mapping[str, Callable[[Any, Any], None]] = {
    ingest_service_pb2.DESCRIPTOR.services_by_name["IngestService"].full_name: (
        ingest_service_pb2_grpc.add_IngestServiceServicer_to_server
    ),
    metric_service_pb2.DESCRIPTOR.services_by_name["MetricService"].full_name: (
        metric_service_pb2_grpc.add_MetricServiceServicer_to_server
    ),
    kpi_service_pb2.DESCRIPTOR.services_by_name["KpiService"].full_name: (
        kpi_service_pb2_grpc.add_KpiServiceServicer_to_server
    ),
    fact_service_pb2.DESCRIPTOR.services_by_name["FactService"].full_name: (
        fact_service_pb2_grpc.add_FactServiceServicer_to_server
    ),
    rule_service_pb2.DESCRIPTOR.services_by_name["RuleService"].full_name: (
        rule_service_pb2_grpc.add_RuleServiceServicer_to_server
    ),
    alert_service_pb2.DESCRIPTOR.services_by_name["AlertService"].full_name: (
        alert_service_pb2_grpc.add_AlertServiceServicer_to_server
    ),
    checkpoint_service_pb2.DESCRIPTOR.services_by_name["CheckpointService"].full_name: (
        checkpoint_service_pb2_grpc.add_CheckpointServiceServicer_to_server
    ),
    compliance_service_pb2.DESCRIPTOR.services_by_name["ComplianceService"].full_name: (
        compliance_service_pb2_grpc.add_ComplianceServiceServicer_to_server
    ),
    study_service_pb2.DESCRIPTOR.services_by_name["StudyService"].full_name: (
        study_service_pb2_grpc.add_StudyServiceServicer_to_server
    ),
    churn_service_pb2.DESCRIPTOR.services_by_name["ChurnService"].full_name: (
        churn_service_pb2_grpc.add_ChurnServiceServicer_to_server
    ),
    attribution_service_pb2.DESCRIPTOR.services_by_name["AttributionService"].full_name: (
        attribution_service_pb2_grpc.add_AttributionServiceServicer_to_server
    ),
    scoring_service_pb2.DESCRIPTOR.services_by_name["ScoringService"].full_name: (
        scoring_service_pb2_grpc.add_ScoringServiceServicer_to_server
    ),
    operation_service_pb2.DESCRIPTOR.services_by_name["OperationService"].full_name: (
        operation_service_pb2_grpc.add_OperationServiceServicer_to_server
    ),
    system_service_pb2.DESCRIPTOR.services_by_name["SystemService"].full_name: (
        system_service_pb2_grpc.add_SystemServiceServicer_to_server
    ),
}


def make_server(guard: Guard, health: Health, servicers: Mapping[str, object], max_bytes_per_call: int) -> Any:
    """A grpc.aio server, not started, that offers the servicers (full service name -> servicer), health, reflection."""
    server = grpc.aio.server(interceptors=[guard], options=_options(max_bytes_per_call))
    for name, servicer in servicers.items():
        SERVICES[name](servicer, server)
    health.add_to(server)
    reflection.enable_server_reflection((*servicers, "grpc.health.v1.Health", reflection.SERVICE_NAME), server)
    return server


def listen(server: Any, address: str) -> str:
    """Bind the server; answers host:port with the port that was picked for 0.

    Raises:
        SettingError: the address cannot be bound, usually because another process listens there.

    """
    host, _ = split_address(address)
    try:
        port = server.add_insecure_port(address)
    except RuntimeError as error:
        raise SettingError(
            f"cannot listen on {address}: another process may hold the port. "
            "Choose another with --listen or TRUELINE_ADDRESS; port 0 picks a free one."
        ) from error
    return f"{host}:{port}"


def _options(max_bytes_per_call: int) -> list[tuple[str, int]]:
    return [
        # Room above the limit of a batch: an oversized one is read and refused with BATCH_TOO_LARGE and its numbers,
        # where grpc itself would only say that a message is too large. Far larger ones are not read.
        ("grpc.max_receive_message_length", 2 * max_bytes_per_call + 4 * 1024 * 1024),
        # Otherwise Linux lets a second server share the port, and calls land on either.
        ("grpc.so_reuseport", 0),
        # A watcher whose machine vanished is noticed within a minute.
        ("grpc.keepalive_time_ms", 40_000),
        ("grpc.keepalive_timeout_ms", 20_000),
        # Clients may keep quiet streams alive as often as every ten seconds.
        ("grpc.http2.min_recv_ping_interval_without_data_ms", 10_000),
        ("grpc.keepalive_permit_without_calls", 1),
    ]
