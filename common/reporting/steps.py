"""What runs are doing now, from their documents: for users who wait while another process works."""

from __future__ import annotations

from collections.abc import Sequence

from common.ports import DocumentStore, Runtime
from common.records.chunks import count_chunks
from common.records.deliveries import FINISHED, Delivery, load
from common.records.runs import ENDED, QUEUED, Run, load_run


def current_step(rt: Runtime, org_slug: str, run_ids: Sequence[str]) -> str:
    """How many of the runs have ended, and the step of the first that has not."""
    runs = [run for run_id in run_ids if (run := load_run(rt.documents, org_slug, run_id))]
    under_way = next(
        (run for run in sorted(runs, key=lambda run: run.status == QUEUED) if run.status not in ENDED), None
    )
    ended = sum(run.status in ENDED for run in runs)
    waited_for = "budgets and alerts" if ended == len(run_ids) else "waiting for a function to begin"
    step = _step(rt.documents, under_way) if under_way else waited_for
    return f"{step}, {ended} of {len(run_ids)} runs have ended"


def _step(documents: DocumentStore, run: Run) -> str:
    if run.status == QUEUED:
        return f"{run.integration_id} is queued"
    found = [load(documents, run.org_slug, name) for name in run.delivery_ids]
    waited_for = next((one for one in found if one is not None and one.state not in FINISHED), None)
    if waited_for is None:
        return f"copying and adding up {run.integration_id}"
    return _mapping(documents, waited_for)


def _mapping(documents: DocumentStore, delivery: Delivery) -> str:
    done, chunks = count_chunks(documents, delivery), len(delivery.chunks)
    what = "files" if chunks == len(delivery.parts) else "chunks"
    if done < chunks:
        return f"mapping {delivery.slice}, {done} of {chunks} {what}"
    return f"proving {delivery.slice}"
