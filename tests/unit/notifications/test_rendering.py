"""Messages in words: what templates get, what bundles look like, and that no length or strange value breaks it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from trueline_rules.routing.templates import DEFAULT_TEXT, DEFAULT_TITLE, VALUES, Template
from trueline_server.notifications.failures import without_secrets
from trueline_server.notifications.model import Message, Notification, NotificationState
from trueline_server.notifications.payloads import discord_payload, slack_payload, webhook_payload
from trueline_server.notifications.rendering import Rendered, fit, render, values_of

TITLE, TEXT = Template(DEFAULT_TITLE), Template(DEFAULT_TEXT)
ALERT = {
    "case": "alert-1",
    "status": "firing",
    "severity": "warning",
    "rule": "churn_rate_high",
    "labels": {"plan": "pro", "team": "growth"},
    "title": "Churn rate high",
    "text": "Above its target.",
    "values": {"churn_rate": 0.08},
    "starts_at": "2026-03-02T09:00:00Z",
    "ends_at": None,
    "runbook": "https://example.com/churn",
}


def message(*contents: Mapping[str, Any]) -> Message:
    """A message of such contents."""
    parts = tuple(
        Notification(
            "acme", f"n{n}", "ops", "", "g", "first", each, NotificationState.QUEUED, 0, 0, 0, None, "", None, None
        )
        for n, each in enumerate(contents)
    )
    return Message("acme", "k", "ops", "", parts, 1)


def content(*alerts: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    """A content of such alerts."""
    return {"reason": "first", "status": "firing", "alerts": list(alerts), "alerts_total": len(alerts), **more}


def said(*contents: Mapping[str, Any]) -> Rendered:
    """By the default templates."""
    return render(message(*contents), TITLE, TEXT)


def test_default_words() -> None:
    """Status, severity and rule; then what, where, since when and what to do."""
    assert said(content(ALERT)) == Rendered(
        "[firing] warning: churn_rate_high",
        "Churn rate high\n"
        "- warning firing Churn rate high (alert-1)\n"
        "  Above its target.\n"
        "  labels: plan=pro, team=growth\n"
        "  values: churn_rate=0.08\n"
        "  since: 2026-03-02T09:00:00Z\n"
        "https://example.com/churn",
        False,
        "warning",
    )


def test_every_place_of_templates_has_a_value() -> None:
    """What the rules let a template name is there to be put in."""
    assert set(values_of(content(ALERT), message(content(ALERT)))) == set(VALUES)


def test_own_template_with_labels() -> None:
    """Labels that all alerts have alike, and those of the group; one that differs is empty."""
    other = ALERT | {"labels": {"plan": "free", "team": "growth"}, "severity": "critical", "rule": "b"}
    both = content(ALERT, other, group={"id": "g", "route": "default/x", "labels": {"team": "growth"}})
    template = Template("{{ labels.team }}|{{ labels.plan }}|{{ group.team }}|{{ severity }}|{{ rule }}|{{ route }}")
    assert render(message(both), template, TEXT).title == "growth||growth|critical|2 rules|default/x"


def test_escalation_is_seen_whatever_the_template_leaves_out() -> None:
    """The level stands in front, unless the template has it."""
    escalated = content(ALERT, escalation={"policy": "standard", "level": "L2", "try": 1, "round": 0, "person": "ada"})
    assert said(escalated).title == "L2: [firing] warning: churn_rate_high"
    assert render(message(escalated), Template("{{ level }} {{ rule }}"), TEXT).title == "L2 churn_rate_high"


def test_reason_rest_and_suppressed_are_said() -> None:
    """Why it comes, how many alerts are not listed, and what is not told of."""
    rest = content(ALERT, reason="repeat", alerts_total=7, suppressed_total=2)
    text = said(rest | {"suppressed": [{"case": "alert-2", "kind": "silenced", "by": "s1"}]}).text
    assert "Nothing changed; this is a reminder." in text
    assert "and 6 more alerts" in text
    assert "2 suppressed: silenced by s1" in text


def test_bundle_lists_titles_first() -> None:
    """The worst severity is that of the bundle; it is over only when all of it is."""
    over = content(ALERT | {"status": "resolved", "severity": "critical"}, status="resolved")
    both = said(content(ALERT), over)
    assert both.title == "2 notifications: 1 open, 1 resolved"
    assert both.text.startswith("- [firing] warning: churn_rate_high\n- [resolved] critical: churn_rate_high\n\n")
    assert (both.severity, both.resolved) == ("critical", False)
    assert said(over, over).resolved


def test_long_groups_keep_their_end() -> None:
    """However many alerts there are, what comes behind them is said."""
    many = content(*[ALERT | {"text": "x" * 900}] * 100, alerts_total=5000)
    text = said(many).text
    assert len(text) < 20_000
    assert "and 4900 more alerts" in text
    assert text.endswith("https://example.com/churn")


@given(st.text(alphabet="ab\n<&*", max_size=300), st.integers(50, 200))
def test_fit_keeps_whole_lines_within_the_limit(text: str, most: int) -> None:
    """Cut texts say how many lines are missing."""
    cut = fit(text, most)
    assert len(cut) <= most
    assert cut == text or cut.endswith(("more lines", "…"))


@given(st.text(max_size=12_000), st.text(max_size=600))
def test_payloads_stay_within_the_limits(text: str, title: str) -> None:
    """Whatever the words are, also when escaping makes them longer."""
    import json

    rendered = Rendered(title, text, False, "critical")
    slack = json.loads(slack_payload(message({}), rendered))
    assert len(slack["attachments"][0]["text"]) <= 3000
    discord = json.loads(discord_payload(message({}), rendered))
    assert len(discord["embeds"][0]["description"]) <= 4096
    assert len(discord["embeds"][0]["title"]) <= 256


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
_FIELDS = ("reason", "status", "alerts", "alerts_total", "suppressed", "suppressed_total", "group", "escalation")
_ALERTS = st.lists(st.dictionaries(st.sampled_from(["labels", "values", "status", "case", "title"]), _JSON))


@given(st.dictionaries(st.sampled_from([*_FIELDS, "title", "text", "facts"]), _JSON | _ALERTS, max_size=6))
def test_any_content_can_be_said(strange: dict[str, Any]) -> None:
    """Content that nobody foresaw has a title and goes out."""
    rendered = said(strange)
    assert rendered.title
    assert webhook_payload(message(strange), rendered)


@pytest.mark.parametrize(
    ("text", "secrets", "told"),
    [
        ("no hook /T0/abc", ["/T0/abc"], "no hook <hidden>"),
        ("abc abcdef", ["abc", "abcdef"], "<hidden> <hidden>"),
        ("nothing", [""], "nothing"),
        ("two\r\nlines\x00", [], "two lines"),
        ("x" * 400, [], "x" * 299 + "…"),
    ],
)
def test_without_secrets(text: str, secrets: list[str], told: str) -> None:
    """Answers are short, on one line, and no secret is in them."""
    assert without_secrets(text, secrets) == told
