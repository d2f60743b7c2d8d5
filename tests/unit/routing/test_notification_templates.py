"""Texts of notifications: places for values, from a closed list, and nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from trueline_rules.routing.templates import MAPS, MOST_RENDERED, VALUES, Template, TemplateError


def test_places_are_filled_and_what_is_missing_is_empty() -> None:
    """Blanks around a name do not count; single braces and a $ are letters like others."""
    template = Template("{{reason}}: {{ firing }} of {x} ${{ labels.team }}{{ group.region }}{{summary}}.")
    rendered = template.render({"reason": "first", "firing": 3}, {"labels": {"team": "growth"}})
    assert rendered == "first: 3 of {x} $growth."


def test_values_are_no_templates() -> None:
    """Whoever chooses the value of a label puts no further values into a message."""
    assert Template("{{ labels.a }}").render({"tenant": "t"}, {"labels": {"a": "{{ tenant }}"}}) == "{{ tenant }}"


def test_a_message_is_bounded() -> None:
    """However long the values are."""
    assert len(Template("{{ alerts }}").render({"alerts": "x" * 10**6}, {})) == MOST_RENDERED


@pytest.mark.parametrize(
    ("text", "message", "offset"),
    [
        ("a {{ sumary }}", "did you mean 'summary'", 2),
        ("{{ label.team }}", "did you mean 'labels'", 0),
        ("{{ labels }}", "write {{ labels.team }}", 0),
        ("{{ .Labels.team }}", "such as {{ labels.team }}", 0),
        ("{{ summary | upper }}", "one name and nothing else", 0),
        ("{{ range }}", "known:", 0),
        ("{{ }}", "a place without a name", 0),
        ("x {{ summary", "does not close it", 2),
        ("summary }}", "without having opened", 8),
        ("{{ labels.__class__.x }}", "write {{ labels.team }}", 0),
    ],
)
def test_a_wrong_place_is_told(text: str, message: str, offset: int) -> None:
    """What is wrong, what to write instead, and at which letter."""
    with pytest.raises(TemplateError) as caught:
        Template(text)
    assert message in str(caught.value)
    assert caught.value.offset == offset


@given(text=st.text(alphabet="{} .|alerts", max_size=40))
def test_no_text_breaks_it(text: str) -> None:
    """Any text is a template or is refused with a place inside it."""
    offset = 0
    try:
        Template(text).render({}, {})
    except TemplateError as error:
        offset = error.offset
    assert 0 <= offset <= len(text)


@given(
    values=st.dictionaries(st.sampled_from(sorted(VALUES)), st.text()), labels=st.dictionaries(st.just("x"), st.text())
)
def test_any_values_can_be_shown(values: dict[str, str], labels: dict[str, str]) -> None:
    """Every value of the list can be named, whatever it is."""
    places = [*VALUES, *(f"{name}.x" for name in MAPS)]
    text = Template("|".join(f"{{{{ {name} }}}}" for name in places)).render(values, dict.fromkeys(MAPS, labels))
    expected = [values.get(name, "") for name in VALUES] + [labels.get("x", "")] * len(MAPS)
    assert text == "|".join(expected)
