"""How the commands of subscriptions print: what was written, what its bill became, one subscription and all."""

from __future__ import annotations

from common.errors import CostError
from common.ingestion.requesting import Requested
from common.ports import Runtime
from common.saas.manage import Written
from common.saas.shown import Shown, show_subscription
from costwire.output import console, exact, print_json, table
from costwire.run_report import report
from costwire.waiting import wait


def print_written(rt: Runtime, org: str, written: Written, what: str, as_json: bool) -> None:
    """What became of a change.  what: in a word, as `added`."""
    one = written.recorded.subscription
    if not as_json:
        console.print(
            f"{one.subscription_id} is {what}" if written.changed else f"{one.subscription_id} stays as it is",
            soft_wrap=True,
        )
        if written.requested is None:
            console.print(f"no charge has begun yet; the first term begins on {one.start}")
    report_ledger(rt, written.requested, as_json, show_subscription(rt, org, one.subscription_id).as_json())


def report_ledger(rt: Runtime, requested: Requested | None, as_json: bool, about: dict[str, object]) -> None:
    """What the bill of the ledger became, as `costwire sync` prints it; for programs also what was written."""
    if not as_json:
        if requested is not None:
            report(rt, requested, as_json, changed_only=True)
        return
    outcome = None if requested is None else wait(rt, requested)
    deliveries = sorted(outcome.deliveries if outcome else (), key=lambda one: one.billing_period)
    shown = [
        {"delivery_id": one.delivery_id, "billing_period": one.billing_period, "state": one.state} for one in deliveries
    ]
    print_json({**about, "deliveries": shown})
    if outcome is not None and outcome.reasons:
        raise CostError("; ".join(outcome.reasons))


def print_list(found: list[Shown]) -> None:
    """One line per subscription."""
    made = table(
        "id", "vendor", "plan", "category", "state", "seats", "price", "currency", "cycle", "renews on",
        numbers=("seats", "price"),
    )  # fmt: skip
    for one in found:
        this = one.subscription
        made.add_row(
            this.subscription_id, this.vendor, this.plan, this.category, one.state, "-" if one.seats is None else f"{one.seats:,}",
            exact(one.price), this.currency, this.every or this.cycle, str(one.renewal.day if one.renewal else "-"),
        )  # fmt: skip
    console.print(made)


def print_one(one: Shown) -> None:
    """Its charges, up to the next renewal, and its changes."""
    this = one.subscription
    console.print(f"{this.subscription_id}: {this.vendor} {this.plan}, {this.category}, {one.state}", soft_wrap=True)
    if one.renewal:
        notice = f", alert from {one.renewal.notice_from}" if one.renewal.notice_from else ""
        console.print(f"renews on {one.renewal.day} for {exact(one.renewal.amount)} {this.currency}{notice}")
    made = table(
        "charge", "from", "until", "seats", "formula", "invoiced", "difference", "tax", "", "month",
        numbers=("seats", "formula", "invoiced", "difference", "tax"),
    )  # fmt: skip
    for charge in one.charges:
        made.add_row(
            charge.kind, str(charge.start), str(charge.end), "-" if charge.seats is None else f"{charge.seats:,}",
            exact(charge.formula), exact(charge.amount), exact(charge.difference), exact(charge.tax),
            this.currency, f"{charge.billed_on:%Y-%m}",
        )  # fmt: skip
    console.print(made)
    for version in one.recorded.versions:
        console.print(f"{version.at[:16].replace('T', ' ')} {version.by}: {version.what}", soft_wrap=True)
