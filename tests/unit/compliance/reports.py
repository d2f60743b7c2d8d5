"""Reports about parcels, and validators of OSCAL that others wrote."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import regex
from jsonschema.protocols import Validator
from trestle.oscal import assessment_results, poam
from trueline_server.compliance.export.exporting import Form, check_version, write_report
from trueline_server.compliance.export.report import Report
from trueline_server.compliance.instants import AsOf
from trueline_server.compliance.judging import Moment
from trueline_server.compliance.model import Evidence, Facts, Waiver

from tests.unit.compliance.parcels import NOW_US, PARCEL, known, photo, post, waiver

FORMS = (Form.OSCAL, Form.PLAN)
_SCHEMAS = {Form.OSCAL: "oscal_assessment-results_schema_v1.0.4.json", Form.PLAN: "oscal_poam_schema_v1.0.4.json"}
MODELS = {Form.OSCAL: assessment_results.Model, Form.PLAN: poam.Model}


def parcel_report(
    facts: Facts | None = None,
    *,
    evidence: tuple[Evidence, ...] = (photo(),),
    waivers: tuple[Waiver, ...] = (waiver("A.2"),),
    at_us: int = NOW_US,
) -> Report:
    """A parcel: A.1 passes, A.2 is waived, A.3 fails, A.4 is not known; it is not insured."""
    if facts is None:
        facts = known(sealed=True, fragile=True, weight=9.0, contents=frozenset({"fireworks", "socks"}), insured=False)
    result = post().judge(PARCEL, facts, Moment.of(AsOf(at_us), evidence, waivers))
    return Report("acme", PARCEL, (result,), at_us, "r1")


def document_whole(report: Report, form: Form, version: str = "") -> dict[str, Any]:
    """A report as OSCAL."""
    return dict(json.loads(write_report(report, form, check_version(form, version)).content))


def document(report: Report, form: Form, version: str = "") -> dict[str, Any]:
    """A report as OSCAL, below its root."""
    (body,) = document_whole(report, form, version).values()
    return dict(body)


def assert_valid(report: Report, schemas: Path | None) -> None:
    """Both documents are valid: 1.2.1 by trestle's models and 1.0.4, if they are there, by NIST's schemas."""
    for form in FORMS:
        content = write_report(report, form, check_version(form, "")).content
        MODELS[form].model_validate_json(content)
        assert json.loads(content) == unlike_only_in_version(report, form)
        if schemas is not None:
            schema_errors = [*schema_of(schemas, form).iter_errors(_earlier(report, form))]
            assert not schema_errors, schema_errors[0]


def _earlier(report: Report, form: Form) -> Any:
    return document_whole(report, form, "1.0.4")


def unlike_only_in_version(report: Report, form: Form) -> Any:
    """The document of 1.0.4, called one of 1.2.1."""
    earlier = _earlier(report, form)
    (body,) = earlier.values()
    assert body["metadata"]["oscal-version"] == "1.0.4"
    body["metadata"]["oscal-version"] = "1.2.1"
    return earlier


@cache
def schema_of(folder: Path, form: Form) -> Validator:
    """The schema of NIST of a form; its patterns know classes of letters that Python's `re` does not."""
    kind = jsonschema.validators.extend(jsonschema.Draft7Validator, {"pattern": _pattern})
    made: Validator = kind(json.loads((folder / _SCHEMAS[form]).read_text()))
    return made


def _pattern(
    validator: Any, pattern: str, instance: object, whole: Mapping[str, Any]
) -> Iterator[jsonschema.ValidationError]:
    if isinstance(instance, str) and not regex.search(pattern, instance):
        yield jsonschema.ValidationError(f"{instance!r} does not match {pattern!r}")
