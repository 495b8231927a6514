"""A bill on disk: whose it is, the integration that it belongs to, and a request to land it once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from common.domain.names import identifier
from common.errors import BadBill, GoesOn, NotFound
from common.ingestion.first_look import look
from common.ingestion.requesting import Requested, new_request_id, publish, run_id_of
from common.ingestion.uploading import newest_time, upload
from common.messages import SyncRequested
from common.ports import Runtime, Source
from common.records.integrations import integration_path, save_integration
from common.records.organizations import check_known, open_tenant
from common.records.places import UPLOADS
from common.records.runs import queue_run


@dataclass(frozen=True)
class BillOnDisk:
    """A bill on this machine, and what is said about it.

    path: a file, a folder of parts, or a provider's bucket layout.  provider None: detected.  integration_id None: made of the provider
    and the billing account in the bill.  delivered_at: how new it is, in UTC, where its file's time is wrong; force: also in the future.
    allow_overlap: it is shown even where another integration shows the same billing account.
    """

    path: Path
    org_slug: str
    provider: str | None = None
    integration_id: str | None = None
    delivered_at: datetime | None = None
    allow_overlap: bool = False
    force: bool = False


def import_bill(rt: Runtime, bill: BillOnDisk, say: Callable[[str], None] = lambda text: None) -> Requested:
    """Save the bill's integration, queue its run and publish the request; in the cloud the bill is uploaded before.

    say: gets a line about each file that is uploaded.
    Raises NotFound for a path or an organization that does not exist, BadBill for what is not a bill, BadConfiguration.
    """
    check_known(rt.documents, bill.org_slug)
    path = bill.path.absolute()
    _check_there(bill.path)
    provider, account = _whose(rt, bill, path)
    name = bill.integration_id or identifier(f"{provider}-{account or path.stem.split('.')[0]}")
    request = SyncRequested(new_request_id(), "import", bill.org_slug, name)
    uri, delivered_at = path.as_uri(), bill.delivered_at
    open_tenant(rt.documents, rt.clock.now(), bill.org_slug)
    if rt.settings.runtime == "cloud":
        uri = _uploaded(rt, path, f"{UPLOADS}/{bill.org_slug}/{name}/{request.run_id}", say)
        delivered_at = delivered_at or newest_time(path)
    save_integration(
        rt.documents, rt.clock.now(), bill.org_slug, name, provider, uri,
        keep_location=True, allow_overlap=bill.allow_overlap,
    )  # fmt: skip
    run_id = run_id_of(request.run_id, name)
    corrects = bill.delivered_at is not None
    queue_run(
        rt.documents, rt.clock, bill.org_slug, run_id, name, request.trigger, uri, delivered_at, corrects, bill.force
    )
    publish(rt, request)
    return Requested(bill.org_slug, (run_id,))


def import_bills(
    rt: Runtime, bills: Sequence[BillOnDisk], say: Callable[[str], None] = lambda text: None
) -> tuple[Requested, tuple[str, ...]]:
    """The same for several bills of one organization; of more than one, what is not a bill is skipped.

    Returns the runs, and why each path that was skipped is not a bill.  Raises as `import_bill`, and BadBill where none is a bill; the
    paths are looked for before anything is requested.
    """
    for bill in bills:
        _check_there(bill.path)
    run_ids: list[str] = []
    skipped: list[str] = []
    for bill in bills:
        try:
            run_ids.extend(import_bill(rt, bill, say).run_ids)
        except BadBill as error:
            if len(bills) == 1:
                raise
            skipped.append(f"{bill.path} is skipped: {error}")
    if not run_ids:
        raise BadBill(f"none of the {len(bills)} paths is a bill; the first: {skipped[0]}")
    return Requested(bills[0].org_slug, tuple(run_ids)), tuple(skipped)


def _check_there(path: Path) -> None:
    if not path.absolute().exists():
        raise NotFound(f"{path} does not exist; give a bill, or a folder with one")


def _uploaded(rt: Runtime, path: Path, prefix: str, say: Callable[[str], None]) -> str:
    try:
        return upload(rt.objects, path, prefix, say)
    except KeyboardInterrupt:
        raise GoesOn(
            "stopped while uploading; nothing was requested from the functions yet: run the command again"
        ) from None


def _whose(rt: Runtime, bill: BillOnDisk, path: Path) -> tuple[str, str | None]:
    """Provider and billing account.  Where the bill cannot be read but its provider is known, landing records that."""
    try:
        found = look(path, rt.source(Source(path.as_uri(), bill.org_slug, on_this_machine=True)))
    except BadBill:
        provider = bill.provider or _provider_of(rt, bill)
        if provider is None:
            raise
        return provider, None
    return bill.provider or found.provider, found.account


def _provider_of(rt: Runtime, bill: BillOnDisk) -> str | None:
    if not bill.integration_id:
        return None
    known = rt.documents.get(integration_path(bill.org_slug, bill.integration_id))
    return str(known["provider"]) if known else None
