"""`costwire channels add|list|test|remove`: where an organization's notifications go."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from common.alerts import trying
from common.domain.channels import SLACK
from common.errors import CostError, NotFound, Retryable
from common.ports import Runtime
from common.records.organizations import org_option
from common.reporting.messages import Fate, MessageOutcome, message_outcomes
from common.runtime.bootstrap import EmbeddedRuntime, runtime
from common.tenancy import channels
from common.tenancy.channels import ChannelReport, ChannelRequest
from costwire.arguments import usage_errors
from costwire.output import AsJson, Org, console, print_json, progress, table
from costwire.tenant import tenant_of
from costwire.worker import deliver_due, subscribe_here

app = typer.Typer(help="Manage where an organization's notifications go.", no_args_is_help=True)
Name = Annotated[str, typer.Argument(help="The channel, as `costwire channels list` shows it.")]
_STDIN = "-"
_MOST_CHARACTERS = 10_000
_TRIAL_SECONDS = 60.0
_POLL_SECONDS = 0.5


@app.command("add")
def add_channel(
    name: Annotated[str, typer.Argument(help="Name of the channel: lower-case letters, digits, dashes, underscores.")],
    slack: Annotated[bool, typer.Option("--slack", help="A Slack channel, by an incoming webhook.")] = False,
    webhook: Annotated[
        str,
        typer.Option(
            "--webhook",
            help="File with the webhook's address, which is a secret; - for standard input.",
            metavar="FILE",
        ),
    ] = _STDIN,
    email: Annotated[list[str] | None, typer.Option("--email", help="An address to send mail to; repeatable.")] = None,
    default: Annotated[
        bool | None,
        typer.Option(
            "--default/--no-default", help="Whether it gets alerts that name no channel.  --default at first."
        ),
    ] = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Give an existing channel this webhook or these addresses instead.")
    ] = False,
    org: Org = "default",
    as_json: AsJson = False,
) -> None:
    """Add a Slack webhook or mail addresses to which notifications are sent.  The webhook is stored encrypted."""
    if slack == bool(email):
        raise typer.BadParameter("give --slack, or --email ADDRESS at least once")
    rt = runtime()
    org = tenant_of(rt, org, writes=True)
    with usage_errors():
        added = channels.add_channel(
            rt,
            ChannelRequest(
                org_slug=org,
                name=name,
                webhook=_read_webhook(webhook) if slack else None,
                recipients=tuple(email or ()),
                is_default=default,
                replaces=replace,
                requested_by="command line",
            ),
        )
    if as_json:
        print_json(added.as_json())
        return
    console.print(f"Channel {added.name} is stored: {_where(added)}.", soft_wrap=True)
    if not added.is_default:
        console.print(f"Only budgets that name it use it: costwire budgets set BUDGET --notify {added.name}")
    console.print(f"next: costwire channels test {added.name}{org_option(org)}", soft_wrap=True)


@app.command("list")
def list_channels(org: Org = "default", as_json: AsJson = False) -> None:
    """List channels: where each leads, and which budgets name it.  No webhook is shown."""
    rt = runtime()
    org = tenant_of(rt, org)
    found = channels.list_channels(rt, org)
    if as_json:
        print_json([one.as_json() for one in found])
    elif not found:
        console.print(
            "No channels yet: notifications go where the settings of the deployment say.  "
            "Add one: costwire channels add NAME --slack, or --email ADDRESS",
            soft_wrap=True,
        )
    else:
        shown = table("channel", "sends to", "default", "named by budgets", "changed")
        for one in found:
            default = "yes" if one.is_default else "no"
            shown.add_row(one.name, _where(one), default, ", ".join(one.budgets) or "-", one.updated_at[:10])
        console.print(shown)


@app.command("test")
def test_channel(name: Name, org: Org = "default", as_json: AsJson = False) -> None:
    """Send a test message to a channel, the way alerts are sent, and report what each recipient's side answered.

    In a deployment the function that sends alerts sends it, with its own permissions and settings.
    """
    rt = runtime()
    org = tenant_of(rt, org)
    subscribe_here(rt)
    trial_id = trying.request_trial(rt, org, name, "command line")
    try:
        with progress(f"sending a test message to {name}", quiet=as_json):
            _wait(rt, org, trial_id)
        outcomes = message_outcomes(rt, org, alert_id=trial_id)
    finally:
        trying.end_trial(rt, org, trial_id)
    if as_json:
        print_json([one.as_json() for one in outcomes])
    else:
        for one in outcomes:
            console.print(_in_words(one), soft_wrap=True)
    failed = [one for one in outcomes if one.fate is not Fate.SENT]
    if failed:
        raise CostError(f"channel {name}: {len(failed)} of {len(outcomes)} recipients did not get the test message")


@app.command("remove")
def remove_channel(
    name: Name,
    force: Annotated[
        bool,
        typer.Option("--force", help="Remove it even if budgets name it; their alerts go to the default channels."),
    ] = False,
    org: Org = "default",
    as_json: AsJson = False,
) -> None:
    """Remove a channel and erase its webhook.  Refused while budgets name it, unless --force is given."""
    rt = runtime()
    removed = channels.remove_channel(rt, tenant_of(rt, org), name, force)
    if as_json:
        print_json(removed.as_json())
        return
    console.print(f"Channel {removed.name} is removed.")
    if removed.budgets:
        console.print(f"Budgets that still name it: {', '.join(removed.budgets)}", soft_wrap=True)


def _read_webhook(source: str) -> str:
    """The webhook's address, from a file or standard input; a terminal does not show what is typed."""
    if "://" in source:
        raise typer.BadParameter(
            "--webhook is a web address, which other users of this machine can see on a command line; give a file, or - for standard input"
        )
    if source != _STDIN:
        path = Path(source)
        if not path.is_file():
            raise NotFound(f"{path} does not exist; give a file that contains the webhook's address")
        with path.open(encoding="utf-8", errors="replace") as stream:
            return stream.read(_MOST_CHARACTERS)
    if sys.stdin.isatty():
        return str(typer.prompt("Address of the webhook (is not shown)", hide_input=True))
    return sys.stdin.read(_MOST_CHARACTERS)


def _wait(rt: Runtime, org: str, trial_id: str) -> None:
    """Until every recipient was tried.  Raises Retryable where no function takes the message."""
    if isinstance(rt, EmbeddedRuntime):
        deliver_due(rt, ["send_notifications"])
    ends_at = time.monotonic() + _TRIAL_SECONDS
    while not trying.is_over(rt, org, trial_id):
        if time.monotonic() > ends_at:
            raise Retryable(
                f"the test message was not sent within {_TRIAL_SECONDS:.0f} seconds and is withdrawn; costwire doctor shows the cause"
            )
        time.sleep(_POLL_SECONDS)


def _in_words(one: MessageOutcome) -> str:
    return f"sent: {one.where}" if one.fate is Fate.SENT else f"not sent by {one.recipient}: {one.reason}"


def _where(one: ChannelReport) -> str:
    if one.kind == SLACK:
        return f"Slack at {one.endpoint}, webhook {one.fingerprint}"
    return f"e-mail to {', '.join(one.recipients)}"
