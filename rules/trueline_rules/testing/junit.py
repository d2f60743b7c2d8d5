"""A report of rule tests as JUnit XML, the form that build servers read."""

from __future__ import annotations

from xml.etree import ElementTree as ET

from trueline_rules.testing.report import Outcome, TestReport

_ELEMENTS = {Outcome.FAIL: "failure", Outcome.ERROR: "error", Outcome.SKIP: "skipped"}
# XML 1.0 has no place for control characters.
_CLEAN = {code: "\ufffd" for code in (*range(32), 0xFFFE, 0xFFFF) if chr(code) not in "\t\n\r"}


def junit_xml(report: TestReport) -> str:
    """One test suite a RuleTest, one test case a case."""
    root = ET.Element("testsuites", _counts(report, name=""))
    for test in dict.fromkeys(result.test for result in report.results):
        own = TestReport(tuple(result for result in report.results if result.test == test), ())
        suite = ET.SubElement(root, "testsuite", _counts(own, name=test))
        for result in own.results:
            named = {"classname": _clean(result.rule), "name": _clean(result.case)}
            if result.place is not None:
                named |= {"file": _clean(result.place.file), "line": str(result.place.line)}
            case = ET.SubElement(suite, "testcase", named)
            element = _ELEMENTS.get(result.outcome)
            if element is not None:
                message = _clean(result.message)
                ET.SubElement(case, element, {"message": message.split("\n")[0]}).text = message
    ET.indent(root)
    return ET.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _counts(report: TestReport, *, name: str) -> dict[str, str]:
    counts = {
        "tests": len(report.results),
        "failures": report.count(Outcome.FAIL),
        "errors": report.count(Outcome.ERROR),
        "skipped": report.count(Outcome.SKIP),
    }
    return ({"name": _clean(name)} if name else {}) | {key: str(count) for key, count in counts.items()}


def _clean(text: str) -> str:
    return text.translate(_CLEAN)
