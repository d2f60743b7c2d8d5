"""Mail over a real SMTP server: what it gets, with TLS and a login, and what its refusals lead to."""

from __future__ import annotations

import ssl
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from trueline_rules.routing_model import ChannelType, Secret
from trueline_server.notifications.http_post import tls_context
from trueline_server.notifications.model import NotificationState, Outcome

from tests.integration.notifications.notify_world import TENANT, World, alerts, channel
from tests.integration.notifications.receivers import MailReceiver

Start = Callable[..., MailReceiver]


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts mail servers."""
    started: list[MailReceiver] = []

    def begin(**options: Any) -> MailReceiver:
        started.append(MailReceiver(**options).start())
        return started[-1]

    yield begin
    for each in started:
        each.close()


def add(world: World, server: str, **more: Any) -> None:
    """Add a channel of type mail."""
    options = {"tls": "none", "sender": "Trueline <trueline@example.com>", "to": ("ada@example.com",)} | more
    world.channels["mail"] = channel("mail", ChannelType.MAIL, server=server, **options)


def test_mail_is_plain_and_html_and_can_be_known_again(world: World, start: Start) -> None:
    """One mail to all recipients, in a thread of its group, with an id made of its key; nothing in it is markup."""
    server = start()
    add(world, server.server, to=("ada@example.com", "Böb <bob@example.com>"))
    put = world.put("mail", alerts("Churn <b>rate</b> high\nBcc: eve@example.com — ünïcode"), group_id="g7")
    assert world.run() == 1
    (mail,) = server.mails
    assert server.recipients == [["ada@example.com", "bob@example.com"]]
    assert mail["Message-ID"] == f"<{put}@example.com>"
    assert mail["References"] == "<g7@example.com>"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["Bcc"] is None
    assert mail["Subject"] == "[firing] critical: churn_rate_high"
    plain, html = mail.get_body(("plain",)), mail.get_body(("html",))
    assert plain is not None
    assert html is not None
    assert "Churn <b>rate</b> high" in plain.get_content()
    assert "&lt;b&gt;rate&lt;/b&gt;" in html.get_content()
    assert "ünïcode" in html.get_content()
    assert world.states(put) == [NotificationState.SENT]


def test_title_cannot_add_headers(world: World, start: Start) -> None:
    """A report whose title has a line break stays a report with one subject."""
    server = start()
    add(world, server.server)
    world.put("mail", {"reason": "report", "title": "Week 9\r\nBcc: eve@example.com", "text": "."})
    world.run()
    assert server.mails[0]["Subject"] == "Week 9 Bcc: eve@example.com"
    assert server.mails[0]["Bcc"] is None


@pytest.mark.parametrize(
    ("refusal", "outcome", "state"),
    [
        ("550 no such user", Outcome.REFUSED, NotificationState.DEAD),
        ("451 greylisted", Outcome.FAILED, NotificationState.SENT),
    ],
    ids=["for good", "for now"],
)
def test_recipient_is_refused(
    world: World, start: Start, refusal: str, outcome: Outcome, state: NotificationState
) -> None:
    """For good it dies after three attempts; for now it goes later."""
    server = start(refuse=lambda _: refusal)
    add(world, server.server)
    put = world.put("mail", alerts("a"))
    world.run()
    assert {each.outcome for each in world.store.deliveries(TENANT, put)} == {outcome}
    assert f"ada@example.com: {refusal}" in world.get(put).error
    if outcome is Outcome.FAILED:
        server.refuse = lambda _: ""
    world.turn_until_done(60, 20)
    assert world.states(put) == [state]


def test_some_recipients_are_refused(world: World, start: Start) -> None:
    """For good: the others have it and the log of deliveries tells. For now: it goes to all again, as the same mail."""
    server = start(refuse=lambda address: "550 gone" if address.startswith("bob") else "")
    add(world, server.server, to=("ada@example.com", "bob@example.com"))
    put = world.put("mail", alerts("a"))
    world.run()
    assert world.store.deliveries(TENANT, put)[-1].answer == "taken, but refused for bob@example.com: 550 gone"
    server.refuse = lambda address: "450 later" if address.startswith("bob") else ""
    again = world.put("mail", alerts("b"))
    world.run()
    assert world.states(again) == [NotificationState.QUEUED]
    server.refuse = lambda _: ""
    world.turn_until_done(60, 20)
    assert server.recipients[-1] == ["ada@example.com", "bob@example.com"]
    assert len({mail["Message-ID"] for mail in server.mails[1:]}) == 1


def test_mail_is_refused_after_its_data(world: World, start: Start) -> None:
    """A server that finds the mail too large is believed."""
    server = start(data_answer="552 too large")
    add(world, server.server)
    put = world.put("mail", alerts("a"))
    world.turn_until_done(60, 20)
    assert world.states(put) == [NotificationState.DEAD]
    assert world.get(put).error == "552 too large"


def test_server_without_starttls_gets_no_password(world: World, start: Start) -> None:
    """A login is never sent in the clear where TLS is asked for."""
    server = start()
    world.environment["TRUELINE_SECRET_SMTP"] = "pa55word"
    add(world, server.server, tls="starttls", username="ada", password=Secret(env="TRUELINE_SECRET_SMTP"))
    put = world.put("mail", alerts("a"))
    world.turn_until_done(60, 20)
    assert world.get(put).error == "STARTTLS extension not supported by server."
    assert not server.mails


@pytest.fixture
def certificate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ssl.SSLContext]:
    """A server's side of TLS for 127.0.0.1, which this process trusts meanwhile."""
    key, chain = tmp_path / "key.pem", tmp_path / "chain.pem"
    options = ["-days", "2", "-nodes", "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-keyout", str(key), "-out", str(chain), *options]
    try:
        subprocess.run(made, check=True, capture_output=True)
    except FileNotFoundError:
        pytest.skip("openssl is not installed")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(chain, key)
    monkeypatch.setenv("SSL_CERT_FILE", str(chain))
    tls_context.cache_clear()
    yield context
    monkeypatch.undo()
    tls_context.cache_clear()


def test_starttls_and_login(world: World, start: Start, certificate: ssl.SSLContext) -> None:
    """The mail goes encrypted, after a login; a wrong password kills it and is not told."""
    server = start(tls=certificate, user="ada", password="pa55word")
    world.environment["TRUELINE_SECRET_SMTP"] = "pa55word"
    add(world, server.server, tls="starttls", username="ada", password=Secret(env="TRUELINE_SECRET_SMTP"))
    good = world.put("mail", alerts("a"))
    world.run()
    assert (world.states(good), len(server.mails)) == ([NotificationState.SENT], 1)
    world.environment["TRUELINE_SECRET_SMTP"] = "wrong-one"
    bad = world.put("mail", alerts("b"))
    world.turn_until_done(60, 20)
    assert world.states(bad) == [NotificationState.DEAD]
    assert world.get(bad).error.startswith("535")
    assert "wrong-one" not in world.get(bad).error


def test_certificate_that_nobody_vouches_for(
    world: World, start: Start, certificate: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is sent to a server that cannot show who it is."""
    monkeypatch.delenv("SSL_CERT_FILE")
    tls_context.cache_clear()
    server = start(tls=certificate)
    add(world, server.server, tls="starttls")
    put = world.put("mail", alerts("a"))
    world.run()
    assert "certificate verify failed" in world.get(put).error
    assert not server.mails
