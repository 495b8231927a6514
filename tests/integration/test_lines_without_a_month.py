"""Lines without a billing month in a bill of two months: exactly one of the two deliveries accounts for them."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from tests.support import cur_line, cur_text, laptop

_MONTHS = {
    "2026-02": ("2026-02-01T00:00:00Z", "2026-03-01T00:00:00Z"),
    "2026-03": ("2026-03-01T00:00:00Z", "2026-04-01T00:00:00Z"),
}
COSTS = {"2026-02": ("1", "2"), "2026-03": ("10", "20"), "": ("100", "200")}


def lines(month: str, first: int) -> list[dict[str, str]]:
    start, end = _MONTHS.get(month, ("", ""))
    period = {"BillingPeriodStartDate": start, "BillingPeriodEndDate": end}
    return [cur_line(first + number, cost, **period) for number, cost in enumerate(COSTS[month])]


@pytest.mark.parametrize(
    "files", [[["2026-02", "2026-03", ""]], [["2026-02", ""], ["2026-03"]], [["2026-02"], ["2026-03", ""]]]
)
def test_lines_without_a_month_count_in_exactly_one_of_two_deliveries(tmp_path: Path, files: list[list[str]]) -> None:
    bill = tmp_path / "bill"
    bill.mkdir()
    for number, months in enumerate(files):
        found = [line for month in months for line in lines(month, 10 * number + 3 * months.index(month) + 1)]
        (bill / f"part-{number}.csv").write_text(cur_text(found))
    with laptop(tmp_path / "home") as rt:
        rt.bring(bill)
        deliveries = sorted(rt.deliveries(), key=lambda one: one["billing_period"])
        assert [one["billing_period"] for one in deliveries] == ["2026-02", "2026-03"]
        assert [one["state"] for one in deliveries] == ["current", "current"], [one.get("reason") for one in deliveries]
        proofs = [proof for one in deliveries for proof in one["proof"]]
        assert all(proof["difference"] == "0" for proof in proofs)
        assert sum(Decimal(proof["source"]) for proof in proofs) == 333
        assert sum(Decimal(proof["written"]) + Decimal(proof["quarantined"]) for proof in proofs) == 333
        assert sum(proof["source_lines"] for proof in proofs) == 6
        assert sum(one["rows"] + one["quarantined_rows"] for one in deliveries) == 6
        # in the first month of their own file
        expected = [3, 330] if files[-1] == ["2026-03", ""] else [303, 30]
        assert [sum(Decimal(proof["source"]) for proof in one["proof"]) for one in deliveries] == expected
