"""The proof: source total = written + quarantined, per currency, exactly."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from common.domain.money import add, plain, subtract
from common.formats.totals import Total


@dataclass(frozen=True)
class Proof:
    """One currency's totals.  source: as the second reader told them, exact.  rounded_away: what lies behind the 24th fractional digit.

    source_lines and unreadable count lines; unreadable ones have no number in their cost cell, so no amount on either side.
    """

    currency: str
    column: str
    source: Decimal
    written: Decimal
    quarantined: Decimal
    rounded_away: Decimal
    source_lines: int
    unreadable: int = 0

    @property
    def difference(self) -> Decimal:
        """0 where the delivery is proved."""
        return subtract(self.source, add((self.rounded_away, self.written, self.quarantined)))

    def as_document(self) -> dict[str, Any]:
        """Plain types only."""
        amounts = ("source", "written", "quarantined", "rounded_away", "difference")
        return {
            "currency": self.currency,
            "column": self.column,
            **{name: plain(getattr(self, name)) for name in amounts},
            "source_lines": self.source_lines,
            "unreadable": self.unreadable,
        }


def prove(
    source: Mapping[str, Total], written: Mapping[str, Decimal], quarantined: Mapping[str, Decimal], column: str
) -> list[Proof]:
    """One proof a currency, by currency; a currency that only one side knows is 0 on the other."""
    nothing = Total()
    zero = Decimal(0)
    proofs = []
    for currency in sorted({*source, *written, *quarantined}):
        total = source.get(currency, nothing)
        proofs.append(
            Proof(
                currency=currency,
                column=column,
                source=total.amount,
                written=written.get(currency, zero),
                quarantined=quarantined.get(currency, zero),
                rounded_away=subtract(total.amount, total.rounded),
                source_lines=total.lines,
                unreadable=total.unreadable,
            )
        )
    return proofs


def failure(proofs: Iterable[Proof]) -> str | None:
    """One line about the first difference, or None where all is proved."""
    for proof in proofs:
        if proof.difference:
            return (
                f"totals differ by {plain(proof.difference)} {proof.currency or '(no currency)'}: the source says "
                f"{plain(proof.source)}, {proof.column} written is {plain(proof.written)}, quarantined is {plain(proof.quarantined)}"
            )
    return None
