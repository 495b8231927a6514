"""The alert of a settled day on which the meter and the provider's charges are far apart: one per provider and day.

It is retracted when a later delivery, or a later log, settles the day.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal

from common.alerts.raising import Move, Subject, advance, announce
from common.domain.alerts import CLEARED, CROSSED, Change
from common.domain.money import add, subtract
from common.domain.period import BillingPeriod
from common.formats.recognition import formats
from common.match.answer import ModelDay, red_days
from common.match.gathering import CURRENCY
from common.match.matching import match
from common.ports import Runtime
from common.records.meter_files import meter_files
from common.records.organizations import below, org_option
from common.warehouse.cost_report import Days

KIND = "match_red"


def check_delivery(rt: Runtime, org_slug: str, provider: str, billing_period: str) -> None:
    """Check the month of a delivery, where its provider counts what it charges for and the tenant has a meter.  Safe to repeat."""
    if any(one.provider == provider and one.answers and one.answers.counted for one in formats().values()):
        month = BillingPeriod.parse(billing_period)
        check(rt, org_slug, Days(month.start.date(), date(month.year, month.month, month.days)))


def check(rt: Runtime, org_slug: str, days: Days) -> None:
    """Raise the alerts of red days, and retract those of days that are not red any more.  Safe to repeat: one message per state.

    Of several days of a provider that turn red at once the message of the last one stands for all.
    """
    if not meter_files(rt.documents, org_slug):
        return
    found, now = match(rt, org_slug, days), rt.clock.now()
    red = red_days(found)
    compared = {(one.provider, one.day) for one in found.model_days if one.colour is not None}
    known = rt.documents.list(below(org_slug, "alerts"), {"type": KIND})
    moves = [_move(key, CROSSED, _apart(key, models, len(red), org_slug), now) for key, models in sorted(red.items())]
    for _, document in known:
        key = (document["provider"], date.fromisoformat(document["day"]))
        if key in compared and key not in red:
            moves.append(_move(key, CLEARED, _settled(key), now))
    if not moves:
        return
    rt.documents.transact(lambda transaction: advance(transaction, org_slug, moves, now))
    announce(org_slug, {}, rt.documents, rt.bus)  # all that waits, should a check have died before this


def _move(key: tuple[str, date], event: str, said: tuple[str, dict[str, str]], now: datetime) -> Move:
    provider, day = key
    title, lines = said
    about = {"provider": provider, "day": day.isoformat(), "title": title}
    subject = Subject(KIND, f"match-{provider}-{day}", title, {"lines": lines, "notes": []}, about=about)
    # a series is of one event: of days that settle at once, the first is told
    return Move(subject, event, Change("", now.isoformat()), f"{KIND}-{provider}", Decimal(day.toordinal()))


def _apart(key: tuple[str, date], models: Sequence[ModelDay], days: int, org_slug: str) -> tuple[str, dict[str, str]]:
    provider, day = key
    reported = add(one.reported for one in models if one.reported is not None)
    billed = add(one.billed for one in models)
    lines = {
        "provider": provider,
        "day": day.isoformat(),
        "models": ", ".join(one.model or "without a model" for one in models),
        "your meter": f"{reported:,.4f} {CURRENCY}",
        "charged": f"{billed:,.4f} {CURRENCY}",
        "difference": f"{subtract(reported, billed):,.4f} {CURRENCY}",
        **({"days that differ": str(days)} if days > 1 else {}),
        "what to do": f"costwire match --from {day} --to {day}{org_option(org_slug)}",
    }
    return f"Your meter and {provider} differ by more than 3 % on {day}", lines


def _settled(key: tuple[str, date]) -> tuple[str, dict[str, str]]:
    provider, day = key
    return f"Your meter and {provider} agree again on {day}", {"provider": provider, "day": day.isoformat()}
