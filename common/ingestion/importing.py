"""A bill on disk: whose it is, the integration that it belongs to, and a request to land it once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from common.domain.names import identifier
from common.errors import BadBill, BadConfiguration, GoesOn, NotFound
from common.ingestion.bills_below import Below, FoundBill, bills_below
from common.ingestion.first_look import look
from common.ingestion.requesting import Requested, new_request_id, publish, run_id_of
from common.ingestion.uploading import newest_time, upload
from common.messages import SyncRequested
from common.ports import Runtime, Source, file_uri
from common.providers.registry import TITLES
from common.records.integrations import integration_path, save_integration
from common.records.organizations import check_known, open_tenant
from common.records.places import UPLOADS
from common.records.runs import Run
from common.records.usage import start_runs

Say = Callable[[str], None]


@dataclass(frozen=True)
class BillOnDisk:
    """Bills on this machine, and what is said about them.

    path: a file, a folder of parts, a provider's bucket layout, or a folder with several of these.  provider None: detected.
    integration_id None: made of the provider and the billing account in the bill.  delivered_at: how new it is, in UTC, where its file's
    time is wrong; force: also in the future.  allow_overlap: it is shown even where another integration shows the same billing account.
    """

    path: Path
    org_slug: str
    provider: str | None = None
    integration_id: str | None = None
    delivered_at: datetime | None = None
    allow_overlap: bool = False
    force: bool = False


@dataclass(frozen=True)
class Imported:
    """What was requested of a path.  run_ids: one per bill found there.  skipped: a line on each kind of what is not a bill."""

    run_ids: tuple[str, ...]
    skipped: tuple[str, ...]


def import_bill(rt: Runtime, bill: BillOnDisk, say: Say = lambda text: None) -> Imported:
    """Save the integration of each bill at the path, queue its run and publish the request; in the cloud the bill is uploaded before.

    say: gets a line about each file that is uploaded.
    Raises NotFound for a path or an organization that does not exist, BadBill where nothing there is a bill, BadConfiguration.
    """
    check_known(rt.documents, bill.org_slug)
    _check_there(bill.path)
    below = _bills(rt, bill)
    if bill.integration_id and len(below.bills) > 1:
        listed = ", ".join(f"{TITLES[one.provider]} ({one.path})" for one in below.bills)
        raise BadConfiguration(
            f"{bill.path} has {len(below.bills)} bills: {listed}; leave out --integration, or import each by its own path"
        )
    open_tenant(rt.documents, rt.clock.now(), bill.org_slug)
    return Imported(tuple(_request(rt, bill, one, say) for one in below.bills), below.skipped)


def import_bills(
    rt: Runtime, bills: Sequence[BillOnDisk], say: Say = lambda text: None
) -> tuple[Requested, tuple[str, ...]]:
    """The same for several paths of one organization; of more than one, what is not a bill is skipped.

    Returns the runs, and a line on what was skipped and why.  Raises as `import_bill`, and BadBill where none is a bill; the
    paths are looked for before anything is requested.
    """
    for bill in bills:
        _check_there(bill.path)
    run_ids: list[str] = []
    skipped: list[str] = []
    for bill in bills:
        say(f"looking at {bill.path}")
        try:
            imported = import_bill(rt, bill, say)
        except BadBill as error:
            if len(bills) == 1:
                raise
            skipped.append(f"{bill.path} is skipped: {error}")
        else:
            run_ids.extend(imported.run_ids)
            skipped.extend(imported.skipped)
    if not run_ids:
        raise BadBill(f"none of the {len(bills)} paths is a bill; the first: {skipped[0]}")
    return Requested(bills[0].org_slug, tuple(run_ids)), tuple(skipped)


def _request(rt: Runtime, bill: BillOnDisk, found: FoundBill, say: Say) -> str:
    """The run of one bill that was found, which is queued and requested."""
    name = bill.integration_id or _named(found)
    request = SyncRequested(new_request_id(), "import", bill.org_slug, name)
    uri, delivered_at = file_uri(found.path, found.names or ()), bill.delivered_at
    if rt.settings.runtime == "cloud":
        uri = _uploaded(rt, found, f"{UPLOADS}/{bill.org_slug}/{name}/{request.run_id}", say)
        delivered_at = delivered_at or newest_time(found.path, found.names)
    save_integration(
        rt.documents, rt.clock.now(), bill.org_slug, name, found.provider, uri,
        keep_location=True, allow_overlap=bill.allow_overlap,
    )  # fmt: skip
    run_id = run_id_of(request.run_id, name)
    corrects = bill.delivered_at is not None
    run = Run(
        run_id, bill.org_slug, name, request.trigger, rt.clock.now().isoformat(),
        location=uri, delivered_at=delivered_at.isoformat() if delivered_at else None, corrects=corrects, force=bill.force,
    )  # fmt: skip
    start_runs(rt.documents, rt.clock, rt.settings.plans, [run])
    publish(rt, request)
    return run_id


def _check_there(path: Path) -> None:
    if not path.absolute().exists():
        raise NotFound(f"{path} does not exist; give a bill, or a folder with one")


def _named(found: FoundBill) -> str:
    """The integration of a bill by its billing account; without one, by its file or folder."""
    of = found.account or found.path.stem.split(".")[0]
    return identifier(found.provider if of == found.provider else f"{found.provider}-{of}")


def _uploaded(rt: Runtime, found: FoundBill, prefix: str, say: Say) -> str:
    try:
        return upload(rt.objects, found.path, prefix, say, found.names)
    except KeyboardInterrupt:
        raise GoesOn(
            "stopped while uploading; nothing was requested from the functions yet: run the command again"
        ) from None


def _bills(rt: Runtime, bill: BillOnDisk) -> Below:
    """The bills at a path.  Where none can be read but the provider is known, the whole path is one: landing records why it is none."""
    path = bill.path.absolute()
    provider = bill.provider or _provider_of(rt, bill)
    try:
        return _below(rt, bill, path) if path.is_dir() else Below((_looked_at(path, bill.provider),), ())
    except BadBill:
        if provider is None:
            raise
        return Below((FoundBill(path, provider),), ())


def _looked_at(path: Path, provider: str | None) -> FoundBill:
    seen = look(path, path.name)
    return FoundBill(path, provider or seen.provider, seen.account)


def _below(rt: Runtime, bill: BillOnDisk, path: Path) -> Below:
    location = rt.source(Source(file_uri(path), bill.org_slug, on_this_machine=True))
    below = bills_below(path, location, bill.provider, by_account=bill.integration_id is None)
    if below.bills:
        return below
    if below.skipped:
        raise BadBill(f"{bill.path} holds no bill: {below.skipped[0]}")
    raise BadBill(f"{bill.path} holds no bill: no CSV, Parquet or JSON lines file was found there")


def _provider_of(rt: Runtime, bill: BillOnDisk) -> str | None:
    if not bill.integration_id:
        return None
    known = rt.documents.get(integration_path(bill.org_slug, bill.integration_id))
    return str(known["provider"]) if known else None
