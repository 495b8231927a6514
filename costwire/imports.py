"""Commands that bring bills in: `import`, `connect`, `sync`."""

from __future__ import annotations

import uuid
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.text import Text

from common.domain.names import identifier
from common.errors import BadBill, BadConfiguration, CostError, NotFound
from common.ingestion.ingest import MOST_AHEAD
from common.messages import SyncRequested
from common.ports import Runtime
from common.ports.keys import MAX_PLAINTEXT_BYTES, check_size
from common.providers.registry import PROVIDERS, TITLES
from common.records import organizations as tenants
from common.records.deliveries import CURRENT, HELD, REJECTED, SUPERSEDED, Delivery, load
from common.records.integrations import integration_path, load_integration, save_integration
from common.records.organizations import below, check_org_slug
from common.records.runs import fail_queued, queue_run, run_path
from common.runtime.bootstrap import EmbeddedRuntime, runtime
from common.tenancy import credentials
from common.tenancy.schedules import ensure_schedule
from costwire.export import read_period
from costwire.messages import messages_sent
from costwire.output import AsJson, Org, console, exact, joined, money, print_json, progress, styled, table
from costwire.peek import peek
from costwire.uploads import newest_time, upload
from costwire.waiting import advance
from costwire.worker import subscribe_all

FIRST_ORGANIZATION = "default"
AllowOverlap = Annotated[
    bool,
    typer.Option("--allow-overlap", help="Show this integration even where another shows the same billing account."),
]
Provider = Annotated[str, typer.Option("--provider", help=f"auto, or one of {', '.join(PROVIDERS)}.")]


def import_bill(
    path: Annotated[Path, typer.Argument(help="A bill: a file, a folder of parts, or a provider's bucket layout.")],
    provider: Provider = "auto",
    integration: Annotated[
        str | None, typer.Option("--integration", help="Name for where this bill comes from.")
    ] = None,
    delivered_at: Annotated[
        datetime | None,
        typer.Option("--delivered-at", help="How new the bill is, in UTC, where its file's time is wrong."),
    ] = None,
    allow_overlap: AllowOverlap = False,
    force: Annotated[bool, typer.Option("--force", help="Accept a delivery time in the future.")] = False,
    org: Org = "default",
    as_json: AsJson = False,
) -> None:
    """Bring in a bill on disk: land it, map it to FOCUS 1.3, prove its totals, evaluate budgets.

    The same bill twice changes nothing; a newer one of the same integration and month replaces the earlier one, an older one
    does not.  Without --integration the name is made of the provider and the billing account in the bill.  --delivered-at, given with
    a bill that came in before, puts its time right.
    """
    rt = runtime()
    stated = _in_utc(delivered_at)
    if stated and not force and stated > rt.clock.now() + MOST_AHEAD:
        raise typer.BadParameter(
            f"--delivered-at is {stated:%Y-%m-%d %H:%M} UTC, which is in the future; give the right time, or --force to accept it"
        )
    location = path.absolute()
    if not location.exists():
        raise NotFound(f"{path} does not exist; give a bill, or a folder with one")
    check_org_slug(org)
    _check_provider(provider, "auto", *PROVIDERS)
    chosen, account = _whose(rt, org, location, provider, integration)
    name = integration or identifier(f"{chosen}-{account or location.stem.split('.')[0]}")
    ensure_organization(rt, org)
    request = SyncRequested(new_run_id(), "import", org, name)
    uri, corrects = location.as_uri(), stated is not None
    if not isinstance(rt, EmbeddedRuntime):
        uri = upload(rt, location, f"uploads/{org}/{name}/{request.run_id}", quiet=as_json)
        stated = stated or newest_time(location)
    save_integration(
        rt.documents, rt.clock.now(), org, name, chosen, uri, keep_location=True, allow_overlap=allow_overlap
    )
    run_id = f"{request.run_id}.{name}"
    queue_run(rt.documents, rt.clock, org, run_id, name, "import", uri, stated, corrects, force)
    finish(rt, request, as_json)


def _check_provider(provider: str, *known: str) -> None:
    if provider not in known:
        raise typer.BadParameter(f"'{provider}' is no provider, expected one of {', '.join(known)}")


def _whose(rt: Runtime, org: str, location: Path, provider: str, integration: str | None) -> tuple[str, str | None]:
    """Provider and billing account of a bill.  Where it cannot be read but its provider is told, landing records that."""
    try:
        found = peek(location)
    except BadBill:
        known = rt.documents.get(integration_path(org, integration)) if integration else None
        told = known["provider"] if known and provider == "auto" else provider
        if told == "auto":
            raise
        return told, None
    return (found.provider if provider == "auto" else provider), found.account


def connect(
    provider: Annotated[str, typer.Argument(help=f"One of {', '.join(PROVIDERS)}.")],
    location: Annotated[
        str, typer.Option("--location", help="Where the provider leaves its bills: gs://bucket/folder, file:///folder.")
    ],
    integration: Annotated[
        str | None, typer.Option("--id", help="Name of the integration; the provider's by default.")
    ] = None,
    credential: Annotated[
        Path | None, typer.Option("--credential", help="File with the credential, kept encrypted.")
    ] = None,
    allow_overlap: AllowOverlap = False,
    org: Org = "default",
    as_json: AsJson = False,
) -> None:
    """Set up an integration and check that its location can be read.  `costwire sync` then fetches its bills."""
    _check_provider(provider, *PROVIDERS)
    rt = runtime()
    if not location.strip():
        raise BadConfiguration(
            "--location is empty; give the place where the bills lie, as gs://bucket/folder or file:///folder"
        )
    uri = location if "://" in location else Path(location).absolute().as_uri()
    if uri.startswith("file:") and not isinstance(rt, EmbeddedRuntime):
        raise BadConfiguration(
            f"location is {location}, which functions in the cloud cannot read; give gs://bucket/folder, or use costwire import"
        )
    secret = read_credential(credential) if credential is not None else None
    found = len(rt.location(uri).list())
    name = integration or identifier(provider)
    ensure_organization(rt, org)
    document = save_integration(rt.documents, rt.clock.now(), org, name, provider, uri, allow_overlap=allow_overlap)
    if secret is not None:
        credentials.store(rt.documents, rt.keys, rt.clock.now(), org, name, provider, secret, "command line")
    ensure_schedule(rt, org)
    if as_json:
        print_json(document)
        return
    console.print(f"{name} is connected: {TITLES[provider]} bills at {uri} ({found} files)")
    console.print(f"next: costwire sync --integration {name}")


def sync(
    provider: Annotated[str | None, typer.Option("--provider", help="Only integrations of this provider.")] = None,
    integration: Annotated[str | None, typer.Option("--integration", help="Only this integration.")] = None,
    period: Annotated[
        list[str] | None, typer.Option("--period", help="Only this billing period, YYYY-MM; repeatable.")
    ] = None,
    org: Org = "default",
    as_json: AsJson = False,
) -> None:
    """Fetch what is new, as the scheduler would, and finish whatever an interrupted run left."""
    if provider is not None:
        _check_provider(provider, *PROVIDERS)
    rt = runtime()
    periods = tuple(str(read_period(text)) for text in period or ())
    if integration:
        load_integration(rt.documents, org, integration)
    names = [
        one
        for one, document in rt.documents.list(below(org, "integrations"))
        if _meant(one, document, provider, integration)
    ]
    if not names:
        raise NotFound("there is nothing to sync; connect a location first: costwire connect PROVIDER --location URI")
    _subscribe(rt)
    run_id = new_run_id()
    for name in names:
        rt.bus.publish(SyncRequested(run_id, "manual", org, name, periods))
    report(rt, org, [f"{run_id}.{name}" for name in names], as_json)


def finish(rt: Runtime, request: SyncRequested, as_json: bool) -> None:
    """Publish one request, wait until all is done, and say what came in."""
    try:
        _subscribe(rt)
        rt.bus.publish(request)
    except CostError as error:
        with suppress(CostError):  # on a full disk: then the next command ends it
            fail_queued(rt.documents, rt.clock, str(request.org_slug), request.run_id, str(error))
        raise
    report(rt, str(request.org_slug), [f"{request.run_id}.{request.integration_id}"], as_json)


def report(rt: Runtime, org: str, run_ids: list[str], as_json: bool) -> None:
    """Wait until the runs have ended, print their deliveries; failed runs make exit status 1."""
    lost: list[str] = []
    told = set(messages_sent(rt, org))
    with progress("looking for the bill", quiet=as_json) as say:
        for step in advance(rt, org, run_ids, waiting=say):
            say(step.words)
            if step.lost:
                lost.append(step.words)
    runs = [document for run_id in run_ids if (document := rt.documents.get(run_path(org, run_id)))]
    deliveries = [one for run in runs for name in run["delivery_ids"] if (one := load(rt.documents, org, name))]
    if as_json:
        print_json({"runs": runs, "deliveries": [one.as_document() for one in deliveries]})
    else:
        print_deliveries(rt, deliveries)
        for message in messages_sent(rt, org):
            if message not in told:
                console.print(f"alert {message}", soft_wrap=True)
    failed = [run for run in runs if run["status"] in ("failed", "rejected")]
    reasons = [run["error"] or "failed" for run in failed] or lost
    if reasons:
        raise CostError("; ".join(dict.fromkeys(reasons)))


def _subscribe(rt: Runtime) -> None:
    """Make the laptop's subscriptions; a deployment has its own."""
    if isinstance(rt, EmbeddedRuntime):
        subscribe_all(rt)


def print_deliveries(rt: Runtime, deliveries: list[Delivery]) -> None:
    """One line a delivery and currency, then what deserves a word."""
    shown = table("bill", "period", "rows", "total", "", "proof", numbers=("rows", "total"))
    for one in deliveries:
        for proof in one.extra.get("proof", []):
            shown.add_row(
                one.integration_id, one.billing_period, f"{one.extra.get('rows', 0):,}", exact(proof["source"]),
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


def _proof_words(delivery: Delivery, proof: dict[str, Any]) -> Text:
    if proof["difference"] != "0":
        return styled(f"differs by {exact(proof['difference'])}", "red")
    if delivery.state == REJECTED:
        return styled("rejected", "red")
    more = "" if delivery.state == CURRENT else f" ({delivery.state})"
    return joined(styled("proved", "green"), f", difference 0{more}")


def _remarks(delivery: Delivery) -> list[str]:
    lines = list(delivery.notes)
    extra = delivery.extra
    if delivery.state == REJECTED:
        lines.append(f"rejected: {extra.get('reason')}")
    if delivery.state == SUPERSEDED:
        lines.append(f"not shown: {extra.get('reason')}; it was delivered {delivery.delivered_at:%Y-%m-%d %H:%M}")
    if delivery.state == HELD:
        lines.append(f"held back, not counted: {extra.get('reason')}")
    if extra.get("quarantined_rows"):
        amounts = ", ".join(
            f"{money(one['quarantined'])} {one['currency']}" for one in extra["proof"] if one["quarantined"] != "0"
        )
        lines.append(
            f"{extra['quarantined_rows']:,} lines in quarantine ({amounts or 'no amount'}); see costwire quarantine"
        )
    broken = [one for one in extra.get("conformance", []) if one["keyword"] == "MUST"]
    if broken:
        lines.append(f"{len(broken)} MUST rules of FOCUS 1.3 fail; see costwire deliveries")
    if delivery.unknown_columns:
        some = ", ".join(delivery.unknown_columns[:3]) + ("…" if len(delivery.unknown_columns) > 3 else "")
        lines.append(f"{len(delivery.unknown_columns)} columns are kept out ({some})")
    return lines


def ensure_organization(rt: Runtime, org: str) -> None:
    """The laptop's tenants come into being when they are first named; of a deployment's, only the first one.  Raises NotFound."""
    path = f"orgs/{check_org_slug(org)}"
    if not isinstance(rt, EmbeddedRuntime) and org != FIRST_ORGANIZATION:
        tenants.load(rt.documents, org)
    elif rt.documents.get(path) is None:
        rt.documents.set(
            path,
            {"org_slug": org, "name": org, "plan": "Scale", "status": "ACTIVE", "currency": "USD", "time_zone": "UTC"},
        )


def read_credential(file: Path) -> bytes:
    """The credential in a file.  Raises NotFound, BadConfiguration where it is larger than a credential can be."""
    if not file.is_file():
        raise NotFound(f"{file} does not exist; give the credential's file")
    with file.open("rb") as stream:
        return check_size(stream.read(MAX_PLAINTEXT_BYTES + 1))


def _in_utc(moment: datetime | None) -> datetime | None:
    return moment.replace(tzinfo=moment.tzinfo or UTC) if moment else None


def new_run_id() -> str:
    """A run id nobody has."""
    return uuid.uuid4().hex[:12]


def _meant(name: str, document: dict[str, Any], provider: str | None, integration: str | None) -> bool:
    return (integration is None or name == integration) and (provider is None or document["provider"] == provider)
