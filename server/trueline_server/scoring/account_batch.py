"""BatchScoreAccountHealth: all accounts, counted first, then one by one.

The counts stand before the accounts, and both must be of the same answer of the warehouse. So the accounts are written
to a file as they come, and sent from there: memory stays bounded, and a slow reader holds up no statement.
"""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from struct import Struct
from typing import IO

from trueline.v1 import scoring_service_pb2 as pb
from trueline_rules.model import RuleSet
from trueline_rules.names import hint, quoted

from trueline_server.errors import TruelineError, invalid_field
from trueline_server.scoring.account_calls import AccountParts
from trueline_server.scoring.account_sql import classes_of
from trueline_server.scoring.account_values import AccountQuestion, Accounts
from trueline_server.scoring.batch_encoding import BatchEncoder, messages
from trueline_server.scoring.population import AccountPopulation, Streams
from trueline_server.scoring.profiles import CompiledProfile
from trueline_server.transport.times import timestamp_of

# A reader that takes nothing for so long is cut.
PATIENCE_S = 60.0
_LENGTH = Struct("<I")
# In memory up to this size, in a file beyond.
_SPOOLED = 4 << 20

Write = Callable[[bytes], Awaitable[None]]


class HealthStream:
    """The answer to a request: `spool` blocks until all accounts are scored, then `sent` reads them."""

    def __init__(
        self,
        population: AccountPopulation,
        profile: CompiledProfile,
        rule_revision: str,
        at_us: int,
        wanted: frozenset[int],
    ) -> None:
        self._population = population
        self._profile = profile
        self._revision = rule_revision
        self._at_us = at_us
        self._wanted = wanted
        self._encoder = BatchEncoder(profile)
        self._counts: Counter[int] = Counter()
        self._file: IO[bytes] = tempfile.SpooledTemporaryFile(max_size=_SPOOLED)  # noqa: SIM115

    def spool(self, *, counts_only: bool = False) -> None:
        """Score all accounts. Blocks; raises StoreError."""
        if counts_only:
            self._counts.update(self._population.counts())
            return
        for block in self._population.blocks():
            self._counts.update(block[3])
            for message in messages(self._encoder, block, self._wanted):
                self._file.write(_LENGTH.pack(len(message)))
                self._file.write(message)

    def sent(self) -> Iterator[bytes]:
        """Messages in order: the counts, then the accounts."""
        names = classes_of(self._profile)
        yield pb.BatchScoreAccountHealthResponse(
            counts=[pb.HealthCount(health=name, accounts=self._counts[place]) for place, name in enumerate(names)],
            dimensions=[one.name for one in self._profile.dimensions],
            at=timestamp_of(self._at_us),
            profile=self._profile.profile.metadata.name,
            rule_revision=self._revision,
        ).SerializeToString()
        self._file.seek(0)
        while head := self._file.read(_LENGTH.size):
            yield self._file.read(_LENGTH.unpack(head)[0])

    def stop(self) -> None:
        """End the statement at hand; for any thread."""
        self._population.stop()

    def close(self) -> None:
        """Forget what was spooled."""
        self._file.close()


class AccountBatch:
    """Opens streams of all accounts."""

    def __init__(self, parts: AccountParts, warehouse: Streams) -> None:
        self._parts = parts
        self._warehouse = warehouse

    def open(self, tenant: str, rules: RuleSet, request: pb.BatchScoreAccountHealthRequest) -> HealthStream:
        """What a request asks for, not begun. Blocks.

        Raises:
            TruelineError: UNKNOWN_SCORING_PROFILE; INVALID_FIELD, a class that the profile does not have, an instant
                that cannot be asked for.

        """
        parts = self._parts
        profile, at_us = parts.profile(rules, request.profile), parts.instant(request)
        names = classes_of(profile)
        for place, name in enumerate(request.health):
            if name not in names:
                of = profile.profile.metadata.name
                raise invalid_field(f"health[{place}]", f"is {quoted(name)}, no class of {of}{hint(name, names)}")
        wanted = frozenset(names.index(name) for name in request.health or names)
        accounts = Accounts(ids=tuple(dict.fromkeys(request.account_ids)))
        question = AccountQuestion(tenant, rules, profile, at_us, accounts)
        population = AccountPopulation(self._warehouse, question, parts.foresight(tenant))
        return HealthStream(population, profile, rules.revision, at_us, wanted)


async def send_healths(
    stream: HealthStream, write: Write, *, counts_only: bool = False, patience_s: float = PATIENCE_S
) -> None:
    """Send all of it; the statement has ended when this has.

    Raises:
        TruelineError: SLOW_READER, a message was not taken within `patience_s` seconds.
        StoreError: the warehouse cannot answer.

    """
    loop = asyncio.get_running_loop()
    # One thread, because the client of the warehouse that streams is that of its thread.
    reader = ThreadPoolExecutor(1, "healths")
    try:
        await loop.run_in_executor(reader, lambda: stream.spool(counts_only=counts_only))
        sent = stream.sent()
        while (message := await loop.run_in_executor(reader, next, sent, None)) is not None:
            try:
                async with asyncio.timeout(patience_s):
                    await write(message)
            except TimeoutError:
                told = f"no message was taken for {patience_s:g} s; read faster, or ask for fewer accounts"
                raise TruelineError("ABORTED", "SLOW_READER", told) from None
    finally:
        ending = asyncio.ensure_future(_end(stream, reader))
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.shield(ending)


async def _end(stream: HealthStream, reader: ThreadPoolExecutor) -> None:
    # Stopping asks the warehouse, on another thread than the one that may wait for it.
    await asyncio.to_thread(stream.stop)
    await asyncio.get_running_loop().run_in_executor(reader, stream.close)
    reader.shutdown(wait=False)
