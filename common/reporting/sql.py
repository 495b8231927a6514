"""Questions in SQL that users write: read-only, over their own tables and views, with a bound on the rows."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from common.domain.nearest import did_you_mean
from common.errors import BadConfiguration
from common.focus import storage_schema
from common.ports import Runtime
from common.reporting.arguments import InvalidQuestion
from common.reporting.costs import CostsPrice
from common.reporting.flat import ANY, Flat
from common.reporting.plain_types import plain_row
from common.warehouse.select_only import limited

DEFAULT_ROWS = 1_000
MOST_ROWS = 1_000_000
_UNKNOWN_COLUMN = re.compile(r'(?:Referenced column "|Unrecognized name: )(\w+)')
"""How DuckDB and BigQuery name a column that does not exist."""


@dataclass(frozen=True)
class SqlAnswer:
    """The rows, at most `limit`.  more: the question has further ones, which are not here."""

    rows: tuple[Mapping[str, Any], ...]
    limit: int
    more: bool

    def as_json(self) -> dict[str, Any]:
        """For programs; amounts are exact decimals as text."""
        return {"rows": [plain_row(row) for row in self.rows], "limit": self.limit, "more": self.more}

    def flat(self) -> Flat:
        """For files."""
        names = list(self.rows[0]) if self.rows else []
        return Flat(dict.fromkeys(names, ANY), [list(row.values()) for row in self.rows])


def ask_sql(rt: Runtime, org_slug: str, sql: str, limit: int = DEFAULT_ROWS) -> SqlAnswer:
    """Answer one SELECT.

    Raises BadConfiguration for all else and for what cannot be answered, InvalidQuestion for a limit below 1 or above MOST_ROWS.
    """
    try:
        found = rt.warehouse.query(org_slug, limited(sql, _checked(limit)))
    except BadConfiguration as error:
        unknown = _UNKNOWN_COLUMN.search(str(error))
        hint = did_you_mean(unknown[1], storage_schema()) if unknown else ""
        raise BadConfiguration(f"{error}{hint}") from None
    return SqlAnswer(tuple(found[:limit]), limit, len(found) > limit)


def price_sql(rt: Runtime, org_slug: str, sql: str) -> CostsPrice:
    """What asking would be billed for; nothing is asked.  Raises BadConfiguration as `ask_sql` does."""
    return CostsPrice(rt.warehouse.scanned_bytes(org_slug, limited(sql, DEFAULT_ROWS)))


def _checked(limit: int) -> int:
    if not 1 <= limit <= MOST_ROWS:
        raise InvalidQuestion(f"limit is {limit:,}, expected 1 to {MOST_ROWS:,}")
    return limit
