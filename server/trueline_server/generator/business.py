"""What the synthetic business is like: who its customers are, what they pay, how they come, stay and leave.

The numbers are made up so that the KPIs of the default pack land near their targets, some above and some below.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SOURCE = "synthetic-podcast"

DAY_US = 86_400_000_000
MONTH_DAYS = 30.4

SIGNED_UP, LOGGED_IN, WORKFLOW, SUGGESTION, SUBSCRIBED, UNSUBSCRIBED, PAID, REFUNDED, INVITED, ACCEPTED, SPENT = range(
    11
)
# Those of sponsors, who are no users.
DEAL_STARTED, DEAL_DUE, DEAL_RENEWED, DEAL_ENDED, CAMPAIGN_SPENT, CAMPAIGN_CONVERTED, CAMPAIGN_FINISHED = range(11, 18)
TOUCHED = 18
CLOSED = 19
NAMES = (
    "user_signed_up",
    "user_logged_in",
    "workflow_created",
    "suggestion_applied",
    "subscription_started",
    "subscription_cancelled",
    "payment_succeeded",
    "payment_refunded",
    "invite_sent",
    "invite_accepted",
    "marketing_spend",
    "sponsor_deal_started",
    "sponsor_deal_due",
    "sponsor_deal_renewed",
    "sponsor_deal_ended",
    "campaign_spent",
    "campaign_converted",
    "campaign_finished",
    "campaign_touched",
    "account_closed",
)

PERSONAS = ("solo_podcaster", "producer", "agency", "brand", "data_marketer")
PERSONA_SHARES = (0.52, 0.20, 0.10, 0.10, 0.08)

FREE = 0
PLANS = ("free", "creator", "studio", "network")
PRICES_CENTS = np.array([0, 1900, 4900, 12900], dtype=np.int64)
# Share of each paid plan among the subscribers of a persona.
PAID_PLAN_SHARES = (
    (0.85, 0.13, 0.02),
    (0.35, 0.55, 0.10),
    (0.05, 0.45, 0.50),
    (0.10, 0.50, 0.40),
    (0.20, 0.60, 0.20),
)

COUNTRIES = ("US", "GB", "DE", "CA", "AU", "FR", "BR", "IN", "SE", "JP")
COUNTRY_SHARES = (0.42, 0.13, 0.09, 0.08, 0.06, 0.06, 0.05, 0.05, 0.03, 0.03)

CHANNELS = ("organic", "paid_search", "social", "podcast_ads", "partner", "newsletter", "referral", "direct")
# What signups name; those by referral come from invites and are drawn apart, and nobody names "direct".
CHANNEL_SHARES = (0.34, 0.22, 0.14, 0.14, 0.09, 0.07)
REFERRAL = CHANNELS.index("referral")
SPEND_SHARES = (("paid_search", 0.38), ("social", 0.22), ("podcast_ads", 0.26), ("partner", 0.14))

TEMPLATES = ("publish_episode", "sponsor_report", "ad_insertion", "transcript", "clip_export")
SUGGESTIONS = ("title", "ad_slot", "guest", "chapter", "pricing")
REFUND_REASONS = ("not_needed", "billed_twice", "too_expensive")

# A waiting list signs up in the first days; then the base grows by new signups, less those who leave.
LAUNCH_DAYS = 7.0
MONTHLY_GROWTH = 0.115
MONTHLY_SIGNUPS = 0.175

# Share of each signup that comes to its first workflow, and how long that takes.
ACTIVATION_INVITED = 0.55
ACTIVATION_OTHERS = 0.375
ACTIVATION_MEAN_DAYS = 1.6
# Of those who activate, some subscribe after a trial.
SUBSCRIPTION_SHARE = 0.34
TRIAL_DAYS = (2.0, 14.0)
# Hazards a month.
LEAVING_ACTIVATED = 0.035
LEAVING_OTHERS = 0.075
UNSUBSCRIBING = 0.02
# Whoever leaves comes less and less often in so many days before, down to this share of the usual chance.
FADING_DAYS = 60.0
FADED = 0.05
REFUND_SHARE = 0.02

# Chance to be active on a day of age a (days): ACTIVE_LATER + ACTIVE_EARLY * exp(-a / ACTIVE_FADE_DAYS).
ACTIVE_LATER = 0.145
ACTIVE_EARLY = 0.15
ACTIVE_FADE_DAYS = 12.0
# Monday to Sunday; the mean is 1.
WEEKDAY_FACTORS = np.array([1.1, 1.15, 1.15, 1.1, 1.05, 0.7, 0.75])
# Events of a user on a day of activity, on average; the first is a login.
EVENTS_PER_ACTIVE_DAY = 4.0

# Share of signups after the launch that were invited, and invites that nobody took up for each that was.
INVITED_SHARE = 0.24
IDLE_INVITES = 0.55
# Money spent on marketing for each signup, cents.
SPEND_PER_SIGNUP_CENTS = 2600.0
# Of this many users one signed up a second time with the same address.
USERS_PER_DUPLICATE = 600

# Sponsors make deals with podcasters, and run campaigns with them; both last some weeks.
SPONSORS = (
    "acme_audio",
    "brightmeal",
    "cloudnine",
    "drift_bikes",
    "evergreen",
    "fable_books",
    "gridpower",
    "honeyloom",
)
SPONSOR_SHARES = (0.22, 0.18, 0.15, 0.12, 0.11, 0.09, 0.07, 0.06)
CAMPAIGN_TYPES = ("host_read", "pre_roll", "mid_roll", "newsletter")
CAMPAIGN_TYPE_SHARES = (0.4, 0.25, 0.25, 0.1)
DEALS_PER_USER = 0.08
DEAL_TERM_DAYS = 28.0
# After a term has run out it takes up to so long until somebody says what becomes of the deal.
DECISION_DAYS = 4.0
# Cents of a term, and the chance that it is renewed: by persona, by type of campaign, and how much it rises in all.
DEAL_CENTS = np.array([60_000, 120_000, 400_000, 500_000, 250_000], dtype=np.int64)
RENEWAL_BY_PERSONA = np.array([0.62, 0.68, 0.84, 0.74, 0.70])
RENEWAL_BY_TYPE = np.array([0.05, -0.04, 0.0, -0.06])
RENEWAL_RISE = 0.12
CAMPAIGNS_PER_USER = 0.06
CAMPAIGN_WEEKS = 3
CAMPAIGN_WEEK_CENTS = 45_000.0
# What comes back for each cent, by type and persona, and how much that rises in all.
RETURN_BY_TYPE = np.array([2.0, 1.35, 1.5, 1.1])
RETURN_BY_PERSONA = np.array([0.95, 1.0, 1.2, 1.05, 1.1])
RETURN_RISE = 0.25
CENTS_PER_CONVERSION = 3_000

# Touches: how many come before a signup (none, one, ...), in how many days, and by which channels: podcasts and social
# media begin journeys, search and the typed address end them.
TOUCHES_BEFORE_SIGNUP = (0.12, 0.22, 0.22, 0.18, 0.13, 0.08, 0.05)
TOUCH_DAYS = 21.0
OPENING_SHARES = (0.16, 0.10, 0.28, 0.34, 0.08, 0.04, 0.0, 0.0)
BETWEEN_SHARES = (0.18, 0.12, 0.18, 0.12, 0.08, 0.22, 0.0, 0.10)
CLOSING_SHARES = (0.05, 0.45, 0.03, 0.03, 0.02, 0.07, 0.0, 0.35)
# Of last touches by the channel that the signup names, and of users who began on a phone.
NAMED_SHARE = 0.5
PHONE_SHARE = 0.25
# Visitors who never sign up, and what they are touched by: one touch, two, three.
STRANGERS_PER_USER = 0.6
TOUCHES_OF_STRANGERS = (0.55, 0.3, 0.15)
STRANGER_SHARES = (0.22, 0.14, 0.34, 0.18, 0.05, 0.02, 0.0, 0.05)
# A month, of everybody who has signed up, and further ones of those who pay.
TOUCHES_OF_USERS = 0.25
TOUCHES_OF_SUBSCRIBERS = 1.2
USER_SHARES = (0.0, 0.0, 0.0, 0.18, 0.0, 0.52, 0.0, 0.30)
# Of the channels that have campaigns each has two in a row; the first of each channel, -1 = it has none.
CAMPAIGNS_PER_CHANNEL = 2
CHANNEL_CAMPAIGNS = (
    *("search_brand", "search_editing", "social_clips", "social_stories", "read_by_hosts", "pre_roll_tools"),
    *("partner_hosting", "partner_agencies", "weekly_digest", "product_news"),
)
FIRST_CAMPAIGNS = np.array([-1, 0, 2, 4, 6, 8, -1, -1])

# Events by hour of the day (UTC), relative.
_HOURS = (2, 2, 2, 1, 1, 2, 3, 5, 7, 8, 8, 8, 8, 9, 10, 10, 9, 9, 8, 7, 6, 5, 4, 3)
_HOUR_ENDS = np.concatenate([[0.0], np.cumsum(_HOURS) / sum(_HOURS)])

Floats = NDArray[np.float64]
Longs = NDArray[np.int64]
Ints = NDArray[np.int32]
Codes = NDArray[np.int8]
Bools = NDArray[np.bool_]


def share_of_day(until_us: int) -> float:
    """Share of a day's events that lies in its first `until_us` microseconds."""
    return float(np.interp(until_us / 3_600_000_000.0, np.arange(25.0), _HOUR_ENDS))


def draw_times(rng: np.random.Generator, count: int, until_us: int = DAY_US) -> Longs:
    """Times of day in microseconds (UTC) before until_us, more in the afternoon than at night."""
    hours = np.interp(rng.random(count) * share_of_day(until_us), _HOUR_ENDS, np.arange(25.0))
    times: Longs = np.minimum((hours * 3_600_000_000.0).astype(np.int64), until_us - 1)
    return times


def spread(rng: np.random.Generator, count: int) -> Floats:
    """Numbers in [0, 1), one in each fortieth for every forty in a row: shares come out right for few users too."""
    rows = -(-count // 40)
    ranks = np.argsort(rng.random((rows, 40)), axis=1)
    numbers: Floats = ((ranks + rng.random((rows, 40))) / 40).ravel()[:count]
    return numbers


def draw_codes(uniform: Floats, shares: tuple[float, ...]) -> Codes:
    """Index of the share that each number in [0, 1) falls into."""
    ends = np.cumsum(shares)
    codes: Codes = np.minimum(np.searchsorted(ends / ends[-1], uniform, side="right"), len(shares) - 1).astype(np.int8)
    return codes


def activity_chance(age_days: Floats) -> Floats:
    """Chance to be active on a day of this age, before the weekday and the user are looked at."""
    chance: Floats = ACTIVE_LATER + ACTIVE_EARLY * np.exp(-age_days / ACTIVE_FADE_DAYS)
    return chance
