"""`costwire tenants add|list|show|suspend|resume|remove|restore`: the organizations of a deployment."""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import Annotated

import typer
from rich.text import Text

from common.domain.legible import one_line
from common.domain.plan_status import ACTIVE, TRIAL
from common.errors import BadConfiguration, CostError
from common.ports import Document
from common.records import organizations as tenants
from common.runtime.bootstrap import runtime
from common.tenancy import data as tenant_data
from common.tenancy.organizations import OrganizationReport, add_organization, list_organizations
from common.tenancy.quotas import quota_of
from costwire.output import AsJson, console, joined, print_json, progress, styled, table

app = typer.Typer(help="Manage the organizations whose bills are monitored.", no_args_is_help=True)
Slug = Annotated[str, typer.Argument(help="The organization's slug, as `costwire tenants list` shows it.")]
_STYLES = {TRIAL: "green", ACTIVE: "green"}


@app.command("add")
def add_tenant(
    name: Annotated[str, typer.Argument(help="The organization's display name.")],
    slug: Annotated[
        str | None, typer.Option("--slug", help="Its name in paths and datasets; built from name and time by default.")
    ] = None,
    plan: Annotated[str, typer.Option("--plan", help=f"One of {', '.join(tenants.plans())}.")] = "Starter",
    as_json: AsJson = False,
) -> None:
    """Add an organization."""
    document = add_organization(runtime(), name, slug, plan)
    if as_json:
        print_json(document)
        return
    org_slug = document["org_slug"]
    ends = document["trial_ends_at"]
    console.print(f"{org_slug} exists{f', on trial until {ends[:10]}' if ends else ''}", soft_wrap=True)
    console.print(f"next: costwire connect PROVIDER --location URI --org {org_slug}", soft_wrap=True)


@app.command("list")
def list_tenants(as_json: AsJson = False) -> None:
    """List organizations with what each contains."""
    found = list_organizations(runtime())
    if as_json:
        print_json([one.as_json() for one in found])
    elif not found:
        console.print("No organizations yet. Start with: costwire tenants add NAME", soft_wrap=True)
    else:
        shown = table("slug", "name", "plan", "status", "integrations", "last sync", numbers=("integrations",))
        for one in found:
            last_sync = f"{one.last_sync:%Y-%m-%d %H:%M}" if one.last_sync else "never"
            shown.add_row(one.org_slug, one.name, one.plan, _status(one), str(one.integrations), last_sync)
        console.print(shown)


@app.command("show")
def show_tenant(slug: Slug, as_json: AsJson = False) -> None:
    """Show an organization's plan and how much of its limits is used."""
    quota = quota_of(runtime(), slug)
    if as_json:
        print_json(quota.as_json())
        return
    shown = table("", "used", "limit", "resets", numbers=("used", "limit"))
    limits, usage = quota.limits, quota.usage
    shown.add_row(
        "runs today", *_figures(usage.today, limits.runs_per_day), f"{quota.day_resets_at:%Y-%m-%d %H:%M} UTC"
    )
    shown.add_row(
        "runs this month",
        *_figures(usage.this_month, limits.runs_per_month),
        f"{quota.month_resets_at:%Y-%m-%d %H:%M} UTC",
    )
    shown.add_row("runs in progress", *_figures(usage.in_progress, limits.concurrent_runs), "")
    shown.add_row("providers", *_figures(quota.providers, limits.providers), "")
    plan = f" on plan {quota.plan}" if quota.plan else ", without limits"
    ends = f" until {quota.trial_ends_at:%Y-%m-%d}" if quota.trial_ends_at else ""
    console.print(f"{quota.org_slug} is {quota.status}{plan}{ends}", soft_wrap=True)
    if quota.plan:
        console.print(shown)


@app.command("suspend")
def suspend_tenant(slug: Slug, as_json: AsJson = False) -> None:
    """Suspend an organization: nothing new starts; existing data stays readable."""
    _tell(tenant_data.suspend(runtime(), slug), as_json)


@app.command("resume")
def resume_tenant(slug: Slug, as_json: AsJson = False) -> None:
    """Resume a suspended organization."""
    _tell(tenant_data.resume(runtime(), slug), as_json)


@app.command("remove")
def remove_tenant(
    slug: Slug,
    yes: Annotated[
        bool, typer.Option("--yes", help="Do not ask; all data of the organization is removed permanently.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Remove an organization permanently: schedules, warehouse, files, documents.  Run it again if it was interrupted."""
    if not yes:
        _confirm(slug)
    with progress(f"removing {slug}", quiet=as_json) as say:
        removed = tenant_data.remove(runtime(), slug, say)
    counts = asdict(removed)
    if as_json:
        print_json({"org_slug": slug, **counts})
        return
    console.print(
        f"{slug} is removed: {removed.schedules} schedules, {'its' if removed.dataset else 'no'} rows in the warehouse, "
        f"{counts['objects']} files, {counts['documents']} documents",
        soft_wrap=True,
    )
    if removed.under_way:
        console.print(
            f"{removed.under_way} runs were in progress; in an hour, costwire tenants remove {slug} --yes removes what they wrote "
            "afterwards, or reports that there is nothing",
            soft_wrap=True,
        )


@app.command("restore")
def restore_tenant(
    slug: Slug,
    history: Annotated[
        bool,
        typer.Option("--history", help="Restore earlier deliveries too, in order, which recreates the restatements."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show every slice's current delivery again from its files, where the warehouse lost it."""
    with progress(f"restoring {slug}", quiet=as_json) as say:
        restored = tenant_data.restore(runtime(), slug, history, say)
    lost = [one for one in restored if one.reason]
    if as_json:
        print_json([one.as_document() for one in restored])
    else:
        shown = len({(one.integration_id, one.billing_period) for one in restored if one.shown})
        console.print(f"{slug}: {shown} slices are shown, {len(lost)} deliveries could not be")
    if lost:
        first = lost[0]
        raise CostError(f"{first.integration_id} {first.billing_period}: {first.reason}")


def _confirm(slug: str) -> None:
    if not sys.stdin.isatty():
        raise BadConfiguration(f"removing {slug} deletes all its data permanently; confirm with --yes")
    if typer.prompt(one_line(f"All data of {slug} is deleted permanently. Type its slug to confirm")) != slug:
        raise BadConfiguration("the slug does not match; nothing was removed")


def _tell(document: Document, as_json: bool) -> None:
    if as_json:
        print_json(document)
    else:
        console.print(f"{document['org_slug']} is {document['status']}", soft_wrap=True)


def _figures(used: int, limit: int | None) -> tuple[str, str]:
    return str(used), "none" if limit is None else str(limit)


def _status(one: OrganizationReport) -> Text:
    words, ends = styled(one.status, _STYLES.get(one.status, "red")), one.trial_ends_at
    return joined(words, f" until {ends:%Y-%m-%d}") if one.status == TRIAL and ends else words
