"""Receivers of notifications on loopback: a real HTTP server and a real SMTP server that tests make behave badly."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session


@dataclass(frozen=True, slots=True)
class Request:
    """A POST that came in; names of headers in lower case."""

    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body."""
        return json.loads(self.body)

    @property
    def key(self) -> str:
        """The idempotency key."""
        return self.headers["idempotency-key"]


Answer = tuple[int, Mapping[str, str], bytes]


class HttpReceiver:
    """An HTTP server that answers as `answer` says, and 200 otherwise."""

    def __init__(self, port: int = 0, *, host: str = "127.0.0.1") -> None:
        self.requests: list[Request] = []
        self.answer: Callable[[Request], Answer] = lambda _: (200, {}, b"ok")
        # While set, it takes requests and says nothing.
        self.hangs = threading.Event()
        self.let_go = threading.Event()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                request = Request(self.path, headers, body)
                receiver.requests.append(request)
                if receiver.hangs.is_set():
                    receiver.let_go.wait(60)
                    return
                status, more, said = receiver.answer(request)
                self.send_response(status)
                for name, value in more.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(said)))
                self.end_headers()
                self.wfile.write(said)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer((host, port), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        """Where it is posted to."""
        return f"http://127.0.0.1:{self.port}/hook"

    def answers(self, status: int, headers: Mapping[str, str] | None = None, body: bytes = b"") -> None:
        """Answer everything with this from now on."""
        self.answer = lambda _: (status, headers or {}, body)

    def close(self) -> None:
        """End; what hangs is let go."""
        self.let_go.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class Trickler:
    """Takes connections and sends a byte now and then, for ever: no single read ever waits for long."""

    def __init__(self, greeting: bytes) -> None:
        self._greeting = greeting
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._ending = threading.Event()
        threading.Thread(target=self._run, daemon=True).start()

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._listener.getsockname()[1])

    def _run(self) -> None:
        while True:
            try:
                opened, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._trickle, args=(opened,), daemon=True).start()

    def _trickle(self, opened: socket.socket) -> None:
        with opened:
            try:
                opened.sendall(self._greeting)
                while not self._ending.wait(0.02):
                    opened.sendall(b"x")
            except OSError:
                return

    def close(self) -> None:
        """End."""
        self._ending.set()
        self._listener.close()


@dataclass(slots=True)
class MailReceiver:
    """An SMTP server; `refuse` answers a recipient's refusal, "" takes it."""

    user: str = ""
    password: str = ""
    refuse: Callable[[str], str] = lambda _: ""
    data_answer: str = "250 taken"
    tls: Any = None
    mails: list[EmailMessage] = field(default_factory=list)
    recipients: list[list[str]] = field(default_factory=list)
    _controller: Controller | None = None

    def start(self) -> MailReceiver:
        """Begin to listen on loopback."""
        more: dict[str, Any] = {"tls_context": self.tls, "require_starttls": True} if self.tls else {}
        if self.user:
            more |= {"authenticator": self._login, "auth_required": True, "auth_require_tls": bool(self.tls)}
        self._controller = Controller(self, hostname="127.0.0.1", port=0, **more)
        # Controller looks whether it listens on the port it was given; 0 has to be found first.
        with socket.create_server(("127.0.0.1", 0)) as free:
            self._controller.port = free.getsockname()[1]
        self._controller.start()
        return self

    @property
    def server(self) -> str:
        """host:port."""
        assert self._controller is not None
        return f"127.0.0.1:{self._controller.port}"

    def close(self) -> None:
        """End."""
        if self._controller is not None:
            self._controller.stop()

    async def handle_RCPT(
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        """Take or refuse a recipient."""
        refusal = self.refuse(address)
        if refusal:
            return refusal
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:
        """Take a mail."""
        if self.data_answer.startswith("2"):
            parsed = message_from_bytes(cast(bytes, envelope.content), policy=policy.default)
            self.mails.append(cast(EmailMessage, parsed))
            self.recipients.append(list(envelope.rcpt_tos))
        return self.data_answer

    def _login(self, _server: SMTP, _session: Session, _envelope: Envelope, _how: str, data: Any) -> AuthResult:
        given = cast(LoginPassword, data)
        passed = given.login == self.user.encode() and given.password == self.password.encode()
        return AuthResult(success=passed, handled=False)
