"""The kind CheckpointPolicy: what its documents become, and what is told about those that are wrong."""

from __future__ import annotations

import pytest
from trueline_rules.checkpoint_model import CellSource, CheckpointPolicy, OnMiss, Part, Priorities, Taken
from trueline_rules.errors import RuleFileError
from trueline_rules.loader import load_texts
from trueline_rules.model import Direction, RuleSet
from trueline_rules.writing import write_document

HEAD = """\
apiVersion: trueline/v1
kind: EventMapping
metadata: {name: shop}
spec: {fields: {id: id, source: source, name: name, occurred_at: at}}
---
apiVersion: trueline/v1
kind: Kpi
metadata: {name: looks}
spec: {unit: looks, direction: higher, target: 10, statement: SELECT count() AS value FROM events}
---
apiVersion: trueline/v1
kind: Metric
metadata: {name: orders}
spec: {events: [order], aggregation: count, group_by: [properties.persona], window: 1d}
---
apiVersion: trueline/v1
kind: Metric
metadata: {name: visits}
spec: {events: [visit], aggregation: count, group_by: [properties.persona], window: 1d}
---
apiVersion: trueline/v1
kind: Metric
metadata: {name: all_visits}
spec: {events: [visit], aggregation: count, window: 1d}
---
apiVersion: trueline/v1
kind: FactType
metadata: {name: nps}
spec: {subject: persona, type: number}
---
apiVersion: trueline/v1
kind: FactType
metadata: {name: answers}
spec: {subject: persona, type: number}
---
apiVersion: trueline/v1
kind: FactType
metadata: {name: score}
spec: {subject: account, type: decimal}
---
apiVersion: trueline/v1
kind: FactType
metadata: {name: account_persona}
spec: {subject: account, type: text}
---
apiVersion: trueline/v1
kind: CheckpointPolicy
metadata: {name: scaling, owner: ann}
spec:
  personas: {agency: Sells., brand: Pays.}
  functions: {support: Helps.}
  cells:
"""
REST = "    - {persona: all, measure: rest, target: 1, direction: higher, value: {fact: nps}}\n" + (
    "    - {function: support, measure: rest, target: 1, direction: higher, value: {kpi: looks}}\n"
)


def _load(cells: str, rest: str = REST, more: str = "") -> RuleSet:
    return load_texts([("a.yaml", HEAD + cells + rest + more)], default_pack=False)


def _policy(cells: str, more: str = "") -> CheckpointPolicy:
    found = _load(cells, more=more).documents["CheckpointPolicy"]["scaling"]
    assert isinstance(found, CheckpointPolicy)
    return found


def _cell(value: str, who: str = "persona: agency", rest: str = "") -> str:
    return f"    - {{{who}, measure: m, target: 0.4, direction: higher, value: {value}{rest}}}\n"


def test_an_entry_is_a_cell_for_each_name() -> None:
    """`all` are those that the policy names, also ones that come later; defaults come from the policy."""
    policy = _policy(_cell("{fact: nps, observations: answers}", "persona: all", ", least: 30, unit: points"))
    first, second = policy.cells[:2]
    assert [first.name, second.name] == ["persona:agency:m", "persona:brand:m"]
    assert first.value == CellSource("fact", "nps", of="agency", observations="answers")
    assert (first.part, first.of, first.least, first.unit, first.owner) == (Part.PERSONA, "agency", 30, "points", "ann")
    assert (first.target, first.direction, first.priorities) == (0.4, Direction.HIGHER, Priorities(0.5, 0.25, 0.1))
    assert (policy.days, policy.on_miss) == (90, OnMiss())
    assert policy.question.startswith("Does every persona, business function and critical journey meet")


def test_a_source_is_told_apart_by_a_label_or_a_fact() -> None:
    """A metric by a label of its points, a fact by its subject or by a text fact of the same subject."""
    policy = _policy(
        _cell("{metric: orders, per: visits, named_by: persona}", "persona: all")
        + _cell("{fact: score, named_by: account_persona, agg: min}", "persona: [brand]").replace("m,", "n,")
        + _cell("{metric: orders, agg: max, labels: {persona: brand}}", "function: support"),
    )
    assert [cell.value for cell in policy.cells[:4]] == [
        CellSource("metric", "orders", Taken.SUM, {"persona": "agency"}, per="visits"),
        CellSource("metric", "orders", Taken.SUM, {"persona": "brand"}, per="visits"),
        CellSource("fact", "score", Taken.MIN, {"account_persona": "brand"}),
        CellSource("metric", "orders", Taken.MAX, {"persona": "brand"}),
    ]
    assert [cell.least for cell in policy.cells[:2]] == [1, 1]
    # A KPI tells itself when it has no value.
    assert policy.cells[-1].least == 0


def test_what_is_written_reads_as_the_same() -> None:
    """Also where one entry stood for several cells; the order of other documents does not count."""
    rules = _load(
        _cell("{metric: orders, per: visits, named_by: persona}", "persona: all", ", priority: {high: 0.3}")
        + _cell("{fact: score, where: {account_persona: x}, agg: sum}", "function: support"),
        more="  priority: {critical: 0.9}\n  on_miss: {backlog: false, labels: {team: growth}}\n  days: 30\n",
    )
    policy = rules.documents["CheckpointPolicy"]["scaling"]
    written = write_document("CheckpointPolicy", policy)
    head = HEAD.partition("---\napiVersion: trueline/v1\nkind: CheckpointPolicy")[0]
    again = load_texts([("a.yaml", f"{head}---\n{written}")], default_pack=False)
    assert again.revision == rules.revision
    found = again.documents["CheckpointPolicy"]["scaling"]
    assert isinstance(found, CheckpointPolicy)
    assert found.cells == policy.cells  # type: ignore[attr-defined]
    assert found.cells[0].priorities == Priorities(0.9, 0.3, 0.1)


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        (
            _cell("{kpi: look}"),
            "spec.cells[0].value.kpi is 'look', but there is no Kpi of that name; did you mean 'looks'?",
        ),
        (_cell("{metric: order}"), "spec.cells[0].value.metric is 'order', but there is no Metric of that name"),
        (_cell("{fact: npss}"), "spec.cells[0].value.fact is 'npss', but there is no FactType of that name"),
        (_cell("{fact: account_persona, of: a1}"), "is account_persona, a text; a target needs a number"),
        (_cell("{metric: orders, per: vists}"), "value.per is 'vists', but there is no Metric of that name"),
        (
            _cell("{metric: orders, labels: {plan: x}}"),
            "is chosen by 'plan', a label that metric orders has not; it has persona",
        ),
        (
            _cell("{metric: orders, per: all_visits, named_by: persona}"),
            "is chosen by 'persona', a label that metric all_visits has not; it has no labels",
        ),
        (_cell("{fact: nps, observations: score}"), "goes with fact score of subject account; nps has persona"),
        (_cell("{fact: score, where: {nps: x}}"), "goes with fact nps of subject persona; score has account"),
        (_cell("{fact: nps, where: {answers: x}}"), "is chosen by fact answers, a number; it must be a text"),
        (
            _cell("{kpi: looks}", "persona: all"),
            "is the same for each persona; name one persona, or take a metric or a fact",
        ),
        (_cell("{metric: orders}", "persona: all"), "say by 'named_by' which label has the name of the persona"),
        (_cell("{fact: nps, of: x}", "persona: all"), "value.of is the same for each persona; take it out"),
        (
            _cell("{fact: nps}", "persona: agncy"),
            "is 'agncy', which spec.personas does not name; did you mean 'agency'?",
        ),
        (_cell("{fact: nps}", "persona: [all, agency]"), "names all and others; all are all of them"),
        (_cell("{fact: nps}", "journey: all"), "is all, but spec.journeys names none"),
        (_cell("{fact: nps}") + _cell("{fact: answers}"), "repeats m of persona 'agency'"),
        (_cell("{kpi: looks, agg: sum}"), "value.agg does not go with kpi; it is for a metric or a fact"),
        (_cell("{metric: orders, of: x}"), "value.of does not go with metric; it is for a fact"),
        (
            _cell("{fact: score, of: x, named_by: account_persona}"),
            "is about one subject, but 'named_by' takes many together",
        ),
        (_cell("{fact: nps, agg: sum}"), "needs 'where' or 'named_by' to say of which subjects"),
        (_cell("{fact: score, agg: last, where: {account_persona: x}}"), "is last, which is for windows"),
        (_cell("{metric: orders, per: visits, agg: max}"), "does not go with 'per', which divides sums"),
        (_cell("{metric: orders, named_by: persona, labels: {persona: x}}"), "is chosen by 'labels' already"),
        (
            _cell("{fact: nps}", rest=", priority: {high: 0.6}"),
            "has critical 0.5 and high 0.6; critical must begin at a",
        ),
        (_cell("{kpi: looks, fact: nps}"), "needs either 'kpi' or 'metric' or 'fact'"),
        (
            "    - {measure: m, target: 1, direction: higher, value: {fact: nps}}\n",
            "needs either 'persona' or 'function'",
        ),
        (_cell("{fact: nps}").replace("measure: m", "measure: Big Words"), "must be a measure of up to 24 lowercase"),
    ],
)
def test_a_mistake_is_told_where_it_stands(cells: str, message: str) -> None:
    """With the way out, and once, however many cells an entry stands for."""
    with pytest.raises(RuleFileError) as caught:
        _load(cells)
    told = [problem for problem in caught.value.problems if message in problem.message]
    assert len(told) == 1, str(caught.value)
    assert told[0].place.line > HEAD.count("\n")


def test_whoever_is_named_is_judged() -> None:
    """A persona without a cell would be passed over in silence."""
    with pytest.raises(RuleFileError, match=r"spec\.functions\.support has no cell; give it one, or take it out"):
        _load(_cell("{fact: nps}", "persona: all"), rest="")


def test_labels_that_misses_have_anyway_are_refused() -> None:
    """Somebody who sets the severity by a label would be overruled without a word."""
    with pytest.raises(RuleFileError, match=r"labels\.severity is a label that every miss has"):
        _load("", more="  on_miss: {labels: {severity: low}}\n")
