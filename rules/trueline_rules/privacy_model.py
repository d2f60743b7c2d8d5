"""What profiles of privacy say, as frozen values: types of data, rights, measures, and how risk is told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from trueline_rules.compliance_model import ControlSeverity
from trueline_rules.model import Metadata

# Levels of sensitivity, likelihood and risk, the least first; conditions read them as 1 to 4.
RISK_LEVELS = ("low", "medium", "high", "very_high")


class PrivacyScope(StrEnum):
    """What a condition is about."""

    DATA = "data"  # each use of a type of data
    SHARING = "sharing"  # each recipient of it
    PROCESSING = "processing"  # all of it


@dataclass(frozen=True, slots=True)
class DataType:
    """A type of personal data.

    Attributes:
        sensitivity: 1 (low) to 4 (very high).
        category: e.g. "contact", "special_category".
        retention_days: how long it may be kept; None = as long as it is needed.

    """

    sensitivity: int
    category: str
    retention_days: int | None = None


@dataclass(frozen=True, slots=True)
class Named:
    """A legal basis or a safeguard: what to call it, and the reference of the law."""

    title: str
    reference: str = ""


@dataclass(frozen=True, slots=True)
class Measure:
    """A measure that is taken, and by how many levels it lowers likelihood and severity."""

    title: str
    likelihood: int = 0
    severity: int = 0


@dataclass(frozen=True, slots=True)
class Right:
    """A right of those whom data is about.

    Attributes:
        title: what to call it.
        reference: of the law.
        answer_days: within which time a request must be answered.
        applies: condition about the processing; "" = always.
        severity: of the finding if it is not served.

    """

    title: str
    reference: str
    answer_days: int
    severity: ControlSeverity
    applies: str = ""


@dataclass(frozen=True, slots=True)
class PrivacyCheck:
    """What must hold; where it does not, or is not known, it is a finding.

    Attributes:
        name: unique in the profile.
        of: what it is about.
        rule: condition that holds where all is well.
        severity: of the finding.
        text: what is wrong.
        reference: of the law; "" = none.
        mitigation: what to do.

    """

    name: str
    of: PrivacyScope
    rule: str
    severity: ControlSeverity
    text: str
    reference: str = ""
    mitigation: str = ""


@dataclass(frozen=True, slots=True)
class RiskFactor:
    """What makes harm more likely, about a use of data: where it holds or is not known, it adds levels."""

    when: str
    adds: int
    text: str


@dataclass(frozen=True, slots=True)
class AssessmentNeed:
    """When the law asks for a full assessment: a condition about the processing."""

    when: str
    text: str
    reference: str = ""


@dataclass(frozen=True, slots=True)
class PrivacyProfile:
    """What a privacy impact assessment goes by.

    Attributes:
        metadata: its name and what it is.
        title: what to call it.
        data_types: by name.
        legal_bases: by name.
        safeguards: of transfers to third countries, by name.
        countries: ISO 3166-1 alpha-2 of those that are no third countries.
        measures: by name.
        rights: by name, in the order of the file.
        checks: in the order of the file.
        factors: what makes harm more likely.
        matrix: risk by severity (rows) and likelihood (columns), each 1 to 4.
        needs: when a full assessment is required.
        consultation: the risk left from which the authority must be asked before, 1 to 4.

    """

    metadata: Metadata
    title: str
    data_types: Mapping[str, DataType]
    legal_bases: Mapping[str, Named]
    safeguards: Mapping[str, Named]
    countries: tuple[str, ...]
    measures: Mapping[str, Measure]
    rights: Mapping[str, Right]
    checks: tuple[PrivacyCheck, ...]
    factors: tuple[RiskFactor, ...]
    matrix: tuple[tuple[int, ...], ...]
    needs: tuple[AssessmentNeed, ...]
    consultation: int
