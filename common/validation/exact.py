"""Products that no DECIMAL holds, compared at arbitrary precision."""

from __future__ import annotations

from contextlib import suppress
from decimal import Decimal, InvalidOperation

import duckdb
from duckdb.func import FunctionNullHandling

from common.domain.money import EXACT
from common.formats.engine import exact_decimal

ROUNDING = Decimal("0.0000000005")
"""Half a unit of the 9th decimal: a smaller difference between a cost and price * quantity is rounding."""


def product_differs(cost: str | None, price: str | None, quantity: str | None) -> bool | None:
    """Whether cost and price * quantity are apart by ROUNDING or more; None where one is no finite number."""
    if cost is None or price is None or quantity is None:
        return None
    try:
        values = [EXACT.create_decimal(text.strip()) for text in (cost, price, quantity)]
    except InvalidOperation:
        return None
    if not all(value.is_finite() and abs(value.adjusted()) < 100 for value in values):
        return None
    return abs(EXACT.subtract(values[0], EXACT.multiply(values[1], values[2]))) >= ROUNDING


def register(connection: duckdb.DuckDBPyConnection) -> None:
    """Give a connection the functions that rule predicates call, where it lacks them."""
    text, integer, boolean = (duckdb.sqltype(name) for name in ("VARCHAR", "INTEGER", "BOOLEAN"))
    special = FunctionNullHandling.SPECIAL
    with suppress(duckdb.NotImplementedException):  # it is there already
        connection.create_function("exact_decimal", exact_decimal, [text, integer], text, null_handling=special)
    with suppress(duckdb.NotImplementedException):
        connection.create_function("focus_product_differs", product_differs, [text] * 3, boolean, null_handling=special)
