"""Small broken rule files: each has one mistake, `§` stands before the place that the error must name."""

from dataclasses import dataclass

MARK = "§"


@dataclass(frozen=True)
class Broken:
    """A text with one mistake, and words of the message; `seen` = the schema for editors sees it too."""

    name: str
    kind: str
    spec: str
    message: str
    seen: bool = True

    @property
    def text(self) -> str:
        """The whole file."""
        return f"apiVersion: trueline/v1\nkind: {self.kind}\nmetadata:\n  name: x\nspec:\n{self.spec}"


def _policy(name: str, spec: str, message: str, *, seen: bool = True) -> Broken:
    return Broken(f"policy: {name}", "EscalationPolicy", spec, message, seen)


def _on_call(name: str, spec: str, message: str, *, seen: bool = True) -> Broken:
    return Broken(f"on call: {name}", "OnCallSchedule", spec, message, seen)


def _schedule(name: str, spec: str, message: str, *, seen: bool = True) -> Broken:
    return Broken(f"schedule: {name}", "Schedule", spec, message, seen)


L1 = "  levels:\n  - {name: L1, notify: [{channel: log}]}\n"
HOURS = "  hours: {time_zone: UTC, from: '09:00', until: '17:00'}\n"
POLICIES = [
    _policy("levels missing", "  {hours: always}\n", "for what nobody is told of write case: backlog", seen=False),
    _policy("no level", "  levels: §[]\n", "must have 1 to 20 values, is empty"),
    _policy("unknown key", L1 + "  §repat: 1\n", "has no key 'repat'; did you mean 'repeat'?"),
    _policy("level without name", "  levels:\n  - §{notify: [{channel: log}]}\n", "lacks the key 'name'"),
    _policy("level without notify", "  levels:\n  - §{name: L1}\n", "lacks the key 'notify'"),
    _policy("empty notify", "  levels:\n  - {name: L1, notify: §[]}\n", "must have 1 to 50 values, is empty"),
    _policy(
        "two in one target",
        "  levels:\n  - {name: L1, notify: [{person: ada, §channel: log}]}\n",
        "needs either 'schedule' or 'person' or 'channel', has both",
    ),
    _policy(
        "unknown target",
        "  levels:\n  - {name: L1, notify: [{person: ada, §chanel: log}]}\n",
        "did you mean 'channel'?",
    ),
    _policy(
        "channel by all",
        "  levels:\n  - {name: L1, notify: [{channel: log, §by: all}]}\n",
        "says nothing beside channel, which is the one that is told; take it out",
        seen=False,
    ),
    _policy("target twice", "  levels:\n  - {name: L1, notify: [{person: a}, §{person: a}]}\n", "repeats"),
    _policy(
        "delay without a unit", "  levels:\n  - {name: L1, after: §5, notify: [{channel: log}]}\n", "write 5s, 5m, 5h"
    ),
    _policy(
        "level twice",
        L1 + "  - {name: §L1, after: 5m, notify: [{channel: log}]}\n",
        "is 'L1', as a level before it is called",
        seen=False,
    ),
    _policy(
        "second level without a delay",
        L1 + "  - §{name: L2, notify: [{channel: log}]}\n",
        "lacks the key 'after': how long after 'L1' was told",
        seen=False,
    ),
    _policy(
        "second level at once",
        L1 + "  - {name: L2, after: §0s, notify: [{channel: log}]}\n",
        "must be above 0s; who is told together with 'L1' goes into its notify",
        seen=False,
    ),
    _policy(
        "repeats run into the next level",
        "  levels:\n  - {name: L1, notify: [{channel: log}], repeat: 3, every: 5m}\n"
        "  - {name: L2, after: §15m, notify: [{channel: log}]}\n",
        "'L1' is told again 3 times every 5m: write more than 15m, or repeat it less",
        seen=False,
    ),
    _policy(
        "repeat without every",
        "  levels:\n  - {name: L1, notify: [{channel: log}], §repeat: 3}\n",
        "needs every beside it",
        seen=False,
    ),
    _policy(
        "every without repeat",
        "  levels:\n  - {name: L1, notify: [{channel: log}], §every: 5m}\n",
        "needs repeat beside it",
        seen=False,
    ),
    _policy("rounds without a pause", L1 + "  §repeat: 2\n", "needs repeat_after", seen=False),
    _policy("a pause without rounds", L1 + "  §repeat_after: 5m\n", "needs repeat: how often", seen=False),
    _policy("too many rounds", L1 + "  repeat: §1000\n", "must be a whole number from 0 up to 100"),
    _policy("timeout of nothing", L1 + "  acknowledge_timeout: §0s\n", "must be a length of time such as 30s"),
    _policy("backlog with levels", "  case: backlog\n  §" + L1.lstrip(), "does not go with case 'backlog'"),
    _policy("unknown case", "  case: §ticket\n" + L1, "is 'ticket'"),
    _policy("hours in words", L1 + "  hours: §office\n", "is 'office'; known: always"),
    _policy("unknown zone", L1 + HOURS.replace("UTC", "§Europe/Berln"), "did you mean 'Europe/Berlin'?", seen=False),
    _policy("hours without a zone", L1 + "  §hours: {from: '09:00', until: '17:00'}\n", "lacks the key 'time_zone'"),
    _policy("a time in words", L1 + HOURS.replace("'09:00'", "§9am"), "is '9am'; write 09:00"),
    _policy("a time beyond the day", L1 + HOURS.replace("'17:00'", "§'25:00'"), "a day has 00:00 to 24:00"),
    _policy(
        "hours over midnight",
        L1 + HOURS.replace("'09:00'", "'22:00'").replace("'17:00'", "§'06:00'"),
        "must be later than from, which is 22:00, is 06:00",
        seen=False,
    ),
    _policy(
        "unknown weekday",
        L1 + "  hours: {time_zone: UTC, weekdays: [§moonday], from: '09:00', until: '17:00'}\n",
        "has 'moonday', which is no weekday; did you mean 'monday'?",
        seen=False,
    ),
    _policy(
        "a holiday that no year has",
        L1 + "  hours: {time_zone: UTC, from: '09:00', until: '17:00', holidays: [§'2026-02-29']}\n",
        "a day that the calendar does not have",
        seen=False,
    ),
    _policy(
        "a holiday in another style",
        L1 + "  hours: {time_zone: UTC, from: '09:00', until: '17:00', holidays: [§25.12.2026]}\n",
        "must be a day such as 2026-12-25",
    ),
    _policy(
        "response after resolution",
        L1 + "  targets: {respond_within: §5h, resolve_within: 4h}\n",
        "must be at most resolve_within, which is 4h, is 5h",
        seen=False,
    ),
    _policy(
        "time of a post-mortem that is not required",
        L1 + "  targets: {post_mortem: as_needed, §post_mortem_within: 2d}\n",
        "does not go with post_mortem 'as_needed'",
    ),
    _policy(
        "time of no post-mortem",
        L1 + "  targets: {§post_mortem_within: 2d}\n",
        "needs post_mortem: required beside it",
        seen=False,
    ),
    _policy("unknown post-mortem", L1 + "  targets: {post_mortem: §maybe}\n", "is 'maybe'"),
    _policy(
        "informed twice",
        L1 + "  targets: {inform: [{who: users}, {who: §users, within: 1h}]}\n",
        "is 'users', who is named before already",
        seen=False,
    ),
    _policy("informed without whom", L1 + "  targets: {inform: [§{within: 1h}]}\n", "lacks the key 'who'"),
    _policy(
        "an assumption about nothing",
        L1 + "  targets: {respond_within: 1h, assumed: [§update_every]}\n",
        "which is not among these targets; take it out",
        seen=False,
    ),
    _policy("unknown basis", L1 + "  basis: §gut\n", "is 'gut'"),
]

LAYER = "  layers:\n  - {people: [ada, bob], length: 1w, starts: '2026-03-02T09:00'}\n"
ZONE = "  time_zone: UTC\n"
ON_CALL = [
    _on_call("no zone", "  {layers: [{people: [ada]}]}\n", "lacks the key 'time_zone'"),
    _on_call("unknown zone", "  time_zone: §CEST\n" + LAYER, "is no IANA time zone such as Europe/Berlin", seen=False),
    _on_call("no layers", "  {time_zone: UTC}\n", "lacks the key 'layers'"),
    _on_call("no people", ZONE + "  layers:\n  - {people: §[]}\n", "must have 1 to 200 values, is empty"),
    _on_call(
        "turns without a length",
        ZONE + "  layers:\n  - {§people: [ada, bob]}\n",
        "has 2 shifts, which take turns: it needs length and starts",
        seen=False,
    ),
    _on_call("length alone", ZONE + "  layers:\n  - {people: [ada], §length: 1w}\n", "needs starts beside", seen=False),
    _on_call(
        "start alone",
        ZONE + "  layers:\n  - {people: [ada], §starts: '2026-03-02'}\n",
        "needs length beside it",
        seen=False,
    ),
    _on_call("length in words", ZONE + LAYER.replace("1w", "§1 week"), "is '1 week'; write 1w"),
    _on_call("length without a unit", ZONE + LAYER.replace("1w", "§7"), "write 7h, 7d or 7w"),
    _on_call("start with a zone", ZONE + LAYER.replace("'2026-03-02T09:00'", "§'2026-03-02T09:00Z'"), "without a zone"),
    _on_call(
        "start on no day",
        ZONE + LAYER.replace("'2026-03-02T09:00'", "§'2027-02-29T09:00'"),
        "a day that the calendar does not have",
        seen=False,
    ),
    _on_call(
        "an interval that says nothing",
        ZONE + "  layers:\n  - people: [ada]\n    only:\n    - §{location: UTC}\n",
        "says no time",
        seen=False,
    ),
    _on_call(
        "override backwards",
        ZONE + LAYER + "  overrides: [{person: cy, from: '2026-03-03', until: §'2026-03-02'}]\n",
        "must be later than from, which is 2026-03-03, is 2026-03-02",
        seen=False,
    ),
    _on_call(
        "overrides at the same time",
        ZONE
        + LAYER
        + "  overrides:\n  - {person: cy, from: '2026-03-02', until: '2026-03-04'}\n"
        + "  - {person: dee, from: §'2026-03-03', until: '2026-03-05'}\n",
        "begins while 'cy' stands in until 2026-03-04T00:00:00Z; let one begin when the other ends",
        seen=False,
    ),
    _on_call(
        "override of nobody", ZONE + LAYER + "  overrides: [§{from: '2026-03-03', until: '2026-03-04'}]\n", "'person'"
    ),
    _on_call("unknown key of a layer", ZONE + "  layers:\n  - {people: [ada], §begins: x}\n", "has no key 'begins'"),
]

RUN = "  run: {backtest: churn_rate_high}\n"
SCHEDULES = [
    _schedule("no cron", "  {run: {backtest: churn_rate_high}}\n", "lacks the key 'cron'"),
    _schedule("no run", "  {cron: '@daily'}\n", "lacks the key 'run'"),
    _schedule("a field too few", "  cron: §0 6 * *\n" + RUN, "must have five fields", seen=False),
    _schedule("seconds", "  cron: §0 0 6 * * *\n" + RUN, "there is no field for seconds", seen=False),
    _schedule(
        "a minute too many", "  cron: §60 6 * * *\n" + RUN, "has the minute '60', which is not within", seen=False
    ),
    _schedule("no such day", "  cron: §0 0 31 4 *\n" + RUN, "a day that no year has", seen=False),
    _schedule("no such name", "  cron: §'@reboot'\n" + RUN, "which is no name of an interval; known", seen=False),
    _schedule("unknown zone", "  cron: '@daily'\n  time_zone: §Mars\n" + RUN, "is no IANA time zone", seen=False),
    _schedule("jitter without a unit", "  cron: '@daily'\n  jitter: §30\n" + RUN, "write 30s, 30m"),
    _schedule("unknown policy", "  cron: '@daily'\n  missed: §run_twice\n" + RUN, "is 'run_twice'"),
    _schedule(
        "unknown action", "  cron: '@daily'\n  run: {backtest: x, §chekpoint: x}\n", "did you mean 'checkpoint'?"
    ),
    _schedule("two actions", "  cron: '@daily'\n  run: {checkpoint: x, §backtest: y}\n", "has both"),
]
BROKEN = [*POLICIES, *ON_CALL, *SCHEDULES]
