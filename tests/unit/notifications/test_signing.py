"""Signatures of webhooks: as Standard Webhooks has them, and nothing else passes."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest
from trueline_server.notifications.signing import sign, verify

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
BODY = b'{"test": 2432232314}'
KEY, AT_S = "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330


def test_example_of_the_standard() -> None:
    """The example of its specification gets the signature that it has there."""
    headers = sign(SECRET, KEY, AT_S, BODY)
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    assert verify(SECRET, headers, BODY, AT_S)


def test_several_signatures_while_a_secret_changes() -> None:
    """One that fits is enough; those of other versions are passed over."""
    headers = sign(SECRET, KEY, AT_S, BODY)
    both = f"v1a,xyz v1,AAAA {headers['webhook-signature']}"
    assert verify(SECRET, headers | {"webhook-signature": both}, BODY, AT_S)


@pytest.mark.parametrize(
    "changed",
    [
        {"webhook-id": "another"},
        {"webhook-timestamp": str(AT_S + 1)},
        {"webhook-timestamp": "now"},
        {"webhook-timestamp": ""},
        {"webhook-signature": ""},
        {"webhook-signature": "v1,"},
        {"webhook-signature": "v1,not base64"},
        {"webhook-id": ""},
    ],
    ids=str,
)
def test_changed_headers_do_not_verify(changed: dict[str, str]) -> None:
    """Key, time and signature belong together."""
    assert not verify(SECRET, sign(SECRET, KEY, AT_S, BODY) | changed, BODY, AT_S)


@pytest.mark.parametrize("off_s", [-301, 301])
def test_old_and_future_calls_do_not_verify(off_s: int) -> None:
    """Whoever recorded a call cannot play it five minutes later."""
    assert not verify(SECRET, sign(SECRET, KEY, AT_S, BODY), BODY, AT_S + off_s)


@pytest.mark.parametrize("secret", ["plain text", "whsec_", "whsec_not base64!", "ünïcode"])
def test_any_text_is_a_secret(secret: str) -> None:
    """Texts that only look like the standard's secrets are taken as they are, never as an empty key."""
    headers = sign(secret, KEY, AT_S, BODY)
    assert verify(secret, headers, BODY, AT_S)
    assert not verify(secret + "x", headers, BODY, AT_S)


def test_verification_in_the_documentation() -> None:
    """What receivers are told to do takes what the server sends, and nothing else."""
    page = (Path(__file__).resolve().parents[3] / "docs" / "notifications.md").read_text()
    (snippet,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    told: dict[str, object] = {}
    exec(snippet, told)
    is_genuine = told["is_genuine"]
    assert callable(is_genuine)
    now_s = int(time.time())
    headers = sign("secret", KEY, now_s, BODY)
    assert is_genuine("secret", headers, BODY)
    assert not is_genuine("another", headers, BODY)
    assert not is_genuine("secret", headers, BODY + b" ")
    assert not is_genuine("secret", sign("secret", KEY, now_s - 400, BODY), BODY)
