"""Names, identifiers and texts as OSCAL allows them. Pure: the same names give the same identifiers for ever."""

from __future__ import annotations

import json
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from typing import Any
from urllib.parse import quote
from uuid import UUID, uuid5

# Of properties that OSCAL does not know.
NS = "urn:trueline:compliance"
_NAMESPACE = UUID("6b1f0c5e-93a7-5d42-8f0e-2d6c1a9b7e34")
_FOREIGN = re.compile(r"[^A-Za-z0-9._-]+")
_TOKEN = re.compile(r"[A-Za-z_][A-Za-z0-9._-]*", re.ASCII)
_URI = "!#$%&'()*+,/:;=?@[]~"

# An OSCAL object.
Object = dict[str, Any]


def identify(*names: str) -> str:
    """The UUID (version 5) of something by the names that lead to it."""
    return str(uuid5(_NAMESPACE, json.dumps(names)))


def tokens_of(ids: Iterable[str]) -> Mapping[str, str]:
    """References of a standard, e.g. "Art. 32(1)(a)", as OSCAL tokens, each another one, e.g. "Art.-32-1-a".

    What is an ASCII token stays as it is. Letters of other scripts are left out, as versions of OSCAL differ in which
    they allow; a hash tells those apart that are alike otherwise.
    """
    plain = {id_: _plain(id_) for id_ in ids}
    count = Counter(plain.values())
    return {
        id_: token if id_ == token or count[token] == 1 else f"{token}-{_hash(id_)}" for id_, token in plain.items()
    }


def _plain(id_: str) -> str:
    if _TOKEN.fullmatch(id_):
        return id_
    token = _FOREIGN.sub("-", id_).strip("-")
    if not token.strip("._-"):
        return f"control-{_hash(id_)}"
    return token if _TOKEN.fullmatch(token) else f"_{token}"


def _hash(text: str) -> str:
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:12]


def line(text: str, otherwise: str = "-") -> str:
    """A text as one line without control characters; `otherwise` if nothing is left of it."""
    return " ".join(_printable(text, " ").split()) or otherwise


def prose(text: str, otherwise: str = "-") -> str:
    """A text of any lines without control characters; `otherwise` if nothing is left of it."""
    return _printable(text, "\n").strip() or otherwise


def _printable(text: str, ends: str) -> str:
    lines = text.splitlines()
    return ends.join(
        "".join(one if unicodedata.category(one) not in {"Cc", "Cs"} else " " for one in each) for each in lines
    )


def reference(uri: str) -> str:
    """An address as a reference; characters that no address has are escaped."""
    return quote(uri.encode("utf-8", "surrogatepass"), safe=_URI)


def prop(name: str, value: str, *, of: str = "", remarks: str = "") -> Object:
    """A property that only Trueline knows; `of` = token of what it is about."""
    return present({"name": name, "ns": NS, "value": line(value), "class": of, "remarks": prose(remarks, "")})


def present(members: Mapping[str, Any]) -> Object:
    """Members without those that are absent: OSCAL allows no empty ones."""
    return {name: value for name, value in members.items() if value not in (None, "", [], {})}


def written(document: Object) -> bytes:
    """A document as a file: keys in order, so that the same document is the same bytes."""
    return (json.dumps(document, ensure_ascii=False, indent=2, sort_keys=True) + "\n").encode()


def ordered(objects: Iterable[Object]) -> list[Object]:
    """Objects by UUID."""
    return sorted(objects, key=lambda each: str(each["uuid"]))


def related(key: str, objects: Sequence[Object]) -> list[Object]:
    """References to objects by UUID."""
    return [{key: each["uuid"]} for each in ordered(objects)]
