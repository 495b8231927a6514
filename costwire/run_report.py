"""How `import`, `sync` and `demo` print deliveries: one line per delivery and currency, then what happened and remarks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.text import Text

from common.errors import CostError, NotReady
from common.ingestion.requesting import Outcome, Requested
from common.ports import Runtime
from common.records.deliveries import CURRENT, HELD, REJECTED, SUPERSEDED, WITHDRAWN, Delivery
from common.reporting.outcomes import NOTHING_NEW, REPLACES, DeliveryOutcome, TotalChange, outcomes_of
from costwire.messages import messages_sent
from costwire.output import console, exact, joined, money, print_json, progress, styled, table
from costwire.retention import clean_up_if_due
from costwire.waiting import wait


def report(
    rt: Runtime, requested: Requested, as_json: bool, skipped: Sequence[str] = (), changed_only: bool = False
) -> None:
    """Wait until the runs have ended and print what they brought; failed runs make exit status 1, else waiting ones 75.

    skipped: what is said of paths that are not bills.  changed_only: print nothing of months that are as they were.
    """
    told = set(messages_sent(rt, requested.org_slug))
    with progress("looking for the bill", quiet=as_json) as say:
        outcome = wait(rt, requested, say)
    happened = what_happened(rt, outcome)
    if as_json:
        print_json(
            {
                "runs": list(outcome.runs),
                "outcomes": [one.as_json() for one in happened],
                "deliveries": [one.as_document() for one in outcome.deliveries],
                "skipped": list(skipped),
            }
        )
    else:
        if changed_only:  # of one ledger: by month
            mine = (one for one in happened if one.delivery.run_id in requested.run_ids)
            happened = sorted(mine, key=lambda one: one.delivery.billing_period)
        print_outcomes(happened)
        for run in outcome.runs:
            if run.get("unchanged"):
                console.print(f"{run['integration_id']}: nothing new at its location", soft_wrap=True)
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


def what_happened(rt: Runtime, outcome: Outcome) -> list[DeliveryOutcome]:
    """What the runs did with each delivery that they found."""
    return outcomes_of(rt, outcome.deliveries, [str(run["run_id"]) for run in outcome.runs])


def print_outcomes(outcomes: Iterable[DeliveryOutcome]) -> None:
    """One line per delivery and currency, then what deserves a word."""
    shown = table(
        "bill", "period", "outcome", "lines", "rows", "total", "", "proof", numbers=("lines", "rows", "total")
    )
    about: dict[str, list[str]] = {}
    for one in outcomes:
        delivery = one.delivery
        for proof in delivery.proof or ():
            shown.add_row(
                delivery.integration_id, delivery.billing_period, one.outcome, f"{one.lines:,}", f"{one.rows or 0:,}",
                exact(proof["source"]), proof["currency"] or "(no currency)", _proof_words(delivery, proof),
            )  # fmt: skip
        for line in (*_happened(one), *_remarks(delivery)):
            about.setdefault(line, []).append(f"{delivery.integration_id} {delivery.billing_period}")
    if shown.row_count:
        console.print(shown)
    for line, bills in about.items():
        names = bills[0] if len(bills) == 1 else f"{bills[0]} and {len(bills) - 1} more"
        console.print(joined(styled(f"{names}:", "dim"), f" {line}"), soft_wrap=True)


def _happened(one: DeliveryOutcome) -> Iterable[str]:
    if one.outcome == NOTHING_NEW:
        yield f"nothing new: the same bytes were imported at {one.delivery.landed_at:%Y-%m-%d %H:%M} UTC"
    if one.outcome == REPLACES:
        yield f"replaces {str(one.replaced)[:8]}: {'; '.join(map(_change_words, one.totals))}"
    if one.rows_reason and one.rows is not None:
        yield f"{one.lines:,} lines gave {one.rows:,} rows: {one.rows_reason}"


def _change_words(change: TotalChange) -> str:
    currency = change.currency or "(no currency)"
    if change.before is None or change.difference is None:
        return f"now {exact(change.after)} {currency}, before unknown"
    sign = "+" if change.difference > 0 else ""
    return f"{exact(change.before)} {currency} became {exact(change.after)} ({sign}{exact(change.difference)})"


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
