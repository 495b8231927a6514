"""The receipt as pages print it."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from common.reporting.receipt import Completeness, Proof, Quarantine, Receipt, RestatedDay
from web.pages.receipts import ReceiptView, view
from web.site import environment

NOW = datetime(2026, 11, 20, 9, 14, tzinfo=UTC)
FULL = Receipt(
    currencies=("USD",),
    as_of=datetime(2026, 11, 20, 6, 14, tzinfo=UTC),
    completeness=Completeness("filling", date(2026, 11, 18), ("aws-<b>",)),
    proof=Proof(9, 9, 0),
    restated=(
        RestatedDay(date(2026, 10, 18), "USD", Decimal("-41.20"), "d"),
        RestatedDay(date(2026, 10, 18), "EUR", Decimal(1), "d"),
        RestatedDay(date(2026, 10, 19), "USD", Decimal(2), "d"),
    ),
    quarantine=Quarantine(12, {"USD": Decimal("4.10")}),
    rows_read=184220,
    mark="9f3c",
)


def words(one: ReceiptView) -> str:
    """What a reader sees of it."""
    macros = environment().get_template("macros.html").make_module()
    return " ".join(re.sub(r"<[^>]+>", " ", str(macros.receipt(one, "default", NOW))).split())  # type: ignore[attr-defined]


def test_a_full_receipt_is_one_line() -> None:
    assert words(view(FULL)) == (
        "Proved 9 of 9 deliveries equal their source to the last digit as of 20 Nov 2026, 06:14 UTC (3 h ago) "
        "Still filling up since Wed 18 Nov 2026 ▲ 2 days restated 12 lines in quarantine, USD 4.10 "
        "aws-&lt;b&gt;: the next delivery is late. The newest days may grow."
    )


@pytest.mark.parametrize(
    ("proof", "said"),
    [
        (Proof(9, 8, 0), "8 of 9 proved"),
        (Proof(9, 9, 1), "9 of 9 proved 1 newer delivery was rejected; what was shown stays"),
    ],
)
def test_a_total_is_proved_only_if_every_delivery_is(proof: Proof, said: str) -> None:
    found = words(view(replace(FULL, proof=proof)))
    assert said in found and "equal their source" not in found


def test_an_answer_without_deliveries_says_so() -> None:
    assert words(view(Receipt())) == "no delivery yet"


def test_the_state_of_complete_days_is_named() -> None:
    assert "Final" in words(view(replace(FULL, completeness=Completeness("final"))))
