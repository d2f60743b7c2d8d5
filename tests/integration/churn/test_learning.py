"""Models from facts: what they learn from, what is kept, and what answers while there is none."""

from __future__ import annotations

import pyarrow as pa
import pytest
from trueline.v1 import churn_service_pb2 as pb
from trueline_rules.schedule_model import Schedule
from trueline_server.churn import learning
from trueline_server.churn.learning import lesson_of
from trueline_server.churn.scheduled import churn_runs
from trueline_server.errors import TruelineError
from trueline_server.schedules.model import ScheduledRun

from tests.integration.churn.churn_world import BEFORE_US, DAY_US, MODEL, NOW_US, ChurnWorld, business, rules_of

HOUR_US = DAY_US // 24


def _settled(world: ChurnWorld, accounts: int = 600) -> list[str]:
    """Accounts of 40 days ago, of which some left 10 days ago."""
    values, left = business(accounts)
    world.put(values, NOW_US - 40 * DAY_US)
    world.put({account: {"gone": True} for account in left}, NOW_US - 10 * DAY_US)
    return list(left)


def test_a_model_learns_from_facts_as_they_were_a_horizon_ago(world: ChurnWorld) -> None:
    """What was observed since, even of the same facts, changes no feature; only who left is looked up."""
    left = _settled(world)
    lesson = lesson_of(world.population, world.tenant, world.rules, world.document, NOW_US)
    assert (lesson.features_us, lesson.labels_us) == (BEFORE_US, NOW_US)
    assert {one for one, gone in zip(lesson.accounts.ids, lesson.labels, strict=True) if gone} == set(left)
    before = world.train()
    # From now on the accounts that left have what nobody else has: whoever looks ahead learns from nothing else.
    world.put({account: {"seats": 1000.0, "plan": "cancelled"} for account in left}, BEFORE_US + HOUR_US)
    world.now_us += 1
    after = world.train(at=before.model.labels_until)
    assert after.model.content == before.model.content
    assert after.model.summary.id == before.model.summary.id
    # The same observation a moment before the horizon is one that was known.
    world.put({account: {"seats": 1000.0} for account in left}, BEFORE_US)
    told = world.train(at=before.model.labels_until)
    assert told.model.content != before.model.content


def test_accounts_that_had_left_before_are_not_learned_from(world: ChurnWorld) -> None:
    """Nor are they counted in segments; one that came after the horizon began is no part of the lesson either."""
    values, left = business(300)
    world.put(values, NOW_US - 40 * DAY_US)
    world.put({account: {"gone": True} for account in left}, NOW_US - 35 * DAY_US)
    world.put({"late": {"seats": 2.0}}, NOW_US - DAY_US)
    lesson = lesson_of(world.population, world.tenant, world.rules, world.document, NOW_US)
    assert set(lesson.accounts.ids) == set(values) - set(left)
    assert not lesson.labels.any()
    counted = world.service.segments(world.tenant, world.service.foresight(world.tenant, "small"))
    assert sum(one.accounts for one in counted) == len(values) - len(left) + 1


def test_with_one_class_only_the_plain_rule_answers(world: ChurnWorld) -> None:
    """Training says why there is no model, and every outlook says that a rule answered, and which."""
    values, _ = business(300)
    world.put(values, NOW_US - 40 * DAY_US)
    result = world.train()
    assert not result.HasField("model")
    assert result.insufficient.reason == "all 300 accounts stayed, so nothing tells one kind from the other"
    world.put({"tiny": {"seats": 2.0}, "large": {"seats": 200.0}}, NOW_US - DAY_US)
    tiny = world.service.outlook(world.tenant, "tiny", document="small")
    assert tiny is not None
    assert (tiny.method, tiny.probability, tiny.segment, tiny.intervention) == ("rule", 0.4, "tiny", "Call.")
    assert tiny.reason == "no model was trained yet; seats < 3 holds"
    large = world.service.outlook(world.tenant, "large", document="small")
    assert large is not None
    assert (large.probability, large.segment) == (0.1, "")
    assert world.service.outlook(world.tenant, "nobody", document="small") is None


def test_a_model_that_is_no_better_than_a_coin_is_kept_but_not_used(world: ChurnWorld) -> None:
    """Who leaves has nothing to do with the facts; the rule goes on answering and says why."""
    values, _ = business(600)
    world.put(values, NOW_US - 40 * DAY_US)
    by_chance = list(values)[::4]
    world.put({account: {"gone": True} for account in by_chance}, NOW_US - 10 * DAY_US)
    model = world.train().model
    assert not model.summary.active
    assert "not surely better than a coin" in model.summary.failed_check
    foresight = world.service.foresight(world.tenant, "small")
    assert foresight.method == "rule"
    assert "the last model is not used" in foresight.why
    # It is there for whoever asks for it by its id.
    assert world.service.foresight(world.tenant, "small", model.summary.id).method == "model"


def test_an_active_model_explains_each_probability_to_the_last_digit(world: ChurnWorld) -> None:
    """Base and effects add up to the log-odds, and the segment is that of its probability."""
    _settled(world)
    model = world.train().model
    assert model.summary.active
    assert not model.HasField("held_out"), "too few left to hold some out"
    assert model.validated.auc > 0.7
    outlook = world.service.outlook(world.tenant, "account-0001", document="small")
    assert outlook is not None
    assert outlook.model_id == model.summary.id
    log_odds = outlook.base + sum(effect.log_odds for effect in outlook.effects)
    assert outlook.probability == pytest.approx(1 / (1 + 2.718281828459045**-log_odds), abs=1e-12)
    assert [abs(one.log_odds) for one in outlook.effects] == sorted(
        (abs(one.log_odds) for one in outlook.effects), reverse=True
    )


_BY_EVENT = (
    "apiVersion: trueline/v1\nkind: ChurnModel\nmetadata: {name: small}\n"
    "spec: {features: [seats], label: {roles: [cancellation]}}\n"
)
_BARE = (
    "---\napiVersion: trueline/v1\nkind: EventMapping\nmetadata: {name: bare}\n"
    "spec: {fields: {id: id, source: source, name: name, occurred_at: at}}\n"
)


def test_leaving_may_be_an_event(world: ChurnWorld) -> None:
    """Whoever sent it within the horizon left; whoever sent it before is no part of the lesson, nor of segments."""
    world.rules = rules_of(_BY_EVENT)
    world.put(
        {account: {"seats": 1.0} for account in ("stays", "leaves", "left", "leaves-later")}, NOW_US - 90 * DAY_US
    )
    at = {"leaves": NOW_US, "left": BEFORE_US, "leaves-later": NOW_US + 1}
    columns = {
        "tenant": [world.tenant] * len(at),
        "source": ["shop"] * len(at),
        "id": list(at),
        "name": ["subscription_cancelled"] * len(at),
        "account_id": list(at),
        "occurred_at": pa.array(at.values(), pa.timestamp("us", tz="UTC")),
    }
    world.warehouse.insert("events", pa.table(columns))
    lesson = lesson_of(world.population, world.tenant, world.rules, world.document, NOW_US)
    told = dict(zip(lesson.accounts.ids, map(bool, lesson.labels), strict=True))
    assert told == {"stays": False, "leaves": True, "leaves-later": False}
    (counted,) = world.service.segments(world.tenant, world.service.foresight(world.tenant, "small"))
    assert counted.accounts == 2


def test_leaving_may_be_an_event_that_nobody_sends(world: ChurnWorld) -> None:
    """Roles that no event plays are told before anything is learned."""
    world.rules = rules_of(_BY_EVENT + _BARE)
    with pytest.raises(TruelineError, match="no event plays cancellation"):
        lesson_of(world.population, world.tenant, world.rules, world.document, NOW_US)


def test_drift_is_told_when_accounts_become_others(world: ChurnWorld) -> None:
    """The accounts that a model learned from do not drift; ten times as many seats do, and the score with them."""
    values, _ = business(600)
    _settled(world)
    world.train()
    foresight = world.service.foresight(world.tenant, "small")
    same = world.service.drift(world.tenant, foresight, at_us=BEFORE_US).compared(0.1, 0.25)
    assert {one.verdict.value for one in same} == {"stable"}
    assert max(one.psi for one in same) < 1e-9
    world.put({account: {"seats": 200.0} for account in values}, NOW_US - DAY_US)
    other = world.service.drift(world.tenant, foresight).compared(0.1, 0.25)
    assert {one.feature for one in other if one.verdict.value == "drifted"} >= {"seats", "score"}


def test_a_server_without_the_extra_says_which_one(world: ChurnWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is begun, and the way out is named."""
    monkeypatch.setattr(learning, "NEEDED", ("no_such_package",))
    with pytest.raises(TruelineError, match=r'pip install "trueline\[server,ml\]"') as caught:
        world.training.begin(world.tenant, pb.TrainChurnModelRequest(document="small"))
    assert (caught.value.reason, caught.value.metadata) == ("MISSING_EXTRA", {"extra": "ml"})


def test_a_schedule_trains_once_for_each_of_its_runs(world: ChurnWorld) -> None:
    """The same key begins nothing twice; a run that is made up for learns from what was known at its own time."""
    _settled(world)
    spec = "spec: {cron: '@weekly', missed: run_all, run: {churn: small}}\n"
    text = f"apiVersion: trueline/v1\nkind: Schedule\nmetadata: {{name: weekly}}\n{spec}"
    schedule = rules_of(f"{MODEL}---\n{text}").documents["Schedule"]["weekly"]
    assert isinstance(schedule, Schedule)
    begin = churn_runs(world.training)
    run = ScheduledRun(world.tenant, schedule, NOW_US - DAY_US, own_instant=True, key="weekly:1")
    begun, again = begin(run), begin(run)
    assert begun.operation == again.operation
    ended = world.operations.wait(world.tenant, begun.operation.removeprefix("operations/"), 120)
    assert ended.result is not None
    model = pb.TrainChurnModelResult.FromString(ended.result).model
    assert model.labels_until.ToMicroseconds() == NOW_US - DAY_US
    assert model.features_at.ToMicroseconds() == NOW_US - 31 * DAY_US


def test_a_model_of_a_table_answers_by_its_id_alone(world: ChurnWorld) -> None:
    """Its features are not those of the document, which would have none of them to give."""
    rows = [
        (str(tenure), "Yes" if tenure < 10 and row % 3 else "No") for row, tenure in enumerate(list(range(40)) * 20)
    ]
    levels = [sorted({row[place] for row in rows}) for place in range(2)]
    columns = [
        pb.ChurnColumn(name=name, levels=levels[place], codes=[levels[place].index(row[place]) + 1 for row in rows])
        for place, name in enumerate(("tenure", "Churn"))
    ]
    model = world.train(table=pb.ChurnTable(columns=columns)).model
    assert (model.summary.source, model.summary.active) == ("table", False)
    assert model.summary.failed_check == "the document has no features tenure; ask for this model by its id"
    short = pb.ChurnTable(columns=[columns[0], pb.ChurnColumn(name="Churn", levels=["Yes"], codes=[1])])
    with pytest.raises(TruelineError, match=r"table.columns\[1\].codes has 1 rows, the first column has 800"):
        world.training.begin(world.tenant, pb.TrainChurnModelRequest(document="small", table=short))
    request = pb.TrainChurnModelRequest(document="small", table=pb.ChurnTable(columns=columns), label="left")
    with pytest.raises(TruelineError, match="label is 'left', which is no column; there are tenure, Churn"):
        world.training.begin(world.tenant, request)
