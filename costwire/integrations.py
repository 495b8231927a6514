"""`costwire integrations list|show|check|pause|resume|split|remove|permissions`: where bills come from."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated

import typer
from rich.text import Text

from common.domain.checks import FAILED, PASSED, UNKNOWN
from common.domain.freshness import in_words
from common.errors import BadConfiguration
from common.ingestion.checking import check_integrations
from common.ingestion.due_checks import Checked
from common.ingestion.permissions import permissions_for
from common.ingestion.webhook_setup import set_up_webhook
from common.providers.registry import TITLES
from common.reporting.integrations import IntegrationReport, list_integrations, show_integration
from common.runtime.bootstrap import EmbeddedRuntime, runtime
from common.tenancy import integrations
from common.tenancy.node_splits import set_split
from costwire.output import AsJson, Org, console, joined, print_json, print_lines, progress, stacked, styled, table
from costwire.tenant import tenant_of
from costwire.worker import subscribe_all, work

app = typer.Typer(help="Show, pause and remove the places where bills come from.", no_args_is_help=True)
Name = Annotated[str, typer.Argument(help="The integration, as `costwire integrations list` shows it.")]
REQUESTED_BY = "command line"


class OnOff(StrEnum):
    """Whether something is done."""

    ON = "on"
    OFF = "off"


_OUTCOMES = {PASSED: "green", FAILED: "red", UNKNOWN: "yellow"}
_STYLES = {"active": "green", "error": "red", "disabled": "yellow"}


@app.command("list")
def list_all(org: Org = "default", as_json: AsJson = False) -> None:
    """List integrations: provider, state, last synchronization and location."""
    rt = runtime()
    found = list_integrations(rt, tenant_of(rt, org))
    if as_json:
        print_json([one.as_json() for one in found])
    elif not found:
        console.print("No integrations yet. Start with: costwire import YOUR-BILL.csv", soft_wrap=True)
    else:
        shown = table("integration", "state", "last sync", "newest data", "location")
        for one in found:
            named = stacked(one.integration_id, styled(one.provider, "dim"))
            last = _moment(one.last_sync) or "never"
            shown.add_row(named, _state(one), last, stacked(*_newest(one)), one.location)
        console.print(shown)
        for one in found:
            if one.error:
                console.print(joined(styled(one.integration_id, "bold"), f" {one.error}"), soft_wrap=True)
            if one.waiting:
                console.print(joined(styled(one.integration_id, "bold"), f" waits: {one.waiting}"), soft_wrap=True)


@app.command("show")
def show(name: Name, org: Org = "default", as_json: AsJson = False) -> None:
    """Show one integration: where it reads, how its last synchronization went, its deliveries and its latest changes."""
    rt = runtime()
    one = show_integration(rt, tenant_of(rt, org), name)
    if as_json:
        print_json(one.as_json())
        return
    counts = ", ".join(f"{count} {state}" for state, count in one.deliveries.items())
    facts: dict[str, str | Text] = {
        "provider": TITLES[one.provider],
        "state": _state(one),
        "location": one.location,
        "fetched": "imported by hand, no schedule" if one.one_off else "by the schedule",
        "last sync": _moment(one.last_sync) or "never",
        "next sync": _moment(one.next_sync) or "none is scheduled",
        **_arrivals(one),
        "last error": one.error or "none",
        "waits for": one.waiting or "nothing",
        "credential": "stored, encrypted" if one.has_credential else "none",
        "deliveries": counts or "none",
        **({} if one.splits_nodes is None else {"nodes in bills": "split" if one.splits_nodes else "whole"}),
    }
    for label, value in facts.items():
        console.print(joined(styled(f"{label:<16}", "dim"), value), soft_wrap=True)
    if one.history:
        shown = table("changed", "by", "what", "state then")
        for change in reversed(one.history):
            shown.add_row(
                _moment(datetime.fromisoformat(change.at)), change.by, change.what, _shown_state(change.status)
            )
        console.print(shown)


@app.command("check")
def check(
    name: Annotated[
        str | None, typer.Argument(help="The integration, as `costwire integrations list` shows it; all by default.")
    ] = None,
    org: Org = "default",
    as_json: AsJson = False,
) -> None:
    """Try each connection step by step: identity, permissions, export, agreement, last delivery.  Nothing is changed.

    A check passes, fails, or is unknown; exit status 1 where one fails.  With COSTWIRE_RUNTIME=cloud it shows what the functions, which
    alone may open credentials, found last.
    """
    rt = runtime()
    found = check_integrations(rt, tenant_of(rt, org), name)
    if as_json:
        print_json([one.as_json() for one in found])
    elif not found:
        console.print("No integrations yet. Start with: costwire import YOUR-BILL.csv", soft_wrap=True)
    for one in () if as_json else found:
        _print_checks(one)
    if any(one.verdict == FAILED for one in found):
        raise typer.Exit(1)


@app.command("pause")
def pause(name: Name, org: Org = "default", as_json: AsJson = False) -> None:
    """Stop fetching its bills until it is resumed; costs stay as they are."""
    rt = runtime()
    document = integrations.pause(rt, tenant_of(rt, org), name, REQUESTED_BY)
    if as_json:
        print_json(document)
    else:
        console.print(f"{name} is paused; its costs stay. To undo: costwire integrations resume {name}", soft_wrap=True)


@app.command("resume")
def resume(name: Name, org: Org = "default", as_json: AsJson = False) -> None:
    """Fetch its bills again."""
    rt = runtime()
    document = integrations.resume(rt, tenant_of(rt, org), name, REQUESTED_BY)
    if as_json:
        print_json(document)
    else:
        console.print(f"{name} is resumed; fetch what is new: costwire sync --integration {name}", soft_wrap=True)


@app.command("split")
def split(
    name: Name,
    choice: Annotated[OnOff, typer.Argument(help="on: split them; off: show them whole, as billed.")],
    org: Org = "default",
    as_json: AsJson = False,
) -> None:
    """Split the charges for a cluster's nodes in cloud bills among what ran on them, by its allocations; off undoes it.

    The total of each bill stays the same to the last digit.
    """
    rt = runtime()
    org = tenant_of(rt, org)
    if isinstance(rt, EmbeddedRuntime):
        subscribe_all(rt)
    document = set_split(rt, org, name, choice is OnOff.ON, REQUESTED_BY)
    if isinstance(rt, EmbeddedRuntime):
        with progress("showing the bills", quiet=as_json) as say:
            for outcome in work(rt, waiting=say):
                say(outcome.error or outcome.delivery.subscription)
    if as_json:
        print_json(document)
        return
    next_step = "costwire costs --by namespace" if choice is OnOff.ON else f"costwire integrations split {name} on"
    words = "split among what ran on them" if choice is OnOff.ON else "shown whole"
    console.print(f"charges for nodes of {name} are {words} from now on; next: {next_step}", soft_wrap=True)


@app.command("remove")
def remove(
    name: Name,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    org: Org = "default",
    as_json: AsJson = False,
) -> None:
    """Remove an integration and erase its credential at once; costs that it delivered stay.

    To take costs back too, withdraw its deliveries: costwire deliveries --integration NAME lists them.
    """
    rt = runtime()
    org = tenant_of(rt, org)
    one = show_integration(rt, org, name)
    if not yes:
        _confirm(one)
    still = integrations.remove(rt, org, name)
    if as_json:
        print_json({"removed": name, "current_deliveries": still})
        return
    stay = f"; {still} deliveries still count: costwire deliveries --integration {name}" if still else ""
    console.print(f"{name} is removed{stay}", soft_wrap=True)


@app.command("permissions")
def permissions(
    provider: Annotated[str, typer.Argument(help="aws, azure or gcp.")],
    location: Annotated[
        str, typer.Option("--location", help="Where the provider delivers its bills, as costwire connect takes it.")
    ],
    name: Annotated[
        str | None, typer.Option("--id", help="Name of the integration; the provider's by default.")
    ] = None,
    org: Org = "default",
    as_json: AsJson = False,
) -> None:
    """Print what lets Costwire's own identity read a location, without a key, as policies and commands to copy.

    They ask for an external id, which is made for the integration here and never changes.
    """
    rt = runtime()
    found = permissions_for(rt, tenant_of(rt, org), provider, location, name)
    if as_json:
        print_json(found.as_json())
        return
    for title, grant in found.grants.items():
        console.print(f"{title.replace('_', ' ')}:", soft_wrap=True)
        print_lines(grant if isinstance(grant, str) else json.dumps(grant, indent=2))
    console.print(
        f"next: costwire connect {provider} --location {location} --credential FILE, where FILE holds {found.example}",
        soft_wrap=True,
    )


@app.command("webhook")
def webhook(
    name: Name,
    sender: Annotated[
        str | None,
        typer.Option(
            "--sender",
            help="Who alone may call: the ARN of an SNS topic, a service account that pushes, or TENANT/APPLICATION of Entra ID.",
        ),
    ] = None,
    rotate: Annotated[bool, typer.Option("--rotate", help="Make a new secret; the earlier one ends at once.")] = False,
    remove_it: Annotated[bool, typer.Option("--remove", help="Accept no more calls.")] = False,
    org: Org = "default",
    as_json: AsJson = False,
) -> None:
    """Have its provider announce new files, so that a month is fetched within seconds; print what to set up there, to copy.

    The secret is shown once, when it is made.
    """
    rt = runtime()
    org = tenant_of(rt, org)
    if remove_it:
        integrations.remove_webhook(rt, org, name)
        if as_json:
            print_json({"removed": name})
        else:
            console.print(
                f"calls about {name} are no longer accepted; remove the subscription at the provider too",
                soft_wrap=True,
            )
        return
    found = set_up_webhook(rt, org, name, sender, rotate, REQUESTED_BY)
    if as_json:
        print_json(found.as_json())
        return
    facts = {"address": found.address, "accepted": found.sender or "none named: give --sender, or use the secret"}
    if found.secret:
        facts["secret"] = f"{found.secret}, shown only now"
    elif found.fingerprint:
        facts["secret"] = f"ends in {found.fingerprint}; --rotate makes another one"
    for label, value in facts.items():
        console.print(joined(styled(f"{label:<16}", "dim"), value), soft_wrap=True)
    for step in found.steps:
        console.print(styled(f"{step.title}:", "dim"), soft_wrap=True)
        print_lines(step.text, "  ")


def _print_checks(checked: Checked) -> None:
    """The checks of one integration; below them each fix once, as it can be copied."""
    shown = table("", "check", "needs", "found", title=f"{checked.integration_id} at {_moment(checked.checked_at)} UTC")
    for one in checked.checks:
        cause = f"{one.cause}: " if one.cause else ""
        shown.add_row(
            styled(one.outcome, _OUTCOMES[one.outcome]), one.name, one.permission or "", f"{cause}{one.found}"
        )
    console.print(shown)
    fixes: dict[str, list[str]] = {}
    for one in checked.checks:
        if one.fix and one.outcome != PASSED:
            fixes.setdefault(one.fix, []).append(one.name)
    for fix, names in fixes.items():
        console.print(styled(f"{', '.join(names)}:", "dim"), soft_wrap=True)
        print_lines(fix, "  ")


def _confirm(one: IntegrationReport) -> None:
    if not sys.stdin.isatty():
        raise BadConfiguration(f"removing {one.integration_id} needs a confirmation; give --yes")
    typer.confirm(f"Remove {one.integration_id}, which reads {one.location}?", abort=True)


def _state(one: IntegrationReport) -> Text:
    return _shown_state(one.status)


def _shown_state(status: str) -> Text:
    return styled("paused" if status == "disabled" else status, _STYLES.get(status, "dim"))


def _moment(moment: datetime | None) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M}" if moment else ""


def _newest(one: IntegrationReport) -> Iterator[str | Text]:
    """Up to when there are charges, and whether more are overdue."""
    yield _moment(one.freshness.newest_data) or "not known" if one.freshness else "none"
    if one.is_late:
        yield styled("late", "red")


def _arrivals(one: IntegrationReport) -> dict[str, str | Text]:
    """What is known of when its deliveries come."""
    found = one.freshness
    if found is None:
        return {"newest data": "none"}
    usual, expected = found.pattern, _moment(found.expected_next) or "not known"
    late = joined(expected, styled(", late", "red")) if one.is_late else expected
    every = f"every {in_words(usual.interval)}, at most {in_words(usual.longest_interval)}" if usual.interval else None
    return {
        "newest data": _moment(found.newest_data) or "not known",
        "newest delivery": _moment(found.newest_delivery),
        "expected next": late if not one.one_off and one.status != "disabled" else "not expected",
        "usual arrival": f"{every} ({_learned(usual.intervals, 'intervals')})" if every else "not known yet",
        "a day fills for": f"{in_words(usual.lag)} ({_learned(usual.days, 'days')})",
    }


def _learned(count: int, what: str) -> str:
    return f"learned from {count} {what}" if count else "stated, too few deliveries yet"
