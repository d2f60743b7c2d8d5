"""Layers of rule files: what lies on top overrides, and every document tells where it comes from."""

from __future__ import annotations

from pathlib import Path

import pytest
from trueline_rules.errors import RuleFileError
from trueline_rules.layers import Layer, operator_layer, pack_layer, tenant_layer
from trueline_rules.loader import load_layers, load_rules

METRIC = (
    "apiVersion: trueline/v1\nkind: Metric\nmetadata: {{name: {name}}}\n"
    "spec: {{unit: views, events: [view], aggregation: count, window: {window}}}\n"
)
ALERT = (
    "apiVersion: trueline/v1\nkind: AlertRule\nmetadata: {name: quiet, owner: ops}\n"
    "spec: {facts: {views: {metric: views}}, critical: views < 1}\n"
)
TEST = (
    "apiVersion: trueline/v1\nkind: RuleTest\nmetadata: {name: quiet_test}\n"
    "spec: {rule: quiet, cases: [{name: none, given: {views: 0}, expect: {severity: critical}}]}\n"
)


def metric(name: str, window: str = "1h") -> str:
    """A count of views."""
    return METRIC.format(name=name, window=window)


def operator(*texts: str) -> Layer:
    """Files of an operator's."""
    return Layer("operator", tuple((f"base{number}.yaml", text) for number, text in enumerate(texts)))


def tenant(*texts: str) -> Layer:
    """Files of a tenant's."""
    return tenant_layer((f"own{number}.yaml", text) for number, text in enumerate(texts))


def test_what_lies_on_top_overrides() -> None:
    """Of documents with one kind and name the uppermost holds; the others of its file do not suffer."""
    rules = load_layers([pack_layer(), operator(metric("a"), metric("b")), tenant(metric("b", "2h"))])
    assert (rules.metrics["a"].window.text, rules.metrics["b"].window.text) == ("1h", "2h")
    assert rules.metrics["b"].metadata.place.file == "own0.yaml"
    assert rules.origins["Metric", "a"] == "operator"
    assert rules.origins["Metric", "b"] == "tenant"
    assert rules.origins["Scorecard", "alignment"] == "pack"
    assert set(rules.origins) == {(kind, name) for kind, named in rules.documents.items() for name in named}


def test_a_revision_depends_on_what_holds_and_not_on_layers() -> None:
    """The same documents in other layers are the same revision; files load to it as well."""
    one = load_layers([pack_layer(), operator(metric("a"), metric("b"))])
    two = load_layers([pack_layer(), operator(metric("a"), metric("b", "2h")), tenant(metric("b"))])
    assert one.revision == two.revision != load_layers([pack_layer(), operator(metric("a"))]).revision


def test_files_are_the_operators_layer(tmp_path: Path) -> None:
    """A directory read as a layer loads as it does for whoever loads files."""
    (tmp_path / "b.yaml").write_text(metric("b"))
    (tmp_path / "a.yml").write_text(metric("a"))
    layer = operator_layer([tmp_path])
    assert [Path(name).name for name, _ in layer.texts] == ["a.yml", "b.yaml"]
    assert load_layers([pack_layer(), layer]).revision == load_rules([tmp_path]).revision
    with pytest.raises(RuleFileError, match="does not exist"):
        operator_layer([tmp_path / "none"])


def test_digests_tell_texts_apart() -> None:
    """A layer's digest changes with any name and any text, and with nothing else."""
    digests = [operator(metric("a")), operator(metric("a") + "# x\n"), tenant(metric("a")), operator()]
    assert len({layer.digest for layer in digests}) == 4
    assert operator(metric("a")).digest == operator(metric("a")).digest


def test_a_test_goes_with_the_rule_it_was_written_for() -> None:
    """A rule that is replaced takes the tests below with it; a test beside what replaces it stays."""
    below = operator(metric("views"), ALERT, TEST)
    assert set(load_layers([pack_layer(), below]).rule_tests) >= {"quiet_test"}
    assert "quiet_test" not in load_layers([pack_layer(), below, tenant(ALERT)]).rule_tests
    assert load_layers([pack_layer(), below, tenant(ALERT, TEST)]).origins["RuleTest", "quiet_test"] == "tenant"


def test_two_of_a_name_in_one_layer_are_a_mistake() -> None:
    """Overriding is between layers; within one it is told, with both places."""
    with pytest.raises(RuleFileError, match=r"own1.yaml:3:\d+: .* the Metric at own0.yaml:3"):
        load_layers([pack_layer(), operator(metric("a")), tenant(metric("a"), metric("a", "2h"))])


def test_problems_of_all_layers_are_told_in_the_order_of_layers() -> None:
    """A mistake in each layer, and a reference that nothing answers, come together."""
    with pytest.raises(RuleFileError) as refused:
        load_layers([pack_layer(), operator(metric("a", "1x")), tenant(metric("b", "1y"), ALERT)])
    assert [problem.place.file for problem in refused.value.problems] == ["base0.yaml", "own0.yaml", "own1.yaml"]


def test_a_layer_loads_the_same_every_time() -> None:
    """What is remembered of a layer, broken or sound, answers as the first reading did."""
    broken = [pack_layer(), operator(metric("a", "1x")), tenant(metric("b"))]
    told = []
    for _ in range(2):
        with pytest.raises(RuleFileError) as refused:
            load_layers(broken)
        told.append(refused.value.problems)
    assert told[0] == told[1]
    sound = [pack_layer(), operator(metric("a")), tenant(ALERT)]
    with pytest.raises(RuleFileError, match="views"):
        load_layers(sound)
    assert load_layers(sound[:2]).revision == load_layers(sound[:2]).revision
