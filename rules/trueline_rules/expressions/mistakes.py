"""What is wrong with a text that the grammar does not take, in plain words and with the way out."""

from __future__ import annotations

import re
from collections.abc import Iterable

from trueline_rules.expressions.errors import ExpressionError
from trueline_rules.expressions.tokens import Source, Token, error_at
from trueline_rules.names import quoted

_TIME = r"T[0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]+)?)?(?:Z|[-+][0-9]{2}:?[0-9]{2})?"
_DATE = re.compile(rf"(?<![\w.'])[12][0-9]{{3}}-[0-9]{{2}}-[0-9]{{2}}(?:{_TIME})?(?![\w'])")
_CLOSING = {"LPAREN": "RPAREN", "LBRACKET": "RBRACKET", "LBRACE": "RBRACE"}
_SHOWN = {"RPAREN": ")", "RBRACKET": "]", "RBRACE": "}"}
_COMPARING = {"EQ", "NE", "LT", "LE", "GT", "GE", "IN", "EQ_FZM", "EQ_FZS", "NE_FZM", "NE_FZS"}
_OPERATING = _COMPARING | {
    "AND",
    "OR",
    "NOT",
    "ADD",
    "SUB",
    "MUL",
    "TDIV",
    "MOD",
    "COALESCE",
    "QMARK",
    "COLON",
    "COMMA",
}

# Words and signs of other languages, and how the same is written here.
_OTHER_WORDS = {
    "and": "'and', in lower case",
    "or": "'or', in lower case",
    "not": "'not', in lower case",
    "in": "'in', in lower case",
    "is": "'== null' or '!= null'",
    "like": "'=~~' and a regular expression",
    "matches": "'=~' and a regular expression",
    "contains": "'text in texts', or '=~~' to search within a text",
    "between": "'value >= a and value <= b'",
    "equals": "'=='",
    "then": "'condition ? a : b'",
    "xor": "'!='",
    "unless": "'and not'",
    "bool": "the comparison without it",
    "by": "by: [label] at the fact",
    "without": "by: [label] at the fact, with the labels that stay",
    "on": "by: [label] at the facts that are joined",
    "offset": "offset: 5m at the fact",
}
_ILLEGAL = {
    "=": "'=' is not an operator: write '==' to compare",
    "!": "'!' is not an operator: write 'not'",
    "#": "a comment may only stand at the end of the expression",
}
# Characters that editors, documents and mathematics put where the language has plain ones.
_OTHER_CHARACTERS = {
    **dict.fromkeys("\u2265\u2a7e", "'>='"),
    **dict.fromkeys("\u2264\u2a7d", "'<='"),
    "\u2260": "'!='",
    "\u2227": "'and'",
    "\u2228": "'or'",
    "\u00ac": "'not'",
    "\u2208": "'in'",
    "\u2209": "'not in'",
    **dict.fromkeys("\u00d7\u00b7", "'*'"),
    "\u00f7": "'/'",
    # Minus sign and dashes.
    **dict.fromkeys("\u2212\u2010\u2011\u2013\u2014", "'-'"),
    # Quotation marks and primes.
    **dict.fromkeys("\u2018\u2019\u201a\u201b\u2032\u201c\u201d\u201e\u00ab\u00bb\u2033", "' around a text"),
    "\uff0c": "','",
    # Blanks that are not the plain one.
    **dict.fromkeys("\u00a0\u2007\u202f\u2003\u2009\u3000", "a plain blank"),
}
_OTHER_COMPARISONS = {"===": "==", "!==": "!=", "=>": ">=", "=<": "<=", "=!": "!="}
_OTHER_SIGNS = {"&": "'and'", "|": "'or'", "^": "'!=' between two conditions", "<>": "'!='"}


def illegal_character(text: str, at: int) -> ExpressionError:
    """The lexer takes no token at this place."""
    character = text[at]
    word = next((word for word in ("elif", "else", "while") if text.startswith(word, at)), "")
    if word:
        return error_at(text, f"'{word}' is not part of the language: write 'condition ? a : b'", at, at + len(word))
    if character in "'\"":
        return error_at(text, f"the text that starts here is never closed: add {character}", at, len(text))
    for written, meant in _OTHER_COMPARISONS.items():
        begin = text.rfind(written, max(at - 2, 0), at + len(written))
        if begin >= 0:
            return error_at(text, f"'{written}' is not an operator: write '{meant}'", begin, begin + len(written))
    told = _ILLEGAL.get(character)
    if told is None:
        instead = _OTHER_CHARACTERS.get(character)
        told = f"{quoted(character)} is not part of the language: {f'write {instead}' if instead else 'remove it'}"
    return error_at(text, told, at, at + 1)


def unquoted_date(text: str, error: ExpressionError, strings: Iterable[tuple[int, int]]) -> ExpressionError | None:
    """The error that an instant stands there without quotes, if that is what another error comes from.

    Args:
        text: of the expression.
        error: what was found wrong.
        strings: where texts in quotes stand, in which a date is no mistake.

    """
    if error.start is None:
        return None
    inside = tuple(strings)
    for found in _DATE.finditer(text):
        near = found.start() <= error.start + error.length and error.start <= found.end()
        if near and not any(start <= found.start() < end for start, end in inside):
            return error_at(text, f"an instant is written in quotes: write d'{found[0]}'", found.start(), found.end())
    return None


def check_brackets(source: Source, deepest: int) -> None:
    """Raise an ExpressionError for a bracket without its partner, for an empty text and for too many within another."""
    if not source.tokens or source.tokens[0].kind == "COMMENT":
        raise ExpressionError("the expression is empty: write a condition, such as value < 0.3", start=0)
    opened: list[Token] = []
    for token in source.tokens:
        if token.kind in _CLOSING:
            opened.append(token)
            if len(opened) > deepest:
                raise source.error(f"brackets are nested deeper than {deepest}: split it into several rules", token)
        elif token.kind in _SHOWN:
            if not opened:
                raise source.error(f"'{source.show(token)}' closes nothing: remove it, or open it before", token)
            opening = opened.pop()
            if _CLOSING[opening.kind] != token.kind:
                message = (
                    f"'{source.show(opening)}' is closed by '{source.show(token)}': write "
                    f"'{_SHOWN[_CLOSING[opening.kind]]}' here"
                )
                raise source.error(message, token)
    if opened:
        opening = opened[-1]
        raise source.error(f"'{source.show(opening)}' is never closed: add '{_SHOWN[_CLOSING[opening.kind]]}'", opening)


def unexpected(source: Source, position: int | None) -> ExpressionError:  # noqa: PLR0911 - one case for each mistake
    """The grammar does not take the token at a position; None is the end of the text."""
    tokens = [token for token in source.tokens if token.kind != "COMMENT"]
    if position is None:
        last = tokens[-1]
        return source.error(f"the expression ends after '{source.show(last)}' where a value is expected", last)
    place = next(number for number, token in enumerate(tokens) if token.start == position)
    token = tokens[place]
    before = tokens[place - 1] if place else None
    shown = source.show(token)
    if token.kind == "BYTES":
        return source.error("bytes are not part of the language: write a text", token)
    if before is not None and before.kind == "FLOAT" and token.start == before.end and shown[0].isalpha():
        message = f"a number has no unit: write {source.show(before)}; a span of time is written t'PT5M' or t'P1D'"
        return source.error(message, token)
    if token.kind in _COMPARING and before is not None and before.kind not in _OPERATING:
        return source.error("comparisons do not chain: write 'a < b and b < c', or use brackets", token)
    if token.kind == "SYMBOL" and shown.lower() in _OTHER_WORDS:
        return source.error(f"'{shown}' is not an operator: write {_OTHER_WORDS[shown.lower()]}", token)
    if before is not None and before.kind == "SYMBOL" and source.show(before).lower() in _OTHER_WORDS:
        word = source.show(before)
        return source.error(f"'{word}' is not an operator: write {_OTHER_WORDS[word.lower()]}", before)
    sign = _OTHER_SIGNS.get(shown) or (before and _OTHER_SIGNS.get(source.show(before) + shown))
    if sign:
        return source.error(f"'{shown}' is not an operator: write {sign}", token)
    if token.kind == "COMMA":
        return source.error("a comma stands only in a set, which is written in square brackets: ['a', 'b']", token)
    if before is None:
        return source.error(f"the expression cannot begin with {quoted(shown)}: a value is expected", token)
    if before.kind in _OPERATING or before.kind in _CLOSING:
        return source.error(f"a value is expected after '{source.show(before)}', not {quoted(shown)}", token)
    return source.error(
        f"an operator is expected between {quoted(source.show(before))} and {quoted(shown)}, such as 'and'", token
    )
