"""Whether a cost details file is the actual or the amortized view of its month, detected from its content.

Both views have the same columns.  In the actual view commitments are paid for and the usage that they cover costs
nothing; the amortized view spreads the payment over that usage and adds what went unused.
Source: Microsoft Learn, "Get Enterprise Agreement reservation costs and usage".
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import PurePosixPath

from common.formats.engine import engine
from common.formats.source import read_rows, source_sql
from common.providers.discovery import ACTUAL, AMORTIZED, WHOLE
from common.providers.provider import Opened

_UNUSED = frozenset({"unusedreservation", "unusedsavingsplan"})
_NO_ID = "00000000-0000-0000-0000-000000000000"
_PAYMENTS = frozenset({"purchase", "refund"})
COLUMNS = frozenset({"charge_type", "pricing_model", "benefit_id", "reservation_id", "cost_in_billing_currency"})
"""The canonical columns that `kinds_sql` reads."""


@dataclass(frozen=True)
class Kind:
    """One combination that a file holds.  charge_type: lower case without spaces.

    committed: under a reservation or savings plan.  costs: its cost is not zero.
    """

    charge_type: str
    committed: bool
    costs: bool


def kinds_sql(relation: str = "source") -> str:
    """One SELECT over a relation of canonical columns: charge_type, committed, costs; one row a combination."""
    return f"""
        select distinct
            lower(replace(coalesce(charge_type, ''), ' ', '')) as charge_type,
            case
                when nullif(trim(pricing_model), '') is not null then
                    lower(replace(pricing_model, ' ', '')) in ('reservation', 'savingsplan')
                else nullif(trim(benefit_id), '') is not null
                    or coalesce(trim(reservation_id), '') not in ('', '{_NO_ID}')
            end as committed,
            coalesce(try_cast(cost_in_billing_currency as decimal(38, 24)) <> 0, false) as costs
        from {relation}
    """


def role_of_part(name: str, part: Opened) -> str:
    """As `role_of`, from an open part."""
    return role_of(name, read_rows(partial(_kinds, part)))


def role_of(name: str, kinds: Iterable[Kind | tuple[str, bool, bool]]) -> str:
    """`actual`, `amortized`, or `whole` where neither content nor name tells.

    kinds: the rows of `kinds_sql`.  name: of the file; its words count only where the content could be of either view.
    """
    found = {kind if isinstance(kind, Kind) else Kind(*kind) for kind in kinds}
    covered = {kind.costs for kind in found if kind.charge_type == "usage" and kind.committed}
    amortized = True in covered or any(kind.charge_type in _UNUSED for kind in found)
    paid = any(kind.charge_type in _PAYMENTS and kind.committed and kind.costs for kind in found)
    if amortized != paid:
        return AMORTIZED if amortized else ACTUAL
    if paid:
        return WHOLE  # payments and their spread in one file: neither view alone
    return ACTUAL if covered else _told_by(name)


def _told_by(name: str) -> str:
    for step in reversed(PurePosixPath(name.lower()).parts):
        actual, amortized = "actual" in step, "amort" in step
        if actual != amortized:
            return ACTUAL if actual else AMORTIZED
    return WHOLE


def _kinds(part: Opened, lenient: bool) -> list[tuple[str, bool, bool]]:
    container, matched = part
    rows = source_sql(replace(container, lenient=lenient), matched, only=COLUMNS)
    with engine() as connection:
        return connection.execute(kinds_sql(f"({rows})")).fetchall()
