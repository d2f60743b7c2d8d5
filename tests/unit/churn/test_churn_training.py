"""Training: which form is chosen, what comes out, and when nothing does."""

from __future__ import annotations

import numpy as np
import pytest
from trueline_server.churn.columns import Accounts, Flags, Numbers, numbers, texts
from trueline_server.churn.fitted import FittedModel, model_id, read_model, sigmoid, write_model
from trueline_server.churn.fitting.training import Held, Needed, train
from trueline_server.churn.metrics import roc_auc
from trueline_server.churn.model import Insufficient, Trained


def _accounts(rows: int, seed: int, shape: str) -> tuple[Accounts, Flags]:
    """Accounts that leave by a straight line, by a bend, or by two features together."""
    drawn = np.random.default_rng(seed)
    a, b, c = drawn.normal(size=(3, rows))
    plan = drawn.choice(["free", "pro"], rows)
    log_odds = {"line": 1.2 * a, "bend": 2 * (np.abs(a) > 1) - 1, "pair": 1.5 * a * b}[shape] - 0.8
    log_odds = log_odds + 0.8 * (plan == "free")
    labels = drawn.random(rows) < sigmoid(log_odds)
    gaps = np.where(drawn.random(rows) < 0.1, np.nan, c)
    columns = {"a": Numbers(a), "b": Numbers(b), "c": Numbers(gaps), "plan": texts(plan.tolist())}
    return Accounts(tuple(f"account-{row:05}" for row in range(rows)), columns), labels


def _trained(accounts: Accounts, labels: Flags) -> Trained:
    found = train(accounts, labels)
    assert isinstance(found, Trained)
    return found


@pytest.mark.parametrize(("shape", "form"), [("line", "logistic"), ("bend", "additive"), ("pair", "pairwise")])
def test_the_simplest_form_that_does_is_chosen(shape: str, form: str) -> None:
    """A straight line needs no trees, a bend needs them, and only two features together need pairs."""
    accounts, labels = _accounts(3000, 1, shape)
    found = _trained(accounts, labels)
    assert found.model.form == form
    assert [one.form for one in found.report.candidates if one.chosen] == [form]
    held = found.report.held_out
    assert held is not None
    assert held.auc == pytest.approx(found.report.validated.auc, abs=0.06)
    assert held.calibration_error < 0.06
    assert not [note.text for note in found.report.notes if "held out" in note.text]


def test_a_model_explains_every_account_against_the_average_one() -> None:
    """Effects are 0 on average over the accounts learned from, and add up to the log-odds with the intercept."""
    accounts, labels = _accounts(3000, 1, "pair")
    model = _trained(accounts, labels).model
    added = model.explained(accounts)
    np.testing.assert_allclose(added.mean(axis=0), 0, atol=2e-6)
    np.testing.assert_allclose(model.intercept + added.sum(axis=1), model.log_odds(accounts), atol=1e-12)
    assert model.probabilities(accounts).mean() == pytest.approx(labels.mean(), abs=0.01)
    for profile in model.profiles:
        assert sum(profile.shares) == pytest.approx(1)


def test_the_same_accounts_in_any_order_come_to_the_same_bytes() -> None:
    """And its JSON reads back as the same model, whose id is of its content; another seed is another model."""
    accounts, labels = _accounts(800, 2, "bend")
    content = write_model(_trained(accounts, labels).model)
    order = np.random.default_rng(5).permutation(len(labels))
    assert write_model(_trained(accounts.take(order), labels[order]).model) == content
    read = read_model(content)
    assert write_model(read) == content
    assert model_id(content).startswith("churn-")
    np.testing.assert_array_equal(
        read.probabilities(accounts), _trained(accounts, labels).model.probabilities(accounts)
    )
    with pytest.raises(ValueError, match="has format 99, known here is 1; train it again"):
        read_model(content.replace(b'"format":1', b'"format":99'))


def test_values_that_were_never_seen_have_the_effect_of_the_average() -> None:
    """A new plan, a missing number where none was missing, and a column that is not there add nothing."""
    accounts, labels = _accounts(1500, 3, "line")
    model = _trained(accounts, labels).model
    average = FittedModel(model.form, model.intercept, (), model.profiles, (), ())
    odd = Accounts(("odd",), {"plan": texts(["enterprise"]), "a": numbers([None])})
    names = [effect.name for effect in model.effects]
    added = dict(zip(names, model.explained(odd)[0], strict=True))
    assert added["plan"] == added["a"] == added["b"] == 0
    assert model.probabilities(Accounts(("odd",), {}))[0] == pytest.approx(average.probabilities(odd)[0], abs=0.1)


def test_accounts_that_judge_take_no_part() -> None:
    """Given ones replace those that are held out of the table."""
    accounts, labels = _accounts(1500, 4, "line")
    other, left = _accounts(1500, 5, "line")
    found = train(accounts, labels, held=Held(other, left))
    assert isinstance(found, Trained)
    assert found.report.held_out is not None
    assert found.report.held_out.accounts == 1500
    assert found.report.held_out.auc == pytest.approx(roc_auc(left, found.model.probabilities(other)), abs=1e-6)


def test_too_little_is_said_with_what_would_be_enough() -> None:
    """One class only, too few accounts, too few of a class, nothing to learn from, no account at all."""
    accounts, labels = _accounts(300, 6, "line")
    none = np.zeros(300, dtype=np.bool_)

    def reason(of: Accounts, left: Flags, accounts: int = 200, of_each_class: int = 30) -> str:
        found = train(of, left, needed=Needed(accounts, of_each_class))
        assert isinstance(found, Insufficient)
        return found.reason

    assert reason(accounts, none) == "all 300 accounts stayed, so nothing tells one kind from the other"
    assert reason(accounts, ~none) == "all 300 accounts left, so nothing tells one kind from the other"
    assert reason(accounts, labels, 1000) == "there are 300 accounts, 1,000 are needed"
    assert "accounts left, 200 are needed" in reason(accounts, labels, 200, 200)
    constant = Accounts(accounts.ids, {"x": numbers([1.0] * 300)})
    assert reason(constant, labels) == "no feature is left to learn from: x, left out: it is always 1"
    alone = Accounts(accounts.ids, {})
    assert reason(alone, labels) == "no feature is left to learn from: there is none but label and id"
    many = Accounts(accounts.ids, {f"x{place}": accounts.columns["a"] for place in range(501)})
    assert (
        reason(many, labels) == "there are 501 features, at most 500 are learned from; take out those that matter least"
    )
    assert reason(accounts.take(np.array([], dtype=np.intp)), none[:0]) == "there is no account to learn from"


def test_work_that_is_to_end_ends_between_steps() -> None:
    """Whoever is told of a step may raise."""
    accounts, labels = _accounts(400, 7, "line")

    def stop(done: int, total: int, message: str) -> None:
        assert 0 <= done < total
        if done == 3:
            raise InterruptedError(message)

    with pytest.raises(InterruptedError, match="cross-validates the logistic form, fold 4 of 5"):
        train(accounts, labels, tell=stop)
