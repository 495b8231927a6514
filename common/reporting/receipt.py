"""The receipt of an answer about costs: in which currencies, as of when, how complete, how well proved, and what was restated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from common.domain.completeness import FINAL
from common.domain.money import plain


@dataclass(frozen=True)
class Proof:
    """The deliveries that the answer rests on.  proved: whose totals equal their source's to the last digit.

    rejected: newer deliveries of the same slices that were refused; what was shown stays.
    """

    deliveries: int = 0
    proved: int = 0
    rejected: int = 0

    @property
    def holds(self) -> bool:
        """Whether every delivery is proved and none was refused."""
        return self.proved == self.deliveries and not self.rejected


@dataclass(frozen=True)
class Completeness:
    """state: `filling`, `provisional` or `final` (common/domain/completeness.py).

    filling_since: the first asked day that may still lack lines, None where all are complete.  late: integrations whose next delivery is
    overdue, by name.
    """

    state: str = FINAL
    filling_since: date | None = None
    late: tuple[str, ...] = ()


@dataclass(frozen=True)
class RestatedDay:
    """A day that a newer delivery changed after it was complete.  delta: of BilledCost, all changes together.

    delivery_id: the newest delivery that changed it.
    """

    day: date
    currency: str
    delta: Decimal
    delivery_id: str


@dataclass(frozen=True)
class Quarantine:
    """Lines that could not be mapped, of the deliveries that the answer rests on.  They are in no sum.

    amounts: currency -> what they cost, as far as it can be read.
    """

    lines: int = 0
    amounts: Mapping[str, Decimal] = field(default_factory=dict)


@dataclass(frozen=True)
class Receipt:
    """What an answer is worth.

    as_of: the provider's time of the newest delivery, None without any.  rows_read: how many charges were added up.
    mark: the same as long as the charges and what is said of them here are the same.
    """

    currencies: tuple[str, ...] = ()
    as_of: datetime | None = None
    completeness: Completeness = field(default_factory=Completeness)
    proof: Proof = field(default_factory=Proof)
    restated: tuple[RestatedDay, ...] = ()
    quarantine: Quarantine = field(default_factory=Quarantine)
    rows_read: int = 0
    mark: str = ""

    @property
    def restated_days(self) -> int:
        """How many days were restated, in whatever currency."""
        return len({one.day for one in self.restated})

    def as_json(self) -> dict[str, Any]:
        """For programs; amounts are exact decimals as text."""
        since = self.completeness.filling_since
        return {
            "currencies": list(self.currencies),
            "as_of": self.as_of.isoformat() if self.as_of else None,
            "completeness": {
                "state": self.completeness.state,
                "filling_since": since.isoformat() if since else None,
                "late": list(self.completeness.late),
            },
            "proof": dict(vars(self.proof)),
            "restated": [
                {
                    "day": one.day.isoformat(),
                    "currency": one.currency,
                    "delta": plain(one.delta),
                    "delivery_id": one.delivery_id,
                }
                for one in self.restated
            ],
            "quarantine": {
                "lines": self.quarantine.lines,
                "amounts": {currency: plain(amount) for currency, amount in self.quarantine.amounts.items()},
            },
            "rows_read": self.rows_read,
            "mark": self.mark,
        }
