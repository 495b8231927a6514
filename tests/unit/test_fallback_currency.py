"""Lines without a currency are in that of their delivery's other lines, where the format lets them."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from common.formats.totals import Total
from common.records.deliveries import Delivery
from common.records.parts import Part


def delivery(source_format: str, *controls: dict[str, str]) -> Delivery:
    parts = tuple(
        Part(number, f"{number}.csv", "", 1, "", control={code: total(amount) for code, amount in control.items()})
        for number, control in enumerate(controls)
    )
    moment = datetime(2026, 3, 1, tzinfo=UTC)
    return Delivery(
        delivery_id="d",
        org_slug="default",
        integration_id="i",
        provider="oci",
        source_format=source_format,
        billing_period="2026-03",
        delivered_at=moment,
        state="landed",
        parts=parts,
        run_id="r",
        landed_at=moment,
    )


def total(amount: str) -> Total:
    return Total(1, Decimal(amount), Decimal(amount))


def test_the_currency_of_another_file_of_the_delivery_counts() -> None:
    found = delivery("oci_cost", {"": "1"}, {"EUR": "2"})
    assert found.fallback_currency == "EUR"
    assert {code: one.amount for code, one in found.control().items()} == {"EUR": Decimal(3)}


@pytest.mark.parametrize("controls", [({"": "1"},), ({"": "1", "EUR": "2"}, {"USD": "3"})])
def test_no_currency_and_two_currencies_tell_nothing(controls: tuple[dict[str, str], ...]) -> None:
    found = delivery("oci_cost", *controls)
    assert found.fallback_currency is None
    assert found.control()[""].amount == Decimal(1)


def test_other_formats_do_not_fall_back() -> None:
    found = delivery("gcp_billing", {"": "1", "EUR": "2"})
    assert found.fallback_currency is None
    assert set(found.control()) == {"", "EUR"}
