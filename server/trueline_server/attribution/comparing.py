"""How far models differ about channels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from trueline_rules.attribution_model import AttributionModel, ModelSpec
from trueline_rules.names import quoted

from trueline_server.attribution.asking import Asked, Asking
from trueline_server.attribution.choosing import choose_models, unknown
from trueline_server.attribution.reporting import Report, Row, report
from trueline_server.attribution.statements import Dimension
from trueline_server.errors import invalid_field


@dataclass(frozen=True, slots=True)
class Compared:
    """A channel by all models.

    Attributes:
        row: of the report.
        shares: by model, of all conversions that a touch led to; 0 to 1.
        spread: the largest share less the smallest one.

    """

    row: Row
    shares: Mapping[str, float]
    spread: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """Channels by models, those about which they differ most first.

    Attributes:
        report: by channel.
        baseline: the model that others are compared with.
        channels: without what nothing led to.

    """

    report: Report
    baseline: str
    channels: tuple[Compared, ...]


def choose_compared(
    document: AttributionModel, models: Sequence[str], baseline: str
) -> tuple[dict[str, ModelSpec], str]:
    """Models by name, () = all of the document; and which of them others are compared with, "" = the first.

    Raises:
        TruelineError: UNKNOWN_ATTRIBUTION_MODEL.

    """
    chosen = choose_models(document, models)
    base = baseline or next(iter(chosen))
    if base not in chosen:
        raise unknown(base, chosen, "model among those that are compared called")
    return chosen, base


def compare(asking: Asking, asked: Asked, models: Sequence[str], baseline: str) -> Comparison:
    """Compare models. Blocks.

    Args:
        asking: reads the warehouse.
        asked: about which conversions.
        models: names; () = all of the document.
        baseline: one of them; "" = the first.

    Raises:
        TruelineError: UNKNOWN_ATTRIBUTION_MODEL; INVALID_FIELD, the baseline, one that is named, or each has no answer
            to these paths.

    """
    _, base = choose_compared(asked.document, models, baseline)
    found = report(asking, asked, models, (Dimension.CHANNEL,))
    if base in found.left_out:
        raise invalid_field("baseline", f"{quoted(base)} has no answer: {found.left_out[base]}")
    touched = found.totals.conversions - found.totals.unattributed_conversions
    channels = []
    for row in found.rows:
        # What was only spent on is no difference between models. A chain may credit what only lost journeys touched.
        if not row.unattributed and (row.touches or any(credit.conversions for credit in row.earned.values())):
            shares = {name: row.earned[name].conversions / touched if touched else 0.0 for name in found.models}
            channels.append(Compared(row, shares, max(shares.values()) - min(shares.values())))
    # What the last bits of a float say is no difference.
    channels.sort(key=lambda one: (-round(one.spread, 9), one.row.names[Dimension.CHANNEL]))
    return Comparison(found, base, tuple(channels))
