"""What Google's billing export says of itself: by the names of its tables, each of which holds one billing account."""

from __future__ import annotations

from common.domain.checks import PASSED, Check
from common.ports import Location
from common.providers.examining import EXPORT, Examined
from common.providers.gcp.export_tables import account_of, parse_name


def examine(location: Location, provider: str = "gcp") -> Examined:
    """The tables that are listed; extracts as files name no account."""
    parsed = [name for found in location.list() if (name := parse_name(found.name))]
    tables = sorted({name[0] for name in parsed})
    if not tables:
        return Examined(frozenset(), (Check(EXPORT, PASSED, "extracts of the export"),))
    accounts = frozenset(f"gcp {account}" for table in tables if (account := account_of(table)))
    months = {name[1] for name in parsed if name[1]}
    return Examined(accounts, (Check(EXPORT, PASSED, f"{len(months)} months in {', '.join(tables)}"),))
