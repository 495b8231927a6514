"""Transactions of a tenant's dataset, one after the other, and the roll-up that each of them finds whole.

Each updates the one row of `swap_turns` first, so two always conflict, also two first deliveries: BigQuery cancels one, which is tried
again.  The row also says up to which turn `daily_charges` has what is shown.  A dataset of before there was a roll-up, or a swap by a
version without one while functions are being replaced, leaves that behind: the next transaction adds up all charges again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from google.api_core.exceptions import Aborted, BadRequest
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from common.adapters.gcp.bigquery_errors import reason_of
from common.errors import Contention
from common.focus import TABLE
from common.warehouse.daily import ADDED_UP, DAILY_COLUMNS, DAILY_SQL, DAILY_TABLE

TURNS = "swap_turns"
TURN_COLUMNS = {"turn": "BIGINT", "daily_turn": "BIGINT"}
MAX_TRIES = 6


class _InTheWay(Exception):
    """Another transaction changed the same table."""


def names(columns: Iterable[str]) -> str:
    """A list of columns, quoted."""
    return ", ".join(f"`{name}`" for name in columns)


def add_up(source: str) -> str:
    """The statement that adds the roll-up of some charges.  source: FROM what."""
    return f"""
        insert into {DAILY_TABLE} ({names(DAILY_COLUMNS)})
        with shown_rows as (select {names(ADDED_UP)} {source})
        select {names(DAILY_COLUMNS)} from ({DAILY_SQL});
    """


def transaction(steps: str = "") -> str:
    """A script that does its steps in a turn of its own, on a roll-up that has what is shown."""
    return f"""
        begin transaction;
        update {TURNS} set daily_turn = case when daily_turn = turn then turn + 1 end, turn = turn + 1 where true;
        assert @@row_count > 0 as '{TURNS} has no row';
        if exists (select 1 from {TURNS} where daily_turn is null) then
            delete from {DAILY_TABLE} where true;
            {add_up(f"from {TABLE}")}
            update {TURNS} set daily_turn = turn where true;
        end if;
        {steps}
        commit transaction;
    """


def tried_in_turn(work: Callable[[], object], what: str) -> None:
    """Run a transaction until no other cancels it.  Raises Contention where others stayed in the way."""

    def once() -> None:
        try:
            work()
        except (BadRequest, Aborted) as error:
            # BigQuery has no reason of its own for a transaction that it cancels, and this script is always the same
            if isinstance(error, BadRequest) and reason_of(error) != "invalidQuery":
                raise
            raise _InTheWay from error

    again = Retrying(
        retry=retry_if_exception_type(_InTheWay),
        stop=stop_after_attempt(MAX_TRIES),
        wait=wait_random_exponential(multiplier=0.5, max=8),
        reraise=True,
    )
    try:
        again(once)
    except _InTheWay as error:
        raise Contention(f"{what}: other deliveries repeatedly changed the dataset; deliver it again") from error
