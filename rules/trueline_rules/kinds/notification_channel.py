"""Kind NotificationChannel: where messages go, how they look, and how many of them go at most."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from trueline_rules.kinds.escalation_policy import PERSON
from trueline_rules.kinds.kind import Kind, Spec
from trueline_rules.kinds.secrets import SecretPlace, read_secret, write_secret
from trueline_rules.model import Metadata
from trueline_rules.records import Either, Key, ListOf, Record, When
from trueline_rules.routing.templates import DEFAULT_TEXT, DEFAULT_TITLE, MOST_BYTES, Template, TemplateError
from trueline_rules.routing_model import MINUTE_US, ChannelType, Limit, NotificationChannel, Secret
from trueline_rules.scalars import Choice, Flag, Number, Text
from trueline_rules.site import Site
from trueline_rules.spans import WINDOW_OF_TIME, format_span, parse_span

# A person is woken once for what belongs together: goalert's limits of text messages.
LIMITS_OF_PERSONS = (
    Limit(1, MINUTE_US),
    Limit(5, 15 * MINUTE_US),
    Limit(11, 60 * MINUTE_US),
    Limit(21, 180 * MINUTE_US),
)
# Keys under which other systems have secrets in plain sight; compared without `_` and in lower case.
_SECRETS = (
    "token",
    "secret",
    "apikey",
    "credential",
    "passwd",
    "passphrase",
    "authorization",
    "routingkey",
    "authpass",
)
_WHERE_INSTEAD = "url, signing_key and password are given as {env: NAME} or {file: /path}"
_ADDRESS = Text("a mail address such as ops@example.org", r"[^@\s<>,;]+@[^@\s<>,;]+", most=254)


def _wrong_url(text: str) -> str | None:
    # The URL itself may hold a secret, so no message repeats it.
    try:
        parts = urlsplit(text)
        named = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        named = False
    if not named or any(letter.isspace() for letter in text):
        return "must be a URL that begins with https:// or http:// and a host"
    if parts.username is not None or parts.password is not None:
        return "has a user or password in it; take the whole URL from elsewhere: url: {env: NAME}"
    return None


def _wrong_server(text: str) -> str | None:
    host, _, port = text.rpartition(":")
    if host and port.isdecimal() and 0 < int(port) < 65536 and "/" not in host and "@" not in host:
        return None
    return "must be a host and a port such as smtp.example.org:587"


def _way_out(key: str) -> str:
    plain = key.lower().replace("_", "").replace("-", "")
    if any(word in plain for word in _SECRETS):
        return f"; a secret is not written in a rule file: {_WHERE_INSTEAD}"
    return {"api_url": "; write url", "webhook_url": "; write url", "auth_username": "; write username"}.get(key, "")


_OF_MAIL = ("server", "tls", "from", "to", "username", "password")
_OF_URLS = ("url", "signing_key")
SPEC = Record(
    {
        "type": Key(Choice(tuple(ChannelType)), "How messages are carried.", required=True),
        "url": Key(
            Either(scalar=Text("a URL", most=2048, check=_wrong_url), mapping=SecretPlace("url")),
            "Where a webhook is; of slack and discord it is a secret: {env: NAME} or {file: /path}.",
        ),
        "signing_key": Key(SecretPlace("signing_key"), "Key with which the body of a webhook is signed."),
        "server": Key(Text("a host and a port", most=256, check=_wrong_server), "Mail server, host:port."),
        "tls": Key(Choice(("starttls", "tls", "none")), "How the mail server is spoken to.", default="starttls"),
        "from": Key(_ADDRESS, "Address that mail comes from."),
        "to": Key(ListOf(_ADDRESS, most=50), "Addresses that mail goes to."),
        "username": Key(Text("a name", most=256), "Login at the mail server."),
        "password": Key(SecretPlace("password"), "Password at the mail server."),
        "person": Key(PERSON, "Whose contact it is; escalations to a person go to all channels of theirs."),
        "limits": Key(
            ListOf(
                Record(
                    {
                        "count": Key(Number(least=1, most=10_000, whole=True), "How many messages.", required=True),
                        "per": Key(WINDOW_OF_TIME, "In which time.", required=True),
                    }
                ),
                least=0,
                most=10,
            ),
            "How many messages at most; further ones wait and go together. Of a person's channel, if left out: 1 in "
            "1m, 5 in 15m, 11 in 1h, 21 in 3h; else there is no limit.",
            empty=True,
        ),
        "template": Key(
            Record(
                {
                    "title": Key(Text("a text", least=0, most=1024), "First line or subject.", default=DEFAULT_TITLE),
                    "text": Key(Text("a text", least=0, most=MOST_BYTES, lines=True), "The rest."),
                }
            ),
            "How messages look, with places such as {{ summary }} and {{ labels.team }}.",
        ),
        "send_resolved": Key(Flag(), "Whether it is told that alerts are resolved.", default=True),
    },
    rules=(
        When("type", (ChannelType.LOG,), bars=(*_OF_URLS, *_OF_MAIL)),
        When("type", (ChannelType.WEBHOOK,), needs=("url",), bars=_OF_MAIL),
        When("type", (ChannelType.SLACK, ChannelType.DISCORD), needs=("url",), bars=("signing_key", *_OF_MAIL)),
        When("type", (ChannelType.MAIL,), needs=("server", "from", "to"), bars=_OF_URLS),
    ),
    way_out=_way_out,
)


def build(metadata: Metadata, spec: Spec, site: Site) -> NotificationChannel:
    """Make a channel."""
    kind = ChannelType(spec["type"])
    url = spec.get("url", "")
    if kind in {ChannelType.SLACK, ChannelType.DISCORD} and isinstance(url, str):
        told = f"must not stand in a rule file: whoever knows it can post in {kind}"
        site.problem(("spec", "url"), f"{told}; write url: {{env: NAME}} or url: {{file: /path}}")
    if ("username" in spec) != ("password" in spec):
        there, lacks = ("username", "password") if "username" in spec else ("password", "username")
        site.problem(("spec", there), f"needs {lacks} beside it", key=True)
    template = spec.get("template", {})
    limits = tuple(Limit(written["count"], parse_span(written["per"]).us) for written in spec.get("limits", ()))
    if "limits" not in spec and "person" in spec:
        limits = LIMITS_OF_PERSONS
    return NotificationChannel(
        metadata=metadata,
        type=kind,
        url=url if isinstance(url, str) else Secret(**url),
        signing_key=read_secret(spec.get("signing_key")),
        server=spec.get("server", ""),
        tls=spec.get("tls", "starttls" if kind is ChannelType.MAIL else ""),
        sender=spec.get("from", ""),
        to=spec.get("to", ()),
        username=spec.get("username", ""),
        password=read_secret(spec.get("password")),
        person=spec.get("person", ""),
        limits=limits,
        title=_template(template.get("title", DEFAULT_TITLE), "title", site),
        text=_template(template.get("text", DEFAULT_TEXT), "text", site),
        send_resolved=spec.get("send_resolved", True),
    )


def _template(text: str, key: str, site: Site) -> Template:
    try:
        return Template(text)
    except TemplateError as error:
        path = ("spec", "template", key)
        site.problem(path, str(error), at=site.place_in(path, error.offset))
        return Template("")


def dump(channel: NotificationChannel) -> dict[str, Any]:
    """Write a channel as a spec."""
    spec: dict[str, Any] = {"type": str(channel.type)}
    if channel.url:
        spec["url"] = channel.url if isinstance(channel.url, str) else write_secret(channel.url)
    if channel.signing_key is not None:
        spec["signing_key"] = write_secret(channel.signing_key)
    plain = {
        "server": channel.server,
        "tls": channel.tls,
        "from": channel.sender,
        "to": list(channel.to),
        "username": channel.username,
    }
    spec |= {key: value for key, value in plain.items() if value}
    if channel.password is not None:
        spec["password"] = write_secret(channel.password)
    if channel.person:
        spec["person"] = channel.person
    spec["limits"] = [{"count": limit.count, "per": format_span(limit.per_us)} for limit in channel.limits]
    spec["template"] = {"title": channel.title.text, "text": channel.text.text}
    spec["send_resolved"] = channel.send_resolved
    return spec


KIND = Kind("NotificationChannel", "Where messages go, how they look, and how many at most.", SPEC, build, dump)
