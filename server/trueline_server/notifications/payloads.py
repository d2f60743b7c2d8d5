"""What goes over HTTP to each type of channel, within the limits that the other side has."""

from __future__ import annotations

import json
import re
from typing import Any

from trueline_server.notifications.model import Message
from trueline_server.notifications.rendering import Rendered, fit, one_line

# Slack takes more, and then cuts in the middle; its clones often less.
_SLACK_TITLE, _SLACK_TEXT = 300, 3000
_DISCORD_TITLE, _DISCORD_TEXT = 256, 4096
_GREEN, _RED, _AMBER, _BLUE = 0x2E9E5B, 0xC9302C, 0xE0A100, 0x3B6EA5
_COLOURS = {"critical": _RED, "high": _RED, "warning": _AMBER, "medium": _AMBER}
_DISCORD_MARKUP = re.compile(r"([\\`*_~|>\[\]])")


def webhook_payload(message: Message, said: Rendered) -> bytes:
    """All that a message says: each of its notifications with its content, and the words made of them."""
    payload = {
        "id": message.key,
        "tenant": message.tenant,
        "channel": message.channel,
        "person": message.person,
        "title": said.title,
        "text": said.text,
        "notifications": [{"id": part.id, **part.content} for part in message.parts],
    }
    return _json(payload)


def slack_payload(_message: Message, said: Rendered) -> bytes:
    """A title and a coloured attachment, which Slack, Mattermost and Rocket.Chat show alike."""
    title = _slack_escaped(one_line(said.title, _SLACK_TITLE))
    # Escaping makes a text longer, by at most four characters for one.
    text = said.text
    while len(_slack_escaped(text)) > _SLACK_TEXT:
        text = fit(text, min(_SLACK_TEXT, len(text) * _SLACK_TEXT // len(_slack_escaped(text)) - 1))
    attachment = {"color": f"#{_colour(said):06X}", "fallback": title, "text": _slack_escaped(text)}
    return _json({"text": f"*{title}*", "attachments": [attachment]})


def discord_payload(_message: Message, said: Rendered) -> bytes:
    """One embed; whatever the words say, it mentions nobody."""
    text = said.text
    while len(_discord_escaped(text)) > _DISCORD_TEXT:
        text = fit(text, min(_DISCORD_TEXT, len(text) * _DISCORD_TEXT // len(_discord_escaped(text)) - 1))
    embed = {"title": one_line(said.title, _DISCORD_TITLE), "description": _discord_escaped(text)}
    return _json({"embeds": [embed | {"color": _colour(said)}], "allowed_mentions": {"parse": []}})


def _colour(said: Rendered) -> int:
    return _GREEN if said.resolved else _COLOURS.get(said.severity, _BLUE)


def _slack_escaped(text: str) -> str:
    # Otherwise a label could mention everybody: <!channel>.
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _discord_escaped(text: str) -> str:
    return _DISCORD_MARKUP.sub(r"\\\1", text)


def _json(payload: Any) -> bytes:
    return json.dumps(payload, ensure_ascii=False, separators=(",", ":"), default=str).encode("utf-8", "replace")
