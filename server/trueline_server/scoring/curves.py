"""Piecewise linear curves of one direction: scores of values, slopes, and values of scores."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

# (value, score) by ascending value; scores only rise or only fall.
Points = Sequence[tuple[float, float]]


class Curve:
    """What a number is worth.

    Attributes:
        best: the highest score.
        worst: the lowest score.
        rises: whether more is better (or the same).

    """

    __slots__ = ("_points", "_values", "best", "rises", "worst")

    def __init__(self, points: Points) -> None:
        self._points = tuple(points)
        self._values = [value for value, _ in points]
        first, last = points[0][1], points[-1][1]
        self.rises = last >= first
        self.best, self.worst = (last, first) if self.rises else (first, last)

    def score(self, value: float) -> float:
        """Score of a value; outside the points it is that of the nearest one. As monotone as the curve, to the bit."""
        place = bisect_right(self._values, value)
        if place == 0:
            return self._points[0][1]
        if place == len(self._values):
            return self._points[-1][1]
        (left, low), (right, high) = self._points[place - 1], self._points[place]
        score = low + (value - left) * (high - low) / (right - left)
        # What is computed may be an ulp beyond the end of the line, where the next line begins.
        return min(max(score, low), high) if low < high else min(max(score, high), low)

    def slope(self, value: float) -> float:
        """Points of score for one unit more; at a point that of the line after it, outside the points 0."""
        place = bisect_right(self._values, value)
        if place == 0 or place == len(self._values):
            return 0.0
        (left, low), (right, high) = self._points[place - 1], self._points[place]
        return (high - low) / (right - left)

    def reach(self, score: float) -> float | None:
        """The worst value that is worth a score; None if none is. It is the nearest one to all that are worth less."""
        if score > self.best:
            return None
        if not self.rises:
            reached = Curve([(-value, worth) for value, worth in reversed(self._points)]).reach(score)
            return None if reached is None else -reached
        place = next(place for place, (_, worth) in enumerate(self._points) if worth >= score)
        if place == 0:
            return self._points[0][0]
        (left, low), (right, high) = self._points[place - 1], self._points[place]
        return min(left + (score - low) * (right - left) / (high - low), right)
