"""A payer's discounts count once: in the net column, or as rows of their own."""

import csv
import io
from decimal import Decimal
from pathlib import Path

import pytest

from tests.support import cur_line, cur_text, laptop


def with_net(text: str, net: list[str]) -> str:
    """The bill with a net cost behind each line."""
    rows = list(csv.reader(io.StringIO(text)))
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(
        [*row, value] for row, value in zip(rows, ["lineItem/NetUnblendedCost", *net], strict=True)
    )
    return out.getvalue()


@pytest.mark.parametrize(
    ("kinds", "net", "billed"),
    [
        (["Usage", "Tax"], ["8", "0.9"], "8.9"),
        (["Usage", "Tax"], ["", ""], "11"),
        (["Usage", "EdpDiscount"], ["8", "-2"], "11"),
    ],
)
def test_discounts_count_once(kinds: list[str], net: list[str], billed: str, tmp_path: Path) -> None:
    bill = tmp_path / "bill.csv"
    lines = [cur_line(0, "10", LineItemType=kinds[0]), cur_line(1, "1", LineItemType=kinds[1])]
    bill.write_text(with_net(cur_text(lines), net))
    with laptop(tmp_path / "home") as rt:
        rt.bring(bill)
        assert rt.billed() == {"USD": Decimal(billed)}
        assert [one["state"] for one in rt.deliveries()] == ["current"]
