"""Prices that mappings fit to quantities, so that their product is exact."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from importlib.resources import files

import duckdb
import pytest

from common.domain.money import EXACT
from common.formats.engine import engine

PRICES = ("0", "0.436", "0.123456789012345678901234", "-7.000000000000000000000001", "91234567890123.5")
QUANTITIES = ("1", "-1", "0", "3", "-12", "0.5", "-2.25", "0.000001", "0.000000000001", "744.000000000003")


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with engine() as opened:
        opened.execute(files("common.normalization").joinpath("sql", "macros.sql").read_text(encoding="utf-8"))
        yield opened


def ask(connection: duckdb.DuckDBPyConnection, sql: str, price: str, quantity: str) -> Decimal | None:
    rows = connection.execute(
        f"select {sql} from (select cast(? as decimal(38, 24)) as price, cast(? as decimal(38, 12)) as quantity)",
        [price, quantity],
    ).fetchall()
    value = rows[0][0]
    assert value is None or isinstance(value, Decimal)
    return value


@pytest.mark.parametrize("quantity", QUANTITIES)
@pytest.mark.parametrize("price", PRICES)
def test_a_fitted_price_times_its_quantity_is_exact_or_null(
    connection: duckdb.DuckDBPyConnection, price: str, quantity: str
) -> None:
    fitted = ask(connection, "fit_price(price, quantity)", price, quantity)
    product = ask(connection, "multiply(fit_price(price, quantity), quantity)", price, quantity)
    assert fitted is not None
    exact = EXACT.multiply(fitted, Decimal(quantity))
    assert product == (exact if abs(exact) < Decimal(10) ** 14 else None)


@pytest.mark.parametrize("quantity", [one for one in QUANTITIES if Decimal(one) == int(Decimal(one))])
@pytest.mark.parametrize("price", PRICES)
def test_a_whole_quantity_leaves_the_price_as_it_is(
    connection: duckdb.DuckDBPyConnection, price: str, quantity: str
) -> None:
    assert ask(connection, "fit_price(price, quantity)", price, quantity) == Decimal(price)


def test_a_quantity_of_few_digits_leaves_18_of_the_price(connection: duckdb.DuckDBPyConnection) -> None:
    price = "0.123456789012345678901234"
    assert ask(connection, "fit_price(price, quantity)", price, "0.5") == Decimal("0.123456789012345679")
    assert ask(connection, "fit_price(price, quantity)", price, "0.0000005") == Decimal("0.123456789012")
