"""Answers for programs: exact decimals as text, days and times in ISO form."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from common.domain.money import plain


def plain_value(value: Any) -> Any:
    """One value of a row as JSON has it."""
    if isinstance(value, Decimal):
        return plain(value)
    return value.isoformat() if isinstance(value, date) else value


def plain_row(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row as JSON has it, in its own order."""
    return {name: plain_value(value) for name, value in row.items()}
