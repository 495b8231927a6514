"""A first look at a file: the provider and the billing account of its bill, before anything is landed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import duckdb

from common.formats import container as containers
from common.formats.engine import engine
from common.formats.recognition import Matched, provider_of_usage, recognise
from common.formats.source import quoted, read_rows, source_sql

_SAMPLE_ROWS = 2000


@dataclass(frozen=True)
class FirstLook:
    """What a file shows.  adds_up: the files of a month add up.  account: where the first rows name just one, and it was asked for."""

    provider: str
    adds_up: bool = False
    account: str | None = None


def look(file: Path, label: str, with_account: bool = True) -> FirstLook:
    """Look at the columns of a file, and at its first rows for the account.

    label: how messages call the file.  Raises UnknownFormat for columns of no known bill, BadBill for what cannot be read.
    """
    with containers.opened(file, label) as opened:
        if opened.kind == "page" and (provider := provider_of_usage(opened.names)):
            return FirstLook(provider, adds_up=True)
        matched = recognise(opened.names)
        if opened.kind in ("page", "answers"):
            return FirstLook(matched.format.provider, adds_up=True)
        account = None
        if with_account:
            try:
                account = read_rows(lambda lenient: _account(replace(opened, lenient=lenient), matched))
            except duckdb.Error:
                account = None  # a damaged file; landing reads all of it and gives the reason
        return FirstLook(matched.format.provider, matched.format.adds_up, account)


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
