"""Whether two names are of two persons, as far as writing shows it: variants of one name are one person. Pure."""

from __future__ import annotations

import re
import unicodedata

from trueline_rules.names import quoted

# Marks and letters that nothing is seen of (default ignorable in Unicode): joiners, fillers, variation selectors.
_UNSEEN = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180d\u180f\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)
_LETTERS = frozenset({"Lu", "Ll", "Lt", "Lo"})
# Scripts that are written together, as UTS 39 of Unicode has them ("highly restrictive"): none looks like another.
_TOGETHER = (
    frozenset({"LATIN", "CJK", "HIRAGANA", "KATAKANA"}),
    frozenset({"LATIN", "CJK", "BOPOMOFO"}),
    frozenset({"LATIN", "CJK", "HANGUL"}),
)


def same_person(name: str, other: str) -> bool:
    """Whether two names differ in nothing but case, spaces, signs, and what nobody sees."""
    return _written(name) == _written(other)


def mixed_scripts(name: str) -> str:
    """What is wrong with a name whose letters are of scripts that nobody writes together; "" if nothing is.

    A letter of another script that looks like one of the name's own makes another name, which nobody could tell apart.
    A name wholly of one script is taken as it is, even if all of its letters have look-alikes in another.
    """
    scripts = _scripts(name)
    if len(scripts) < 2 or any(scripts.keys() <= together for together in _TOGETHER):
        return ""
    told = " and ".join(f"{script} ({_shown(letter)})" for script, letter in scripts.items())
    return f"is {quoted(name)}, with letters of {told}; letters look alike there, so write the name in one script"


def _written(name: str) -> str:
    normal = _UNSEEN.sub("", unicodedata.normalize("NFKC", name).casefold())
    told = "".join(sign for sign in normal if unicodedata.category(sign)[0] in "LNM")
    return told or " ".join(normal.split())


def _scripts(name: str) -> dict[str, str]:
    """Scripts of the letters, in their order -> the first letter of each. The name of a letter begins with its script.

    Modifier letters do not count: they, like marks, signs and digits, are common to scripts.
    """
    scripts: dict[str, str] = {}
    letters = "".join(sign for sign in name if unicodedata.category(sign) in _LETTERS)
    for letter in _UNSEEN.sub("", unicodedata.normalize("NFKC", letters)):
        scripts.setdefault(unicodedata.name(letter, "unnamed").split()[0], letter)
    return scripts


def _shown(letter: str) -> str:
    return f"{letter}, U+{ord(letter):04X}"
