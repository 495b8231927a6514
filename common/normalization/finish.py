"""After the last chunk: balance what must cancel, prove the totals, show the rows, announce the delivery."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb

from common.domain.money import add, plain
from common.errors import BadBill
from common.formats.engine import engine
from common.formats.source import file_literal, literal
from common.messages import ChargesNormalized, DeliveryMapped
from common.normalization import alarm
from common.normalization.chunk import PARQUET, rows_select, written_numbers
from common.normalization.mapping import adjustments_sql, prepare
from common.normalization.proof import failure, prove
from common.normalization.sums import beyond, too_large
from common.ports import Runtime
from common.records.charges_version import note_change
from common.records.chunks import ChunkResult, load_chunks
from common.records.deliveries import FINISHED, JOINED, REJECTED, Delivery, change, load, load_known
from common.records.integrations import note_sync
from common.records.parts import Part
from common.records.runs import finish_runs
from common.telemetry import counted, skipped, span, told
from common.warehouse.showing import note, show


@dataclass(frozen=True)
class _Facts:
    """What the chunks of a delivery add up to, as fields of Delivery."""

    rows: int
    quarantined_rows: int
    totals: Mapping[str, str]
    proof: Sequence[Mapping[str, Any]]
    conformance: Sequence[Mapping[str, Any]]
    accounts: Sequence[Mapping[str, str]]
    difference: str | None
    beyond: str | None


def finish(message: DeliveryMapped, rt: Runtime) -> None:
    """Prove and show a delivery whose chunks are all done; before that nothing happens.  Safe to repeat, and from several at once.

    A delivery that cannot be proved, or of which every line is in quarantine, is rejected: the slice keeps what it has.  Raises NotFound
    for a delivery that is not known.
    """
    delivery = load_known(rt.documents, message.org_slug, message.delivery_id)
    if delivery.state in FINISHED:
        finish_runs(rt.documents, rt.clock, delivery)  # whoever finished it may have died before this
        skipped()
        return
    chunks = load_chunks(rt.documents, delivery)
    if len(chunks) == len(delivery.chunks):
        _finish(delivery, chunks, rt)


def _finish(delivery: Delivery, chunks: Sequence[ChunkResult], rt: Runtime) -> None:
    try:
        adjustments = _adjustments(delivery, chunks, rt)
    except (BadBill, duckdb.OutOfRangeException):
        reject(delivery, str(too_large()), rt)
        return
    results = [*chunks, adjustments] if adjustments else chunks
    with span("prove", chunks=len(results)):
        facts = _facts(delivery, results)
    told(totals=facts.totals)
    refusal = _refusal(facts)
    if refusal:
        if facts.difference:
            counted(proofs_failed=1)
            alarm.sound(delivery, refusal, rt)
        reject(delivery, refusal, rt, **vars(facts))
        return
    files = [result.focus_uri for result in results if result.rows]
    proved = change(rt.documents, delivery, reason=None, proved_at=rt.clock.now().isoformat(), **vars(facts))
    _trust_parts(proved, rt)
    with span("swap", rows=facts.rows, files=len(files)):
        try:
            shown = show(proved, files, rt)
        except BadBill as error:
            reject(delivery, str(error), rt, **vars(facts))
            return
    if shown.delivery:
        note_change(rt.documents, delivery.org_slug)  # before anybody is told
        counted(deliveries_shown=1, landed_to_shown_seconds=(rt.clock.now() - delivery.landed_at).total_seconds())
        alarm.quiet(delivery, rt)
        rt.bus.publish(_normalized(shown.delivery, shown.replaced is not None, delivery.run_id))
    note(proved, shown, rt)
    finish_runs(rt.documents, rt.clock, delivery)


def _normalized(shown: Delivery, restatement: bool, run_id: str) -> ChargesNormalized:
    return ChargesNormalized(
        org_slug=shown.org_slug,
        integration_id=shown.integration_id,
        billing_period=shown.billing_period,
        delivery_id=shown.delivery_id,
        rows=shown.rows or 0,
        totals=dict(shown.totals or {}),
        restatement=restatement,
        run_id=run_id,
    )


def reject(delivery: Delivery, reason: str, rt: Runtime, part: Part | None = None, **facts: Any) -> None:
    """End a delivery that may not be shown, with the reason; the slice keeps its earlier version.

    part: the one that is at fault, where that is known.
    """
    change(rt.documents, delivery, state=REJECTED, reason=reason, **facts)
    _distrust_parts(delivery, reason, rt, part)
    words = f"{delivery.billing_period} is rejected: {reason}"
    note_sync(rt.documents, rt.clock.now(), delivery.org_slug, delivery.integration_id, words)
    finish_runs(rt.documents, rt.clock, delivery)
    counted(deliveries_rejected=1)


def _facts(delivery: Delivery, results: Sequence[ChunkResult]) -> _Facts:
    column = "EffectiveCost" if delivery.proves_effective_cost else "BilledCost"
    written = _by_currency((result.written, column) for result in results)
    quarantined = _by_currency((result.quarantined, "amount") for result in results)
    if "" in quarantined and delivery.fallback_currency:
        fallback = delivery.fallback_currency
        quarantined[fallback] = add((quarantined.get(fallback, Decimal(0)), quarantined.pop("")))
    proofs = prove(delivery.control(), written, quarantined, column)
    return _Facts(
        rows=sum(result.rows for result in results),
        quarantined_rows=sum(result.quarantined_lines for result in results),
        totals={currency: plain(amount) for currency, amount in written.items()},
        proof=[proof.as_document() for proof in proofs],
        conformance=_conformance(results),
        accounts=_accounts(results),
        difference=failure(proofs),
        beyond=beyond(results),
    )


def _refusal(facts: _Facts) -> str | None:
    if facts.difference or facts.beyond:
        return facts.difference or facts.beyond
    lines = facts.quarantined_rows
    if lines and not facts.rows:
        return f"every one of its {lines} lines is in quarantine; see costwire quarantine"
    return None


def _by_currency(entries: Any) -> dict[str, Decimal]:
    totals: dict[str, Decimal] = {}
    for by_currency, name in entries:
        for entry in by_currency:
            totals[entry["currency"]] = add((totals.get(entry["currency"], Decimal(0)), Decimal(entry[name])))
    return totals


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


def _adjustments(delivery: Delivery, chunks: Sequence[ChunkResult], rt: Runtime) -> ChunkResult | None:
    """Rows for what did not cancel across the delivery, such as covered usage without its savings plan negation."""
    uris = [chunk.pairs_uri for chunk in chunks if chunk.pairs_uri]
    statement = adjustments_sql(delivery.source_format)
    if not uris or statement is None:
        return None
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="finish-", dir=rt.scratch)))
        paths = [stack.enter_context(rt.objects.local(uri)) for uri in uris]
        connection = stack.enter_context(engine(folder, rt.settings.threads))
        prepare(connection)
        listed = ", ".join(file_literal(str(path)) for path in paths)
        connection.execute(
            f"create temp view pairs as select * from read_parquet([{listed}], hive_partitioning = false)"
        )
        target = folder / "adjustments.parquet"
        rows = rows_select(delivery, "adjustments", statement)
        connection.execute(f"copy ({rows}) to {literal(str(target))} {PARQUET}")
        stored = rt.objects.put_file(f"focus/{delivery.folder}/adjustments.parquet", target)
        with rt.objects.local(stored.uri) as path:
            numbers = written_numbers(connection, path)
    return ChunkResult(**vars(numbers), focus_uri=stored.uri)


def _distrust_parts(delivery: Delivery, reason: str, rt: Runtime, part: Part | None) -> None:
    """What spoiled a delivery that was joined is not joined again: the one that holds the part at fault, else the last that came."""
    found = (load(rt.documents, delivery.org_slug, one) for one in delivery.joined_from)
    pieces = [one for one in found if one is not None and one.state == JOINED]
    if part is not None:
        pieces = [one for one in pieces if part.digest in {own.digest for own in one.parts}]
    for one in sorted(pieces, key=lambda one: (one.landed_at, one.delivery_id))[-1:]:
        change(
            rt.documents,
            one,
            state=REJECTED,
            reason=f"joined into {delivery.delivery_id}, which was rejected: {reason}",
        )


def _trust_parts(delivery: Delivery, rt: Runtime) -> None:
    """A delivery that was rejected and is proved now clears what it was joined from."""
    for name in delivery.joined_from:
        one = load(rt.documents, delivery.org_slug, name)
        if one is not None and one.state == REJECTED:
            change(rt.documents, one, state=JOINED, reason=None)
