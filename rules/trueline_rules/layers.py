"""Layers of rule files: the default pack, what operators add, and what a tenant adds on top of both."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib import resources
from pathlib import Path

from trueline_rules.documents import Document, read_documents, refuse_duplicates
from trueline_rules.errors import Problem, Problems
from trueline_rules.files import SUFFIXES, find_files, read_text

PACKAGE = "trueline_rules"
PACKS = "packs"
# Where a document comes from.
PACK, OPERATOR, TENANT = "pack", "operator", "tenant"

# Name of a file, as problems tell it, and what it holds.
Texts = tuple[tuple[str, str], ...]

# Layers read lately: a base is merged with the files of each tenant, and read once.
_REMEMBERED = 16


@dataclass(frozen=True, slots=True)
class Layer:
    """Rule files that lie on top of others: a document overrides the one of its kind and name in the layers below.

    Attributes:
        origin: PACK, OPERATOR or TENANT.
        texts: the files in the order in which they are read.

    """

    origin: str
    texts: Texts

    @property
    def digest(self) -> str:
        """32 hex digits over the names and the texts."""
        return hashlib.blake2b(written_texts(self.texts).encode(), digest_size=16).hexdigest()


@dataclass(frozen=True, slots=True)
class ReadLayer:
    """The documents of a layer, broken ones too.

    Attributes:
        origin: of the layer.
        files: names of the files, in their order.
        documents: in the order of the files.
        complete: whether all of the texts could be read as YAML.
        problems: what is wrong with single documents and with their names.

    """

    origin: str
    files: tuple[str, ...]
    documents: tuple[Document, ...]
    complete: bool
    problems: tuple[Problem, ...]


def written_texts(texts: Texts) -> str:
    """The texts in one, as they are stored and digested."""
    return json.dumps([list(file) for file in texts], ensure_ascii=False, separators=(",", ":"))


@cache
def pack_layer() -> Layer:
    """The default pack that comes with Trueline."""
    files = sorted((resources.files(PACKAGE) / PACKS).iterdir(), key=lambda entry: entry.name)
    wanted = (file for file in files if Path(file.name).suffix in SUFFIXES)
    return Layer(PACK, tuple((f"{PACKAGE}/{PACKS}/{file.name}", file.read_text(encoding="utf-8")) for file in wanted))


def operator_layer(paths: Sequence[Path]) -> Layer:
    """Read rule files from files and directories, whose *.yaml and *.yml are read by name, in this order.

    Raises:
        RuleFileError: some of it cannot be read; nothing is said about what the others hold.

    """
    problems = Problems()
    texts = [(str(path), read_text(path, problems)) for path in find_files(paths, problems)]
    problems.raise_if_any()
    return Layer(OPERATOR, tuple((name, text) for name, text in texts if text is not None))


def tenant_layer(files: Iterable[tuple[str, str]]) -> Layer:
    """The files that a tenant gave."""
    return Layer(TENANT, tuple((name, text) for name, text in files))


@lru_cache(maxsize=_REMEMBERED)
def read_layer(layer: Layer) -> ReadLayer:
    """Read the documents of a layer; two of one kind and name are a problem."""
    return read_whole(layer.origin, layer.texts)


def read_whole(origin: str, texts: Iterable[tuple[str, str | None]]) -> ReadLayer:
    """Read documents of texts; None stands for a file that could not be read, which whoever tried has noted."""
    problems = Problems()
    files: list[str] = []
    documents: list[Document] = []
    complete = True
    for file, text in texts:
        files.append(file)
        if text is None:
            complete = False
            continue
        read, whole = read_documents(text, file, problems)
        documents += read
        complete = complete and whole
    refuse_duplicates(documents, problems)
    return ReadLayer(origin, tuple(files), tuple(documents), complete, tuple(problems))
