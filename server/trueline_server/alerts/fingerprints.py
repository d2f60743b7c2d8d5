"""What identifies an alert through all evaluations and revisions: a digest of tenant, rule and labels."""

from __future__ import annotations

import hashlib
import json

from trueline_rules.alerting.vectors import Labels

_BYTES = 16


def fingerprint_of(tenant: str, rule: str, labels: Labels) -> str:
    """32 hex digits over tenant, rule and the labels of the rule's row (without those that the rule adds)."""
    canonical = json.dumps([tenant, rule, labels], ensure_ascii=False, separators=(",", ":"))
    return hashlib.blake2b(canonical.encode(), digest_size=_BYTES).hexdigest()
