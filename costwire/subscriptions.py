"""`costwire subscriptions add|set|list|show|change|cancel|enable|disable|invoice|vendors`."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Annotated

import typer

from common.domain.money import read_number
from common.domain.saas.subscription import DAILY, MODES, InvalidSubscription, Invoiced
from common.domain.saas.terms import CUSTOM, CYCLES
from common.runtime.bootstrap import runtime
from common.saas import manage
from common.saas.catalogue import categories, vendors
from common.saas.manage import Changes
from common.saas.reading import read_subscriptions, subscription_of
from common.saas.shown import list_subscriptions, show_subscription
from costwire.arguments import read_table, usage_errors
from costwire.output import AsJson, Org, console, print_json, table
from costwire.subscriptions_shown import print_list, print_one, print_written, report_ledger
from costwire.tenant import tenant_of
from costwire.worker import subscribe_here

app = typer.Typer(help="Record subscriptions to software; each becomes proved FOCUS rows.", no_args_is_help=True)
_Text = str | None
_BY = "command line"
_Id = Annotated[str, typer.Argument(help="Id of the subscription.", metavar="ID")]
_On = Annotated[_Text, typer.Option("--on", help="The day it takes effect, YYYY-MM-DD; today by default.")]


@app.command("add")
def add_subscription(
    vendor: Annotated[str, typer.Argument(help="Who sells it, as Figma.")],
    plan: Annotated[str, typer.Argument(help="Name of the plan, as Organization.")],
    price: Annotated[str, typer.Option("--price", help="Of one seat for one term, or of the plan without --seats.")],
    currency: Annotated[str, typer.Option("--currency", help="ISO 4217 code.")],
    start: Annotated[str, typer.Option("--start", help="First day, YYYY-MM-DD.")],
    cycle: Annotated[str, typer.Option("--cycle", help=f"One of {', '.join((*CYCLES, CUSTOM))}.")] = "monthly",
    every: Annotated[
        _Text, typer.Option("--every", help="Length of a custom cycle, as '45 days' or '4 months'.")
    ] = None,
    seats: Annotated[int | None, typer.Option("--seats", help="How many seats; none for a plan without.")] = None,
    category: Annotated[
        _Text, typer.Option("--category", help="What it is for; the vendor's usual one by default.")
    ] = None,
    anchor_day: Annotated[
        int | None, typer.Option("--anchor-day", help="Day of the month on which terms begin; the start's by default.")
    ] = None,
    end: Annotated[_Text, typer.Option("--end", help="First day that is not charged any more, YYYY-MM-DD.")] = None,
    no_renewal: Annotated[bool, typer.Option("--no-renewal", help="Ends with its first term or contract.")] = False,
    contract_months: Annotated[
        int | None, typer.Option("--contract-months", help="How long it is bound; one term by default.")
    ] = None,
    notice_days: Annotated[
        int | None, typer.Option("--notice-days", help="Alert so many days before a renewal; 0 for never.")
    ] = None,
    discount: Annotated[_Text, typer.Option("--discount", help="Percent off the price.")] = None,
    discount_until: Annotated[
        _Text, typer.Option("--discount-until", help="Terms that begin on this day or later have no discount.")
    ] = None,
    tax: Annotated[_Text, typer.Option("--tax", help="Percent on top of the amount.")] = None,
    credits: Annotated[bool, typer.Option("--credits", help="The vendor gives back unused time.")] = False,
    mode: Annotated[
        str, typer.Option("--mode", help=f"{' or '.join(MODES)}: with use by day, or the purchase alone.")
    ] = DAILY,
    account: Annotated[_Text, typer.Option("--account", help="The vendor's id of your account.")] = None,
    tag: Annotated[list[str] | None, typer.Option("--tag", help="key=value; repeatable.")] = None,
    id: Annotated[
        _Text, typer.Option("--id", help="Id of the subscription; made of vendor and plan by default.")
    ] = None,
    org: Org = "default",
    as_json: AsJson = False,
) -> None:
    """Add a subscription and fetch its charges to date."""
    given = {
        "id": id, "vendor": vendor, "plan": plan, "price": price, "currency": currency, "start": start, "cycle": cycle, "every": every,
        "seats": seats, "category": category, "anchor_day": anchor_day, "end": end, "renews": not no_renewal,
        "contract_months": contract_months, "notice_days": notice_days, "discount_percent": discount, "discount_until": discount_until,
        "tax_percent": tax, "credits": credits, "mode": mode, "account": account, "tags": _tags(tag),
    }  # fmt: skip
    with usage_errors():
        wanted = subscription_of({**given, "category": category or manage.category_of(vendor)})
    rt = runtime()
    org = tenant_of(rt, org, writes=True)
    subscribe_here(rt)
    print_written(rt, org, manage.add_subscription(rt, org, wanted, _BY), "added", as_json)


@app.command("set")
def set_subscriptions(
    file: Annotated[Path, typer.Argument(help="TOML, JSON or CSV file.", metavar="FILE")],
    org: Org = "default",
    as_json: AsJson = False,
) -> None:
    """Make the subscriptions in a file what it says, and fetch their charges.  Those that it does not name stay."""
    wanted = read_subscriptions(
        file, read_table(file, ("vendor", "plan", "price", "currency", "cycle", "start", "seats"))
    )
    rt = runtime()
    org = tenant_of(rt, org, writes=True)
    subscribe_here(rt)
    with usage_errors():
        changed = manage.put_subscriptions(rt, org, wanted, file.name)
    requested = manage.fetch_ledger(rt, org)
    if not as_json:
        counted = f"{len(wanted):,} {'subscription' if len(wanted) == 1 else 'subscriptions'}"
        console.print(f"{counted} in {file.name}: {len(changed):,} added or changed")
    report_ledger(rt, requested, as_json, {"changed": changed})


@app.command("list")
def list_all(org: Org = "default", as_json: AsJson = False) -> None:
    """List subscriptions with their seats, price and next renewal."""
    rt = runtime()
    found = list_subscriptions(rt, tenant_of(rt, org))
    if as_json:
        print_json([one.as_json() for one in found])
    elif not found:
        console.print(
            "No subscriptions yet.  Add one: costwire subscriptions add VENDOR PLAN --price 30 --currency USD --start 2026-01-01"
        )
    else:
        print_list(found)


@app.command("show")
def show(subscription: _Id, org: Org = "default", as_json: AsJson = False) -> None:
    """Show a subscription: what it is charged, how invoices differ from the formula, and its changes."""
    rt = runtime()
    found = show_subscription(rt, tenant_of(rt, org), subscription)
    if as_json:
        print_json(found.as_json())
    else:
        print_one(found)


@app.command("change")
def change(
    subscription: _Id,
    seats: Annotated[int | None, typer.Option("--seats", help="How many seats from that day on.")] = None,
    price: Annotated[_Text, typer.Option("--price", help="Price of terms that begin on that day or later.")] = None,
    on: _On = None,
    plan: Annotated[_Text, typer.Option("--plan", help="Name of the plan.")] = None,
    category: Annotated[_Text, typer.Option("--category", help="What it is for.")] = None,
    account: Annotated[_Text, typer.Option("--account", help="The vendor's id of your account.")] = None,
    discount: Annotated[_Text, typer.Option("--discount", help="Percent off the price.")] = None,
    discount_until: Annotated[
        _Text, typer.Option("--discount-until", help="Terms that begin on this day or later have no discount.")
    ] = None,
    tax: Annotated[_Text, typer.Option("--tax", help="Percent on top of the amount.")] = None,
    end: Annotated[_Text, typer.Option("--end", help="First day that is not charged any more.")] = None,
    renews: Annotated[bool | None, typer.Option("--renews/--no-renewal", help="Whether it renews by itself.")] = None,
    credits: Annotated[
        bool | None, typer.Option("--credits/--no-credits", help="Whether unused time is given back.")
    ] = None,
    contract_months: Annotated[int | None, typer.Option("--contract-months", help="How long it is bound.")] = None,
    notice_days: Annotated[
        int | None, typer.Option("--notice-days", help="Alert so many days before a renewal.")
    ] = None,
    mode: Annotated[_Text, typer.Option("--mode", help=" or ".join(MODES))] = None,
    tag: Annotated[list[str] | None, typer.Option("--tag", help="key=value; repeatable.  Replaces all.")] = None,
    org: Org = "default",
    as_json: AsJson = False,
) -> None:
    """Change a subscription; only the months whose charges change get a new version."""
    with usage_errors():
        changes = Changes(
            seats=seats, price=_amount("price", price), on=_day("--on", on), plan=plan, category=category, account=account,
            discount_percent=_amount("discount", discount), discount_until=_day("--discount-until", discount_until),
            tax_percent=_amount("tax", tax), end=_day("--end", end), renews=renews, credits=credits,
            contract_months=contract_months, notice_days=notice_days, mode=mode, tags=_tags(tag),
        )  # fmt: skip
    if changes == Changes(on=changes.on):
        raise typer.BadParameter("nothing is to be changed; give --seats, --price or another option")
    rt = runtime()
    org = tenant_of(rt, org)
    subscribe_here(rt)
    with usage_errors():
        written = manage.change_subscription(rt, org, subscription, changes, _BY)
    print_written(rt, org, written, "changed", as_json)


@app.command("cancel")
def cancel(
    subscription: _Id,
    on: _On = None,
    at_once: Annotated[bool, typer.Option("--at-once", help="End the running term on that day too.")] = False,
    org: Org = "default",
    as_json: AsJson = False,
) -> None:
    """Cancel a subscription: the running term ends as paid, and no other begins."""
    rt = runtime()
    org = tenant_of(rt, org)
    subscribe_here(rt)
    with usage_errors():
        written = manage.cancel_subscription(rt, org, subscription, _day("--on", on), at_once, _BY)
    print_written(rt, org, written, "cancelled", as_json)


@app.command("disable")
def disable(subscription: _Id, on: _On = None, org: Org = "default", as_json: AsJson = False) -> None:
    """Let no further term begin until the subscription is enabled."""
    rt = runtime()
    org = tenant_of(rt, org)
    subscribe_here(rt)
    with usage_errors():
        written = manage.disable_subscription(rt, org, subscription, _day("--on", on), _BY)
    print_written(rt, org, written, "disabled", as_json)


@app.command("enable")
def enable(subscription: _Id, on: _On = None, org: Org = "default", as_json: AsJson = False) -> None:
    """Let terms begin again, and take a cancellation back."""
    rt = runtime()
    org = tenant_of(rt, org)
    subscribe_here(rt)
    with usage_errors():
        written = manage.enable_subscription(rt, org, subscription, _day("--on", on), _BY)
    print_written(rt, org, written, "enabled", as_json)


@app.command("invoice")
def invoice(
    subscription: _Id,
    on: Annotated[str, typer.Option("--for", help="First day of the charge that was invoiced, YYYY-MM-DD.")],
    amount: Annotated[_Text, typer.Option("--amount", help="As invoiced, before tax; wins over the formula.")] = None,
    tax: Annotated[_Text, typer.Option("--tax", help="Tax as invoiced.")] = None,
    number: Annotated[_Text, typer.Option("--number", help="Number of the invoice.")] = None,
    billed_on: Annotated[
        _Text, typer.Option("--billed-on", help="Day of the invoice, which decides its month.")
    ] = None,
    org: Org = "default",
    as_json: AsJson = False,
) -> None:
    """Note what the vendor invoiced for a charge; costwire subscriptions show lists charges and differences."""
    rt = runtime()
    org = tenant_of(rt, org)
    subscribe_here(rt)
    with usage_errors():
        day = _day("--for", on)
        if day is None or (amount, tax, number, billed_on) == (None, None, None, None):
            raise InvalidSubscription("nothing is to be noted; give --amount, --tax, --number or --billed-on")
        told = Invoiced(day, _amount("amount", amount), number, _day("--billed-on", billed_on), _amount("tax", tax))
        written = manage.note_invoice(rt, org, subscription, told, _BY)
    print_written(rt, org, written, "invoiced", as_json)


@app.command("vendors")
def list_vendors(as_json: AsJson = False) -> None:
    """List the vendors and categories that Costwire knows; any other vendor can be named too."""
    if as_json:
        print_json(
            {
                "vendors": [
                    {**one.__dict__, "cycles": list(one.cycles), "aliases": list(one.aliases)} for one in vendors()
                ],
                "categories": dict(categories()),
            }
        )
        return
    made = table("vendor", "category", "usual cycles", "also")
    for one in vendors():
        made.add_row(one.name, one.category, ", ".join(one.cycles), ", ".join(one.aliases))
    console.print(made)
    console.print(f"categories: {', '.join(categories())}", soft_wrap=True)


def _amount(name: str, text: str | None) -> Decimal | None:
    if text is None:
        return None
    found = read_number(text)
    if found is None:
        raise InvalidSubscription(f"{name} is '{text[:40]}', expected a plain number such as 30 or 211.75")
    return found


def _day(option: str, text: str | None) -> date | None:
    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise InvalidSubscription(f"{option} is '{text[:40]}', expected a day such as 2026-03-01") from None


def _tags(texts: list[str] | None) -> dict[str, str] | None:
    if texts is None:
        return None
    pairs = [text.partition("=") for text in texts]
    if any(not key or not equals for key, equals, _ in pairs):
        raise typer.BadParameter("a tag has another form, expected key=value, as in team=platform")
    return {key: value for key, _, value in pairs}
