"""Puts figures together: estimates of two periods side by side, and what is said of the difference."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from trueline_rules.model import Direction

from trueline_server.studies.model import Difference, Estimate, Figure, Group, Input, Verdict
from trueline_server.studies.statistics import Compared, Interval, adjusted

# Breakdown and value of it; ("", "") is everything.
Key = tuple[str, str]
TOTAL: Key = ("", "")
# Groups of a breakdown that are told; of the others there is a note.
MOST_GROUPS = 200


@dataclass(frozen=True, slots=True)
class Kind:
    """What figures of one name have in common; see Figure."""

    name: str
    area: str
    unit: str
    method: str
    direction: Direction = Direction.HIGHER

    def figure(self, now: Estimate, previous: Estimate, compared: Compared | None) -> Figure:
        """A figure that is not judged yet."""
        difference = None
        if compared is not None and now.value is not None and previous.value is not None:
            low, high = _ends(compared.interval)
            difference = Difference(compared.value, low, high, compared.p_value)
        return Figure(
            name=self.name,
            area=self.area,
            unit=self.unit,
            direction=self.direction,
            now=now,
            previous=previous,
            difference=difference,
            verdict=Verdict.INSUFFICIENT_DATA,
            reason="",
            method=self.method,
        )


def estimate(value: float, interval: Interval | None, observations: int, inputs: Sequence[Input]) -> Estimate:
    """A figure that has a value."""
    return Estimate(value, *_ends(interval), observations, tuple(inputs))


def no_estimate(missing: str, observations: int = 0, inputs: Sequence[Input] = ()) -> Estimate:
    """A figure that has none, and why."""
    return Estimate(None, None, None, observations, tuple(inputs), missing)


def too_few(observations: int, least: int, what: str) -> str:
    """Why a figure of so many has no value; "" if they are enough."""
    return "" if observations >= least else f"{observations} of at least {least} {what}"


def amount(name: str, value: Decimal | int, unit: str) -> Input:
    """An input; digits that say nothing are left out."""
    written = Decimal(value).normalize()
    return Input(name, written.quantize(Decimal(1)) if written == written.to_integral_value() else written, unit)


def judged(figures: Mapping[Key, Sequence[Figure]], confidence: float) -> tuple[Group, ...]:
    """Groups with verdicts, everything first; the p-values of a figure over the groups of a breakdown are adjusted."""
    adjustments: dict[tuple[Key, str], tuple[float, int]] = {}
    for breakdown in dict.fromkeys(key[0] for key in figures):
        keys = [key for key in figures if key[0] == breakdown]
        for name in dict.fromkeys(figure.name for key in keys for figure in figures[key]):
            tested = [
                (key, figure.difference.p_value)
                for key in keys
                for figure in figures[key]
                if figure.name == name and figure.difference is not None and figure.difference.p_value is not None
            ]
            for (key, _), p_value in zip(tested, adjusted([p for _, p in tested]), strict=True):
                adjustments[key, name] = (p_value, len(tested))
    return tuple(
        Group(*key, tuple(_judge(figure, adjustments.get((key, figure.name)), confidence) for figure in figures[key]))
        for key in sorted(figures, key=lambda key: (key != TOTAL, key))
    )


def _judge(figure: Figure, adjustment: tuple[float, int] | None, confidence: float) -> Figure:
    difference = figure.difference
    if difference is None or adjustment is None:
        if figure.now.value is None:
            reason = figure.now.missing
        elif figure.previous.value is None:
            reason = f"the previous period: {figure.previous.missing}"
        else:
            reason = "too little to tell how sure the difference is"
        return replace(figure, verdict=Verdict.INSUFFICIENT_DATA, reason=reason)
    p_value, beside = adjustment
    told = f"p = {difference.p_value:.3g}" + (f", {p_value:.3g} beside {beside - 1} other groups" if beside > 1 else "")
    verdict, sign = Verdict.NO_EVIDENCE, "not below"
    if p_value < 1 - confidence:
        rose = difference.value > 0
        verdict = Verdict.BETTER if rose == (figure.direction is Direction.HIGHER) else Verdict.WORSE
        sign = "below"
    reason = f"{told}: {sign} {1 - confidence:.4g}"
    return replace(figure, difference=replace(difference, adjusted_p_value=p_value), verdict=verdict, reason=reason)


def _ends(interval: Interval | None) -> tuple[float | None, float | None]:
    return (None, None) if interval is None else (interval.low, interval.high)
