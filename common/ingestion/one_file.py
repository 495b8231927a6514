"""Files of a delivery by messages of their own: several are fetched and read at once, a window of them for each integration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from common.errors import BadBill, Changed
from common.ingestion.known import Known
from common.ingestion.landed_files import Ports, ports_of
from common.ingestion.listing import Listing
from common.ingestion.progress import LandingProgress, TimeLimit, TimeUsed
from common.ingestion.reading import IngestRequest, Unread, read_one
from common.ingestion.unpacking import request_unpacking, unpack_noted
from common.messages import IngestBill
from common.ports import FoundObject, Runtime
from common.providers.discovery import FoundPart
from common.providers.registry import provider
from common.records.integrations import load_integration, source_of
from common.records.runs import ENDED, load_run

WINDOW = 32
"""So many files of one integration are at work at once, so that those of others get their turn."""


def hand_out(unread: Sequence[Unread], message: IngestBill, listing: Listing, rt: Runtime) -> None:
    """Publish a message for each of the next files; whoever reads the last of them publishes `message` again.  Safe to repeat."""
    window = unread[:WINDOW]
    # noted first: a message that is published before may be done before
    LandingProgress(rt.documents, message.org_slug, message.run_id).open([one.key for one in window])
    rt.bus.publish_all([replace(message, file=_file(one, listing)) for one in window])


def read_file(message: IngestBill, rt: Runtime) -> None:
    """Fetch and read one file of the run that the message names, as far as that has not been done.  Safe to repeat.

    A file that is not as it was listed any more is left to the next listing; one that cannot be read is noted as refused.
    """
    org_slug, integration_id = message.org_slug, message.integration_id
    run = load_run(rt.documents, org_slug, message.run_id)
    if run is not None and (run.has_landed or run.status in ENDED):
        return
    ports, listing, one = _opened(message, rt)
    request = IngestRequest(org_slug, integration_id, message.provider, message.run_id, message.billing_periods)
    rules = provider(message.provider).rules
    try:
        if one.packed and ports.known.stored(one.key) is None:
            ports.known.check(one.key)
            request_unpacking(message, one, rt, _opened)
            return
        read_one(request, listing, one, ports, rules)
    except Changed:
        pass
    except BadBill as error:
        ports.known.refuse(one.key, str(error))
    except TimeUsed:
        rt.bus.publish(message)
        return
    if LandingProgress(rt.documents, org_slug, message.run_id).close(one.key):
        rt.bus.publish(replace(message, file=None))


def unpack_files(rt: Runtime, execution: str) -> None:
    """What an execution of the job does: unpack every file that waits for it.  Safe to repeat, and to run several times at once."""
    unpack_noted(rt, execution, _opened)


def _opened(message: IngestBill, rt: Runtime) -> tuple[Ports, Listing, Unread]:
    """The file of a message, at its location."""
    org_slug, integration_id, file = message.org_slug, message.integration_id, message.file or {}
    run = load_run(rt.documents, org_slug, message.run_id)
    integration = load_integration(rt.documents, org_slug, integration_id)
    own = provider(message.provider)
    where = run.location if run else None
    location = own.bills_at(rt.source(source_of(org_slug, integration, where, message.billing_periods)))
    part, found = _named(file)
    listing = Listing(location, location.uri, (found,))
    known = Known(rt.documents, rt.objects, org_slug, integration_id, message.run_id)
    key = known.key_of_file(listing.uri, found.name, found.version)
    ports = ports_of(rt, known, TimeLimit(rt.clock, rt.settings.work_seconds))
    return ports, listing, Unread(part, key, file["cost_column"], bool(file.get("packed")))


def _file(one: Unread, listing: Listing) -> dict[str, Any]:
    return {
        "name": one.part.name,
        "version": listing.versions[one.part.name],
        "role": one.part.role,
        "size_bytes": one.part.size_bytes,
        "cost_column": one.cost,
        "packed": one.packed,
    }


def _named(file: Mapping[str, Any]) -> tuple[FoundPart, FoundObject]:
    part = FoundPart(file["name"], file["role"], file["size_bytes"])
    return part, FoundObject(part.name, part.size_bytes or 0, datetime.fromtimestamp(0, UTC), file["version"])
