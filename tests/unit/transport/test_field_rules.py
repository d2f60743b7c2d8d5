"""Rules beside the fields of the contract, checked from their descriptors."""

import math

import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import Message
from trueline.v1 import constraints_pb2, ingest_service_pb2, kpi_service_pb2, metric_service_pb2, system_service_pb2
from trueline_server.errors import TruelineError
from trueline_server.transport.field_rules import FieldRules

LONG = "x" * 129
UMLAUTS = "ö" * 65


@pytest.mark.parametrize(
    ("request_", "violations"),
    [
        (metric_service_pb2.QueryMetricRequest(metric="dau"), []),
        (metric_service_pb2.QueryMetricRequest(), [("metric", "is required")]),
        (
            metric_service_pb2.QueryMetricRequest(metric=LONG, page_size=-1),
            [("metric", "is 129 bytes long; at most 128 are allowed"), ("page_size", "is -1; it must be at least 0")],
        ),
        (
            metric_service_pb2.QueryMetricRequest(metric=UMLAUTS),
            [("metric", "is 130 bytes long; at most 128 are allowed")],
        ),
        (
            metric_service_pb2.WatchMetricsRequest(metrics=["a", LONG]),
            [("metrics[1]", "is 129 bytes long; at most 128 are allowed")],
        ),
        (
            metric_service_pb2.WatchMetricsRequest(metrics=["a"] * 101),
            [("metrics", "has 101 elements; at most 100 are allowed")],
        ),
        (ingest_service_pb2.IngestEventsRequest(), [("events", "is required")]),
        (ingest_service_pb2.IngestColumnsRequest(), [("columns", "is required")]),
        (ingest_service_pb2.FinishImportRequest(source=""), [("source", "is required")]),
        (kpi_service_pb2.ListKpisRequest(page_size=-5), [("page_size", "is -5; it must be at least 0")]),
        (
            system_service_pb2.ResolveEventMappingRequest(name=LONG),
            [("name", "is 129 bytes long; at most 128 are allowed")],
        ),
        (system_service_pb2.ResolveEventMappingRequest(yaml=LONG), []),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Message) else "",
)
def test_requests_of_the_contract(request_: Message, violations: list[tuple[str, str]]) -> None:
    """Each broken rule is told once, with the path of its field, in the order of the fields."""
    assert list(FieldRules().violations(request_)) == violations


def test_events_inside_a_batch_are_left_to_ingestion() -> None:
    """A bad event in a batch does not refuse the batch, whichever way the batch is carried."""
    rules = FieldRules()

    for request in (
        ingest_service_pb2.IngestEventsRequest(events=[{}]),
        ingest_service_pb2.IngestColumnsRequest(columns={}),
        ingest_service_pb2.StreamEventsRequest(events={"events": [{}]}),
    ):
        assert list(rules.violations(request)) == []


def test_error_names_first_field_and_lists_at_most_twenty() -> None:
    """A request with very many errors is refused with a list of bounded length."""
    request = metric_service_pb2.WatchMetricsRequest(metrics=[LONG] * 100)

    with pytest.raises(TruelineError) as refused:
        FieldRules().check(request)

    assert refused.value.code == "INVALID_ARGUMENT"
    assert refused.value.reason == "INVALID_FIELD"
    assert refused.value.metadata == {"field": "metrics[0]"}
    assert len(refused.value.violations) == 20


def _own_type() -> type[Message]:
    """A message type with rules that no request of the contract has: nested, in maps, optional, bounded both ways."""
    file = descriptor_pb2.FileDescriptorProto(
        name="test/own.proto", package="trueline.v1", syntax="proto3", dependency=["trueline/v1/constraints.proto"]
    )
    inner = file.message_type.add(name="TestInner")
    share = inner.field.add(name="share", number=1, type=1, label=1)
    share.options.Extensions[constraints_pb2.rules].gte = 0
    share.options.Extensions[constraints_pb2.rules].lte = 1
    outer = file.message_type.add(name="TestOuter")
    outer.field.add(name="one", number=1, type=11, label=1, type_name=".trueline.v1.TestInner")
    outer.field.add(name="many", number=2, type=11, label=3, type_name=".trueline.v1.TestInner")
    outer.field.add(name="self", number=3, type=11, label=1, type_name=".trueline.v1.TestOuter")
    outer.field.add(name="by_key", number=4, type=11, label=3, type_name=".trueline.v1.TestOuter.ByKeyEntry")
    entry = outer.nested_type.add(name="ByKeyEntry")
    entry.options.map_entry = True
    entry.field.add(name="key", number=1, type=9, label=1)
    entry.field.add(name="value", number=2, type=11, label=1, type_name=".trueline.v1.TestInner")
    perhaps = outer.field.add(name="perhaps", number=5, type=5, label=1, proto3_optional=True, oneof_index=0)
    perhaps.options.Extensions[constraints_pb2.rules].required = True
    perhaps.options.Extensions[constraints_pb2.rules].gte = 1
    outer.oneof_decl.add(name="_perhaps")
    pool = descriptor_pool.Default()
    pool.AddSerializedFile(file.SerializeToString())
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("trueline.v1.TestOuter"))


OWN = _own_type()


@pytest.mark.parametrize(
    ("fields", "violations"),
    [
        ({"perhaps": 1}, []),
        ({}, [("perhaps", "is required")]),
        ({"perhaps": 0}, [("perhaps", "is 0; it must be at least 1")]),
        ({"perhaps": 1, "one": {"share": 1}}, []),
        ({"perhaps": 1, "one": {"share": 1.5}}, [("one.share", "is 1.5; it must be at least 0 and at most 1")]),
        (
            {"perhaps": 1, "one": {"share": math.nan}},
            [("one.share", "is nan; it must be at least 0 and at most 1")],
        ),
        (
            {"perhaps": 1, "many": [{}, {"share": -1}]},
            [("many[1].share", "is -1.0; it must be at least 0 and at most 1")],
        ),
        (
            {"perhaps": 1, "by_key": {"k": {"share": 2}}},
            [("by_key[k].share", "is 2.0; it must be at least 0 and at most 1")],
        ),
        ({"perhaps": 1, "self": {"self": {"perhaps": 1}}}, [("self.perhaps", "is required")]),
    ],
    ids=["good", "absent", "zero-of-optional", "nested-good", "nested", "nan", "repeated", "map", "recursive"],
)
def test_rules_reach_into_messages(fields: dict[str, object], violations: list[tuple[str, str]]) -> None:
    """Rules hold in nested, repeated, mapped and recursive messages, and for optional scalars that are set."""
    assert list(FieldRules().violations(OWN(**fields))) == violations
