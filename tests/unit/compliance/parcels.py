"""A framework about parcels, small enough to see through, and what judges by it."""

from __future__ import annotations

from trueline_rules.loader import load_texts
from trueline_rules.model import RuleSet
from trueline_server.compliance.frameworks import FrameworkBook, JudgedFramework
from trueline_server.compliance.model import Evidence, KnownFact, Subject, Waiver
from trueline_server.facts.store import FactContent

DAY_US = 86_400_000_000
NOW_US = 20_000 * DAY_US
PARCEL = Subject("parcel", "p1")
FACTS = {
    "sealed": ("parcel", "bool"),
    "fragile": ("parcel", "bool"),
    "weight": ("parcel", "number"),
    "contents": ("parcel", "texts"),
    "packed_at": ("parcel", "datetime"),
    "insured": ("tenant", "bool"),
}
FRAMEWORK = """\
apiVersion: trueline/v1
kind: ComplianceFramework
metadata: {name: post}
spec:
  title: Post
  version: "1"
  subject: parcel
  controls:
    - id: A.1
      title: Parcels are sealed.
      severity: critical
      rule: sealed
      evidence: [{type: photo, freshness: 30d}]
      remediation: Seal it.
    - {id: A.2, title: Fragile parcels are light., severity: high, applies: fragile, rule: weight < 5}
    - {id: A.3, title: Nothing forbidden is sent., severity: medium, rule: "not ('fireworks' in contents) or insured"}
    - {id: A.4, title: Packed lately., severity: low, rule: $now - packed_at < t'P10D', waivable: false}
    - {id: B.1, title: Parcels are insured., severity: low, subject: tenant, rule: insured}
  contradictions:
    - {when: fragile and weight > 100, text: Nothing fragile is that heavy.}
"""


def rules(framework: str = FRAMEWORK, *, sensitive: str = "") -> RuleSet:
    """The rules of the post."""
    types = [
        f"apiVersion: trueline/v1\nkind: FactType\nmetadata: {{name: {name}}}\n"
        f"spec: {{subject: {subject}, type: {kind}{', sensitive: true' if name == sensitive else ''}}}\n"
        for name, (subject, kind) in FACTS.items()
    ]
    return load_texts([("post.yaml", "---\n".join([*types, framework]))])


def post(framework: str = FRAMEWORK, *, sensitive: str = "") -> JudgedFramework:
    """The framework of the post, compiled."""
    (found,) = FrameworkBook().named(rules(framework, sensitive=sensitive), ["post"])
    return found


def known(**values: FactContent) -> dict[str, KnownFact]:
    """Facts that were observed an hour ago."""
    return {name: KnownFact(value, observed_at_us=NOW_US - 3_600_000_000) for name, value in values.items()}


def photo(
    *, collected_us: int = NOW_US - DAY_US, number: int = 1, subject: Subject = PARCEL, expires_us: int | None = None
) -> Evidence:
    """Evidence of a seal, recorded when it was collected."""
    return Evidence(
        f"evidence-{number}", number, subject, "photo", "camera", collected_us, collected_us, expires_at_us=expires_us
    )


def waiver(
    control: str = "A.1",
    *,
    subject: Subject = PARCEL,
    granted_us: int = NOW_US - DAY_US,
    days: int = 30,
    number: int = 1,
) -> Waiver:
    """A waiver that ends by itself."""
    return Waiver(
        id=f"waiver-{number}",
        number=number,
        subject=subject,
        framework="post",
        control=control,
        reason="no tape",
        compensating_control="rope",
        requested_by="ada",
        approved_by="grace",
        granted_at_us=granted_us,
        expires_at_us=granted_us + days * DAY_US,
    )
