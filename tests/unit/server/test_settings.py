"""Settings: read from the environment, checked, masked."""

import argparse
import re
from dataclasses import fields
from pathlib import Path

import pytest
from trueline_server.commands.up import settings_of
from trueline_server.settings import SettingError, Settings, split_address, unknown_variables, written_default

OPERATIONS = Path(__file__).resolve().parents[3] / "docs" / "operations.md"


def test_defaults() -> None:
    """Without any variable, the documented defaults hold."""
    settings = Settings.from_environment({"PATH": "/bin"})

    assert settings == Settings()
    assert (settings.address, settings.data_dir, settings.tokens) == ("127.0.0.1:7171", Path(".trueline"), {})
    assert (settings.max_events_per_call, settings.max_bytes_per_call) == (5000, 4_194_304)


def test_variables_are_cast() -> None:
    """Each kind of setting is read from text."""
    settings = Settings.from_environment(
        {
            "TRUELINE_ADDRESS": "[::1]:0",
            "TRUELINE_DATA_DIR": "/data",
            "TRUELINE_RULES": "a.yaml, b/",
            "TRUELINE_TOKENS": "s3cret==acme,other=bolt,",
            "TRUELINE_KPI_INTERVAL_S": "5",
            "TRUELINE_EVENTS_TTL_DAYS": "0",
        }
    )

    assert settings.address == "[::1]:0"
    assert settings.data_dir == Path("/data")
    assert settings.rules == (Path("a.yaml"), Path("b"))
    assert settings.tokens == {"s3cret=": "acme", "other": "bolt"}
    assert (settings.kpi_interval_s, settings.events_ttl_days) == (5, 0)


def test_flags_win_over_variables() -> None:
    """An override that is given replaces the variable; one that is None does not."""
    settings = Settings.from_environment(
        {"TRUELINE_ADDRESS": "h:1", "TRUELINE_MAPPING": "shop"}, address="h:2", mapping=None
    )

    assert (settings.address, settings.mapping) == ("h:2", "shop")


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("KPI_INTERVAL_S", "soon", "TRUELINE_KPI_INTERVAL_S has value 'soon'. Not a whole number."),
        ("KPI_INTERVAL_S", "0", "TRUELINE_KPI_INTERVAL_S has value '0'. It must be at least 1."),
        ("EVENTS_TTL_DAYS", "-1", "TRUELINE_EVENTS_TTL_DAYS has value '-1'. It must be at least 0."),
        ("ADDRESS", "7171", "TRUELINE_ADDRESS has value '7171'. Expected HOST:PORT, e.g. 127.0.0.1:7171."),
        ("ADDRESS", "host:99999", "TRUELINE_ADDRESS has value 'host:99999'. Expected HOST:PORT, e.g. 127.0.0.1:7171."),
        (
            "LOG_RETENTION_DAYS",
            "34",
            "TRUELINE_LOG_RETENTION_DAYS has value '34'. It must be at least TRUELINE_DEDUP_HORIZON_DAYS, which is 35.",
        ),
        (
            "NOTIFICATION_INTERNAL",
            "10.0.0.1/8",
            "TRUELINE_NOTIFICATION_INTERNAL cannot be read. '10.0.0.1/8' is no network (10.0.0.1/8 has host bits set); "
            "write 10.1.0.0/16, ::1 or a host such as hooks.example.org",
        ),
        ("TOKENS", "hush", "TRUELINE_TOKENS cannot be read. Pair 1 is not TOKEN=TENANT (values hidden)."),
        (
            "TOKENS",
            "hush=a,hush=b",
            "TRUELINE_TOKENS cannot be read. Pair 2 gives a token a second tenant (values hidden).",
        ),
    ],
    ids=["text", "zero", "negative", "no-port", "large-port", "retention", "network", "no-tenant", "two-tenants"],
)
def test_values_that_cannot_be_read(variable: str, value: str, message: str) -> None:
    """The error names the variable and its value, but never a token."""
    with pytest.raises(SettingError) as refused:
        Settings.from_environment({f"TRUELINE_{variable}": value})

    assert str(refused.value) == message


def test_tokens_are_masked() -> None:
    """What is logged of settings shows how many tokens there are and for whom, not the tokens."""
    shown = repr(Settings(tokens={"s3cret": "acme", "t0ken": "acme"}))

    assert "s3cret" not in shown
    assert "t0ken" not in shown
    assert "tokens=<2 hidden, for acme>" in shown


def test_every_setting_has_a_sentence() -> None:
    """The documentation of the class names each field."""
    assert Settings.__doc__ is not None
    for field in fields(Settings):
        assert f"        {field.name}: " in Settings.__doc__


def test_the_page_of_operations_lists_every_setting_with_its_default() -> None:
    """In the order of the class; what stands there is read as the default, so nobody copies a wrong one."""
    page = OPERATIONS.read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(TRUELINE_\w+)` \|([^|]*)\| [^|]+ \|$", page, re.MULTILINE)
    shown = {variable: default.strip() for variable, default in rows}

    assert list(shown) == [f"TRUELINE_{field.name.upper()}" for field in fields(Settings)]
    for field in fields(Settings):
        assert shown[f"TRUELINE_{field.name.upper()}"] == written_default(field)
    assert Settings.from_environment({name: text for name, text in shown.items() if text}) == Settings()


def test_variables_that_are_no_settings() -> None:
    """A misspelt variable is noticed with the setting it resembles; an orchestrator's own is noticed without."""
    found = unknown_variables({"TRUELINE_ADRESS": "x", "TRUELINE_TOKEN": "x", "TRUELINE_ADDRESS": "h:1", "HOME": "/"})

    assert found == {"TRUELINE_ADRESS": "TRUELINE_ADDRESS"}


def test_addresses() -> None:
    """IPv6 hosts keep their brackets."""
    assert split_address("[::1]:7171") == ("[::1]", 7171)
    assert split_address("localhost:0") == ("localhost", 0)


@pytest.mark.parametrize("flag", ["listen", "address"])
def test_a_flag_that_is_no_address_is_named(flag: str) -> None:
    """The error names the flag that was given, not the variable that was not."""
    args = argparse.Namespace(**{flag: "foo"})
    with pytest.raises(SettingError, match=f"^--{flag} has value 'foo'. Expected HOST:PORT"):
        settings_of(args)
