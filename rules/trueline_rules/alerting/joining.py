"""The join of facts: rows of values that agree on the labels that the facts share."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from trueline_rules.alerting.vectors import AlertingError, Labels, Row, Value, Vector, is_missing, kept, shown


def join_facts(facts: Mapping[str, Vector], looked_up: Collection[str] = ()) -> tuple[Row, ...]:
    """Join facts into one row per label set, in order of labels.

    Facts with labels join on the label names that all of them have, and those are the labels of the rows; a label set
    that only some of them have is a row all the same, with None for the others. A fact without labels has its value in
    every row. If no fact has labels there is exactly one row.

    Args:
        facts: by name.
        looked_up: names of those that make no rows of their own: their values are looked up for the rows of the others.

    Raises:
        AlertingError: facts with labels share no label, or one has several label sets for a row; the way out is `by`.
            Or a fact that is looked up has labels that the rows have not.

    """
    joined = _join({name: vector for name, vector in facts.items() if name not in looked_up})
    wanted = {name: facts[name] for name in facts if name in looked_up}
    return tuple(Row(row.labels, {**row.values, **_found(wanted, row.labels)}) for row in joined) if wanted else joined


def _found(facts: Mapping[str, Vector], labels: Labels) -> dict[str, Value | None]:
    found: dict[str, Value | None] = {}
    for name, vector in facts.items():
        own = kept(labels, vector.names)
        if len(own) < len(vector.names):
            row = shown(labels) if labels else "a row without labels"
            raise AlertingError(f"{name} is known by {', '.join(vector.names)}, which {row} does not have")
        value = vector.rows.get(own)
        found[name] = None if is_missing(value) else value
    return found


def _join(facts: Mapping[str, Vector]) -> tuple[Row, ...]:
    labelled = {name: vector for name, vector in facts.items() if vector.names}
    shared = _shared(labelled)
    keyed = {name: _keyed(name, vector, shared) for name, vector in labelled.items()}
    everywhere = {name: vector.rows.get(()) for name, vector in facts.items() if not vector.names}
    labels = sorted({key for rows in keyed.values() for key in rows}) if labelled else [()]
    return tuple(Row(key, {name: _known(keyed, everywhere, name, key) for name in facts}) for key in labels)


def _shared(labelled: Mapping[str, Vector]) -> tuple[str, ...]:
    if not labelled:
        return ()
    shared = frozenset.intersection(*(frozenset(vector.names) for vector in labelled.values()))
    if not shared:
        described = ", ".join(f"{name} by {', '.join(vector.names)}" for name, vector in sorted(labelled.items()))
        raise AlertingError(f"the facts share no label to join on ({described}); keep a common one with by")
    return tuple(sorted(shared))


def _keyed(name: str, vector: Vector, shared: tuple[str, ...]) -> dict[Labels, Value]:
    found: dict[Labels, tuple[Labels, Value]] = {}
    for labels, value in vector.rows.items():
        key = kept(labels, shared)
        if key in found:
            first, second = sorted((found[key][0], labels))
            raise AlertingError(
                f"{name} has several label sets for {shown(key)}, among them {shown(first)} and {shown(second)}, so "
                f"that the join is many-to-one; join them with by: [{', '.join(shared)}]"
            )
        found[key] = labels, value
    return {key: value for key, (_, value) in found.items()}


def _known(
    keyed: Mapping[str, Mapping[Labels, Value]], everywhere: Mapping[str, Value | None], name: str, key: Labels
) -> Value | None:
    value = keyed[name].get(key) if name in keyed else everywhere[name]
    return None if is_missing(value) else value
