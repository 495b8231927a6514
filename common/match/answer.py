"""The answer of a match: lines, days of models, reasons, and what is unexplained."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from common.domain.match import RED, Line, provider_tokens
from common.domain.money import add, plain, subtract
from common.match.gathering import CURRENCY
from common.warehouse.cost_report import Days


@dataclass(frozen=True)
class ModelDay:
    """One model on one day, all keys.  colour: of `common.domain.match`; None without a model or where the meter gives no cost."""

    provider: str
    day: date
    model: str | None
    reported: Decimal | None
    billed: Decimal
    colour: str | None


@dataclass(frozen=True)
class Match:
    """The answer.  days: those looked at; None where the meter has no calls in the days asked for.  open_days: not settled yet.

    unbilled: settled days of a provider that has neither charges nor usage on them, which are not compared.  other_currencies: charges that
    are not compared, since meters know US dollars only.  providers: those that the meter has calls of.  charges: how many were added up.
    """

    days: Days | None
    open_days: tuple[date, ...]
    unbilled: tuple[tuple[str, date], ...]
    lines: tuple[Line, ...]
    model_days: tuple[ModelDay, ...]
    other_currencies: Mapping[str, Decimal]
    providers: tuple[str, ...] = ()
    charges: int = 0

    @property
    def reported(self) -> Decimal:
        """What the meter reports, of the lines that have a cost."""
        return add(one.reported for one in self.lines if one.reported is not None)

    @property
    def billed(self) -> Decimal:
        """What was charged for the same lines: the only money here."""
        return add(one.billed_cost for one in self.lines if one.reported is not None)

    @property
    def difference(self) -> Decimal:
        """Reported less billed."""
        return subtract(self.reported, self.billed)

    @property
    def reasons(self) -> dict[str, Decimal]:
        """The named parts of the difference, the largest first."""
        found: dict[str, list[Decimal]] = defaultdict(list)
        for line in self.lines:
            for name, amount in line.reasons.items():
                found[name].append(amount)
        sums = {name: add(amounts) for name, amounts in found.items()}
        return dict(sorted(sums.items(), key=lambda one: (-abs(one[1]), one[0])))

    @property
    def unexplained(self) -> Decimal:
        """The rest of the difference."""
        return add(one.unexplained for one in self.lines)

    @property
    def unpriced(self) -> int:
        """Lines without a cost on the meter's side: neither it nor a price has one."""
        return sum(one.reported is None for one in self.lines)

    def share_percent(self, amount: Decimal) -> Decimal | None:
        """An amount as a share of what the meter reports, one digit behind the point."""
        return round(amount * 100 / self.reported, 1) if self.reported else None

    def as_json(self) -> dict[str, Any]:
        """For programs: plain types, amounts as exact decimals in text."""
        return {
            "first_day": _iso(self.days.first if self.days else None),
            "last_day": _iso(self.days.last if self.days else None),
            "open_days": [day.isoformat() for day in self.open_days],
            "unbilled_days": [{"provider": provider, "day": day.isoformat()} for provider, day in self.unbilled],
            "currency": CURRENCY,
            "reported": plain(self.reported),
            "billed": plain(self.billed),
            "difference": plain(self.difference),
            "reasons": [
                {"reason": name, "amount": plain(amount), "share_percent": _text(self.share_percent(amount))}
                for name, amount in self.reasons.items()
            ],
            "unexplained": plain(self.unexplained),
            "unpriced_lines": self.unpriced,
            "other_currencies": [
                {"currency": name, "billed": plain(amount)} for name, amount in self.other_currencies.items()
            ],
            "model_days": [_model_day_as_json(one) for one in self.model_days],
            "lines": [_line_as_json(one) for one in self.lines],
        }


def red_days(found: Match) -> dict[tuple[str, date], list[ModelDay]]:
    """Provider and day -> its red models."""
    red: dict[tuple[str, date], list[ModelDay]] = defaultdict(list)
    for one in found.model_days:
        if one.colour == RED:
            red[one.provider, one.day].append(one)
    return red


def _iso(day: date | None) -> str | None:
    return day.isoformat() if day else None


def _text(value: Decimal | None) -> str | None:
    return None if value is None else plain(value)


def _model_day_as_json(one: ModelDay) -> dict[str, Any]:
    return {**vars(one), "day": one.day.isoformat(), "reported": _text(one.reported), "billed": plain(one.billed)}


def _line_as_json(line: Line) -> dict[str, Any]:
    theirs = provider_tokens(line.counted, line.billed)
    return {
        **vars(line.cell),
        "day": line.cell.day.isoformat(),
        "metered_requests": line.metered.requests if line.metered else None,
        "counted_requests": _text(line.counted.requests) if line.counted else None,
        "metered_tokens": _tokens(line.metered.tokens if line.metered else None),
        "counted_tokens": _tokens(theirs),
        "requests_agree": line.requests_agree,
        "tokens_agree": line.tokens_agree,
        "reported": _text(line.reported),
        "billed": plain(line.billed_cost),
        "reasons": [{"reason": name, "amount": plain(amount)} for name, amount in line.reasons.items()],
        "unexplained": plain(line.unexplained),
    }


def _tokens(found: Mapping[str, Decimal] | None) -> dict[str, str] | None:
    return None if found is None else {kind: plain(count) for kind, count in found.items()}
