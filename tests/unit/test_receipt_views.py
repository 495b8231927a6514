"""The receipt as pages print it, from the two shapes that an answer's receipt may have."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest

from web.pages.receipts import ReceiptView, view
from web.site import environment

NOW = datetime(2026, 11, 20, 9, 14, tzinfo=UTC)
FULL = {
    "currencies": ["USD"],
    "as_of": "2026-11-20T06:14:00+00:00",
    "completeness": {"state": "filling", "filling_since": "2026-11-18", "late": ["aws-<b>"]},
    "proof": {"deliveries": 9, "proved": 9, "rejected": 0},
    "restated": [
        {"day": "2026-10-18", "currency": "USD", "delta": "-41.20", "delivery_id": "d"},
        {"day": "2026-10-18", "currency": "EUR", "delta": "1", "delivery_id": "d"},
        {"day": "2026-10-19", "currency": "USD", "delta": "2", "delivery_id": "d"},
    ],
    "quarantine": {"lines": 12, "amounts": {"USD": "4.10"}},
    "rows_read": 184220,
    "mark": "9f3c",
}


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
        ({"deliveries": 9, "proved": 8, "rejected": 0}, "8 of 9 proved"),
        ({"deliveries": 9, "proved": 9, "rejected": 1}, "9 of 9 proved 1 newer delivery was rejected; what was shown stays"),
    ],
)  # fmt: skip
def test_a_total_is_proved_only_if_every_delivery_is(proof: dict[str, int], said: str) -> None:
    found = words(view(FULL | {"proof": proof}))
    assert said in found and "equal their source" not in found


def test_a_receipt_says_nothing_that_its_answer_does_not() -> None:
    short = view({"as_of": "2026-11-20T06:14:00+00:00", "mark": "9f3c", "filling_since": None})
    assert words(short) == "as of 20 Nov 2026, 06:14 UTC (3 h ago) All days complete"
    assert words(view({"as_of": None, "mark": "", "filling_since": None})) == "no delivery yet"
    assert "Final" in words(view(FULL | {"completeness": {"state": "final", "filling_since": None, "late": []}}))
