"""Commands that import bills: `import`, `connect`, `sync`."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from common.errors import NotFound
from common.ingestion import connecting, importing, syncing
from common.ingestion.ingest import is_ahead
from common.ports.keys import MAX_PLAINTEXT_BYTES, check_size
from common.providers.registry import ASKED, PROVIDERS, TITLES
from common.runtime.bootstrap import runtime
from costwire.export import read_period
from costwire.output import AsJson, Org, console, print_json, progress
from costwire.run_report import report
from costwire.tenant import tenant_of
from costwire.worker import subscribe_here

AllowOverlap = Annotated[
    bool,
    typer.Option("--allow-overlap", help="Show this integration even where another shows the same billing account."),
]
Provider = Annotated[str, typer.Option("--provider", help=f"auto, or one of {', '.join(PROVIDERS)}.")]


def import_bill(
    paths: Annotated[
        list[Path],
        typer.Argument(
            help="Bills: files, folders of parts, a provider's bucket layout, or folders with several bills.",
            metavar="PATH",
        ),
    ],
    provider: Provider = "auto",
    integration: Annotated[
        str | None, typer.Option("--integration", help="Name of the integration that this bill belongs to.")
    ] = None,
    delivered_at: Annotated[
        datetime | None,
        typer.Option("--delivered-at", help="When the bill was delivered, in UTC, if its file's time is wrong."),
    ] = None,
    allow_overlap: AllowOverlap = False,
    force: Annotated[bool, typer.Option("--force", help="Accept a delivery time in the future.")] = False,
    org: Org = "default",
    as_json: AsJson = False,
) -> None:
    """Import bills from disk: land each, map it to FOCUS 1.3, prove its totals, evaluate budgets.

    Importing the same bill twice changes nothing; a newer one of the same integration and month replaces the earlier one, an older one
    does not.  Of a folder, each bill below is imported: each export as its manifest lists it, other files by provider and billing account.
    What is not a bill is skipped and named.  Without --integration the name is built from the provider and the billing account in the
    bill.  --delivered-at with a bill that was imported before corrects its time.
    """
    rt = runtime()
    stated = delivered_at.replace(tzinfo=delivered_at.tzinfo or UTC) if delivered_at else None
    if stated and not force and is_ahead(stated, rt.clock.now()):
        raise typer.BadParameter(
            f"--delivered-at is {stated:%Y-%m-%d %H:%M} UTC, which is in the future; give the right time, or --force to accept it"
        )
    _check_provider(provider, "auto", *PROVIDERS)
    told = None if provider == "auto" else provider
    org_slug = tenant_of(rt, org)
    bills = [
        importing.BillOnDisk(path, org_slug, told, integration, stated, allow_overlap, force)
        for path in dict.fromkeys(paths)
    ]
    subscribe_here(rt)
    with progress("looking at the bill", quiet=as_json) as say:
        requested, skipped = importing.import_bills(rt, bills, say)
    report(rt, requested, as_json, skipped)


def connect(
    provider: Annotated[str, typer.Argument(help=f"One of {', '.join(PROVIDERS)}.")],
    location: Annotated[
        str | None,
        typer.Option(
            "--location",
            help="Where the provider delivers its bills: gs://bucket/folder, file:///folder; of a cluster the address of its OpenCost; "
            "of OpenAI and Anthropic, the API by default.",
        ),
    ] = None,
    integration: Annotated[
        str | None, typer.Option("--id", help="Name of the integration; the provider's by default.")
    ] = None,
    credential: Annotated[
        Path | None, typer.Option("--credential", help="File with the credential, which is stored encrypted.")
    ] = None,
    allow_overlap: AllowOverlap = False,
    org: Org = "default",
    as_json: AsJson = False,
) -> None:
    """Register an integration and check that its location can be read.  `costwire sync` then fetches its bills."""
    _check_provider(provider, *PROVIDERS)
    if location is None and provider not in ASKED:
        raise typer.BadParameter(f"--location is missing: give the place where {TITLES[provider]} delivers its bills")
    rt = runtime()
    secret = read_credential(credential) if credential is not None else None
    asked = connecting.Connection(
        tenant_of(rt, org), provider, location, integration, secret, "command line", allow_overlap
    )
    connected = connecting.connect(rt, asked)
    if as_json:
        print_json(connected.integration)
        return
    name = connected.integration_id
    console.print(f"{name} is connected: {TITLES[provider]} bills at {connected.location} ({connected.files} files)")
    if connected.integration["waiting_for"]:
        console.print(f"{name} waits: {connected.integration['waiting_for']}", soft_wrap=True)
    console.print(f"next: costwire sync --integration {name}, or costwire integrations check {name}")


def sync(
    provider: Annotated[str | None, typer.Option("--provider", help="Only integrations of this provider.")] = None,
    integration: Annotated[str | None, typer.Option("--integration", help="Only this integration.")] = None,
    period: Annotated[
        list[str] | None, typer.Option("--period", help="Only this billing period, YYYY-MM; repeatable.")
    ] = None,
    org: Org = "default",
    as_json: AsJson = False,
) -> None:
    """Fetch new bills, as the scheduler does, and finish the work of interrupted runs."""
    if provider is not None:
        _check_provider(provider, *PROVIDERS)
    rt = runtime()
    periods = [str(read_period(text)) for text in period or ()]
    org_slug = tenant_of(rt, org)
    subscribe_here(rt)
    report(rt, syncing.sync(rt, org_slug, provider, integration, periods), as_json)


def read_credential(file: Path) -> bytes:
    """The credential in a file.  Raises NotFound, BadConfiguration where it is larger than a credential can be."""
    if not file.is_file():
        raise NotFound(f"{file} does not exist; give the credential's file")
    with file.open("rb") as stream:
        return check_size(stream.read(MAX_PLAINTEXT_BYTES + 1))


def _check_provider(provider: str, *known: str) -> None:
    if provider not in known:
        raise typer.BadParameter(f"'{provider}' is not a provider, expected one of {', '.join(known)}")
