"""`costwire budgets add|set|list|remove`."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Annotated

import typer

from common.budgets import manage
from common.budgets.changing import BudgetChanges, change_budget
from common.budgets.manage import BudgetReport, Standing
from common.budgets.preview import BudgetPreview, preview_budget
from common.budgets.scope_check import scope_warnings
from common.domain.budgets import (
    ALL_CHARGES,
    DEFAULT_FORECAST_THRESHOLDS,
    DEFAULT_THRESHOLDS,
    KINDS,
    METRICS,
    InvalidBudget,
    Scope,
    from_document,
    read_amount,
    read_percent,
    read_tags,
)
from common.domain.money import plain
from common.ports import Runtime
from common.runtime.bootstrap import EmbeddedRuntime, runtime
from costwire.arguments import usage_errors
from costwire.messages import WAITING, messages_sent
from costwire.output import AsJson, Org, console, joined, money, print_json, styled, table
from costwire.tenant import tenant_of
from costwire.worker import deliver_due, subscribe_all

app = typer.Typer(help="Add, change, list and remove budgets.", no_args_is_help=True)
_Values = list[str] | None
_Categories = Annotated[
    _Values, typer.Option("--subscription-category", help="Of subscriptions to software, as design; repeatable.")
]


@app.command("add")
def add_budget(
    name: Annotated[str, typer.Argument(help="Name of the budget.")],
    amount: Annotated[str, typer.Option("--amount", help="Amount per period, such as 10000 or 2500.50.")],
    currency: Annotated[
        str, typer.Option("--currency", help="ISO 4217 code; charges in other currencies do not count.")
    ],
    period: Annotated[str, typer.Option("--period", help=f"One of {', '.join(KINDS)}.")] = "monthly",
    start: Annotated[str | None, typer.Option("--start", help="First day of a custom period, YYYY-MM-DD.")] = None,
    end: Annotated[str | None, typer.Option("--end", help="First day after a custom period, YYYY-MM-DD.")] = None,
    provider: Annotated[_Values, typer.Option("--provider", help="Only this provider; repeatable.")] = None,
    account: Annotated[_Values, typer.Option("--account", help="Sub account or billing account; repeatable.")] = None,
    service: Annotated[_Values, typer.Option("--service", help="Service name; repeatable.")] = None,
    region: Annotated[_Values, typer.Option("--region", help="Region id or name; repeatable.")] = None,
    cluster: Annotated[_Values, typer.Option("--cluster", help="Kubernetes cluster; repeatable.")] = None,
    namespace: Annotated[_Values, typer.Option("--namespace", help="Kubernetes namespace; repeatable.")] = None,
    tag: Annotated[
        _Values, typer.Option("--tag", help="key=value; repeatable.  Values of one key combine with OR.")
    ] = None,
    subscription_category: _Categories = None,
    metric: Annotated[str, typer.Option("--metric", help=f"One of {', '.join(METRICS)}.")] = "BilledCost",
    threshold: Annotated[
        _Values, typer.Option("--threshold", help="Percent of the amount; repeatable.  50, 80, 95 and 100 by default.")
    ] = None,
    forecast_threshold: Annotated[
        _Values,
        typer.Option(
            "--forecast-threshold", help="Percent of the amount, for projected spend; repeatable.  100 by default."
        ),
    ] = None,
    owner: Annotated[str | None, typer.Option("--owner", help="Budget owner; named in messages.")] = None,
    notify: Annotated[
        _Values,
        typer.Option(
            "--notify",
            help="Name of a channel, or email or slack for the deployment's own; repeatable.  The default channels if none is given.",
        ),
    ] = None,
    preview: Annotated[
        bool, typer.Option("--preview", help="Add nothing; show what it would have done in its last six periods.")
    ] = False,
    org: Org = "default",
    as_json: AsJson = False,
) -> None:
    """Add a budget and evaluate the charges to date."""
    with usage_errors():
        request = manage.BudgetRequest(
            name=name,
            amount=read_amount(amount),
            currency=currency.upper(),
            period=period,
            scope=_scope(provider, account, service, region, cluster, namespace, tag, subscription_category),
            metric=metric,
            thresholds=_percents(threshold, DEFAULT_THRESHOLDS),
            forecast_thresholds=_percents(forecast_threshold, DEFAULT_FORECAST_THRESHOLDS),
            owner=owner,
            channels=_names(notify) or (),
            starts_on=_day("--start", start),
            ends_on=_day("--end", end),
        )
    rt = runtime()
    org = tenant_of(rt, org, writes=not preview)
    if preview:
        _print_preview(preview_budget(rt, org, request), as_json)
        return
    if isinstance(rt, EmbeddedRuntime):
        subscribe_all(rt)
    added = manage.add_budget(rt, org, request)
    if isinstance(rt, EmbeddedRuntime):
        deliver_due(rt, ["send_notifications"])
    _print_set(rt, org, added, as_json)


@app.command("set")
def set_budget(
    name: Annotated[str, typer.Argument(help="Name or id of the budget.")],
    amount: Annotated[str | None, typer.Option("--amount", help="The new amount per period.")] = None,
    provider: Annotated[_Values, typer.Option("--provider", help="Only this provider; repeatable.")] = None,
    account: Annotated[_Values, typer.Option("--account", help="Sub account or billing account; repeatable.")] = None,
    service: Annotated[_Values, typer.Option("--service", help="Service name; repeatable.")] = None,
    region: Annotated[_Values, typer.Option("--region", help="Region id or name; repeatable.")] = None,
    cluster: Annotated[_Values, typer.Option("--cluster", help="Kubernetes cluster; repeatable.")] = None,
    namespace: Annotated[_Values, typer.Option("--namespace", help="Kubernetes namespace; repeatable.")] = None,
    tag: Annotated[_Values, typer.Option("--tag", help="key=value; repeatable.")] = None,
    subscription_category: _Categories = None,
    everything: Annotated[
        bool, typer.Option("--all-charges", help="Count all charges; alone, or before new scope options.")
    ] = False,
    threshold: Annotated[
        _Values, typer.Option("--threshold", help="Percent of the amount; repeatable.  Replaces all.")
    ] = None,
    forecast_threshold: Annotated[
        _Values, typer.Option("--forecast-threshold", help="Percent, for projected spend; repeatable.  Replaces all.")
    ] = None,
    owner: Annotated[
        str | None, typer.Option("--owner", help="Budget owner; named in messages.  An empty text removes the owner.")
    ] = None,
    notify: Annotated[
        _Values,
        typer.Option(
            "--notify",
            help="Name of a channel; repeatable.  Replaces all.  An empty text selects the default channels again.",
        ),
    ] = None,
    org: Org = "default",
    as_json: AsJson = False,
) -> None:
    """Change a budget and evaluate it at once; what is not given stays.  A scope option replaces that dimension."""
    rt = runtime()
    org = tenant_of(rt, org)
    with usage_errors():
        before = manage.find_budget(rt, org, name)
        given = _scope(provider, account, service, region, cluster, namespace, tag, subscription_category)
        scope = _changed(Scope() if everything else from_document(before).scope, given)
        changes = BudgetChanges(
            amount=read_amount(amount) if amount is not None else None,
            scope=scope,
            thresholds=_percents(threshold, ()) or None,
            forecast_thresholds=_percents(forecast_threshold, ()) or None,
            owner=owner,
            channels=_names(notify),
        )
        if isinstance(rt, EmbeddedRuntime):
            subscribe_all(rt)
        changed = change_budget(rt, org, name, changes)
    if isinstance(rt, EmbeddedRuntime):
        deliver_due(rt, ["send_notifications"])
    _print_set(rt, org, changed, as_json)


@app.command("list")
def list_budgets(org: Org = "default", as_json: AsJson = False) -> None:
    """List budgets with their newest evaluated period: spend, percent, projection."""
    rt = runtime()
    found = manage.list_budgets(rt, tenant_of(rt, org))
    if as_json:
        print_json([one.as_json() for one in found])
    elif not found:
        console.print("No budgets yet.  Set one: costwire budgets add NAME --amount 10000 --currency USD")
    else:
        _print_standings([one.standing() for one in found])
        for one in found:
            if one.scope != ALL_CHARGES:
                console.print(f"{one.name} counts {one.scope}", soft_wrap=True)
            if one.channels:
                console.print(f"{one.name} notifies {', '.join(one.channels)}", soft_wrap=True)
            if one.problem:
                console.print(f"{one.name}: its spend could not be computed: {one.problem}", soft_wrap=True)


@app.command("remove")
def remove_budget(
    name: Annotated[str, typer.Argument(help="Name or id of the budget.")],
    org: Org = "default",
    as_json: AsJson = False,
) -> None:
    """Remove a budget; its alerts are resolved and remain in the history."""
    rt = runtime()
    removed = manage.remove_budget(rt, tenant_of(rt, org), name)
    if as_json:
        print_json(removed.as_json())
    else:
        console.print(f"Budget {removed.name} is removed; its alerts are resolved.")


def _print_preview(found: BudgetPreview, as_json: bool) -> None:
    if as_json:
        print_json(found.as_json())
        return
    for warning in found.warnings:
        console.print(joined(styled("warning:", "yellow"), f" {warning}"), soft_wrap=True)
    if not found.periods:
        console.print("No charges yet, so there is no period to look at.")
        return
    shown = table("period", "spend", "percent", "would have alerted", numbers=("spend", "percent"))
    for one in found.periods:
        crossed = ", ".join(f"{plain(each.threshold.percent)}% on {each.day}" for each in one.crossed) or "no"
        name = f"{one.period.key} (open)" if one.is_open else one.period.key
        shown.add_row(name, money(one.spend), f"{plain(one.spent_percent)}%", crossed)
    console.print(shown)
    console.print(
        "From the charges as they are now; thresholds on a forecast are not looked at. Nothing was added.",
        soft_wrap=True,
    )


def _print_set(rt: Runtime, org: str, report: BudgetReport, as_json: bool) -> None:
    warnings = scope_warnings(rt, org, from_document(dict(report.document)))
    messages = messages_sent(rt, org, report.budget_id)
    if as_json:
        print_json({**report.as_json(), "messages": messages, "warnings": warnings})
        return
    standing = report.standing()
    console.print(
        f"Budget {report.name} is set: {money(standing.amount)} {standing.currency}, {report.document['period']}; {report.scope}.",
        soft_wrap=True,
    )
    for warning in warnings:
        console.print(joined(styled("warning:", "yellow"), f" {warning}"), soft_wrap=True)
    _print_standings([standing])
    for message in messages:
        console.print(f"Alert {message}", soft_wrap=True)
    if any(message.startswith(WAITING) for message in messages):
        console.print("Unsent notifications are retried by the next costwire sync.")


_DIMENSIONS = (
    "providers",
    "accounts",
    "services",
    "regions",
    "clusters",
    "namespaces",
    "tags",
    "subscription_categories",
)


def _changed(scope: Scope, given: Scope) -> Scope:
    """The scope with each dimension that is given."""
    named = {name: getattr(given, name) for name in _DIMENSIONS}
    return replace(scope, **{name: values for name, values in named.items() if values})


def _print_standings(standings: list[Standing]) -> None:
    columns = ("budget", "period", "amount", "spend", "percent", "projection", "currency", "as of")
    made = table(*columns, numbers=("amount", "spend", "percent", "projection"))
    for one in standings:
        made.add_row(
            one.budget_name,
            f"{one.period}{'' if one.period_open else ', closed'}",
            money(one.amount),
            _money(one.current_spend),
            "-" if one.spent_percent is None else f"{plain(one.spent_percent)} %",
            _money(one.projected),
            one.currency,
            "no charges" if one.as_of is None else f"{one.as_of:%Y-%m-%d}",
        )
    console.print(made)
    for one in standings:
        for other in one.not_counted:
            console.print(
                f"{one.budget_name}: not counted, since the budget is in {one.currency}: "
                f"{money(other.spend)} {other.currency} in scope (charges: {other.charges:,})."
            )
        for note in one.notes:
            console.print(f"{one.budget_name}: {note[0].lower()}{note[1:]}", soft_wrap=True)


def _money(amount: Decimal | None) -> str:
    return "-" if amount is None else money(amount)


def _scope(
    providers: _Values,
    accounts: _Values,
    services: _Values,
    regions: _Values,
    clusters: _Values,
    namespaces: _Values,
    tags: _Values,
    categories: _Values,
) -> Scope:
    return Scope(
        providers=tuple(value.lower() for value in providers or ()),
        accounts=tuple(accounts or ()),
        services=tuple(services or ()),
        regions=tuple(regions or ()),
        clusters=tuple(clusters or ()),
        namespaces=tuple(namespaces or ()),
        tags=read_tags(tags or ()),
        subscription_categories=tuple(value.lower() for value in categories or ()),
    )


def _percents(texts: _Values, default: tuple[Decimal, ...]) -> tuple[Decimal, ...]:
    return tuple(sorted(read_percent(text) for text in texts)) if texts else default


def _names(texts: _Values) -> tuple[str, ...] | None:
    """Channels, each once; None where none was given, which an empty text is not."""
    return None if texts is None else tuple(dict.fromkeys(text for text in texts if text))


def _day(option: str, text: str | None) -> date | None:
    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise InvalidBudget(f"{option} is '{text}', expected a day such as 2026-03-01") from None
