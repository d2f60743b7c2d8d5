"""The use case of silences: puts them in, lists them with those of rule files, ends them."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, RowMapping, and_, insert, or_, select, update
from trueline_rules.model import Metadata, RuleSet
from trueline_rules.routing.matchers import Matcher, MatcherError, all_match, parse_matcher
from trueline_rules.routing.suppression import wrong_matchers, wrong_span
from trueline_rules.routing_model import Silence
from trueline_stores.state.case_tables import SILENCES
from trueline_stores.state.database import StateDatabase

from trueline_server.alerts.listing import open_cases
from trueline_server.cases import requests
from trueline_server.cases.requests import UNREPEATED, Request
from trueline_server.clock import Clock
from trueline_server.errors import TruelineError, invalid_field

# Hears that a silence was put in or ended, in the same transaction: connection, tenant, when it ends (nothing if it
# ended just now), now.
SilencesChanged = Callable[[Connection, str, Sequence[int], int], None]


@dataclass(frozen=True, slots=True)
class KnownSilence:
    """A silence, wherever it stands. Instants in µs since 1970 (UTC), by the server's clock.

    Attributes:
        id: of one that was put in; of a rule file its name.
        matchers: as they are written.
        author: who said so.
        reason: why.
        starts_us, ends_us: it holds from then until then.
        created_us: when it was put in; None of a rule file.
        expired: whether somebody ended it early.

    """

    id: str
    matchers: tuple[str, ...]
    author: str
    reason: str
    starts_us: int
    ends_us: int
    created_us: int | None = None
    expired: bool = False

    def active(self, now_us: int) -> bool:
        """Whether it holds at an instant."""
        return self.starts_us <= now_us < self.ends_us


@dataclass(frozen=True, slots=True)
class AskedSilence:
    """A silence that somebody asks for.

    Attributes:
        tenant: whose alerts.
        matchers: as they are written.
        author: who asks.
        reason: why.
        starts_us: from when on; None or past = now.
        ends_us: until when; None = `length_us` says it.
        length_us: how long from its start.
        request: by which it is known when it comes again.
        validate_only: whether it is only told what it would be.

    """

    tenant: str
    matchers: tuple[str, ...]
    author: str
    reason: str
    starts_us: int | None = None
    ends_us: int | None = None
    length_us: int = 0
    request: Request = UNREPEATED
    validate_only: bool = False


class SilenceService:
    """Puts silences in and ends them, each in one transaction. Methods block; thread-safe."""

    def __init__(
        self, state: StateDatabase, rules: Callable[[str], RuleSet], changed: SilencesChanged, clock: Clock
    ) -> None:
        """`changed` hears of each silence that is put in or ended, in its transaction."""
        self._state = state
        self._rules = rules
        self._changed = changed
        self._clock = clock

    def create(self, asked: AskedSilence) -> tuple[KnownSilence, int]:
        """Put a silence in; answers it (without an id if it was only validated) and how many open alerts it matches.

        Raises:
            TruelineError: INVALID_FIELD.

        """
        matchers = read_matchers(asked.matchers)
        wrong = wrong_matchers(matchers) if matchers else 'is empty; name at least one label, like severity="warning"'
        if wrong is not None:
            raise invalid_field("matchers", wrong)
        for field in ("author", "reason"):
            if not getattr(asked, field).strip():
                raise invalid_field(field, "is required: others read who keeps them from being told, and why")
        if asked.validate_only:
            with self._state.reading() as connection:
                silence = _silence("", asked, self._clock())
                return silence, _matching(connection, asked.tenant, matchers)
        with self._state.writing() as connection:
            now_us = self._clock()
            known = requests.answered(connection, asked.tenant, asked.request, now_us)
            silence = (
                _silence(secrets.token_hex(6), asked, now_us)
                if known is None
                else _stored(connection, asked.tenant, known)
            )
            if known is None:
                connection.execute(insert(SILENCES), [_row(asked, silence)])
                requests.remember(connection, asked.tenant, asked.request, silence.id, now_us)
                self._changed(connection, asked.tenant, [silence.ends_us], now_us)
            return silence, _matching(connection, asked.tenant, matchers)

    def list(
        self, tenant: str, *, ended: bool = False, after: tuple[int, str] | None = None, most: int = 100
    ) -> Sequence[KnownSilence]:
        """Silences, those that end last first.

        Args:
            tenant: whose.
            ended: also those that have ended.
            after: end and id of the last one of the page before; None = from the first.
            most: at most so many.

        """
        rows, now_us = SILENCES.c, self._clock()
        query = select(SILENCES).where(rows.tenant == tenant)
        if not ended:
            query = query.where(rows.ends_us > now_us)
        if after is not None:
            query = query.where(or_(rows.ends_us < after[0], and_(rows.ends_us == after[0], rows.id < after[1])))
        query = query.order_by(rows.ends_us.desc(), rows.id.desc()).limit(most)
        with self._state.reading() as connection:
            found = [_known(row) for row in connection.execute(query).mappings()]
        filed = [one for one in self._of_files(tenant) if ended or one.ends_us > now_us]
        found += [one for one in filed if after is None or (one.ends_us, one.id) < after]
        found.sort(key=lambda one: (one.ends_us, one.id), reverse=True)
        return found[:most]

    def expire(self, tenant: str, silence: str, *, validate_only: bool = False) -> KnownSilence:
        """End a silence now; one that has ended stays as it is.

        Raises:
            TruelineError: UNKNOWN_SILENCE; INVALID_FIELD, if it stands in a rule file.

        """
        filed = next((one for one in self._of_files(tenant) if one.id == silence), None)
        if validate_only:
            with self._state.reading() as connection:
                return _ended(_stored(connection, tenant, silence, filed), self._clock())
        with self._state.writing() as connection:
            now_us = self._clock()
            known = _stored(connection, tenant, silence, filed)
            after = _ended(known, now_us)
            if after is not known:
                key = (SILENCES.c.tenant == tenant, SILENCES.c.id == silence)
                connection.execute(update(SILENCES).where(*key).values(ends_us=after.ends_us, expired_us=now_us))
                self._changed(connection, tenant, [], now_us)
            return after

    def _of_files(self, tenant: str) -> Sequence[KnownSilence]:
        documents: dict[str, object] = dict(self._rules(tenant).documents.get("Silence", {}))
        return [_of_file(one) for one in documents.values() if isinstance(one, Silence)]


def silences_at(connection: Connection, tenant: str, now_us: int) -> list[Silence]:
    """The silences that people put in and that hold at an instant, in the caller's transaction."""
    rows = SILENCES.c
    query = select(SILENCES).where(rows.tenant == tenant, rows.ends_us > now_us, rows.starts_us <= now_us)
    return [
        Silence(
            metadata=Metadata(row.id),
            matchers=tuple(parse_matcher(text) for text in row.matchers),
            author=row.author,
            reason=row.reason,
            starts_us=row.starts_us,
            ends_us=row.ends_us,
        )
        for row in connection.execute(query)
    ]


def read_matchers(texts: Sequence[str]) -> tuple[Matcher, ...]:
    """Matchers as people write them.

    Raises:
        TruelineError: INVALID_FIELD naming the one that is none.

    """
    found = []
    for number, text in enumerate(texts):
        try:
            found.append(parse_matcher(text))
        except MatcherError as error:
            raise invalid_field(f"matchers[{number}]", str(error)) from None
    return tuple(found)


def _silence(name: str, asked: AskedSilence, now_us: int) -> KnownSilence:
    starts_us = max(asked.starts_us or 0, now_us)
    field = "duration" if asked.ends_us is None else "ends_at"
    ends_us = starts_us + asked.length_us if asked.ends_us is None else asked.ends_us
    wrong = wrong_span(starts_us, ends_us)
    if wrong is not None:
        raise invalid_field(field, wrong)
    matchers = tuple(str(parse_matcher(text)) for text in asked.matchers)
    return KnownSilence(name, matchers, asked.author, asked.reason, starts_us, ends_us, now_us)


def _matching(connection: Connection, tenant: str, matchers: Sequence[Matcher]) -> int:
    return sum(all_match(matchers, case.labels) for case in open_cases(connection, tenant))


def _stored(connection: Connection, tenant: str, silence: str, filed: KnownSilence | None = None) -> KnownSilence:
    key = (SILENCES.c.tenant == tenant, SILENCES.c.id == silence)
    row = connection.execute(select(SILENCES).where(*key)).mappings().first()
    if row is not None:
        return _known(row)
    if filed is not None:
        told = f"is '{silence}', which stands in a rule file; take it out of the file, or let it end there"
        raise invalid_field("id", told)
    told = f"there is no silence '{silence[:64]}'; list them to see which there are"
    raise TruelineError("NOT_FOUND", "UNKNOWN_SILENCE", told, metadata={"id": silence[:64]})


def _ended(known: KnownSilence, now_us: int) -> KnownSilence:
    if known.ends_us <= now_us:
        return known
    return KnownSilence(
        known.id, known.matchers, known.author, known.reason, known.starts_us, now_us, known.created_us, expired=True
    )


def _known(row: RowMapping) -> KnownSilence:
    return KnownSilence(
        id=row["id"],
        matchers=tuple(row["matchers"]),
        author=row["author"],
        reason=row["reason"],
        starts_us=row["starts_us"],
        ends_us=row["ends_us"],
        created_us=row["created_us"],
        expired=row["expired_us"] is not None,
    )


def _of_file(silence: Silence) -> KnownSilence:
    matchers = tuple(str(matcher) for matcher in silence.matchers)
    return KnownSilence(
        silence.metadata.name, matchers, silence.author, silence.reason, silence.starts_us, silence.ends_us
    )


def _row(asked: AskedSilence, silence: KnownSilence) -> dict[str, object]:
    return {
        "tenant": asked.tenant,
        "id": silence.id,
        "matchers": list(silence.matchers),
        "author": silence.author,
        "reason": silence.reason,
        "starts_us": silence.starts_us,
        "ends_us": silence.ends_us,
        "created_us": silence.created_us,
        "expired_us": None,
        "request_id": asked.request.id,
    }
