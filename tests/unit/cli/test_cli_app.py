"""The command line itself: verbs, options, statuses, words."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from trueline.errors import NotFoundError, UnauthenticatedError, UnavailableError, Violation
from trueline_cli import app, options
from trueline_cli.explain import explain
from trueline_cli.files.block import BadLine
from trueline_cli.output import jsonable
from trueline_rules.loader import load_rules

VERBS = [*app.VERBS]
# What the server extra brings.
SERVER_MODULES = (
    "alembic",
    "bytewax",
    "chdb",
    "clickhouse_connect",
    "cronsim",
    "datasketches",
    "grpc_health",
    "grpc_reflection",
    "numpy",
    "prometheus_client",
    "pyarrow",
    "re2",
    "rule_engine",
    "sqlalchemy",
    "uvloop",
)


def test_help_names_every_verb(capsys: pytest.CaptureFixture[str]) -> None:
    """Those of the backend too, with what to install for them; no line is wider than a terminal."""
    with pytest.raises(SystemExit) as ended:
        app.main(["--help"])
    told = capsys.readouterr().out
    assert ended.value.code == 0
    assert all(f"\n  {verb} " in told for verb in (*app.VERBS, *app.SERVER_VERBS))
    assert 'pip install "trueline[server]"' in told
    assert max(map(len, told.splitlines())) <= 80


@pytest.mark.parametrize("verb", VERBS)
def test_the_help_of_a_verb_ends_with_examples(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Each example is a command that the verb's own parser takes."""
    with pytest.raises(SystemExit):
        app.main([verb, "--help"])
    told = capsys.readouterr().out
    _, _, examples = told.partition("\nexamples:\n")
    assert examples.strip()
    assert max(map(len, told.splitlines())) <= 80
    for example in examples.strip().splitlines():
        words = example.split("trueline ")[1].split(" | ")[0].split(" && ")[0].split("  #")[0].split()
        assert words[0] == verb
        parser = options.verb_parser(verb)
        app.load(verb).configure(parser)
        parser.parse_args(words[1:])


def test_examples_of_metrics_name_metrics_of_the_pack(capsys: pytest.CaptureFixture[str]) -> None:
    """And labels that they have, so that an example can be copied."""
    with pytest.raises(SystemExit):
        app.main(["metrics", "--help"])
    parser = options.verb_parser("metrics")
    app.load("metrics").configure(parser)
    pack = load_rules([]).metrics
    examples = capsys.readouterr().out.partition("\nexamples:\n")[2].strip().splitlines()
    shown = [parser.parse_args(example.split()[2:]) for example in examples]
    assert sum(args.what == "show" for args in shown) == 2
    for args in shown:
        names = [args.name] if args.what == "show" else getattr(args, "names", [])
        for name in names:
            assert {key for key, _ in getattr(args, "label", ())} <= set(pack[name].group_by)


def test_a_bad_line_names_its_field_once() -> None:
    """Whether the message begins with it, as the server's do, or follows it."""
    told = [
        str(BadLine("a.jsonl", 6, field, "R", message))
        for field, message in [
            ("occurred_at", "occurred_at is 2999"),
            ("value", "'x' is not a number"),
            ("id", "identity is taken"),
            ("properties[a]", "properties[a] is not a finite number"),
            ("", "is not JSON"),
        ]
    ]
    assert told == [
        "a.jsonl:6: occurred_at is 2999",
        "a.jsonl:6: value: 'x' is not a number",
        "a.jsonl:6: id: identity is taken",
        "a.jsonl:6: properties[a] is not a finite number",
        "a.jsonl:6: is not JSON",
    ]


def test_help_loads_nothing_heavy() -> None:
    """Neither gRPC nor rich nor the metadata of packages: that is what makes it fast."""
    code = (
        "import sys\nfrom trueline_cli.app import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit:\n    pass\n"
        "heavy = {'grpc', 'rich', 'google', 'pyarrow', 'importlib.metadata', 'trueline.results'} & set(sys.modules)\n"
        "sys.exit(f'loaded {heavy}' if heavy else 0)"
    )
    # -S leaves out what site-packages load into every process.
    paths = [str(Path(app.__file__).parent.parent)]
    subprocess.run(
        [sys.executable, "-S", "-c", f"import sys\nsys.path[:0] = {paths!r}\n{code}"], check=True, capture_output=True
    )


@pytest.mark.parametrize(
    ("argv", "told"),
    [
        (["scroe"], "there is no verb 'scroe'; did you mean 'score'?"),
        (["frobnicate"], "there is no verb 'frobnicate'; see trueline --help"),
        (["score", "--at", "noon"], "'noon' is not a time with offset"),
        (["score", "--at", "2024-05-06T07:00:00"], "is not a time with offset"),
        (["metrics", "show", "dau", "--label", "plan"], "'plan' is not a label like plan=pro"),
        (["actions", "--limit", "99999999999"], "'99999999999' is not a whole number from 0 to 2,147,483,647"),
        (["actions", "--limit", "-1"], "'-1' is not a whole number from 0"),
        (["actions", "--limit", "some"], "'some' is not a whole number from 0"),
        (["kpis", "--timeout", "-1"], "'-1' is not a positive number of seconds"),
        (["kpis", "--output", "xml"], "invalid choice: 'xml'"),
    ],
)
def test_wrong_use_is_status_2(argv: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    """What is wrong is told on standard error."""
    with pytest.raises(SystemExit) as ended:
        app.main(argv)
    assert ended.value.code == 2
    assert told in capsys.readouterr().err


@pytest.mark.parametrize(
    ("argv", "told"),
    [
        (["ingest", "events.xml"], "events.xml: cannot tell what it holds"),
        (["ingest", "a.jsonl", "--mapping", "gone.yaml"], "cannot read the mapping gone.yaml"),
        (["metrics", "show", "dau", "--fill-empty"], "--fill-empty needs --from and --to"),
    ],
)
def test_wrong_use_that_only_the_verb_sees(argv: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    """It has status 2 too, and nothing was sent."""
    assert app.main(argv) == 2
    assert told in capsys.readouterr().err


def test_no_verb_prints_help(capsys: pytest.CaptureFixture[str]) -> None:
    """Status 2, as nothing was done."""
    assert app.main([]) == 2
    assert "verbs:" in capsys.readouterr().out


def test_options_stand_before_or_after_the_verb(monkeypatch: pytest.MonkeyPatch) -> None:
    """The later one wins; the environment comes before the default."""
    monkeypatch.setenv("TRUELINE_ADDRESS", "env:1")
    seen = []

    class Spy:
        help = ""

        def configure(self, parser):
            pass

        def run(self, args):
            seen.append((args.address, args.output, args.token, args.timeout))
            return 0

    monkeypatch.setattr(app, "load", lambda verb: Spy())
    app.main(["kpis"])
    app.main(["--address", "a:1", "--timeout", "3", "kpis", "--output", "json"])
    app.main(["--address", "a:1", "kpis", "--address", "b:2", "--token", "t"])
    assert seen == [("env:1", "table", None, 60.0), ("a:1", "json", None, 3.0), ("b:2", "table", "t", 60.0)]


def test_a_verb_whose_package_is_missing_says_what_to_install() -> None:
    """The message has the command to type."""
    with pytest.raises(app.MissingExtraError, match=r'pip install "trueline\[server\]"'):
        app.load("backup")


@pytest.mark.parametrize(
    "argv",
    [["up"], ["demo"], ["generate", "--out", "x"], ["rules", "check"], ["rules", "test"], ["rules", "schema"]],
    ids=" ".join,
)
def test_the_light_install_says_what_to_install(argv: list[str], tmp_path: Path) -> None:
    """A verb of the backend, as after `pip install` without extras: one sentence, status 2."""
    ended = in_the_light_install(argv, tmp_path)
    assert ended.returncode == 2
    assert ended.stdout == ""
    assert re.fullmatch(
        rf"trueline {argv[0]}: '{argv[0]}' needs the backend; install it with: "
        r'pip install "trueline\[server\]" \(\w+ is missing\)\n',
        ended.stderr,
    )


def test_the_doctor_of_the_light_install_names_what_is_missing(tmp_path: Path) -> None:
    """It looks no further, since the other checks need the backend."""
    ended = in_the_light_install(["doctor", "--output", "json"], tmp_path)
    assert ended.returncode == 1
    findings = json.loads(ended.stdout)
    assert [finding["check"] for finding in findings] == ["Python", "packages"]
    assert "uvloop" in findings[1]["told"]


def in_the_light_install(argv: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    """The command line where the packages of the server extra cannot be imported."""
    light = (
        "import sys\n"
        "class Light:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        f"        if name.partition('.')[0] in {SERVER_MODULES!r}:\n"
        "            raise ModuleNotFoundError(f'No module named {name!r}', name=name)\n"
        "sys.meta_path.insert(0, Light())\n"
        "from trueline_cli.app import main\n"
        f"sys.exit(main({argv!r}))\n"
    )
    return subprocess.run([sys.executable, "-c", light], capture_output=True, text=True, cwd=folder, check=False)


def test_verbs_of_the_backend_are_found() -> None:
    """Each one that the help lists has an entry point."""
    for verb in app.SERVER_VERBS:
        assert app.load(verb).help


def test_errors_are_told_with_the_way_out() -> None:
    """A missing server, a wrong name, a missing credential, broken rules."""
    assert explain(UnavailableError("UNAVAILABLE", "", "no server answers at x:1")) == (
        "no server answers at x:1; start one with `trueline up`, or name another with --address"
    )
    unknown = NotFoundError("NOT_FOUND", "UNKNOWN_METRIC", "no metric 'dua'", {"nearest": "dau"})
    assert explain(unknown) == "no metric 'dua'; did you mean 'dau'?"
    known_to_none = NotFoundError("NOT_FOUND", "UNKNOWN_METRIC", "no metric is called 'x'", {"nearest": ""})
    assert explain(known_to_none) == "no metric is called 'x'; see `trueline metrics`"
    assert "--token" in explain(UnauthenticatedError("UNAUTHENTICATED", "UNAUTHENTICATED", "the credential is missing"))
    once = NotFoundError(
        "INVALID_ARGUMENT",
        "INVALID_FIELD",
        "end is before start: windows are told",
        {},
        (Violation("end", "is before start: windows are told"),),
    )
    assert explain(once) == "end is before start: windows are told"
    broken = NotFoundError(
        "INVALID_ARGUMENT", "INVALID_FIELD", "2 fields", {}, (Violation("a", "is b"), Violation("c", "is d"))
    )
    assert explain(broken) == "2 fields\n  a: is b\n  c: is d"


def test_results_as_json() -> None:
    """Times are RFC 3339 in UTC, enums their words, numbers that JSON lacks null."""
    from trueline.results import Band, Synced

    assert jsonable({"a": Synced(3, "t"), "b": [datetime(2024, 5, 6, tzinfo=UTC)], "c": float("nan")}) == {
        "a": {"position": 3, "resume_token": "t"},
        "b": ["2024-05-06T00:00:00Z"],
        "c": None,
    }
    assert json.dumps(jsonable((Band.ON_TRACK,))) == '["on_track"]'
