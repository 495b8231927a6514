"""How `import`, `sync` and `demo` print deliveries: one line per delivery and currency, then remarks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.text import Text

from common.errors import CostError, NotReady
from common.ingestion.requesting import Requested
from common.ports import Runtime
from common.records.deliveries import CURRENT, HELD, REJECTED, SUPERSEDED, WITHDRAWN, Delivery
from costwire.messages import messages_sent
from costwire.output import console, exact, joined, money, print_json, progress, styled, table
from costwire.retention import clean_up_if_due
from costwire.waiting import wait


def report(rt: Runtime, requested: Requested, as_json: bool, skipped: Sequence[str] = ()) -> None:
    """Wait until the runs have ended and print what they brought; failed runs make exit status 1, else waiting ones 75.

    skipped: what is said of paths that are not bills.
    """
    told = set(messages_sent(rt, requested.org_slug))
    with progress("looking for the bill", quiet=as_json) as say:
        outcome = wait(rt, requested, say)
    if as_json:
        deliveries = [one.as_document() for one in outcome.deliveries]
        print_json({"runs": list(outcome.runs), "deliveries": deliveries, "skipped": list(skipped)})
    else:
        print_deliveries(outcome.deliveries)
        for line in skipped:
            console.print(styled(line, "yellow"), soft_wrap=True)
        for message in messages_sent(rt, requested.org_slug):
            if message not in told:
                console.print(f"alert {message}", soft_wrap=True)
    clean_up_if_due(rt, requested.org_slug)
    if outcome.reasons:
        raise CostError("; ".join((*outcome.reasons, *outcome.waiting)))
    if outcome.waiting:
        raise NotReady("; ".join(outcome.waiting))


def print_deliveries(deliveries: Iterable[Delivery]) -> None:
    """One line a delivery and currency, then what deserves a word."""
    shown = table("bill", "period", "rows", "total", "", "proof", numbers=("rows", "total"))
    for one in deliveries:
        for proof in one.proof or ():
            shown.add_row(
                one.integration_id, one.billing_period, f"{one.rows or 0:,}", exact(proof["source"]),
                proof["currency"] or "(no currency)", _proof_words(one, proof),
            )  # fmt: skip
    if shown.row_count:
        console.print(shown)
    about: dict[str, list[str]] = {}
    for one in deliveries:
        for line in _remarks(one):
            about.setdefault(line, []).append(f"{one.integration_id} {one.billing_period}")
    for line, bills in about.items():
        names = bills[0] if len(bills) == 1 else f"{bills[0]} and {len(bills) - 1} more"
        console.print(joined(styled(f"{names}:", "dim"), f" {line}"))


def _proof_words(delivery: Delivery, proof: Mapping[str, Any]) -> Text:
    if proof["difference"] != "0":
        return styled(f"differs by {exact(proof['difference'])}", "red")
    if delivery.state == REJECTED:
        return styled("rejected", "red")
    more = "" if delivery.state == CURRENT else f" ({delivery.state})"
    return joined(styled("proved", "green"), f", difference 0{more}")


def _remarks(delivery: Delivery) -> list[str]:
    lines = list(delivery.notes)
    if delivery.state == REJECTED:
        lines.append(f"rejected: {delivery.reason}")
    if delivery.state == SUPERSEDED:
        lines.append(f"not shown: {delivery.reason}; it was delivered {delivery.delivered_at:%Y-%m-%d %H:%M}")
    if delivery.state == WITHDRAWN:
        lines.append(f"not counted: {delivery.reason}; to undo: costwire deliveries restore {delivery.delivery_id}")
    if delivery.state == HELD:
        lines.append(f"held back, not counted: {delivery.reason}")
    if delivery.quarantined_rows:
        amounts = ", ".join(
            f"{money(one['quarantined'])} {one['currency']}"
            for one in delivery.proof or ()
            if one["quarantined"] != "0"
        )
        lines.append(
            f"{delivery.quarantined_rows:,} lines in quarantine ({amounts or 'no amount'}); see costwire quarantine"
        )
    broken = [one for one in delivery.conformance or () if one["keyword"] == "MUST"]
    if broken:
        lines.append(f"{len(broken)} MUST rules of FOCUS 1.3 fail; see costwire deliveries")
    if delivery.unknown_columns:
        some = ", ".join(delivery.unknown_columns[:3]) + ("…" if len(delivery.unknown_columns) > 3 else "")
        lines.append(_ignored_words(len(delivery.unknown_columns), some))
    return lines


def _ignored_words(columns: int, some: str) -> str:
    if columns == 1:
        return f"1 column is not recognized and is ignored ({some})"
    return f"{columns} columns are not recognized and are ignored ({some})"
