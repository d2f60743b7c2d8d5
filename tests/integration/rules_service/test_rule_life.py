"""Rules into force, into the shadow and back, over a real connection, with both clients."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import grpc
import pytest
from trueline import (
    AsyncTruelineClient,
    EtagMismatchError,
    InvalidRequestError,
    NotFoundError,
    PreconditionError,
    RuleLayer,
    RuleStage,
    TruelineClient,
)
from trueline.errors import decode
from trueline.v1 import rule_service_pb2 as pb
from trueline.v1 import rule_service_pb2_grpc, rule_set_pb2
from trueline_rules.loader import load_texts
from trueline_rules.stopping import StoppedError
from trueline_server.rules import drafts

from tests.integration.rules_service.life_world import BASE, BROKEN, LOW, LOWER, LifeServer


def both(life: LifeServer, tenant: str) -> list[Callable[..., Any]]:
    """The same calls by name: through the sync client and through the async one."""

    def plain(name: str, *args: Any, **how: Any) -> Any:
        with life.client(tenant) as client:
            return getattr(client, name)(*args, **how)

    def awaited(name: str, *args: Any, **how: Any) -> Any:
        async def run() -> Any:
            async with AsyncTruelineClient(life.address, token=tenant) as client:
                return await getattr(client, name)(*args, **how)

        return asyncio.run(run())

    return [plain, awaited]


def rate_of(client: TruelineClient) -> str:
    """The condition of the rule low that is in force."""
    return {rule.name: rule.warning for rule in client.alert_rules().rules}["low"]


def test_files_into_force_and_back(life: LifeServer, tenant: str, client: TruelineClient) -> None:
    """Each client activates, tries, and rolls back; every answer says what is there now and what was before."""
    base = client.rule_revisions().active
    assert base is not None
    assert (base.etag, base.author) == ("0", "operator")
    for call in both(life, tenant):
        former = client.rule_revisions().active
        assert former is not None
        tried = call("activate_rules", {"a.yaml": LOW}, validate_only=True)
        assert (tried.stage, tried.problems) == (former, ())
        done = call("activate_rules", {"a.yaml": LOW}, author="ann", note="why not")
        assert done.stage is not None
        assert (done.revision, done.former_revision) == (tried.revision, former.revision)
        assert (done.stage.revision, done.stage.author, done.stage.note) == (tried.revision, "ann", "why not")
        assert (done.stage.stage, done.stage.pinned) == (RuleStage.ACTIVE, False)
        assert rate_of(client) == "rate < 0.3"
        back = call("rollback_rules", author="bob")
        assert (back.revision, back.former_revision) == (former.revision, done.revision)
        assert back.stage is not None
        assert (back.stage.author, back.stage.pinned) == ("bob", True)
        assert call("activate_rules", base_alone=True).revision == base.revision
    revisions = client.rule_revisions()
    assert {one.revision for one in revisions.revisions} == {base.revision, done.revision}
    assert [one.revision for one in client.rule_revisions(limit=1).revisions] == [revisions.revisions[0].revision]


def test_a_revision_of_the_shadow_into_force(life: LifeServer, tenant: str, client: TruelineClient) -> None:
    """The shadow has no effect; activating its revision ends it; ending one leaves nothing, twice as well."""
    for call in both(life, tenant):
        before = client.rule_revisions().active
        shadow = call("activate_rules", {"a.yaml": LOWER}, stage=RuleStage.SHADOW)
        assert (shadow.stage.stage, shadow.former_revision) == (RuleStage.SHADOW, "")
        found = client.rule_revisions()
        assert (found.active, found.shadow) == (before, shadow.stage)
        done = call("activate_rules", revision=shadow.revision)
        assert (done.revision, done.stage.revision) == (shadow.revision, shadow.revision)
        assert client.rule_revisions().shadow is None
        client.activate_rules(base_alone=True)
        client.activate_rules({"a.yaml": LOW}, stage=RuleStage.SHADOW)
        assert call("end_shadow", author="ann").former_revision != ""
        assert call("end_shadow").former_revision == ""


def test_documents_are_told_with_their_layer(life: LifeServer, tenant: str, client: TruelineClient) -> None:
    """All kinds by name, of one kind, of a revision; whose file each stands in; the text reads as the same."""
    client.activate_rules({"own.yaml": f"# mine\n{LOW}"})
    revision = client.rule_revisions().active
    for call in both(life, tenant):
        found = call("list_rules")
        keys = [(one.kind, one.name) for one in found.documents]
        assert keys == sorted(keys)
        assert {"AlertRule", "Kpi", "Metric", "Scorecard", "EventMapping"} <= {kind for kind, _ in keys}
        assert found.rule_revision == revision.revision
        rules = {one.name: one for one in call("list_rules", "AlertRule").documents}
        assert [rules[name].layer for name in ("churn_rate_high", "base", "low")] == list(RuleLayer)[1:]
        low = rules["low"]
        assert (str(low.place), low.owner, low.description) == ("own.yaml:4:18", "ann", "Too few activate.")
        text = call("get_rule", "AlertRule", "low")
        assert text.document == low
        base = load_texts([("operator.yaml", BASE), ("low.yaml", text.yaml)]).revision
        assert base == text.rule_revision == revision.revision
    client.activate_rules(base_alone=True)
    assert client.get_rule("AlertRule", "low", revision=revision.revision).yaml == text.yaml
    with pytest.raises(NotFoundError) as missing:
        client.get_rule("AlertRule", "low")
    assert missing.value.reason == "UNKNOWN_RULE"


def test_pages_of_documents(life: LifeServer, tenant: str, client: TruelineClient) -> None:
    """However small the pages, each document comes once."""
    whole = [(one.kind, one.name) for one in client.list_rules().documents]
    stub = Stub(life, tenant)
    paged, token = [], ""
    while True:
        page = stub("ListRules", pb.ListRulesRequest(page_size=7, page_token=token))
        paged += [(one.kind, one.name) for one in page.documents]
        token = page.next_page_token
        if not token:
            break
        assert len(page.documents) == 7
    assert paged == whole


def test_what_a_revision_consists_of(client: TruelineClient) -> None:
    """Its documents by kind and the tenant's files as they came; of the active one, where none is named."""
    done = client.activate_rules({"b.yaml": LOW, "a.yaml": LOWER.replace("name: low", "name: lower")}, note="two")
    content = client.rule_revision()
    assert (content.revision.revision, content.revision.note) == (done.revision, "two")
    assert list(content.files) == ["b.yaml", "a.yaml"]
    assert content.files["b.yaml"] == LOW
    assert content.documents["AlertRule"] == 9
    client.activate_rules(base_alone=True)
    assert client.rule_revision().files == {}
    old = client.rule_revision(done.revision)
    assert (old.files, old.revision.stages) == (content.files, ())


def test_a_call_that_is_repeated_changes_nothing_more(life: LifeServer, tenant: str, client: TruelineClient) -> None:
    """Also after a restart; with other arguments the id is refused; after a day it means nothing any more."""
    client.activate_rules({"a.yaml": LOW})
    client.activate_rules({"a.yaml": LOWER})
    first = client.rollback_rules(request_id="once")
    etag = client.rule_revisions().active.etag  # type: ignore[union-attr]
    assert client.rollback_rules(request_id="once") == first
    life.stop()
    life.start()
    with life.client(tenant) as again:
        assert again.rollback_rules(request_id="once") == first
        assert again.rule_revisions().active.etag == etag  # type: ignore[union-attr]
        with pytest.raises(InvalidRequestError) as other:
            again.rollback_rules(request_id="once", note="another")
        assert other.value.metadata == {"field": "request_id"}
        life.clock.turn(86_401)
        assert again.rollback_rules(request_id="once").revision != first.revision


def test_what_somebody_else_changed_is_not_overwritten(life: LifeServer, tenant: str, client: TruelineClient) -> None:
    """With the etag of before nothing is changed, and the newest is told; with the newest it goes on."""
    before = client.rule_revisions().active
    assert before is not None
    client.activate_rules({"a.yaml": LOW}, etag=before.etag)
    for call in both(life, tenant):
        for name, how in (
            ("activate_rules", {"files": {"a.yaml": LOWER}}),
            ("rollback_rules", {}),
            ("activate_rules", {"files": {"a.yaml": LOWER}, "validate_only": True}),
        ):
            with pytest.raises(EtagMismatchError) as mismatch:
                call(name, etag=before.etag, **how)
            assert mismatch.value.metadata == {"etag": "1"}
    assert rate_of(client) == "rate < 0.3"
    client.activate_rules({"a.yaml": LOWER}, etag="1")


def test_rules_that_do_not_load_change_nothing(life: LifeServer, tenant: str, client: TruelineClient) -> None:
    """An error with each problem and its place; with validate_only an answer with the same problems."""
    client.activate_rules({"a.yaml": LOW})
    before = client.rule_revisions()
    for call in both(life, tenant):
        with pytest.raises(PreconditionError) as refused:
            call("activate_rules", {"bad.yaml": BROKEN})
        assert (refused.value.reason, refused.value.metadata) == ("RULES_DO_NOT_LOAD", {"problems": "1"})
        assert "nothing was changed" in refused.value.message
        (violation,) = refused.value.violations
        assert violation.field == "bad.yaml:6:12"
        assert "unknown fact 'rtae'; did you mean 'rate'?" in violation.description
        tried = call("activate_rules", {"bad.yaml": BROKEN}, validate_only=True)
        assert (tried.revision, [problem.message for problem in tried.problems]) == ("", [violation.description])
    assert client.rule_revisions() == before


class Stub:
    """Plain calls of a tenant."""

    def __init__(self, life: LifeServer, tenant: str) -> None:

        self._channel = grpc.insecure_channel(life.address)
        self._stub = rule_service_pb2_grpc.RuleServiceStub(self._channel)
        self._metadata = [("authorization", f"Bearer {tenant}")]

    def __call__(self, name: str, request: Any) -> Any:
        return getattr(self._stub, name)(request, metadata=self._metadata, timeout=60)

    def begin(self, name: str, request: Any) -> Any:
        """A call that goes on beside the test."""
        return getattr(self._stub, name).future(request, metadata=self._metadata, timeout=60)


ONE = rule_set_pb2.RuleFiles(files=[rule_set_pb2.RuleFile(name="a.yaml", text=LOW)])
WRONG: list[tuple[str, Any, str, str, str]] = [
    ("ListRules", pb.ListRulesRequest(kind="Alertrule"), "INVALID_FIELD", "kind", "did you mean 'AlertRule'?"),
    ("ListRules", pb.ListRulesRequest(kind="x"), "INVALID_FIELD", "kind", "known: AlertRule, "),
    ("ListRules", pb.ListRulesRequest(page_size=-1), "INVALID_FIELD", "page_size", "-1"),
    ("ListRules", pb.ListRulesRequest(page_token="x"), "INVALID_TOKEN", "page_token", "leave it out"),
    ("ListRules", pb.ListRulesRequest(revision="12"), "UNKNOWN_REVISION", "", "no revision '12'"),
    ("GetRule", pb.GetRuleRequest(name="x"), "INVALID_FIELD", "kind", "is required"),
    ("GetRule", pb.GetRuleRequest(kind="Kpi"), "INVALID_FIELD", "name", "is required"),
    ("GetRule", pb.GetRuleRequest(kind="Kpi", name="churn"), "UNKNOWN_RULE", "", "did you mean 'churn_rate'?"),
    ("GetRule", pb.GetRuleRequest(kind="Kpu", name="churn"), "INVALID_FIELD", "kind", "did you mean 'Kpi'?"),
    ("ActivateRules", pb.ActivateRulesRequest(), "INVALID_FIELD", "target", "give files, a revision, or base_alone"),
    ("ActivateRules", pb.ActivateRulesRequest(files={}), "INVALID_FIELD", "files", "set base_alone"),
    ("ActivateRules", pb.ActivateRulesRequest(revision=""), "INVALID_FIELD", "revision", "name a revision"),
    ("ActivateRules", pb.ActivateRulesRequest(base_alone=False), "INVALID_FIELD", "base_alone", "set it to true"),
    ("ActivateRules", pb.ActivateRulesRequest(revision="77"), "UNKNOWN_REVISION", "", "no revision '77'"),
    ("ActivateRules", pb.ActivateRulesRequest(files=ONE, stage=9), "INVALID_FIELD", "stage", "is 9"),  # type: ignore[arg-type]
    ("ActivateRules", pb.ActivateRulesRequest(files=ONE, note="x" * 4097), "INVALID_FIELD", "note", "4096"),
    ("ActivateRules", pb.ActivateRulesRequest(files=ONE, author="x" * 257), "INVALID_FIELD", "author", "256"),
    ("ActivateRules", pb.ActivateRulesRequest(files=ONE, etag="old"), "ETAG_MISMATCH", "", "etag is 'old'"),
    (
        "ActivateRules",
        pb.ActivateRulesRequest(files=rule_set_pb2.RuleFiles(files=[*ONE.files, *ONE.files])),
        "INVALID_FIELD",
        "files[1].name",
        "files[0] is called already",
    ),
    (
        "ActivateRules",
        pb.ActivateRulesRequest(files=rule_set_pb2.RuleFiles(files=[rule_set_pb2.RuleFile(text=LOW)])),
        "INVALID_FIELD",
        "files.files[0].name",
        "is required",
    ),
    ("RollbackRules", pb.RollbackRulesRequest(), "UNKNOWN_REVISION", "", "nothing was in force before"),
    ("RollbackRules", pb.RollbackRulesRequest(revision="88"), "UNKNOWN_REVISION", "", "no revision '88'"),
    ("RollbackRules", pb.RollbackRulesRequest(etag="old"), "ETAG_MISMATCH", "", "etag is 'old'"),
    ("EndShadow", pb.EndShadowRequest(etag="old"), "ETAG_MISMATCH", "", "etag is 'old'"),
    ("ListRevisions", pb.ListRevisionsRequest(page_token="x"), "INVALID_TOKEN", "page_token", "leave it out"),
    ("GetRevision", pb.GetRevisionRequest(revision="99"), "UNKNOWN_REVISION", "", "no revision '99'"),
    ("ListDecisions", pb.ListDecisionsRequest(kind=9), "INVALID_FIELD", "kind", "is 9"),  # type: ignore[arg-type]
    ("ListDecisions", pb.ListDecisionsRequest(page_token="x"), "INVALID_TOKEN", "page_token", "leave it out"),
    (
        "ListDecisions",
        pb.ListDecisionsRequest(start_time={"seconds": 9}, end_time={"seconds": 9}),
        "INVALID_FIELD",
        "end_time",
        "is not after start_time",
    ),
    (
        "ListShadowDifferences",
        pb.ListShadowDifferencesRequest(start_time={"seconds": -(10**12)}),
        "INVALID_FIELD",
        "start_time",
        "between the years 1 and 9999",
    ),
    ("ExplainDecision", pb.ExplainDecisionRequest(), "INVALID_FIELD", "id", "is required"),
    ("ExplainDecision", pb.ExplainDecisionRequest(id="abc"), "UNKNOWN_DECISION", "", "no decision 'abc'"),
]


@pytest.mark.parametrize(
    ("name", "request_", "reason", "field", "told"),
    WRONG,
    ids=[f"{name}-{number}" for number, (name, *_) in enumerate(WRONG)],
)
def test_bad_input_names_field_value_and_way_out(
    life: LifeServer, tenant: str, *, name: str, request_: Any, reason: str, field: str, told: str
) -> None:
    """Every error has its reason; that of a field names it; the message says what is wrong and what to do."""

    with pytest.raises(grpc.RpcError) as failed:
        Stub(life, tenant)(name, request_)
    error = decode(failed.value)
    assert (error.reason, error.metadata.get("field", "")) == (reason, field)
    assert told in error.message


def test_clients_refuse_what_cannot_be_sent(client: TruelineClient) -> None:
    """Two targets or none, a limit below zero, a kind that is none."""
    for wrong in (
        client.activate_rules,
        lambda: client.activate_rules({"a": LOW}, base_alone=True),
        lambda: client.rule_revisions(limit=-1),
        lambda: client.list_decisions(kind="requests"),
    ):
        with pytest.raises(InvalidRequestError):
            wrong()


@pytest.mark.parametrize(("name", "method"), [("analyse", "CheckRules"), ("run_tests", "TestRules")])
def test_drafts_end_when_their_caller_leaves(
    life: LifeServer, tenant: str, monkeypatch: pytest.MonkeyPatch, name: str, method: str
) -> None:
    """Whoever checks or tests files and leaves takes the work along; the next one need not wait for it."""
    begun, ended = threading.Event(), threading.Event()
    whole = getattr(drafts, name)

    def work(rules: Any, *, stopped: Any) -> Any:
        begun.set()
        # The server hears some time later that the caller has left.
        while not stopped():
            ended.wait(0.01)
        try:
            return whole(rules, stopped=stopped)
        except StoppedError:
            ended.set()
            raise

    monkeypatch.setattr(drafts, name, work)
    request = getattr(pb, f"{method}Request")(files=ONE.files)
    call = Stub(life, tenant).begin(method, request)
    assert begun.wait(30)
    call.cancel()
    assert ended.wait(30)
