"""The proof holds exactly or not at all."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from common.domain.money import add, subtract
from common.formats.totals import Total
from common.normalization.proof import failure, prove

AMOUNTS = st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**10), max_value=10**10, places=20)


@given(st.lists(AMOUNTS, min_size=1), st.lists(AMOUNTS))
def test_what_is_written_and_quarantined_adds_up_to_the_source(
    written: list[Decimal], quarantined: list[Decimal]
) -> None:
    total = add([*written, *quarantined])
    proofs = prove({"USD": Total(3, total, total)}, {"USD": add(written)}, {"USD": add(quarantined)}, "BilledCost")
    assert proofs[0].difference == 0
    assert failure(proofs) is None


@given(AMOUNTS, AMOUNTS.filter(bool))
def test_the_smallest_loss_fails_it(amount: Decimal, lost: Decimal) -> None:
    proofs = prove({"EUR": Total(1, amount, amount)}, {"EUR": subtract(amount, lost)}, {}, "BilledCost")
    assert proofs[0].difference == lost
    assert "EUR" in str(failure(proofs))


def test_money_in_a_currency_that_the_source_does_not_have_fails_it() -> None:
    proofs = prove({"USD": Total(1, Decimal(1), Decimal(1))}, {"USD": Decimal(1), "EUR": Decimal(2)}, {}, "BilledCost")
    assert [proof.currency for proof in proofs] == ["EUR", "USD"]
    assert failure(proofs) is not None


def test_what_the_columns_cannot_keep_is_shown_and_is_no_difference() -> None:
    total = Total(1, Decimal("0.1234567890123456789012345"), Decimal("0.123456789012345678901234"))
    proof = prove({"USD": total}, {"USD": Decimal("0.123456789012345678901234")}, {}, "BilledCost")[0]
    assert proof.difference == 0
    assert proof.as_document()["rounded_away"] == "0.0000000000000000000000005"
