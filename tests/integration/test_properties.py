"""What must hold for any bill: money is conserved, repeats change nothing, order does not matter, restatements replace."""

import random
import tempfile
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from common.domain.money import add, read_cost, round_cost, subtract
from tests.support import cur_line, cur_text, laptop

COSTS = st.one_of(
    st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**9), max_value=10**9, places=24).map(
        lambda v: format(v, "f")
    ),
    st.decimals(allow_nan=False, allow_infinity=False, min_value=-1, max_value=1, places=30).map(
        lambda v: format(v, "f")
    ),
    st.sampled_from(["0", "-0.5", "1e-05", "2.323760000E-9", "", "None", "1,5", "12345678901234567890"]),
)
KINDS = st.sampled_from(["Usage", "Tax", "Credit", "Refund", "Fee", "EdpDiscount", "Brand New Kind", ""])
CURRENCIES = st.sampled_from(["USD", "EUR", "XYZ", ""])
LINES = st.lists(st.tuples(COSTS, KINDS, CURRENCIES), min_size=1, max_size=12)
# each example is a whole import: a failing one is shown as drawn, since shrinking would take minutes
FEW = settings(
    max_examples=5, phases=[Phase.explicit, Phase.reuse, Phase.generate], suppress_health_check=[HealthCheck.too_slow]
)

Drawn = list[tuple[str, str, str]]


def bill_of(drawn: Drawn) -> str:
    return cur_text(
        [cur_line(n, cost, LineItemType=kind, CurrencyCode=code) for n, (cost, kind, code) in enumerate(drawn)]
    )


def good(drawn: Drawn) -> dict[str, Decimal]:
    """By currency, what must be written: lines with a readable cost, a known kind and a real currency."""
    totals: dict[str, Decimal] = {}
    for cost, kind, code in drawn:
        value = read_cost(cost)
        if value is not None and kind not in ("Brand New Kind", "") and code in ("USD", "EUR"):
            totals[code] = add((totals.get(code, Decimal(0)), round_cost(value)))
    return totals


@FEW
@given(LINES)
def test_money_is_conserved_line_by_line(drawn: Drawn) -> None:
    with tempfile.TemporaryDirectory() as folder, laptop(Path(folder) / "home") as rt:
        bill = Path(folder) / "bill.csv"
        bill.write_text(bill_of(drawn))
        rt.bring(bill)
        (delivery,) = rt.deliveries()
        for proof in delivery["proof"]:
            assert proof["difference"] == "0"
        source = [value for cost, _, _ in drawn if (value := read_cost(cost)) is not None]
        assert add(Decimal(proof["source"]) for proof in delivery["proof"]) == add(source)
        if delivery["state"] == "current":
            assert rt.billed() == good(drawn)
            assert delivery["quarantined_rows"] + delivery["rows"] == len(drawn)
        else:
            assert not good(drawn)
            assert "every one of its" in delivery["reason"]


@FEW
@given(LINES.filter(good), st.integers(0, 2**32))
def test_repeats_shuffles_and_delays_change_nothing(drawn: Drawn, seed: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        bill = Path(folder) / "bill.csv"
        bill.write_text(bill_of(drawn))
        with laptop(Path(folder) / "calm") as rt:
            rt.bring(bill)
            calm, calm_states = rt.exported(), [one["state"] for one in rt.deliveries()]
        with laptop(Path(folder) / "rough", fault_seed=seed) as rt:
            rt.bring(bill)
            rt.bring(bill)
            assert rt.exported() == calm
            assert [one["state"] for one in rt.deliveries()] == calm_states


@FEW
@given(st.lists(LINES.filter(good), min_size=2, max_size=3, unique_by=str), st.randoms(use_true_random=False))
def test_the_newest_delivery_is_shown_whatever_the_order_of_arrival(bills: list[Drawn], chance: random.Random) -> None:
    with tempfile.TemporaryDirectory() as folder, laptop(Path(folder) / "home") as rt:
        arrivals = list(enumerate(bills))
        chance.shuffle(arrivals)
        for number, drawn in arrivals:
            bill = Path(folder) / f"bill-{number}.csv"
            bill.write_text(bill_of(drawn))
            rt.bring(bill, delivered_at=datetime(2026, 4, 1 + number, tzinfo=UTC))
        assert rt.billed() == good(bills[-1])
        assert [
            one["state"] for one in rt.deliveries() if one["delivered_at"].startswith(f"2026-04-{len(bills):02d}")
        ] == ["current"]


@FEW
@given(LINES.filter(good), LINES.filter(good))
def test_a_restatement_accounts_for_the_whole_difference(before: Drawn, after: Drawn) -> None:
    with tempfile.TemporaryDirectory() as folder, laptop(Path(folder) / "home") as rt:
        for number, drawn in enumerate((before, after)):
            bill = Path(folder) / f"bill-{number}.csv"
            bill.write_text(bill_of(drawn))
            rt.bring(bill, delivered_at=datetime(2026, 4, 1 + number, tzinfo=UTC))
        deltas = rt.ask("select currency, sum(billed_cost_delta) as delta from restatements group by currency")
        zero = Decimal(0)
        expected = {
            code: subtract(good(after).get(code, zero), good(before).get(code, zero)) for code in ("USD", "EUR")
        }
        found = {row["currency"]: row["delta"] for row in deltas if row["delta"]}
        assert found == {code: delta for code, delta in expected.items() if delta}
