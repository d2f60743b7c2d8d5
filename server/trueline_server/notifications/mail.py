"""Makes the mail of a message: plain text and HTML, in one thread with the others about the same group."""

from __future__ import annotations

from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr
from html import escape

from trueline_server.notifications.model import Message
from trueline_server.notifications.rendering import Rendered


def make_mail(message: Message, said: Rendered, sender: str, to: list[str], at_us: int) -> EmailMessage:
    """A mail whose Message-ID is made of the message's key, so that a repetition is known as one.

    Raises:
        ValueError: an address cannot be written in a mail.

    """
    domain = _address(sender).domain or "trueline.invalid"
    mail = EmailMessage(policy=SMTP)
    mail["From"] = _address(sender)
    mail["To"] = [_address(each) for each in to]
    mail["Subject"] = said.title
    # That of the first notification and not of this try: a repetition is the same mail.
    mail["Date"] = format_datetime(datetime.fromtimestamp(at_us / 1e6, UTC))
    mail["Message-ID"] = f"<{message.key}@{domain}>"
    groups = {part.group_id for part in message.parts}
    if len(groups) == 1 and (group := groups.pop()):
        mail["References"] = f"<{group}@{domain}>"
    # No automatic answer shall come back.
    mail["Auto-Submitted"] = "auto-generated"
    mail["X-Trueline-Notification"] = message.key
    # Lines of any length and any characters; a server without 8BITMIME takes it too.
    mail.set_content(said.text or said.title, cte="quoted-printable")
    mail.add_alternative(_html(said), subtype="html", cte="quoted-printable")
    return mail


def _address(text: str) -> Address:
    name, address = parseaddr(text)
    return Address(display_name=name, addr_spec=address)


def _html(said: Rendered) -> str:
    # No styles from elsewhere and no pictures: mail programs block them, and they tell who read it.
    return (
        f"<html><body><h3>{escape(said.title)}</h3>"
        f'<pre style="font-family: monospace; white-space: pre-wrap">{escape(said.text)}</pre></body></html>\n'
    )
