"""Churn end to end: tables through server, SDK and command line, and what is refused in which words."""

from __future__ import annotations

import json
import math
import os
import random
import re
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from trueline import ChurnModel, ChurnTraining, InvalidRequestError, NotFoundError, TruelineClient

from benchmarks.server_process import ServerProcess


def _customers(count: int = 600) -> dict[str, list[str]]:
    """Customers whose dates and fees are written as in a spreadsheet of Germany, the newer of whom leave more."""
    draw = random.Random(4)
    table: dict[str, list[str]] = {"customerID": [], "since": [], "fee": [], "plan": [], "Churn": []}
    for number in range(count):
        day = date(2025, 1, 1) + timedelta(days=draw.randrange(360))
        leaves = draw.random() < 0.1 + 0.5 * (day.month > 6)
        row = (f"c-{number:04}", f"{day:%d.%m.%Y}", f"{draw.randrange(900, 4000)},5", draw.choice("ab"))
        for values, value in zip(table.values(), (*row, "Yes" if leaves else "No"), strict=True):
            values.append(value)
    return table


def _write(path: Path, table: Mapping[str, list[str]]) -> str:
    path.write_text("\n".join([";".join(table), *(";".join(row) for row in zip(*table.values(), strict=True))]) + "\n")
    return str(path)


def _run(server: ServerProcess, *words: str) -> tuple[int, str]:
    command = [sys.executable, "-m", "trueline_cli", "churn", *words, "--address", server.address]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ | {"COLUMNS": "80"})
    return done.returncode, done.stdout + done.stderr


def _trained(client: TruelineClient) -> ChurnModel:
    begun = client.train_churn_model(table=_customers(), label="Churn", id="customerID")
    trained = client.wait_operation(begun.name, timeout=120.0).result
    assert isinstance(trained, ChurnTraining)
    assert trained.model is not None
    return trained.model


def test_a_prediction_adds_up_to_its_probability(shared_server: ServerProcess) -> None:
    """Base and effects are the log-odds; one row alone is read as the table was, day first and with a decimal comma."""
    with TruelineClient(shared_server.address) as client:
        trained = _trained(client)
        model = trained.summary.id
        row = {"since": ["11.12.2025"], "fee": ["1234,5"], "plan": ["a"]}
        one = client.predict_churn(table=row, model_id=model).predictions[0]
        other = client.predict_churn(table=row | {"since": ["12.11.2025"]}, model_id=model).predictions[0]

    log_odds = one.base_log_odds + sum(effect.log_odds for effect in one.outlook.effects)
    assert one.outlook.probability == pytest.approx(1 / (1 + math.exp(-log_odds)), abs=1e-9)
    seen = {effect.name: effect.value for effect in one.outlook.effects}
    assert {name: seen[name] for name in ("since", "fee")} == {"since": "2025-12-11", "fee": "1234.5"}
    assert {effect.value for effect in other.outlook.effects if effect.name == "since"} == {"2025-11-12"}
    since = next(shape for shape in trained.shapes if shape.name == "since")
    assert re.fullmatch(r"(below )?2025-\d\d-\d\d", since.bins[0])


def test_a_table_of_other_columns_is_refused_and_what_it_lacks_is_told(
    shared_server: ServerProcess, tmp_path: Path
) -> None:
    """Without any feature all rows would be foreseen alike; with some, each row says how much of it is known."""
    other = {"Since": ["11.12.2025"], "monthly fee": ["12,5"], "Plan": ["a"]}
    told = (
        "table has no column of any feature: wanted are {}; there are Since, monthly fee, Plan; "
        "rename 'Since' to 'since', .*'Plan' to 'plan'"
    )
    with TruelineClient(shared_server.address) as client:
        model = _trained(client).summary.id
        for call in (client.predict_churn, client.check_churn_drift):
            with pytest.raises(InvalidRequestError, match=told.format("since, fee, plan")):
                call(table=other, model_id=model)
        # The plain rule of the pack's document looks at its own features.
        with pytest.raises(InvalidRequestError, match=r"wanted are plan, tenure_days, .*; rename 'Plan' to 'plan'"):
            client.predict_churn(table=other)
        ruled = client.predict_churn(table={"plan": ["a", None], "tenure_days": ["5", "6"]})
        some = client.predict_churn(
            table={"since": ["11.12.2025", None], "fee": [None, None], "more": ["1", "2"]}, model_id=model
        )
        whole = client.predict_churn(table={"since": ["1.1.2025"], "fee": ["9,5"], "plan": ["b"]}, model_id=model)

    renamed = {name.title() if name == "plan" else name: values for name, values in _customers(3).items()}
    status, shown = _run(shared_server, "predict", "--table", _write(tmp_path / "new.csv", renamed), "--model", model)
    assert status == 0
    assert "trueline churn: the table has no value of 'plan'; did you mean its column 'Plan'?" in shown
    assert " 67 % " in shown
    assert [one.coverage for one in some.predictions] == pytest.approx([1 / 3, 0.0])
    assert some.absent_features == ("fee", "plan")
    assert (whole.predictions[0].coverage, whole.absent_features) == (1.0, ())
    assert [one.coverage for one in ruled.predictions] == pytest.approx([2 / 9, 1 / 9])
    assert len(ruled.absent_features) == 7


def test_what_cannot_be_learned_or_foreseen_is_refused(shared_server: ServerProcess) -> None:
    """Errors name the field, the value and the way out; one class only is no error, but insufficient data."""
    table = _customers(300)
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    with TruelineClient(shared_server.address) as client:
        alone = client.train_churn_model(table=table | {"Churn": ["No"] * 300})
        found = client.wait_operation(alone.name, timeout=60.0).result
        assert isinstance(found, ChurnTraining)
        assert found.model is None
        assert found.insufficient is not None
        assert found.insufficient.reason == "all 300 accounts stayed, so nothing tells one kind from the other"
        refused = (
            ({"table": table, "label": "Exit"}, "label is 'Exit', which is no column; there are customerID, since"),
            ({"table": table, "keep": ["fees"]}, "keep is 'fees', which is no column; there are customerID, since"),
            ({"table": table, "churned": "Left"}, "churned is 'Left', but column Churn has No, Yes"),
            ({"keep": ["fees"]}, r"keep\[0\] is 'fees', which is no feature of accounts; it has: plan, tenure_days"),
            ({"at": tomorrow}, "at lies ahead of the server's clock; leave it out for now"),
        )
        for how, told in refused:
            with pytest.raises(InvalidRequestError, match=told):
                client.train_churn_model(**how)
        for call in (client.list_churn_segments, lambda at: client.predict_churn(["a"], at=at)):
            with pytest.raises(InvalidRequestError, match="at lies ahead of the server's clock"):
                call(at=tomorrow)
        with pytest.raises(NotFoundError, match="so there is nothing to drift from; train one with TrainChurnModel"):
            client.check_churn_drift()


def test_a_table_is_evaluated_on_the_command_line(shared_server: ServerProcess, tmp_path: Path) -> None:
    """Tables fit 80 columns; JSON has all of it; a wrong option is told, and too little is exit status 1."""
    table = _customers(400)
    file, test = _write(tmp_path / "customers.csv", table), _write(tmp_path / "test.csv", _customers(300))
    status, told = _run(shared_server, "evaluate", file, "--test", test)
    assert (status, max(map(len, told.splitlines())) <= 80) == (0, True), told
    assert "fee: read as numbers with a decimal comma" in told
    assert "none were held out: of a fifth" not in " ".join(told.split())
    status, written = _run(shared_server, "evaluate", file, "--output", "json")
    assert (status, json.loads(written)["model"]["summary"]["accounts"]) == (0, 400)
    lacking = _write(tmp_path / "lacking.csv", {name: table[name] for name in ("customerID", "since", "Churn")})
    bare = _write(tmp_path / "bare.csv", {name: table[name] for name in ("customerID", "Churn")})
    for words, code, message in (
        ((file, "--keep", "fees"), 2, "--keep is 'fees', which is no column; there are customerID, since, fee"),
        ((file, "--test", lacking), 2, "--test has no column 'fee'; there are customerID, since, Churn"),
        ((bare,), 1, "no feature is left to learn from: there is none but label and id"),
    ):
        status, told = _run(shared_server, "evaluate", *words)
        assert status == code
        assert message in " ".join(told.split())


def test_ranges_of_dates_are_told_to_the_end(shared_server: ServerProcess, tmp_path: Path) -> None:
    """In the table of what a model learned and in that of drift; where a fifth is too small nothing is held out."""
    draw = random.Random(5)
    table: dict[str, list[str]] = {"customerID": [], "signed up on": [], "Churn": []}
    for number in range(1200):
        day = date(2019, 1, 1) + timedelta(days=draw.randrange(2000))
        leaves = draw.random() < (0.3 if day.year in (2020, 2021) else 0.02)
        for values, value in zip(
            table.values(), (f"c-{number:04}", day.isoformat(), "Yes" if leaves else "No"), strict=True
        ):
            values.append(value)
    file = _write(tmp_path / "dates.csv", table)
    status, told = _run(shared_server, "evaluate", file)
    assert (status, max(map(len, told.splitlines())) <= 80) == (0, True), told
    # A range is two lines of one cell.
    assert re.search(r"signed up on +100\.0 % +20\d\d-\d\d-\d\d to .*\n +20\d\d-\d\d-\d\d ", told), told
    few = {name: values[:400] for name, values in table.items()}
    _, told = _run(shared_server, "evaluate", _write(tmp_path / "few.csv", few))
    assert "none were held out: of a fifth of the accounts fewer than 30 would be of one class" in " ".join(
        told.split()
    )
