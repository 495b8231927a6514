"""`costwire budgets add|list|remove`."""

from __future__ import annotations

import hashlib
import re
from datetime import date
from typing import Annotated, Any

import typer

from common.budgets.evaluation import evaluate_budget_now
from common.budgets.recording import resolve_all
from common.domain.budgets import (
    CHANNELS,
    DEFAULT_FORECAST_THRESHOLDS,
    DEFAULT_THRESHOLDS,
    KINDS,
    METRICS,
    Budget,
    InvalidBudget,
    Scope,
    as_document,
    read_amount,
    read_percent,
    read_tags,
)
from common.domain.filling import filling_notes
from common.errors import AlreadyExists, NotFound
from common.ports import Document, Runtime
from common.records.organizations import below
from common.runtime.bootstrap import EmbeddedRuntime, runtime
from costwire.messages import WAITING, messages_sent
from costwire.output import AsJson, Org, console, money, print_json, table
from costwire.tenant import tenant_of
from costwire.worker import deliver, subscribe_all

app = typer.Typer(help="Amounts that must not be exceeded unnoticed.", no_args_is_help=True)
_UNFIT = re.compile(r"[^a-z0-9]+")
_Values = list[str] | None


@app.command("add")
def add_budget(
    name: Annotated[str, typer.Argument(help="What people call the budget.")],
    amount: Annotated[str, typer.Option("--amount", help="How much may be spent in a period, as 10000 or 2500.50.")],
    currency: Annotated[str, typer.Option("--currency", help="ISO 4217 code; other currencies never count.")],
    period: Annotated[str, typer.Option("--period", help=f"One of {', '.join(KINDS)}.")] = "monthly",
    start: Annotated[str | None, typer.Option("--start", help="First day of a custom period, YYYY-MM-DD.")] = None,
    end: Annotated[str | None, typer.Option("--end", help="First day after a custom period, YYYY-MM-DD.")] = None,
    provider: Annotated[_Values, typer.Option("--provider", help="Count this provider only; repeat for more.")] = None,
    account: Annotated[_Values, typer.Option("--account", help="Sub account or billing account; repeatable.")] = None,
    service: Annotated[_Values, typer.Option("--service", help="Service name; repeatable.")] = None,
    region: Annotated[_Values, typer.Option("--region", help="Region id or name; repeatable.")] = None,
    tag: Annotated[_Values, typer.Option("--tag", help="key=value; one key's values are choices.")] = None,
    metric: Annotated[str, typer.Option("--metric", help=f"One of {', '.join(METRICS)}.")] = "BilledCost",
    threshold: Annotated[
        _Values, typer.Option("--threshold", help="Percent of the amount; repeatable.  50, 80, 95 and 100 by default.")
    ] = None,
    forecast_threshold: Annotated[
        _Values, typer.Option("--forecast-threshold", help="Percent, of projected spend; repeatable.  100 by default.")
    ] = None,
    owner: Annotated[str | None, typer.Option("--owner", help="Who answers for it; named in messages.")] = None,
    channel: Annotated[
        _Values, typer.Option("--channel", help=f"One of {', '.join(CHANNELS)}; repeatable.  All by default.")
    ] = None,
    org: Org = "default",
    as_json: AsJson = False,
) -> None:
    """Set a budget and evaluate what is spent already."""
    rt = runtime()
    org = tenant_of(rt, org)
    now = rt.clock.now()
    try:
        budget = Budget(
            budget_id=_budget_id(name, now.isoformat()),
            name=name,
            amount=read_amount(amount),
            currency=currency.upper(),
            period=period,
            scope=_scope(provider, account, service, region, tag),
            metric=metric,
            thresholds=_percents(threshold, DEFAULT_THRESHOLDS),
            forecast_thresholds=_percents(forecast_threshold, DEFAULT_FORECAST_THRESHOLDS),
            owner=owner,
            channels=tuple(channel or ()),
            starts_on=_day("--start", start),
            ends_on=_day("--end", end),
            created_at=now.isoformat(),
        )
    except InvalidBudget as error:
        raise typer.BadParameter(str(error)) from None
    if any(document["name"] == name for _, document in rt.documents.list(below(org, "budgets"))):
        raise AlreadyExists(f"there is a budget '{name}' already; choose another name, or remove that one")
    tenant_of(rt, org, writes=True)
    rt.documents.create(below(org, "budgets", budget.budget_id), as_document(budget))
    facts, messages = _evaluate(rt, org, budget.budget_id)
    if as_json:
        print_json({**as_document(budget), "standing": facts, "messages": messages})
        return
    console.print(f"Budget {budget.name} is set: {money(budget.amount)} {budget.currency}, {period}.")
    _print_standings([facts])
    for message in messages:
        console.print(f"Alert {message}", soft_wrap=True)
    if any(message.startswith(WAITING) for message in messages):
        console.print("What is not sent yet is tried again with the next costwire sync.")


@app.command("list")
def list_budgets(org: Org = "default", as_json: AsJson = False) -> None:
    """Show each budget's newest evaluated period: spend, percent, projection."""
    rt = runtime()
    org = tenant_of(rt, org)
    documents = rt.documents
    budgets = [document for _, document in documents.list(below(org, "budgets"))]
    standings = {document["budget_id"]: _newest_facts(org, document["budget_id"]) for document in budgets}
    if as_json:
        print_json([{**document, "standing": standings[document["budget_id"]]} for document in budgets])
        return
    if not budgets:
        console.print("No budgets yet.  Set one: costwire budgets add NAME --amount 10000 --currency USD")
        return
    _print_standings([standings[document["budget_id"]] or _not_evaluated(document) for document in budgets])
    for document in budgets:
        if document.get("problem"):
            console.print(f"{document['name']}: its spend could not be told: {document['problem']}", soft_wrap=True)


@app.command("remove")
def remove_budget(
    name: Annotated[str, typer.Argument(help="Name or id of the budget.")],
    org: Org = "default",
    as_json: AsJson = False,
) -> None:
    """Remove a budget; its alerts are resolved and stay on record."""
    rt = runtime()
    org = tenant_of(rt, org)
    found = [
        document
        for _, document in rt.documents.list(below(org, "budgets"))
        if name in (document["name"], document["budget_id"])
    ]
    if not found:
        raise NotFound(f"there is no budget '{name}'; `costwire budgets list` names them")
    budget_id = found[0]["budget_id"]
    rt.documents.delete(below(org, "budgets", budget_id))
    resolve_all(org, budget_id, rt.documents, rt.clock.now(), by=None)
    for standing_id, _ in rt.documents.list(below(org, "budget_status"), where={"budget_id": budget_id}):
        rt.documents.delete(below(org, "budget_status", standing_id))
    if as_json:
        print_json(found[0])
    else:
        console.print(f"Budget {found[0]['name']} is removed; its alerts are resolved.")


def _evaluate(rt: Runtime, org: str, budget_id: str) -> tuple[Document, list[str]]:
    """Evaluate a budget and try once to send what comes of it; the standing, and what became of the messages."""
    if isinstance(rt, EmbeddedRuntime):
        subscribe_all(rt)
    facts = evaluate_budget_now(org, budget_id, rt.documents, rt.warehouse, rt.bus, rt.clock)
    if isinstance(rt, EmbeddedRuntime):
        while (delivery := rt.bus.pull(["send_notifications"])) is not None:
            deliver(rt, delivery)
    return facts, messages_sent(rt, org, budget_id)


def _newest_facts(org: str, budget_id: str) -> Document | None:
    """The standing in the newest period that has charges, or in the newest without any."""
    standings = runtime().documents.list(below(org, "budget_status"), where={"budget_id": budget_id})
    known: list[Document] = [document["facts"] for _, document in standings if document.get("facts")]
    return max(known, key=lambda facts: (facts["charges"] > 0, str(facts["period_start"])), default=None)


def _not_evaluated(document: Document) -> Document:
    empty = {"period": document["period"], "current_spend": None, "percent": None, "projected": None, "as_of": None}
    return {**empty, "budget_name": document["name"], "amount": document["amount"], "currency": document["currency"]}


def _print_standings(standings: list[Document]) -> None:
    columns = ("budget", "period", "amount", "spend", "percent", "projection", "currency", "as of")
    made = table(*columns, numbers=("amount", "spend", "percent", "projection"))
    for facts in standings:
        made.add_row(
            facts["budget_name"],
            f"{facts['period']}{'' if facts.get('period_open', True) else ', closed'}",
            money(facts["amount"]),
            _money(facts["current_spend"]),
            f"{facts['percent']} %" if facts["percent"] else "-",
            _money(facts["projected"]),
            facts["currency"],
            facts["as_of"][:10] if facts["as_of"] else "no charges",
        )
    console.print(made)
    for facts in standings:
        for other in facts.get("not_counted", []):
            console.print(
                f"{facts['budget_name']}: not counted, since the budget is in {facts['currency']}: "
                f"{money(other['spend'])} {other['currency']} in scope (charges: {other['charges']:,})."
            )
        for note in filling_notes(facts):
            console.print(f"{facts['budget_name']}: {note[0].lower()}{note[1:]}", soft_wrap=True)


def _money(amount: str | None) -> str:
    return "-" if amount is None else money(amount)


def _scope(providers: _Values, accounts: _Values, services: _Values, regions: _Values, tags: _Values) -> Scope:
    return Scope(
        providers=tuple(value.lower() for value in providers or ()),
        accounts=tuple(accounts or ()),
        services=tuple(services or ()),
        regions=tuple(regions or ()),
        tags=read_tags(tags or ()),
    )


def _percents(texts: _Values, default: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(sorted(read_percent(text) for text in texts)) if texts else default


def _day(option: str, text: str | None) -> date | None:
    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise InvalidBudget(f"{option} is '{text}', expected a day such as 2026-03-01") from None


def _budget_id(name: str, created_at: str) -> str:
    """A readable id that a later budget of the same name does not get again."""
    slug = _UNFIT.sub("-", name.lower()).strip("-")[:40] or "budget"
    return f"{slug}-{hashlib.sha256(f'{name}|{created_at}'.encode()).hexdigest()[:4]}"
