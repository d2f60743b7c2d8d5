"""One mail over SMTP with a hard end: TLS from the start, STARTTLS or none, with or without a login."""

from __future__ import annotations

import smtplib
import socket
from dataclasses import dataclass, field
from email.message import EmailMessage
from typing import Any

from trueline_server.notifications.deadline import Deadline
from trueline_server.notifications.failures import DeliveryError
from trueline_server.notifications.http_post import tls_context
from trueline_server.notifications.model import Outcome
from trueline_server.notifications.reach import Reach

# As extended SMTP has it: 4xx may get better, 5xx does not.
_TEMPORARY = range(400, 500)
TLS, STARTTLS, NONE = "tls", "starttls", "none"


@dataclass(frozen=True, slots=True)
class SmtpServer:
    """A server that takes mail.

    Attributes:
        host, port: where it listens.
        security: "tls" from the start, "starttls" before anything is said, or "none".
        user, password: to log in with; "" = no login.

    """

    host: str
    port: int
    security: str
    user: str = ""
    password: str = field(default="", repr=False)


def send_mail(server: SmtpServer, mail: EmailMessage, recipients: list[str], deadline: Deadline, reach: Reach) -> str:
    """Hand a mail over to a server that may be reached; answers what the server said.

    Raises:
        DeliveryError: it was not taken, or nobody knows.

    """
    session = _opened(server, deadline, reach)
    try:
        _prepare(session, server, deadline)
        return _hand_over(session, mail, recipients, deadline)
    finally:
        # A goodbye would wait for its answer; the mail is taken or not by now.
        session.close()


class _Session(smtplib.SMTP):
    """A session whose connection ends with a deadline."""

    def __init__(self, server: SmtpServer, deadline: Deadline, reach: Reach) -> None:
        self._server = server
        self._reach = reach
        self._deadline = deadline
        # The name is not looked up: that could take longer than the deadline.
        super().__init__(server.host, server.port, local_hostname="trueline.invalid", timeout=deadline.remaining())

    def _get_socket(self, host: str, port: int, _timeout: float) -> socket.socket:
        opened = self._deadline.connect(host, port, self._reach)
        if self._server.security != TLS:
            return opened
        try:
            return tls_context().wrap_socket(opened, server_hostname=host)
        except OSError:
            opened.close()
            raise


def _opened(server: SmtpServer, deadline: Deadline, reach: Reach) -> _Session:
    try:
        return _Session(server, deadline, reach)
    except (OSError, smtplib.SMTPException, ValueError) as error:
        raise DeliveryError(Outcome.FAILED, _why(error, deadline)) from error


def _prepare(session: smtplib.SMTP, server: SmtpServer, deadline: Deadline) -> None:
    """Encrypt and log in. Without TLS where it is asked for, nothing is sent: a login could be read by anybody."""
    try:
        session.ehlo_or_helo_if_needed()
        if server.security == STARTTLS:
            session.starttls(context=tls_context())
            session.ehlo_or_helo_if_needed()
        if server.user:
            session.login(server.user, server.password)
    except (smtplib.SMTPAuthenticationError, smtplib.SMTPNotSupportedError) as error:
        temporary = isinstance(error, smtplib.SMTPAuthenticationError) and error.smtp_code in _TEMPORARY
        raise DeliveryError(Outcome.FAILED if temporary else Outcome.REFUSED, _why(error, deadline)) from error
    except (OSError, smtplib.SMTPException, ValueError) as error:
        raise DeliveryError(Outcome.FAILED, _why(error, deadline)) from error


def _hand_over(session: smtplib.SMTP, mail: EmailMessage, recipients: list[str], deadline: Deadline) -> str:
    try:
        refused = session.send_message(mail, to_addrs=recipients)
    except smtplib.SMTPRecipientsRefused as error:
        codes = [code for code, _ in error.recipients.values()]
        raise _refusal(_addresses(error.recipients), for_good=max(codes) not in _TEMPORARY) from error
    except smtplib.SMTPResponseException as error:
        raise _refusal(_why(error, deadline), for_good=error.smtp_code not in _TEMPORARY) from error
    except smtplib.SMTPNotSupportedError as error:
        raise _refusal(_why(error, deadline), for_good=True) from error
    except (OSError, smtplib.SMTPException) as error:
        # It broke off; if that was after the end of the mail, the server may have it.
        raise DeliveryError(Outcome.UNKNOWN, _why(error, deadline)) from error
    if any(code in _TEMPORARY for code, _ in refused.values()):
        # Who has it gets it again, with the same Message-ID; who could not get it would go without otherwise.
        raise DeliveryError(Outcome.UNKNOWN, f"taken for some, later for others: {_addresses(refused)}")
    return f"taken, but refused for {_addresses(refused)}" if refused else "taken"


def _refusal(told: str, *, for_good: bool) -> DeliveryError:
    if for_good:
        return DeliveryError(Outcome.REFUSED, told, message_at_fault=True)
    return DeliveryError(Outcome.FAILED, told, answered=True)


def _addresses(refused: dict[str, tuple[int, bytes]]) -> str:
    return "; ".join(f"{who}: {code} {_text(said)}" for who, (code, said) in refused.items())


def _why(error: Exception, deadline: Deadline) -> str:
    if deadline.passed or isinstance(error, TimeoutError):
        return f"no answer within {deadline.seconds:g} s"
    if isinstance(error, smtplib.SMTPResponseException):
        return f"{error.smtp_code} {_text(error.smtp_error)}"
    return str(error) or type(error).__name__


def _text(said: Any) -> str:
    return said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
