"""SQL of moments: what a person did, packed into one number, because numbers are grouped and sorted fastest.

From its highest bits on a moment is its instant, kind, log position, label and 64 bits of its kind's own; so moments
sort by instant, then kind, then position. A label is a place in the array `labels` of the statement.
"""

from __future__ import annotations

from enum import IntEnum

# The first label is that of what names none; a moment of nothing has label 0, which is "".
_NO_NAME_CODE = "toUInt32(1)"
# Instants begin in the year 1; with this they are above 0 and sort as unsigned numbers do.
_SINCE = 1 << 62

TYPE = "UInt256"
NOTHING = f"to{TYPE}(0)"
# A moment as told: what it does not have is empty or 0.
_TOLD = "Tuple(at Int64, position UInt64, name String, campaign String, value Float64)"


class Kind(IntEnum):
    """What a moment is. Those at one instant come in this order: a touch at that of a conversion is before it."""

    BEGIN = 0
    TOUCH = 1
    LEAD = 2
    OPPORTUNITY = 3
    CONVERSION = 4
    REFUND = 5


def packed(kind: str, label: str = "toUInt32(0)", own: str = "toUInt64(0)") -> str:
    """SQL of the moment of a row with `at` (Int64, µs since 1970, UTC) and `position`; `own` is a UInt64."""
    return _packed("at", f"toUInt8({kind})", "position", label, own)


def begin(at_us: str) -> str:
    """SQL of what lies before all moments from an instant (Int64, µs since 1970, UTC) on, and after all others."""
    return _packed(at_us, f"toUInt8({Kind.BEGIN})", "toUInt64(0)", "toUInt32(0)", "toUInt64(0)")


def code(label: str) -> str:
    """SQL of the label of a text that is one of `labels`; "" = the first one."""
    if not label:
        return _NO_NAME_CODE
    return f"transform({label}, labels, arrayMap(i -> toUInt32(i), arrayEnumerate(labels)), {_NO_NAME_CODE})"


def at(moment: str) -> str:
    """SQL of its instant, Int64 (µs since 1970, UTC)."""
    return f"(toInt64(bitShiftRight({moment}, 168)) - {_SINCE})"


def is_kind(moment: str, kind: Kind) -> str:
    """SQL that holds for moments of a kind."""
    return f"toUInt8(bitShiftRight({moment}, 160)) = {kind}"


def position(moment: str) -> str:
    """SQL of its log position, UInt64."""
    return f"toUInt64(bitShiftRight({moment}, 96))"


def label(moment: str) -> str:
    """SQL of the place of its label, UInt32: the channel of a touch, the segment of a conversion."""
    return f"toUInt32(bitShiftRight({moment}, 64))"


def value(moment: str) -> str:
    """SQL of the value of a conversion or refund, Float64."""
    return f"reinterpretAsFloat64(toUInt64({moment}))"


def campaign(moment: str) -> str:
    """SQL of the place of the label of a touch's campaign, UInt32."""
    return f"toUInt32({moment})"


def with_times(moment: str, times: str) -> str:
    """SQL of a touch that tells how many touches of its channel it stands for."""
    return f"({moment} + bitShiftLeft(toUInt256({times}), 32))"


def counted_label(moment: str) -> str:
    """SQL of the label of a touch and how many of its channel it stands for, UInt64."""
    return f"toUInt64(bitShiftRight({moment}, 32))"


def counted_name(counted: str) -> str:
    """SQL of such a label as a text: "mail(2)"; without a number where none is told."""
    name, times = f"labels[bitShiftRight({counted}, 32)]", f"toUInt32({counted})"
    return f"concat({name}, if({times} = 0, '', concat('(', toString({times}), ')')))"


def name(moment: str) -> str:
    """SQL of the label as a text."""
    return f"labels[{label(moment)}]"


def told_touch(moment: str) -> str:
    """SQL of a touch or milestone as a named tuple."""
    return f"({at(moment)}, {position(moment)}, {name(moment)}, labels[{campaign(moment)}], 0.)::{_TOLD}"


def told_conversion(moment: str, worth: str) -> str:
    """SQL of a conversion as a named tuple; its name is the segment, its value is what it is worth."""
    return f"({at(moment)}, {position(moment)}, {name(moment)}, '', {worth})::{_TOLD}"


def _packed(at_us: str, kind: str, position: str, label: str, own: str) -> str:
    # Bytes from the lowest on; shifts of numbers this wide cost twice as much.
    parts = (own, label, position, kind, f"{at_us} + {_SINCE}")
    return f"reinterpretAs{TYPE}(concat({', '.join(f'reinterpretAsFixedString({part})' for part in parts)}))"
