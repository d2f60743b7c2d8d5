"""Files of policies, on-call schedules and runs: what is right comes back as it is, what is wrong has a way out."""

import pytest
import yaml
from escalation_texts import BROKEN, MARK, Broken
from jsonschema import Draft7Validator
from trueline_rules.documents import dump_document, parse_rules
from trueline_rules.errors import RuleFileError
from trueline_rules.escalation.business_time import between
from trueline_rules.escalation_model import BusinessHours, CaseKind, PostMortem, Reaches, Target
from trueline_rules.loader import load_rules, load_texts
from trueline_rules.model import RuleSet
from trueline_rules.schedule_model import Missed, Run
from trueline_rules.schema import schema_for

MINUTE = 60_000_000
HOUR = 60 * MINUTE


@pytest.mark.parametrize("broken", BROKEN, ids=lambda broken: broken.name)
def test_a_mistake_is_told_once_at_its_place(broken: Broken) -> None:
    """One problem: its file, its line, the thing that is wrong, and what to do."""
    with pytest.raises(RuleFileError) as caught:
        parse_rules(broken.text.replace(MARK, ""), "policies.yaml")
    (problem,) = caught.value.problems
    assert broken.message in problem.message
    assert problem.place.file == "policies.yaml"
    if MARK in broken.text:
        before = broken.text[: broken.text.index(MARK)]
        column = len(before) - (before.rfind("\n") + 1) + 1
        assert (problem.place.line, problem.place.column) == (before.count("\n") + 1, column)


@pytest.mark.parametrize("broken", BROKEN, ids=lambda broken: broken.name)
def test_schemas_see_what_they_can(broken: Broken) -> None:
    """An editor marks the mistake while it is made, if a schema can say it."""
    document = yaml.safe_load(broken.text.replace(MARK, ""))
    assert Draft7Validator(schema_for(broken.kind)).is_valid(document) != broken.seen


FILE = """
apiVersion: trueline/v1
kind: EscalationPolicy
metadata: {name: night}
spec:
  levels:
    - {name: L1, after: 1m, notify: [{schedule: ops}, {person: ada}], repeat: 2, every: 5m}
    - {name: L2, after: 15m, notify: [{channel: log}]}
  repeat: 1
  repeat_after: 30m
  acknowledge_timeout: 4h
  hours:
    {time_zone: Europe/Berlin, weekdays: ["saturday:monday", friday], from: 00:00, until: 24:00, holidays: [2026-12-25]}
  targets:
    respond_within: 15m
    resolve_within: 4h
    post_mortem: required
    post_mortem_within: 48h
    inform: [{who: all stakeholders, within: 1h}, {who: status page}]
    basis: agreed
    assumed: [inform]
---
apiVersion: trueline/v1
kind: OnCallSchedule
metadata: {name: ops}
spec:
  time_zone: Europe/Berlin
  layers:
    - {people: [ada, [bob, cy]], length: 1w, starts: 2026-03-02T09:00}
    - people: [dee]
      only: [{weekdays: [saturday, sunday]}]
  overrides:
    - {person: eve, from: 2026-03-29T02:30, until: 2026-03-29T24:00}
    - {person: ada, from: 2026-03-29T00:00+02:00, until: 2026-03-29T00:00Z}
---
apiVersion: trueline/v1
kind: Schedule
metadata: {name: six-hourly}
spec:
  cron: 0 */6 * * mon-fri
  time_zone: Europe/Berlin
  jitter: 5m
  missed: run_all
  run: {backtest: churn_rate_high}
"""


def test_what_a_file_says() -> None:
    """Each key becomes what it means; times may be written without quotes."""
    policy, ops, runs = (document.model for document in parse_rules(FILE, "x.yaml"))
    assert policy.levels[0].notify == (Target(Reaches.SCHEDULE, "ops"), Target(Reaches.PERSON, "ada"))
    assert (policy.levels[0].repeat, policy.levels[0].every_us, policy.levels[1].after_us) == (
        2,
        5 * MINUTE,
        15 * MINUTE,
    )
    assert (policy.rounds, policy.round_after_us, policy.acknowledge_timeout_us) == (1, 30 * MINUTE, 4 * HOUR)
    assert policy.hours == BusinessHours("Europe/Berlin", (0, 4, 5, 6), 0, 1440, ("2026-12-25",))
    assert policy.targets.post_mortem is PostMortem.REQUIRED
    assert ops.layers[0].shifts == (("ada",), ("bob", "cy"))
    assert ops.layers[1].only[0].location == "Europe/Berlin"
    # The one that begins earlier comes first; a skipped time is when the clocks leap; 24:00 is the end of the day.
    first, second = ops.overrides
    assert (first.person, second.person) == ("ada", "eve")
    assert second.from_us - first.until_us == HOUR
    assert second.until_us - second.from_us == 21 * HOUR
    assert (runs.cron, runs.missed) == ("0 */6 * * MON-FRI", Missed.RUN_ALL)
    assert runs.run == Run("backtest", ("churn_rate_high",))


def test_what_is_written_back_says_the_same() -> None:
    """A policy, a schedule of people and one of runs survive a way through YAML, and agree with their schemas."""
    for document in parse_rules(FILE, "x.yaml"):
        written = dump_document(document.kind, document.model)
        Draft7Validator(schema_for(document.kind)).validate(written)
        (again,) = parse_rules(yaml.safe_dump(written), "y.yaml")
        assert dump_document(again.kind, again.model) == written


NAMES = """apiVersion: trueline/v1
kind: EscalationPolicy
metadata: {name: x}
spec:
  levels:
    - {name: L1, notify: [{schedule: oops}]}
---
apiVersion: trueline/v1
kind: OnCallSchedule
metadata: {name: ops}
spec: {time_zone: UTC, layers: [{people: [[bob, ada]]}]}
---
apiVersion: trueline/v1
kind: Schedule
metadata: {name: x}
spec: {cron: "@daily", run: {backtest: activation_rate_lov}}
"""


def test_references_to_nothing_are_told() -> None:
    """A schedule that is not there, people whom no channel reaches, a rule that is not there: each with a way out."""
    with pytest.raises(RuleFileError) as caught:
        load_texts([("x.yaml", NAMES)])
    told = [str(problem) for problem in caught.value.problems]
    assert told[0].startswith(
        "x.yaml:6:38: spec.levels[0].notify[0].schedule is 'oops', but there is no OnCallSchedule"
    )
    assert told[0].endswith("did you mean 'ops'?")
    assert "is 'bob', whom no NotificationChannel reaches" in told[1]
    assert told[1].endswith("add a NotificationChannel with person: bob")
    assert told[-1].endswith("there is no AlertRule of that name; did you mean 'activation_rate_low'?")


def test_no_policy_is_called_none() -> None:
    """Routes say `escalation: none`, which must not mean a policy."""
    text = "apiVersion: trueline/v1\nkind: EscalationPolicy\nmetadata: {name: none}\nspec: {case: backlog}\n"
    with pytest.raises(RuleFileError, match=r"x\.yaml:3:18: metadata\.name is 'none', by which routes say"):
        parse_rules(text, "x.yaml")


@pytest.fixture(scope="module")
def pack() -> RuleSet:
    """The rule set that comes with Trueline."""
    return load_rules([])


@pytest.mark.parametrize(
    ("name", "respond", "resolve", "informed", "post_mortem"),
    [
        ("critical", 15 * MINUTE, 4 * HOUR, ("all stakeholders", HOUR), "required"),
        ("high", HOUR, 8 * HOUR, ("affected users", 2 * HOUR), "recommended"),
        ("medium", 4 * HOUR, 24 * HOUR, ("status page", None), "as_needed"),
        ("low", 24 * HOUR, 168 * HOUR, ("next update cycle", None), "none"),
        ("p0", 15 * MINUTE, None, None, "required"),
        ("p1", HOUR, None, None, "required"),
        ("p2", 4 * HOUR, None, None, "required"),
        ("p3", 24 * HOUR, None, None, "as_needed"),
    ],
)
def test_the_pack_has_the_times_of_the_seeds(  # noqa: PLR0917
    pack: RuleSet, name: str, respond: int, resolve: int | None, informed: tuple[str, int | None], post_mortem: str
) -> None:
    """Response, resolution, information and post-mortem as the seeds have them; what they have not is marked."""
    policy = pack.documents["EscalationPolicy"][name]
    targets = policy.targets  # type: ignore[attr-defined]
    assert (targets.respond_within_us, targets.resolve_within_us) == (respond, resolve)
    assert [(found.who, found.within_us) for found in targets.inform] == ([informed] if informed else [])
    assert (targets.post_mortem, targets.basis) == (post_mortem, "seed")
    assert ("update_every" in targets.assumed) == (targets.update_every_us is not None)


def test_the_pack_has_a_way_up_and_a_way_for_wishes(pack: RuleSet) -> None:
    """The default goes from L1 to the executives, P2 in business hours, and a feature request pages nobody."""
    policies = pack.documents["EscalationPolicy"]
    standard, wishes, p2 = (policies[name] for name in ("standard", "feature_requests", "p2"))
    assert [level.name for level in standard.levels] == ["L1", "L2", "engineering", "executive"]  # type: ignore[attr-defined]
    assert (wishes.case, wishes.levels) == (CaseKind.BACKLOG, ())  # type: ignore[attr-defined]
    assert between(0, 7 * 24 * HOUR, p2.hours) == 40 * HOUR  # type: ignore[attr-defined]
