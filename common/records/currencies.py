"""The currencies of ISO 4217, as the reference table of all releases has them."""

from __future__ import annotations

from functools import cache

from common.errors import BadConfiguration
from common.records.own_services import reference_rows


def check_currency(code: str) -> None:
    """Raises BadConfiguration for what ISO 4217 does not list."""
    if code not in _minor_digits():
        raise BadConfiguration(f"currency is '{code[:10]}', expected an ISO 4217 code such as EUR")


def minor_digits(code: str) -> int:
    """How many digits behind the point the amounts of a currency have: 2 for EUR, 0 for JPY, 3 for KWD; 2 for a code that is not known."""
    return _minor_digits().get(code, 2)


@cache
def _minor_digits() -> dict[str, int]:
    return {row["code"]: int(row["minor_digits"] or 2) for row in reference_rows("currencies")}
