"""The SystemService over the wire: the status of the server, and how it reads files of events."""

from __future__ import annotations

import asyncio
import platform
from collections.abc import Callable
from importlib.metadata import version
from typing import Any, Protocol

from trueline.v1 import system_service_pb2 as pb
from trueline.v1 import system_service_pb2_grpc
from trueline_rules.loader import nearest, parse_mapping
from trueline_rules.model import EventMapping, FieldSource

from trueline_server.errors import TruelineError, invalid_field
from trueline_server.rules.in_force import RulesOf
from trueline_server.system.health import PartHealth
from trueline_server.system.status import SourceState, TenantState
from trueline_server.transport.progress import Progress
from trueline_server.transport.tenant import current_tenant
from trueline_server.transport.times import timestamp_of

DEFAULT_FILE_NAME = "mapping.yaml"
# Looking it up reads the files of the installed package.
_VERSION = version("trueline")


class StateReader(Protocol):
    """Reads the state of a tenant; called on a thread."""

    def read(self, tenant: str) -> TenantState:
        """The state of a tenant."""
        ...


class HealthReader(Protocol):
    """Reads the health of the parts; called on a thread."""

    def read(self, tenant: str) -> tuple[PartHealth, ...]:
        """The parts, as a tenant sees them."""
        ...


class SystemServicer(system_service_pb2_grpc.SystemServiceServicer):
    """GetSystemHealth, GetVersion, GetStatus, ResolveEventMapping."""

    def __init__(
        self,
        status: StateReader,
        health: HealthReader,
        log_end: Callable[[], int],
        progress: Progress,
        *,
        rules: RulesOf,
        started_at_us: int,
    ) -> None:
        """`log_end` answers the last position accepted; `started_at_us` is in microseconds since 1970."""
        self._status = status
        self._health = health
        self._log_end = log_end
        self._progress = progress
        self._rules = rules
        self._started_at_us = started_at_us

    async def GetSystemHealth(self, request: pb.GetSystemHealthRequest, context: Any) -> pb.GetSystemHealthResponse:
        """The parts, and whether all are well."""
        parts = await asyncio.to_thread(self._health.read, current_tenant())
        return pb.GetSystemHealthResponse(
            healthy=all(part.healthy for part in parts),
            parts=[pb.PartHealth(name=part.name, healthy=part.healthy, message=part.message) for part in parts],
        )

    async def GetVersion(self, request: pb.GetVersionRequest, context: Any) -> pb.GetVersionResponse:
        """What runs."""
        return pb.GetVersionResponse(
            version=_VERSION,
            python_version=platform.python_version(),
            started_at=timestamp_of(self._started_at_us),
            rule_revision=self._rules(current_tenant()).revision,
        )

    async def GetStatus(self, request: pb.GetStatusRequest, context: Any) -> pb.GetStatusResponse:
        """The status, for the tenant of the caller."""
        await self._progress.wait(request.min_position)
        processed = self._progress.position
        state = await asyncio.to_thread(self._status.read, current_tenant())
        accepted = await asyncio.to_thread(self._log_end)
        return pb.GetStatusResponse(
            version=_VERSION,
            started_at=timestamp_of(self._started_at_us),
            accepted_position=accepted,
            processed_position=processed,
            events=state.events,
            sources=[_map_source(source) for source in state.sources],
            rule_revision=self._rules(current_tenant()).revision,
            synthetic=state.synthetic,
        )

    async def ResolveEventMapping(
        self, request: pb.ResolveEventMappingRequest, context: Any
    ) -> pb.ResolveEventMappingResponse:
        """A mapping by its name, or read from the text of a file."""
        chosen = request.WhichOneof("mapping")
        if chosen is None:
            raise invalid_field("mapping", "must have one of name and yaml set")
        if chosen == "yaml":
            # Reading a large file takes a while, so it does not hold up the loop.
            read = await asyncio.to_thread(parse_mapping, request.yaml, request.file_name or DEFAULT_FILE_NAME)
            return map_mapping_to_proto(read)
        mappings = self._rules(current_tenant()).mappings
        mapping = mappings.get(request.name)
        if mapping is None:
            near = nearest(request.name, mappings)
            raise TruelineError(
                "NOT_FOUND",
                "UNKNOWN_MAPPING",
                f"no event mapping has the name '{request.name}'"
                + (f"; did you mean '{near}'?" if near else "; send the text of a mapping file instead"),
                metadata={"mapping": request.name} | ({"nearest": near} if near else {}),
            )
        return map_mapping_to_proto(mapping)


def map_mapping_to_proto(mapping: EventMapping) -> pb.ResolveEventMappingResponse:
    """The part of a mapping that reads files."""
    return pb.ResolveEventMappingResponse(
        name=mapping.metadata.name,
        fields={name: _map_field(source) for name, source in mapping.fields.items()},
        properties={key: _map_field(source) for key, source in mapping.properties.items()},
        properties_object=mapping.properties_object,
    )


def _map_field(source: FieldSource) -> pb.FieldSource:
    return pb.FieldSource(
        column=source.column,
        constant=source.constant,
        required=source.required,
        type=source.type,
        format=source.format,
        absent=source.absent,
    )


def _map_source(source: SourceState) -> pb.SourceStatus:
    return pb.SourceStatus(
        source=source.source,
        events=source.events,
        # A source may have an end mark and no event.
        latest_event_at=timestamp_of(source.latest_event_us) if source.events else None,
        watermark=timestamp_of(source.watermark_us) if source.events else None,
        last_accepted_at=timestamp_of(source.last_accepted_us),
        finished=source.finished,
    )
