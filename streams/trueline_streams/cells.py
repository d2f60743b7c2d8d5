"""The panes and groups that one metric of one tenant has in memory, as growing columns."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from trueline_rules.model import Aggregation, Metric

from trueline_streams.amounts import Ints, neutral
from trueline_streams.distinct import estimate, merged_sketch, sketch_of
from trueline_streams.grouping import NUMERIC, Cells, NumberCells
from trueline_streams.points import PointColumns
from trueline_streams.records import EXACT_DISTINCT, PointRow
from trueline_streams.texts import Texts, compacted, text_lists, texts_of

_COUNTS = ("pane_start", "pane_end", "events", "value_count", "late_events", "revision", "watermark", "touched")
_LATEST = ("latest_at", "latest_position")
_NUMBERS = ("total", "smallest", "largest", "latest")
# A sketch weighs about as much as one member for each of these bytes.
_BYTES_PER_MEMBER = 64
# Members stay in Arrow while a batch brings so many that looking all of them up there, which reads all that is known,
# is cheaper than making Python's texts of them: up to so many known ones for each that is looked up.
_MANY, _LOOKED_UP = 500, 4
_LEAST, _MOST = neutral(np.dtype(object))
_INITIAL = {"smallest": _LEAST, "largest": _MOST}

Index = dict[Hashable, int]


class CellStore:
    """Cells by pane and group: numpy columns for what is added, lists for members, sketches and bins.

    A cell is addressed by its row; rows move when cells are dropped. Numbers are Python integers in object columns,
    because totals need up to 38 digits.
    """

    def __init__(self, metric: Metric) -> None:
        self.metric = metric
        self.numeric = metric.aggregation in NUMERIC
        self.binned = metric.aggregation is Aggregation.QUANTILE
        self.distinct = metric.aggregation is Aggregation.COUNT_DISTINCT
        self.size = 0
        self.member_weight = 0
        self.index: Index = {}
        self.groups: list[tuple[str, ...]] = []
        # A set once a cell gets a few members more, which most cells of an import do not.
        self.members: list[set[str] | Texts] = []
        self.sketches: list[bytes] = []
        self.bins: list[dict[int, int]] = []
        names = _COUNTS + (_LATEST if self.numeric else ())
        self.ints: dict[str, Ints] = {name: np.zeros(16, dtype=np.int64) for name in names}
        self.numbers: dict[str, npt.NDArray[Any]] = {}
        if self.numeric:
            self.numbers = {name: np.full(16, _INITIAL.get(name, 0), dtype=object) for name in _NUMBERS}

    def key(self, pane_start_us: int, groups: tuple[str, ...]) -> Hashable:
        """What `index` calls a cell."""
        return (pane_start_us, groups) if self.metric.group_by else pane_start_us

    def rows_of(self, cells: Cells) -> Ints:
        """Row of each cell; -1 where it is not in memory."""
        starts = cells.pane_start_us.tolist()
        keys = starts if cells.groups is None else zip(starts, cells.groups, strict=True)
        find = self.index.get
        return np.fromiter((find(key, -1) for key in keys), dtype=np.int64, count=len(starts))

    def add(self, pane_start_us: int, pane_end_us: int, groups: tuple[str, ...]) -> int:
        """A new, empty cell; answers its row."""
        row = self.size
        if row == len(self.ints["events"]):
            self._grow()
        self.size = row + 1
        self.index[self.key(pane_start_us, groups)] = row
        self.ints["pane_start"][row] = pane_start_us
        self.ints["pane_end"][row] = pane_end_us
        self.groups.append(groups)
        if self.distinct:
            self.members.append(set())
            self.sketches.append(b"")
        if self.binned:
            self.bins.append({})
        return row

    def add_all(self, starts_us: Ints, ends_us: Ints) -> Ints:
        """New, empty cells of a metric without groups, one a pane; answers their rows."""
        rows = np.arange(self.size, self.size + len(starts_us))
        self.size += len(rows)
        if self.size > len(self.ints["events"]):
            self._grow()
        self.index.update(zip(starts_us.tolist(), rows.tolist(), strict=True))
        self.ints["pane_start"][rows] = starts_us
        self.ints["pane_end"][rows] = ends_us
        self.groups.extend([()] * len(rows))
        if self.distinct:
            self.members.extend(set() for _ in rows)
            self.sketches.extend([b""] * len(rows))
        if self.binned:
            self.bins.extend({} for _ in rows)
        return rows

    def _grow(self) -> None:
        more = max(16, self.size)
        for name, column in self.ints.items():
            self.ints[name] = np.concatenate([column, np.zeros(more, dtype=np.int64)])
        for name, values in self.numbers.items():
            self.numbers[name] = np.concatenate([values, np.full(more, _INITIAL.get(name, 0), dtype=object)])

    def put(self, point: PointRow, members: Sequence[str]) -> int:
        """A cell as it was written; answers its row."""
        row = self.add(point.pane_start_us, point.pane_end_us, point.groups)
        for name in ("events", "value_count", "late_events", "revision"):
            self.ints[name][row] = getattr(point, name)
        self.ints["watermark"][row] = point.watermark_us
        if self.numeric and point.latest is not None:
            for name in _NUMBERS:
                self.numbers[name][row] = getattr(point, name)
            self.ints["latest_at"][row] = point.latest_at_us
            self.ints["latest_position"][row] = point.latest_position
        if self.binned:
            self.bins[row] = dict(point.bins)
        if self.distinct:
            self.sketches[row] = point.sketch
            self.members[row] = set() if point.sketch else set(members)
            self.member_weight += self._weight(row)
        return row

    def merge(self, rows: Ints, cells: Cells, batch: int) -> None:
        """Add what a batch says; a row may occur several times."""
        ints = self.ints
        for name, added in (
            ("events", cells.events),
            ("value_count", cells.value_count),
            ("late_events", cells.late_events),
        ):
            np.add.at(ints[name], rows, added)
        np.maximum.at(ints["revision"], rows, cells.last_position)
        decides = ints["revision"][rows] == cells.last_position
        ints["watermark"][rows[decides]] = cells.watermark_us[decides]
        ints["touched"][rows] = batch
        if cells.numbers is not None:
            self._merge_numbers(rows, cells.numbers)
        if cells.bins is not None:
            targets = rows[cells.bins.cells].tolist()
            for row, key, count in zip(targets, cells.bins.keys.tolist(), cells.bins.counts.tolist(), strict=True):
                bins = self.bins[row]
                bins[key] = bins.get(key, 0) + count

    def _merge_numbers(self, rows: Ints, numbers: NumberCells) -> None:
        there = np.nonzero(numbers.latest_position)[0]
        rows = rows[there]
        np.add.at(self.numbers["total"], rows, numbers.total[there].astype(object))
        np.minimum.at(self.numbers["smallest"], rows, numbers.smallest[there].astype(object))
        np.maximum.at(self.numbers["largest"], rows, numbers.largest[there].astype(object))
        # Ascending by (occurred_at, position): where a row repeats, the last assignment stays.
        order = np.lexsort((numbers.latest_position[there], numbers.latest_at_us[there]))
        rows, there = rows[order], there[order]
        at, position = numbers.latest_at_us[there], numbers.latest_position[there]
        known_at, known_position = self.ints["latest_at"][rows], self.ints["latest_position"][rows]
        newer = (known_position == 0) | (at > known_at) | ((at == known_at) & (position > known_position))
        rows = rows[newer]
        self.numbers["latest"][rows] = numbers.latest[there[newer]].astype(object)
        self.ints["latest_at"][rows] = at[newer]
        self.ints["latest_position"][rows] = position[newer]

    def add_members(self, row: int, values: Sequence[str]) -> Sequence[str]:
        """Add values, each once; answers those that are new while the count of the cell is exact."""
        if self.sketches[row]:
            self.member_weight -= self._weight(row)
            self.sketches[row] = merged_sketch((self.sketches[row],), values)
            self.member_weight += self._weight(row)
            return []
        known = self.members[row]
        if not known and isinstance(values, Texts) and len(values) <= EXACT_DISTINCT:
            self.members[row] = values
            self.member_weight += len(values)
            return values
        room = EXACT_DISTINCT - len(known)
        new: Sequence[str]
        if isinstance(known, Texts) and isinstance(values, Texts) and _MANY < len(known) < _LOOKED_UP * len(values):
            new = values.without(known)
            self.members[row] = known.followed_by(new)
        else:
            known = known if isinstance(known, set) else set(known)
            new = [value for value in values if value not in known]
            known.update(new)
            self.members[row] = known
        self.member_weight += len(new)
        if len(new) > room:
            self.member_weight -= self._weight(row)
            self.sketches[row] = sketch_of(self.members[row])
            self.members[row] = set()
            self.member_weight += self._weight(row)
            return new[:room]
        return new

    def weights(self) -> Ints:
        """What the distinct values of each cell weigh, in members."""
        members = np.fromiter(map(len, self.members), dtype=np.int64, count=self.size)
        sketches = np.fromiter(map(len, self.sketches), dtype=np.int64, count=self.size)
        return members + sketches // _BYTES_PER_MEMBER

    def _weight(self, row: int) -> int:
        return len(self.members[row]) + len(self.sketches[row]) // _BYTES_PER_MEMBER

    def keep(self, rows: Ints) -> None:
        """Drop all cells but those of some rows (ascending), which move together."""
        for columns in (self.ints, self.numbers):
            for name, column in columns.items():
                columns[name] = column[rows]
        kept = rows.tolist()
        self.groups = [self.groups[row] for row in kept]
        for name in ("members", "sketches", "bins"):
            values = getattr(self, name)
            setattr(self, name, [values[row] for row in kept] if values else [])
        self._compact()
        self.size = len(kept)
        self._renumber()

    def _compact(self) -> None:
        """Let go of the members of dropped cells, which lie in the same arrays as those of others."""
        runs = [(row, members) for row, members in enumerate(self.members) if isinstance(members, Texts)]
        for (row, _), run in zip(runs, compacted([run for _, run in runs]), strict=True):
            self.members[row] = run

    def _renumber(self) -> None:
        starts = self.ints["pane_start"][: self.size].tolist()
        self.index = {self.key(start, self.groups[row]): row for row, start in enumerate(starts)}
        self.member_weight = int(self.weights().sum()) if self.distinct else 0

    def points(self, tenant: str, rows: Ints) -> PointColumns:
        """The cells of some rows as they go to the warehouse."""
        listed = rows.tolist()
        return PointColumns(
            tenant=tenant,
            metric=self.metric.metadata.name,
            definition=self.metric.definition,
            size=len(listed),
            groups=[self.groups[row] for row in listed],
            ints={name: column[rows] for name, column in self.ints.items()},
            units={name: column[rows] for name, column in self.numbers.items()},
            distinct=self._distinct(listed) if self.distinct else None,
            sketches=[self.sketches[row] for row in listed] if self.distinct else None,
            bins=[dict(self.bins[row]) for row in listed] if self.binned else None,
        )

    def _distinct(self, rows: list[int]) -> list[int]:
        return [estimate(self.sketches[row]) if self.sketches[row] else len(self.members[row]) for row in rows]

    def packed(self) -> tuple[Any, ...]:
        """All cells as plain values that pickle small, and fast: members go as Arrow, not text by text."""
        ints = {name: column[: self.size].tobytes() for name, column in self.ints.items()}
        numbers = {name: column[: self.size].tolist() for name, column in self.numbers.items()}
        return self.size, ints, numbers, self.groups, text_lists(self.members), self.sketches, self.bins

    def unpack(self, packed: tuple[Any, ...]) -> None:
        """Take over what `packed` gave."""
        self.size, ints, numbers, self.groups, members, self.sketches, self.bins = packed
        self.members = [*texts_of(members)]
        self.ints = {name: np.frombuffer(data, dtype=np.int64).copy() for name, data in ints.items()}
        self.numbers = {name: np.array(values, dtype=object) for name, values in numbers.items()}
        self._renumber()
