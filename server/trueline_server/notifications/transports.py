"""Carries a message to a channel: into the program's log, over HTTP or as mail."""

from __future__ import annotations

import logging
from collections.abc import Callable
from urllib.parse import urlsplit

from trueline_rules.layers import TENANT
from trueline_rules.model import RuleSet
from trueline_rules.routing_model import ChannelType, NotificationChannel, Secret

from trueline_server.clock import Clock
from trueline_server.notifications.deadline import Deadline
from trueline_server.notifications.failures import DeliveryError, without_secrets
from trueline_server.notifications.http_post import post
from trueline_server.notifications.mail import make_mail
from trueline_server.notifications.model import Message, Outcome
from trueline_server.notifications.payloads import discord_payload, slack_payload, webhook_payload
from trueline_server.notifications.reach import ANYWHERE, Reach
from trueline_server.notifications.rendering import Rendered, one_line, render
from trueline_server.notifications.secrets import SecretReader
from trueline_server.notifications.signing import sign
from trueline_server.notifications.smtp import NONE, SmtpServer, send_mail

_log = logging.getLogger("trueline.notifications")
_LOG_CHARACTERS = 2000
_PAYLOADS: dict[ChannelType, Callable[[Message, Rendered], bytes]] = {
    ChannelType.WEBHOOK: webhook_payload,
    ChannelType.SLACK: slack_payload,
    ChannelType.DISCORD: discord_payload,
}


class Carrier:
    """Carries messages. Blocks; thread-safe, as it keeps nothing between two messages.

    Args:
        secrets: where channels' secrets are read.
        clock: for the time of signatures.
        reaches: where a channel of a tenant may connect to.

    """

    def __init__(
        self, secrets: SecretReader, clock: Clock, reaches: Callable[[str, NotificationChannel], Reach]
    ) -> None:
        self._secrets = secrets
        self._clock = clock
        self._reaches = reaches

    def carry(self, channel: NotificationChannel, message: Message, deadline: Deadline) -> str:
        """Deliver a message; answers what the other side said, short and without secrets.

        Raises:
            DeliveryError: it was not taken, or nobody knows; without secrets too.

        """
        hidden: list[str] = []
        try:
            return without_secrets(self._carry(channel, message, deadline, hidden), hidden)
        except DeliveryError as error:
            error.answer = without_secrets(error.answer, hidden)
            raise
        except UnicodeError as error:
            told = without_secrets(f"the message or the channel cannot be written: {error}", hidden)
            raise DeliveryError(Outcome.REFUSED, told, message_at_fault=True) from None

    def _carry(self, channel: NotificationChannel, message: Message, deadline: Deadline, hidden: list[str]) -> str:
        said = render(message, channel.title, channel.text)
        if channel.type is ChannelType.LOG:
            return _write(message, said)
        if channel.type is ChannelType.MAIL:
            return self._mail(channel, message, said, deadline, hidden)
        return self._post(channel, message, said, deadline, hidden)

    def _post(
        self, channel: NotificationChannel, message: Message, said: Rendered, deadline: Deadline, hidden: list[str]
    ) -> str:
        url = channel.url if isinstance(channel.url, str) else self._secret(channel.url, hidden)
        parts = urlsplit(url)
        if isinstance(channel.url, Secret):
            # An answer may quote the path alone, which is what is secret of such a URL.
            hidden += [part for part in (parts.path, parts.query) if len(part) > 1]
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise DeliveryError(Outcome.FAILED, "the channel's URL is none; it begins with https:// and names a host")
        body = _PAYLOADS[channel.type](message, said)
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "User-Agent": "trueline",
            "Idempotency-Key": message.key,
            "Connection": "close",
        }
        if channel.signing_key is not None:
            secret = self._secret(channel.signing_key, hidden)
            headers |= sign(secret, message.key, self._clock() // 1_000_000, body)
        return post(url, body, headers, deadline, self._reaches(message.tenant, channel))

    def _mail(
        self, channel: NotificationChannel, message: Message, said: Rendered, deadline: Deadline, hidden: list[str]
    ) -> str:
        host, _, port = channel.server.rpartition(":")
        password = self._secret(channel.password, hidden) if channel.password is not None else ""
        server = SmtpServer(host.strip("[]"), int(port), channel.tls or NONE, channel.username, password)
        to = list(channel.to)
        try:
            mail = make_mail(message, said, channel.sender, to, message.parts[0].created_us)
        except ValueError as error:
            raise DeliveryError(Outcome.REFUSED, f"an address cannot be written: {error}") from error
        recipients = [address.addr_spec for address in mail["To"].addresses]
        return send_mail(server, mail, recipients, deadline, self._reaches(message.tenant, channel))

    def _secret(self, secret: Secret, hidden: list[str]) -> str:
        found = self._secrets.read(secret)
        hidden.append(found)
        return found


def reach_of(rules: RuleSet, channel: NotificationChannel, tenants: Reach) -> Reach:
    """Where a channel may connect to: anywhere if the pack or the operator's files have just this one in force.

    Args:
        rules: in force for the tenant.
        channel: as it was when its message was claimed; the rules may have another one of its name by now.
        tenants: what channels of tenants' own files may reach.

    """
    kind, name = "NotificationChannel", channel.metadata.name
    in_force = rules.documents.get(kind, {}).get(name)
    return ANYWHERE if in_force == channel and rules.origins.get((kind, name), TENANT) != TENANT else tenants


def _write(message: Message, said: Rendered) -> str:
    told = one_line(f"{said.title} | {said.text.replace(chr(10), ' | ')}", _LOG_CHARACTERS)
    level = logging.INFO if said.resolved else logging.WARNING
    _log.log(level, "notification %s of tenant %s: %s", message.key, message.tenant, told)
    return "written"
