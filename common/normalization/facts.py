"""What the chunks of a delivery add up to, and the rows that balance what did not cancel across them."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from common.domain.money import add, plain
from common.formats.source import file_literal, literal
from common.normalization.chunk import PARQUET, rows_select, workbench, written_numbers
from common.normalization.mapping import adjustments_sql
from common.normalization.proof import failure, prove
from common.normalization.sums import beyond
from common.ports import Runtime
from common.records.chunks import ChunkResult
from common.records.deliveries import Delivery


@dataclass(frozen=True)
class Facts:
    """What the chunks of a delivery add up to, as fields of Delivery."""

    rows: int
    quarantined_rows: int
    totals: Mapping[str, str]
    proof: Sequence[Mapping[str, Any]]
    conformance: Sequence[Mapping[str, Any]]
    accounts: Sequence[Mapping[str, str]]
    difference: str | None
    beyond: str | None
    days: Mapping[str, Mapping[str, str]]
    charged_through: str | None

    @property
    def refusal(self) -> str | None:
        """Why the delivery may not be shown, None where it may."""
        if self.difference or self.beyond:
            return self.difference or self.beyond
        lines = self.quarantined_rows
        if lines and not self.rows:
            return f"every one of its {lines} lines is in quarantine; see costwire quarantine"
        return None


def facts_of(delivery: Delivery, results: Sequence[ChunkResult]) -> Facts:
    """The numbers of a delivery, and whether they are its source's.  results: of its chunks, and the adjustments."""
    column = delivery.proved_column
    written = _by_currency((result.written, column) for result in results)
    quarantined = _by_currency((result.quarantined, "amount") for result in results)
    if "" in quarantined and delivery.fallback_currency:
        fallback = delivery.fallback_currency
        quarantined[fallback] = add((quarantined.get(fallback, Decimal(0)), quarantined.pop("")))
    proofs = prove(delivery.control(), written, quarantined, column)
    return Facts(
        rows=sum(result.rows for result in results),
        quarantined_rows=sum(result.quarantined_lines for result in results),
        totals={currency: plain(amount) for currency, amount in written.items()},
        proof=[proof.as_document() for proof in proofs],
        conformance=_conformance(results),
        accounts=_accounts(results),
        difference=failure(proofs),
        beyond=beyond(results),
        days=_days(results),
        charged_through=max((one.charged_through for one in results if one.charged_through), default=None),
    )


def _by_currency(entries: Any) -> dict[str, Decimal]:
    totals: dict[str, Decimal] = {}
    for by_currency, name in entries:
        for entry in by_currency:
            totals[entry["currency"]] = add((totals.get(entry["currency"], Decimal(0)), Decimal(entry[name])))
    return totals


def _days(results: Sequence[ChunkResult]) -> dict[str, dict[str, str]]:
    """What each day cost in all chunks, by currency."""
    days: dict[str, dict[str, str]] = {}
    for day, costs in (entry for one in results for entry in one.days.items()):
        total = days.setdefault(day, {})
        for currency, cost in costs.items():
            total[currency] = plain(add((Decimal(total.get(currency, "0")), Decimal(cost))))
    return dict(sorted(days.items()))


def _conformance(results: Sequence[ChunkResult]) -> list[dict[str, Any]]:
    counts: Counter[str] = Counter()
    rules: dict[str, Mapping[str, Any]] = {}
    for failed in (entry for result in results for entry in result.conformance):
        counts[failed["rule"]] += failed["count"]
        rules.setdefault(failed["rule"], failed)
    return [{**rules[rule], "count": count} for rule, count in sorted(counts.items())]


def _accounts(results: Sequence[ChunkResult]) -> list[dict[str, str]]:
    """The billing accounts in all chunks, each once."""
    found = {(one["provider"], one["billing_account_id"]) for result in results for one in result.accounts}
    return [{"provider": provider, "billing_account_id": account} for provider, account in sorted(found)]


def adjustments(delivery: Delivery, chunks: Sequence[ChunkResult], rt: Runtime) -> ChunkResult | None:
    """Rows for what did not cancel across the delivery, such as covered usage without its savings plan negation."""
    uris = [chunk.pairs_uri for chunk in chunks if chunk.pairs_uri]
    statement = adjustments_sql(delivery.source_format)
    if not uris or statement is None:
        return None
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="finish-", dir=rt.scratch)))
        paths = [stack.enter_context(rt.objects.local(uri)) for uri in uris]
        connection = stack.enter_context(workbench(delivery.source_format, folder, rt))
        listed = ", ".join(file_literal(str(path)) for path in paths)
        connection.execute(
            f"create temp view pairs as select * from read_parquet([{listed}], hive_partitioning = false)"
        )
        target = folder / "adjustments.parquet"
        rows = rows_select(delivery, "adjustments", statement)
        connection.execute(f"copy ({rows}) to {literal(str(target))} {PARQUET}")
        stored = rt.objects.put_file(f"focus/{delivery.folder}/adjustments.parquet", target)
        with rt.objects.local(stored.uri) as path:
            numbers = written_numbers(connection, path, delivery)
    return ChunkResult(**vars(numbers), focus_uri=stored.uri)
