"""A first look at a bill on disk: its provider and billing account, before anything is landed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import duckdb

from common.errors import BadBill
from common.formats import container as containers
from common.formats.engine import engine
from common.formats.recognition import Matched, recognise
from common.formats.source import quoted, read_rows, source_sql
from common.ports import Location
from common.providers.discovery import data_files

_SAMPLE_ROWS = 2000


@dataclass(frozen=True)
class FirstLook:
    """What the first file shows.  account: the billing account, where the first rows name just one."""

    provider: str
    account: str | None


def look(path: Path, location: Location) -> FirstLook:
    """Look at the first data file of a path on this machine, which is also a location.  Raises UnknownFormat or BadBill."""
    found = data_files(location)
    if not found:
        raise BadBill(f"{path} holds no bill: no CSV, Parquet or JSON lines file was found there")
    file = path / found[0].name if path.is_dir() else path
    with containers.opened(file, file.name) as opened:
        matched = recognise(opened.names)
        try:
            account = read_rows(lambda lenient: _account(replace(opened, lenient=lenient), matched))
        except duckdb.Error:
            account = None  # a damaged file; landing reads all of it, and says so
        return FirstLook(matched.format.provider, account)


def _account(opened: containers.Container, matched: Matched) -> str | None:
    column = matched.format.billing_account
    if column not in matched.columns:
        return None
    with engine() as connection:
        rows = source_sql(opened, matched, only=frozenset({column}), numbered=False)
        values = connection.execute(
            f"select distinct {quoted(column)} from (select * from ({rows}) limit {_SAMPLE_ROWS})"
        ).fetchall()
    accounts = {value for (value,) in values if value}
    return accounts.pop() if len(accounts) == 1 else None
