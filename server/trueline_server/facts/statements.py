"""The statements over the table of facts: as they were at an instant, by what is known or by what was known then."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

_UP_TO = "observed_at <= fromUnixTimestamp64Micro({at_us:Int64}, 'UTC')"
# The revision of a fact is the instant at which it was recorded, in microseconds.
_KNOWN = " AND revision <= {known_us:UInt64}"
_ROW = (
    "SELECT name, subject_id, toUnixTimestamp64Micro(observed_at), revision, "
    "number, decimal, text, flag, instant, texts, has_texts "
)
# Bound by the table's order: the newest observation of each subject up to the instant, of it the last that was put.
AS_OF = (
    f"{_ROW}"
    "FROM trueline.facts WHERE tenant = {tenant:String} AND subject = {subject:String} "
    "AND (empty({names:Array(String)}) OR name IN {names:Array(String)}) "
    "AND (empty({ids:Array(String)}) OR subject_id IN {ids:Array(String)}) "
    "AND (name, subject_id) > ({after_name:String}, {after_id:String}) "
    f"AND {_UP_TO} "
    "ORDER BY name, subject_id, observed_at DESC, revision DESC LIMIT 1 BY name, subject_id LIMIT {most:UInt32}"
)
# Of facts put in again for the same instant, the last that was put.
BETWEEN = (
    f"{_ROW}"
    "FROM trueline.facts WHERE tenant = {tenant:String} AND subject = {subject:String} AND name = {name:String} "
    "AND observed_at > fromUnixTimestamp64Micro({start_us:Int64}, 'UTC') "
    "AND observed_at <= fromUnixTimestamp64Micro({end_us:Int64}, 'UTC') "
    "ORDER BY subject_id, observed_at, revision DESC LIMIT 1 BY subject_id, observed_at LIMIT {most:UInt32}"
)

# Ids and instants of the observations are in the hash; a value replaced for the same instant has a revision of its own.
STAMPS = (
    "SELECT subject, name, max(revision), toUnixTimestamp64Micro(max(observed_at)), "
    "groupBitXor(sipHash64(subject_id, observed_at, revision)) "
    "FROM trueline.facts WHERE tenant = {tenant:String} AND name IN {names:Array(String)} "
    f"AND {_UP_TO} GROUP BY subject, name"
)
# Of each name the subjects with a value, type by type; subjects and values are two arrays in one order.
COLUMNS_AS_OF = (
    "SELECT name, "
    "groupArrayIf(subject_id, isNotNull(number)), groupArrayIf(assumeNotNull(number), isNotNull(number)), "
    "groupArrayIf(subject_id, isNotNull(decimal)), groupArrayIf(assumeNotNull(decimal), isNotNull(decimal)), "
    "groupArrayIf(subject_id, isNotNull(text)), groupArrayIf(assumeNotNull(text), isNotNull(text)), "
    "groupArrayIf(subject_id, isNotNull(flag)), groupArrayIf(assumeNotNull(flag), isNotNull(flag)), "
    "groupArrayIf(subject_id, isNotNull(instant)), groupArrayIf(assumeNotNull(instant), isNotNull(instant)), "
    "groupArrayIf(subject_id, has_texts), groupArrayIf(texts, has_texts) "
    "FROM (SELECT * FROM trueline.facts WHERE tenant = {tenant:String} AND subject = {subject:String} "
    "AND name IN {names:Array(String)} AND subject_id IN {ids:Array(String)} "
    f"AND {_UP_TO} "
    "ORDER BY name, subject_id, observed_at DESC, revision DESC LIMIT 1 BY name, subject_id) "
    "GROUP BY name ORDER BY name"
)
# Of few subjects all facts: by one thread and without sorting this takes half of what AS_OF does, which follows the
# table's order through all subjects. Columns of types that no wanted fact has are not read.
_LATEST_OF_SUBJECTS = (
    ", (observed_at, revision)) FROM trueline.facts WHERE tenant = {tenant:String} "
    "AND subject IN {subjects:Array(String)} AND subject_id IN {ids:Array(String)} "
    f"AND {_UP_TO} GROUP BY subject, subject_id, name SETTINGS max_threads = 1)"
)
VALUES: Mapping[str, str] = {
    "number": "number",
    "decimal": "decimal",
    "text": "text",
    "bool": "flag",
    "datetime": "instant",
    # An empty set is a value, too, and no array is NULL.
    "texts": "has_texts ? [texts] : []",
}
PLACES = {kind: 1 + 2 * place for place, kind in enumerate(("number", "decimal", "text", "bool", "datetime", "texts"))}
SUBJECTS = (
    "SELECT subject_id FROM trueline.facts WHERE tenant = {tenant:String} AND subject = {subject:String} "
    f"AND {_UP_TO} "
    "GROUP BY subject_id HAVING subject_id > {after:String} ORDER BY subject_id LIMIT {most:UInt32}"
)
COUNT_SUBJECTS = (
    "SELECT uniqExact(subject_id) FROM trueline.facts WHERE tenant = {tenant:String} AND subject = {subject:String} "
    f"AND {_UP_TO}"
)
FIRST_AFTER = (
    "SELECT toUnixTimestamp64Micro(min(observed_at)), count() FROM trueline.facts "
    "WHERE tenant = {tenant:String} AND subject = {subject:String} AND name = {name:String} "
    "AND observed_at > fromUnixTimestamp64Micro({at_us:Int64}, 'UTC')"
)


def of_subjects(kinds: Iterable[str]) -> str:
    """All facts of a few subjects: subject, its id, name, and a tuple of instant, revision and values of some types."""
    columns = "".join(f", {VALUES[kind]}" for kind in kinds)
    latest = f"argMax((toUnixTimestamp64Micro(observed_at), revision{columns})"
    return f"SELECT * FROM (SELECT subject, subject_id, name, {latest}{_LATEST_OF_SUBJECTS}"


def as_known(sql: str, parameters: Mapping[str, object], known_us: int | None) -> tuple[str, dict[str, object]]:
    """A statement with its parameters that sees only what was recorded by an instant; None = all that is known."""
    if known_us is None:
        return sql, dict(parameters)
    return sql.replace(_UP_TO, _UP_TO + _KNOWN), {**parameters, "known_us": max(known_us, 0)}
