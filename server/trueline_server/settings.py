"""The settings of the server: one frozen value, built once from the environment and passed down, never imported."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, dataclass, field, fields
from pathlib import Path
from typing import Any

from trueline_server.notifications.reach import parse_reach

PREFIX = "TRUELINE_"


class SettingError(ValueError):
    """A setting cannot be read; the message names the variable, its value and what is expected."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What an operator may choose. Each field is the environment variable TRUELINE_<NAME IN CAPITALS>.

    Attributes:
        address: host:port to listen on; port 0 picks a free one and prints it.
        metrics_address: host:port where Prometheus reads metrics over HTTP, open to all who reach it; empty = nowhere.
        data_dir: directory of the log, the warehouse and the dataflow's state; one server at a time holds it.
        rules: rule files or directories, comma separated, added to the default pack.
        rules_scan_interval_s: how often the rule files are looked at for changes.
        mapping: name of the event mapping in force; empty = the one loaded last.
        tokens: credentials as TOKEN=TENANT, comma separated; none = open to all who reach the port, tenant "default".
        max_events_per_call: most events in one ingest call.
        max_bytes_per_call: most bytes in one ingest call.
        max_properties: most properties of one event.
        max_property_bytes: longest text of one property, in bytes of UTF-8.
        max_future_s: how far ahead of its acceptance an event may claim to happen, in seconds.
        dedup_horizon_days: for how many days after acceptance an event's identity is remembered.
        allowed_lateness_s: how long after its window an event may still correct a metric, in seconds.
        max_disorder_s: how far the watermark trails the newest event, in seconds.
        log_retention_days: for how many days the log keeps entries; at least the dedup horizon.
        max_lag_events: events accepted but not yet processed, from which ingestion is held back.
        poll_interval_ms: how often the dataflow looks for new events while idle.
        publish_interval_ms: least time between two deliveries of changes to watchers.
        epoch_interval_s: how often the dataflow saves its state.
        kpi_interval_s: how often KPIs are computed.
        alert_interval_s: how often alert rules are evaluated, at multiples of it in the time of the events.
        compliance_interval_s: how often controls are looked at for those that turned.
        health_interval_s: how often all accounts are looked at for those whose class turned.
        events_ttl_days: for how many days the warehouse keeps events; 0 = for ever.
        points_ttl_days: for how many days the warehouse keeps metric points; 0 = for ever.
        decisions_ttl_days: for how many days the warehouse keeps decisions of rules; 0 = for ever.
        notification_give_up_s: how long the delivery of a notification is tried, in seconds, until it is a dead letter.
        notification_internal: hosts and networks inside (10.1.0.0/16, hooks.example.org), comma separated, that
            channels of tenants' own files may reach; empty = none. Channels of the server's files may reach all.
        case_days: for how many days a case is kept, with its timeline, after it was resolved; 0 = for ever. One that is
            open is kept as long as it is.
        secrets_dir: directory of the files that notification channels may read as secrets.
        operation_days: for how many days an operation is kept after its end.
        query_timeout_s: longest run of one query against the warehouse.
        query_memory_mb: most memory of one query against the warehouse.
        default_deadline_s: deadline of a call that brings none; streams are exempt.

    """

    address: str = "127.0.0.1:7171"
    metrics_address: str = ""
    data_dir: Path = Path(".trueline")
    rules: tuple[Path, ...] = ()
    rules_scan_interval_s: int = 2
    mapping: str = ""
    tokens: Mapping[str, str] = field(default_factory=dict, repr=False)
    max_events_per_call: int = 5000
    max_bytes_per_call: int = 4 * 1024 * 1024
    max_properties: int = 64
    max_property_bytes: int = 8192
    max_future_s: int = 3600
    dedup_horizon_days: int = 35
    allowed_lateness_s: int = 172_800
    max_disorder_s: int = 120
    log_retention_days: int = 35
    max_lag_events: int = 1_000_000
    poll_interval_ms: int = 50
    publish_interval_ms: int = 250
    epoch_interval_s: int = 5
    kpi_interval_s: int = 60
    alert_interval_s: int = 60
    compliance_interval_s: int = 300
    health_interval_s: int = 3600
    events_ttl_days: int = 0
    points_ttl_days: int = 0
    decisions_ttl_days: int = 365
    notification_give_up_s: int = 86_400
    notification_internal: tuple[str, ...] = ()
    case_days: int = 400
    secrets_dir: Path = Path("/run/secrets")
    operation_days: int = 30
    query_timeout_s: int = 30
    query_memory_mb: int = 1024
    default_deadline_s: int = 60

    def __post_init__(self) -> None:
        if self.log_retention_days < self.dedup_horizon_days:
            raise SettingError(
                f"{PREFIX}LOG_RETENTION_DAYS has value '{self.log_retention_days}'. "
                f"It must be at least TRUELINE_DEDUP_HORIZON_DAYS, which is {self.dedup_horizon_days}."
            )
        split_address(self.address)
        if self.metrics_address:
            split_address(self.metrics_address, f"{PREFIX}METRICS_ADDRESS")
        try:
            parse_reach(self.notification_internal)
        except ValueError as error:
            raise SettingError(f"{PREFIX}NOTIFICATION_INTERNAL cannot be read. {error}") from None

    def __repr__(self) -> str:
        shown = [f"{f.name}={getattr(self, f.name)!r}" for f in fields(self) if f.repr]
        tenants = ", ".join(sorted(set(self.tokens.values())))
        shown.append(f"tokens=<{len(self.tokens)} hidden{', for ' + tenants if tenants else ''}>")
        return f"Settings({', '.join(shown)})"

    @classmethod
    def from_environment(cls, environment: Mapping[str, str], **overrides: object) -> Settings:
        """Read the variables that are set; `overrides` (from flags) win over them.

        Raises:
            SettingError: a variable has a value that cannot be read.

        """
        known = {PREFIX + f.name.upper(): f.name for f in fields(cls)}
        values: dict[str, Any] = {}
        for variable, text in environment.items():
            if variable in known:
                values[known[variable]] = _cast(known[variable], variable, text)
        values.update({name: value for name, value in overrides.items() if value is not None})
        return cls(**values)


def written_default(setting: Field[Any]) -> str:
    """The default of a setting as its variable would hold it; "" for none."""
    return "" if setting.default in (MISSING, "", ()) else str(setting.default)


# Read by the command line and by the tests, never by the server.
_OF_OTHERS = frozenset({"TRUELINE_DATA", "TRUELINE_TOKEN", "TRUELINE_OUTPUT"})
# Notification channels may read variables that begin so, and no others.
SECRETS = f"{PREFIX}SECRET_"


def unknown_variables(environment: Mapping[str, str]) -> dict[str, str]:
    """Variables that look like settings but are none, with the nearest setting's variable ("" if none is near).

    They are no errors: an orchestrator may add some of its own, e.g. TRUELINE_SERVICE_HOST for a service of that name.
    """
    known = [PREFIX + f.name.upper() for f in fields(Settings)]
    told = [v for v in environment if v.startswith(PREFIX) and not v.startswith(SECRETS)]
    strange = [v for v in told if v not in known and v not in _OF_OTHERS]
    return {variable: next(iter(difflib.get_close_matches(variable, known, n=1)), "") for variable in sorted(strange)}


def split_address(address: str, called: str = f"{PREFIX}ADDRESS") -> tuple[str, int]:
    """Host and port of "host:port"; IPv6 hosts stand in brackets. `called` is the variable or flag that has it.

    Raises:
        SettingError: there is no port, or it lies outside 0 to 65535.

    """
    host, colon, port = address.rpartition(":")
    if not colon or not host or not port.isdecimal() or int(port) > 65_535:
        raise SettingError(f"{called} has value '{address}'. Expected HOST:PORT, e.g. 127.0.0.1:7171.")
    return host, int(port)


def parse_tokens(text: str) -> dict[str, str]:
    """TOKEN=TENANT pairs, comma separated. The message of an error never shows a token."""
    tokens: dict[str, str] = {}
    for number, pair in enumerate(filter(None, (part.strip() for part in text.split(","))), start=1):
        token, equals, tenant = pair.rpartition("=")
        if not equals or not token or not tenant:
            raise ValueError(f"Pair {number} is not TOKEN=TENANT (values hidden).")
        if tokens.setdefault(token, tenant) != tenant:
            raise ValueError(f"Pair {number} gives a token a second tenant (values hidden).")
    return tokens


def _names(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _paths(text: str) -> tuple[Path, ...]:
    return tuple(map(Path, _names(text)))


# Settings that may be 0: limits that are then off, or waits that are then none.
_MAY_BE_ZERO = frozenset(
    {
        "events_ttl_days",
        "points_ttl_days",
        "decisions_ttl_days",
        "case_days",
        "allowed_lateness_s",
        "max_disorder_s",
        "max_future_s",
    }
)
_CASTS: Mapping[str, Callable[[str], Any]] = {
    "data_dir": Path,
    "secrets_dir": Path,
    "rules": _paths,
    "address": str,
    "metrics_address": str,
    "mapping": str,
    "notification_internal": _names,
}


def _cast(name: str, variable: str, text: str) -> Any:
    if name == "tokens":
        try:
            return parse_tokens(text)
        except ValueError as error:
            raise SettingError(f"{variable} cannot be read. {error}") from None
    if name in _CASTS:
        return _CASTS[name](text)
    try:
        number = int(text)
    except ValueError:
        raise SettingError(f"{variable} has value '{text}'. Not a whole number.") from None
    least = 0 if name in _MAY_BE_ZERO else 1
    if number < least:
        raise SettingError(f"{variable} has value '{text}'. It must be at least {least}.")
    return number
