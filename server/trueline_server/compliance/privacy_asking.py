"""The use case of privacy impact assessments: the profile that is asked for, and names that it has."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from trueline_rules.model import RuleSet
from trueline_rules.names import hint, nearest, quoted
from trueline_rules.privacy_model import PrivacyProfile
from trueline_rules.privacy_rules import CompiledProfile, compile_profile

from trueline_server.clock import Clock
from trueline_server.compliance.assessing import RulesAt
from trueline_server.compliance.instants import as_of
from trueline_server.compliance.model import Subject
from trueline_server.compliance.privacy import PrivacyReport, Processing, assess_privacy
from trueline_server.compliance.privacy_page import privacy_page
from trueline_server.errors import TruelineError, invalid_field

DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class AskedPrivacy:
    """What is to be assessed; `at_us` None = now."""

    subject: Subject
    name: str
    processing: Processing
    profile: str = DEFAULT
    at_us: int | None = None


@dataclass(frozen=True, slots=True)
class PrivacyAssessment:
    """A report with its page, the instant, and the revision of the rules."""

    report: PrivacyReport
    page: str
    at_us: int
    revision: str


class PrivacyAssessments:
    """Makes privacy impact assessments. Methods block; thread-safe."""

    def __init__(self, rules_at: RulesAt, clock: Clock) -> None:
        self._rules_at = rules_at
        self._clock = clock

    def assess(self, tenant: str, asked: AskedPrivacy) -> PrivacyAssessment:
        """Judge what is told of a processing of personal data.

        Raises:
            TruelineError: UNKNOWN_DATA_TYPE; INVALID_FIELD (a name that the profile does not have).

        """
        now_us = self._clock()
        when = as_of(asked.at_us, None, now_us)
        at_us, rules = when.at_us, self._rules_at(tenant, when, now_us)
        compiled = _profile(rules, asked.profile)
        _check_names(compiled.profile, asked.processing)
        report = assess_privacy(compiled, asked.processing)
        return PrivacyAssessment(report, privacy_page(report, asked.name, at_us, rules.revision), at_us, rules.revision)


def _profile(rules: RuleSet, name: str) -> CompiledProfile:
    profiles = rules.documents.get("PrivacyProfile", {})
    found = profiles.get(name)
    if not isinstance(found, PrivacyProfile):
        raise invalid_field("profile", f"is {quoted(name)}, no PrivacyProfile in force{hint(name, profiles)}")
    return _compiled(_Profile(found))


@dataclass(frozen=True, slots=True, eq=False)
class _Profile:
    """A profile by identity: its maps cannot be hashed, and the rules in force keep it."""

    profile: PrivacyProfile

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Profile) and other.profile is self.profile

    def __hash__(self) -> int:
        return id(self.profile)


@lru_cache(maxsize=32)
def _compiled(profile: _Profile) -> CompiledProfile:
    return compile_profile(profile.profile)


def _check_names(profile: PrivacyProfile, processing: Processing) -> None:
    for place, use in enumerate(processing.data):
        if use.data_type not in profile.data_types:
            name, known = use.data_type, profile.data_types
            told = f"data[{place}].data_type {quoted(name)} is no type of data of {profile.metadata.name}"
            metadata = {"data_type": name, "nearest": nearest(name, known) or ""}
            raise TruelineError("NOT_FOUND", "UNKNOWN_DATA_TYPE", f"{told}{hint(name, known)}", metadata=metadata)
        if use.legal_basis:
            _check(f"data[{place}].legal_basis", use.legal_basis, profile.legal_bases)
        for number, sharing in enumerate(use.shared_with):
            field = f"data[{place}].shared_with[{number}]"
            if sharing.safeguard:
                _check(f"{field}.safeguard", sharing.safeguard, profile.safeguards)
            country = sharing.country
            if country and not (len(country) == 2 and country.isascii() and country.isalpha()):
                told = f"is {quoted(country)}, which is no ISO 3166-1 alpha-2 code; write it like DE"
                raise invalid_field(f"{field}.country", told)
    for right in processing.rights:
        _check("rights", right, profile.rights)
    for measure in sorted(processing.measures):
        _check("measures", measure, profile.measures)


def _check(field: str, name: str, known: Iterable[str]) -> None:
    names = list(known)
    if name not in names:
        raise invalid_field(field, f"is {quoted(name)}, which the profile does not have{hint(name, names)}")
