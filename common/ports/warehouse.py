"""The warehouse: one dataset per tenant, slices of it replaced in one step (BigQuery; embedded: DuckDB over Parquet)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol


@dataclass(frozen=True)
class Slice:
    """What one delivery replaces as a whole."""

    org_slug: str
    integration_id: str
    billing_period: str

    def __str__(self) -> str:
        return f"{self.integration_id} {self.billing_period}"


@dataclass(frozen=True)
class Replacement:
    """What a swap did.  shown: readers see this delivery now.  replaced: the one before it, if any.

    Not shown means that readers see neither of the two deliveries, but `current`; None where they see nothing.
    """

    shown: bool
    replaced: str | None = None
    current: str | None = None


@dataclass(frozen=True)
class Swap:
    """One slice's delivery to be shown: the rows of `files` (object URIs of FOCUS Parquet) instead of those of a delivery.

    instead_of: the delivery that the caller takes to be shown, None for none.
    """

    piece: Slice
    delivery_id: str
    delivered_at: datetime
    files: Sequence[str]
    instead_of: str | None = None


class Warehouse(Protocol):
    """Tables `cost_data_standard_1_3`, its roll-up `daily_charges` and `restatements`, and the promised views, of each tenant."""

    def replace_slice(
        self,
        piece: Slice,
        delivery_id: str,
        delivered_at: datetime,
        files: Sequence[str],
        instead_of: str | None = None,
    ) -> Replacement:
        """`replace_slices` of one."""
        ...

    def replace_slices(self, swaps: Sequence[Swap]) -> list[Replacement]:
        """Show deliveries of slices of one organization, one of each, and each in one step; answers in the order of the swaps.

        Where another delivery than `instead_of` is shown, nothing happens to that slice: which of two deliveries is to be shown is for
        the caller to decide (common/warehouse/showing.py).  Records the restatements.  The same again changes no more than its
        time, and answers alike.  Raises NotFound for a file that is gone, BadBill where a difference outgrows a cost column: then any
        of the slices may be as it was, and shows by itself whether the fault is its own.
        """
        ...

    def forget_restatements(self, piece: Slice, before: datetime) -> None:
        """Remove for good what the slice's replacements before a moment changed; its last replacement stays.  Safe to repeat."""
        ...

    def query(self, org_slug: str, sql: str, parameters: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
        """Ask in BigQuery SQL with named parameters (`@name`); decimals come back as Decimal, times in UTC."""
        ...

    def scanned_bytes(self, org_slug: str, sql: str, parameters: Mapping[str, Any] | None = None) -> int | None:
        """How many bytes a question would be billed for; nothing is asked.  None where questions cost nothing."""
        ...

    def export(self, org_slug: str, path: str, where: str, parameters: Mapping[str, Any] | None = None) -> int:
        """Write current rows, FOCUS columns first, then x_ ones, in a stable order, to .parquet or .csv; returns how many."""
        ...

    def remove(self, org_slug: str) -> bool:
        """Take away all rows, restatements and views of a tenant for good; whether there was anything.  Safe to repeat.

        Files and other documents stay: the same deliveries can be shown again.
        """
        ...
