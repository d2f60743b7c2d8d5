"""The checkpoint of the default pack: everybody and everything of the seed is judged, and what is assumed says so."""

from __future__ import annotations

from trueline_rules.checkpoint_model import CheckpointPolicy, Part
from trueline_rules.loader import load_rules
from trueline_rules.schedule_model import Run, Schedule

SEED_PERSONAS = {"solo_podcaster", "producer", "agency", "brand", "data_marketer", "platform_admin"}
SEED_MEASURES = {
    "conversion",
    "retention",
    "nps",
    "time_to_value",
    "task_completion",
    "support_resolution_time",
    "renewal",
}


def _policy() -> CheckpointPolicy:
    found = load_rules([]).documents["CheckpointPolicy"]["scaling"]
    assert isinstance(found, CheckpointPolicy)
    return found


def test_it_asks_the_question_of_the_seed() -> None:
    """To the letter, over 90 days, with both consequences."""
    policy = _policy()
    assert policy.question == (
        "Does every persona, business function and critical journey meet or exceed target KPIs? "
        "If not, escalate and backlog immediately."
    )
    assert (policy.days, policy.on_miss.escalate, policy.on_miss.backlog) == (90, True, True)


def test_every_persona_and_every_measure_of_the_seed_is_judged() -> None:
    """No persona is without the measures that make sense for it."""
    policy = _policy()
    assert set(policy.personas) == SEED_PERSONAS
    of_personas = [cell for cell in policy.cells if cell.part is Part.PERSONA]
    assert {cell.measure for cell in of_personas} == SEED_MEASURES
    for persona in SEED_PERSONAS - {"platform_admin"}:
        assert {cell.measure for cell in of_personas if cell.of == persona} == SEED_MEASURES
    assert len({cell.of for cell in policy.cells if cell.part is Part.JOURNEY}) == len(policy.journeys) >= 5
    assert len({cell.of for cell in policy.cells if cell.part is Part.FUNCTION}) == len(policy.functions) >= 5


def test_each_cell_says_how_firm_it_is_who_sees_to_it_and_what_to_do() -> None:
    """A target that no seed states is assumed; one that a KPI of the pack has is that KPI's."""
    rules = load_rules([])
    for cell in _policy().cells:
        assert cell.basis in {"seed", "assumed"}
        assert cell.owner
        assert cell.action
        if cell.value.kind == "kpi":
            kpi = rules.kpis[cell.value.name]
            assert (cell.target, cell.direction, cell.basis) == (kpi.target, kpi.direction, kpi.basis)


def test_keys_of_cases_fit_their_column() -> None:
    """The longest names that the kind allows make a key of at most 128 bytes."""
    longest = f"{'p' * 63}/{max(Part, key=len)}:{'n' * 28}:{'m' * 24}"
    assert len(longest) <= 128
    assert all(len(f"scaling/{cell.name}") <= 128 for cell in _policy().cells)


def test_it_runs_every_week() -> None:
    """On Monday mornings; tenants take turns."""
    schedule = load_rules([]).documents["Schedule"]["weekly_scaling_checkpoint"]
    assert isinstance(schedule, Schedule)
    assert (schedule.cron, schedule.run) == ("0 9 * * MON", Run("checkpoint", ("scaling",)))
    assert schedule.jitter_us > 0
