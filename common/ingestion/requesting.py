"""A request to synchronize, as published by whoever wants bills fetched, and what became of its runs."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from common.errors import CostError
from common.messages import SyncRequested
from common.ports import Document, DocumentStore, Runtime
from common.records.deliveries import Delivery, load
from common.records.runs import FAILED, REFUSED, WAITING, fail_queued, run_path


@dataclass(frozen=True)
class Requested:
    """The runs that a request leads to.  They end later: a caller waits for them, or looks at them another time."""

    org_slug: str
    run_ids: tuple[str, ...]


@dataclass(frozen=True)
class Outcome:
    """How runs ended.  runs: their documents; deliveries: what they brought; reasons: why some failed, waiting: why some found nothing
    complete yet, each once.
    """

    runs: tuple[Document, ...]
    deliveries: tuple[Delivery, ...]
    reasons: tuple[str, ...]
    waiting: tuple[str, ...] = ()


def new_request_id() -> str:
    """A request id nobody has; the run of an integration is `<request id>.<integration id>`."""
    return uuid.uuid4().hex[:12]


def run_id_of(request_id: str, integration_id: str) -> str:
    """The run of one integration that a request leads to."""
    return f"{request_id}.{integration_id}"


def publish(rt: Runtime, request: SyncRequested) -> None:
    """Publish the request for one integration; where that fails, the run that is queued for it ends with the reason."""
    try:
        rt.bus.publish(request)
    except CostError as error:
        with suppress(CostError):  # on a full disk: then the next command ends it
            run_id = run_id_of(request.run_id, str(request.integration_id))
            fail_queued(rt.documents, rt.clock, str(request.org_slug), run_id, str(error))
        raise


def outcome_of(documents: DocumentStore, requested: Requested, lost: Iterable[str] = ()) -> Outcome:
    """How the runs stand now.  lost: why messages were given up, which counts where no run says why it failed."""
    org_slug = requested.org_slug
    runs = [run for run_id in requested.run_ids if (run := documents.get(run_path(org_slug, run_id)))]
    deliveries = [one for run in runs for name in run["delivery_ids"] if (one := load(documents, org_slug, name))]
    reasons = _reasons(runs, FAILED, REFUSED) or list(lost)
    waiting = _reasons(runs, WAITING)
    return Outcome(tuple(runs), tuple(deliveries), tuple(dict.fromkeys(reasons)), tuple(dict.fromkeys(waiting)))


def _reasons(runs: Sequence[Document], *states: str) -> list[str]:
    return [run["error"] or run["status"] for run in runs if run["status"] in states]
