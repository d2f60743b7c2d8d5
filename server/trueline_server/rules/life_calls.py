"""Calls of the RuleService about the life of rule sets: what is in force, what was, and how that changes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from trueline.v1 import rule_service_pb2 as pb
from trueline.v1 import rule_set_pb2
from trueline_rules.errors import Problem
from trueline_rules.model import RuleSet
from trueline_rules.writing import write_document

from trueline_server.errors import TruelineError, invalid_field
from trueline_server.rules.activation import Activation
from trueline_server.rules.book import RuleBook
from trueline_server.rules.changing import Asked, Changed, RuleChanger
from trueline_server.rules.documents import find_document, list_documents
from trueline_server.rules.in_force import ACTIVE, SHADOW, Activated
from trueline_server.rules.life_mapping import (
    STAGES,
    map_document_to_proto,
    map_failure_to_proto,
    map_revision_to_proto,
)
from trueline_server.rules.mapping import ANSWER_BYTES, map_problems_to_proto
from trueline_server.rules.moves import Also
from trueline_server.rules.watch import RulesWatch, Send, failure_of, staged
from trueline_server.transport.tenant import current_tenant
from trueline_server.transport.tokens import Tokens, binding_of

# Changes wait for each other; those that wait here hold no thread, which reads need.
_CHANGED_AT_ONCE = 1
# Old revisions are loaded to be told of, which is plain Python.
_LOADED_AT_ONCE = 1
_STAGE_NAMES = {number: name for name, number in STAGES.items()} | {rule_set_pb2.RULE_STAGE_UNSPECIFIED: ACTIVE}


class LifeCalls:
    """ListRules, GetRule, ActivateRules, RollbackRules, EndShadow, ListRevisions, GetRevision, WatchRules."""

    def __init__(
        self, book: RuleBook, activation: Activation, changer: RuleChanger, watch: RulesWatch, tokens: Tokens
    ) -> None:
        self._book = book
        self._activation = activation
        self._changer = changer
        self._watch = watch
        self._tokens = tokens
        self._changing = asyncio.Semaphore(_CHANGED_AT_ONCE)
        self._loading = asyncio.Semaphore(_LOADED_AT_ONCE)

    async def list_rules(self, request: pb.ListRulesRequest) -> pb.ListRulesResponse:
        """Documents by kind and name; the token of a page is the last of them."""
        binding = binding_of(request, "page_size", "page_token")
        after = self._tokens.open(binding, request.page_token, "page_token") if request.page_token else ""
        rules = await self._rules(request.revision)
        found = [
            (kind, metadata)
            for kind, metadata in list_documents(rules, request.kind)
            if f"{kind}/{metadata.name}" > after
        ]
        response = pb.ListRulesResponse(rule_revision=rules.revision)
        room = ANSWER_BYTES
        for kind, metadata in found[: _size(request)]:
            message = map_document_to_proto(kind, metadata, rules)
            room -= message.ByteSize() + 8
            if room < 0 and response.documents:
                break
            response.documents.append(message)
        if len(response.documents) < len(found):
            last = response.documents[-1]
            response.next_page_token = self._tokens.seal(binding, f"{last.kind}/{last.name}")
        return response

    async def get_rule(self, request: pb.GetRuleRequest) -> pb.GetRuleResponse:
        """A document."""
        rules = await self._rules(request.revision)
        model = find_document(rules, request.kind, request.name)
        return pb.GetRuleResponse(
            document=map_document_to_proto(request.kind, model.metadata, rules),
            yaml=write_document(request.kind, model),
            rule_revision=rules.revision,
        )

    async def activate(self, request: pb.ActivateRulesRequest) -> pb.ActivateRulesResponse:
        """Files, a revision, or the base alone, into force or into the shadow; or only a trial of it."""
        tenant, stage = current_tenant(), _stage_of(request)
        how: dict[str, Any] = {
            **_target_of(request),
            "stage": stage,
            "etag": request.etag,
            "author": request.author,
            "note": request.note,
        }
        if request.validate_only:
            async with self._changing:
                tried = await asyncio.to_thread(self._activation.activate, tenant, **how, validate_only=True)
            now = staged(self._book, tenant, stage)
            return pb.ActivateRulesResponse(
                stage=now,
                revision=tried.revision,
                problems=map_problems_to_proto(tried.problems),
                former_revision="" if now is None else now.revision,
            )
        asked = Asked(tenant, stage, request.request_id, _digest(request))
        done = await self._change(asked, lambda also: self._activation.activate(tenant, **how, also=also))
        return pb.ActivateRulesResponse(
            stage=staged(self._book, tenant, stage), revision=done.revision, former_revision=done.former
        )

    async def rollback(self, request: pb.RollbackRulesRequest) -> pb.RollbackRulesResponse:
        """A former revision into force."""
        tenant = current_tenant()

        def make(also: Also) -> Activated:
            return self._activation.rollback(
                tenant,
                revision=request.revision,
                etag=request.etag,
                author=request.author,
                note=request.note,
                also=also,
            )

        done = await self._change(Asked(tenant, ACTIVE, request.request_id, _digest(request)), make)
        return pb.RollbackRulesResponse(stage=staged(self._book, tenant, ACTIVE), former_revision=done.former)

    async def end_shadow(self, request: pb.EndShadowRequest) -> pb.EndShadowResponse:
        """The shadow ends."""
        async with self._changing:
            ended = await asyncio.to_thread(
                self._activation.end_shadow,
                current_tenant(),
                request.etag,
                author=request.author,
                note=request.note,
            )
        return pb.EndShadowResponse(former_revision=ended.revision)

    async def list_revisions(self, request: pb.ListRevisionsRequest) -> pb.ListRevisionsResponse:
        """Revisions, the newest first; the token of a page is the last one on it."""
        tenant, size = current_tenant(), _size(request)
        binding = binding_of(request, "page_size", "page_token")
        after = self._tokens.open(binding, request.page_token, "page_token") if request.page_token else ""
        found = await asyncio.to_thread(self._book.revisions, tenant, after, size + 1)
        failure = failure_of(self._book, tenant)
        return pb.ListRevisionsResponse(
            revisions=[map_revision_to_proto(info) for info in found[:size]],
            next_page_token=self._tokens.seal(binding, found[size - 1].revision) if len(found) > size else "",
            active=staged(self._book, tenant, ACTIVE),
            shadow=staged(self._book, tenant, SHADOW),
            failure=None if failure is None else map_failure_to_proto(failure),
        )

    async def get_revision(self, request: pb.GetRevisionRequest) -> pb.GetRevisionResponse:
        """What a revision consists of; texts as long as there is room."""
        tenant = current_tenant()
        revision = request.revision or self._book.of(tenant).revision
        info = await asyncio.to_thread(self._book.revision, tenant, revision)
        rules = await self._rules(revision)
        layers = await asyncio.to_thread(self._book.layers_at, tenant, revision)
        response = pb.GetRevisionResponse(
            revision=map_revision_to_proto(info),
            documents={kind: len(models) for kind, models in rules.documents.items() if models},
        )
        room = ANSWER_BYTES
        for name, text in layers.overlay.texts:
            room -= len(text.encode())
            response.files.add(name=name, text=text if room >= 0 else "")
        return response

    async def watch(self, request: pb.WatchRulesRequest, send: Send) -> None:
        """Messages until either side ends it."""
        await self._watch.run(request, send)

    async def _rules(self, revision: str) -> RuleSet:
        """Those in force, or those of a revision."""
        tenant = current_tenant()
        rules = self._book.of(tenant)
        if revision in ("", rules.revision):
            return rules
        async with self._loading:
            return await asyncio.to_thread(self._book.rules_at, tenant, revision)

    async def _change(self, asked: Asked, make: Callable[[Also], Activated]) -> Changed:
        async with self._changing:
            done = await asyncio.to_thread(self._changer.change, asked, make)
        if done.problems:
            raise _do_not_load(done.problems)
        return done


def _stage_of(request: pb.ActivateRulesRequest) -> str:
    if request.stage not in _STAGE_NAMES:
        raise invalid_field("stage", f"is {request.stage}, which is no RuleStage; set RULE_STAGE_ACTIVE or _SHADOW")
    return _STAGE_NAMES[request.stage]


def _target_of(request: pb.ActivateRulesRequest) -> dict[str, Any]:
    """What is to be activated, as arguments."""
    match request.WhichOneof("target"):
        case "files":
            if not request.files.files:
                raise invalid_field("files", "holds no file; to go back to the base set base_alone")
            return {"files": tuple((file.name, file.text) for file in request.files.files)}
        case "revision":
            if not request.revision:
                raise invalid_field("revision", "is empty; name a revision that ListRevisions tells")
            return {"revision": request.revision}
        case "base_alone":
            if not request.base_alone:
                raise invalid_field("base_alone", "is false; set it to true, or give files or a revision")
            return {"files": ()}
    raise invalid_field("target", "is not set; give files, a revision, or base_alone")


def _do_not_load(problems: Sequence[Problem]) -> TruelineError:
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    return TruelineError(
        "FAILED_PRECONDITION",
        "RULES_DO_NOT_LOAD",
        f"the rules do not load, nothing was changed: {problems[0]}{more}",
        metadata={"problems": str(len(problems))},
        violations=[(_place(problem), problem.message) for problem in problems],
    )


def _place(problem: Problem) -> str:
    place = problem.place
    return f"{place.file}:{place.line}:{place.column}" if place.line else place.file


def _digest(request: Any) -> str:
    return binding_of(request, "request_id").hex()


def _size(request: Any) -> int:
    return min(request.page_size or 100, 1000)
