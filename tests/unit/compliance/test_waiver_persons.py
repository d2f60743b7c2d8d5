"""The two persons of a waiver: one name written in two ways is one person, and no name may mix scripts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from trueline_server.compliance.persons import mixed_scripts, same_person


@pytest.mark.parametrize(
    "other",
    [
        "Ada Lovelace",
        " ada  lovelace ",
        "ada.lovelace",
        "Ada-Love\u00adlace",
        "ada\u200blovelace",
        "ada\u034flovelace",
        "ada\ufe0flovelace",
        "ada\u3164lovelace",
        "\uff41da lovelace",
    ],
    ids=["case", "spaces", "signs", "soft_hyphen", "zero_width", "joiner", "selector", "filler", "full_width"],
)
def test_a_name_written_otherwise_is_the_same_person(other: str) -> None:
    """Case, spaces and signs do not count, nor what nobody sees."""
    assert same_person("ada lovelace", other)
    assert mixed_scripts(other) == ""


@pytest.mark.parametrize(
    ("name", "first", "second"),
    [
        ("\u0430da", "CYRILLIC (\u0430, U+0430)", "LATIN (d, U+0064)"),
        ("Ada L\u03bfvelace", "LATIN (A, U+0041)", "GREEK (\u03bf, U+03BF)"),
        ("\u0130van \u0418\u0432\u0430\u043d", "LATIN", "CYRILLIC"),
        ("\u0391\u0434\u0430", "GREEK", "CYRILLIC"),
        ("Ada \u054f\u0585", "LATIN", "ARMENIAN"),
        ("\u7530\u4e2d \u0430", "CJK", "CYRILLIC"),
    ],
    ids=["cyrillic_a", "greek_o", "two_words", "greek_cyrillic", "armenian", "han_cyrillic"],
)
def test_letters_of_two_scripts_are_refused_with_one_of_each(name: str, first: str, second: str) -> None:
    """They look alike, so the message says which letter is of which script, and what to do."""
    told = mixed_scripts(name)
    assert f"with letters of {first}" in told
    assert f" and {second}" in told
    assert "write the name in one script" in told


@pytest.mark.parametrize(
    "name",
    [
        "Ada Lovelace",
        "Zo\u00eb O\u2019Brien-M\u00fcller",
        "Zoe\u0308",
        "ada@example.com, 2nd shift (night) \u2116 7",
        "\u0410\u043d\u043d\u0430 \u041a\u0430\u0440\u0435\u043d\u0438\u043d\u0430 \u2116 7",
        "\u0391\u03bd\u03bd\u03b1",
        "\u7530\u4e2d \u30bf\u30ed\u30a6",
        "\u3055\u304f\u3089 \u7530\u4e2d Sakura",
        "\u91d1 \uae40\ubbfc\uc218 Kim",
        "\u0645\u062d\u0645\u062f \u0661",
        "\u0930\u093e\u092e",
        "12345",
        "\U0001f469\u200d\U0001f4bb",
        "",
    ],
)
def test_names_of_one_script_and_scripts_that_are_written_together_are_fine(name: str) -> None:
    """Marks, digits, signs and pictures are of every script; Latin stands beside Chinese, Japanese and Korean."""
    assert mixed_scripts(name) == ""


@given(st.text(max_size=12), st.text(max_size=12))
def test_the_order_of_the_two_does_not_matter(name: str, other: str) -> None:
    """Whoever asks and whoever approves are compared alike, and any text has an answer."""
    assert same_person(name, other) == same_person(other, name)
    assert same_person(name, name)
    assert bool(mixed_scripts(name + other)) == bool(mixed_scripts(other + name))
