"""Azure exports at a location: runs detected from their manifests, or plain files without any."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import Any

from common.domain.period import BillingPeriod
from common.errors import BadBill, NotReady
from common.ports import FoundObject, Location
from common.providers.discovery import (
    ACTUAL,
    AMORTIZED,
    WHOLE,
    FoundDelivery,
    FoundPart,
    data_files,
    month_of_folder,
    one_delivery,
    period_step,
)

_ROLES = {"ActualCost": ACTUAL, "AmortizedCost": AMORTIZED, "Usage": WHOLE, "FocusCost": WHOLE, None: WHOLE}
_PREFERRED = (
    frozenset(("ActualCost", "AmortizedCost")),
    frozenset(("Usage",)),
    frozenset(("FocusCost",)),
    frozenset((None,)),
)
_SCOPE_END = re.compile(r"/providers/Microsoft\.CostManagement/exports/", re.IGNORECASE)
_AGAIN = "run the export again"
_LATER = "the export is not finished, try again later"


@dataclass(frozen=True)
class _Run:
    """One run of an export, as its manifest tells it.  scope: what is billed, or the export's name."""

    manifest: str
    scope: str
    kind: str | None
    month: str | None
    submitted_at: datetime
    run_id: str | None
    blobs: tuple[tuple[str, int | None], ...]
    blob_count: int | None


def discover(
    location: Location,
    periods: Sequence[str] = (),
    preferred: Sequence[frozenset[str | None]] = _PREFERRED,
) -> list[FoundDelivery]:
    """The newest delivery of each month; an actual and an amortized run of a month are one delivery.

    periods: only these months (YYYY-MM).  preferred: kinds of export that tell the money of a month, the first that is
    there counts, others are left aside.  Raises NotReady for a run that is not whole, BadBill for a bad manifest.
    """
    objects = {found.name: found for found in location.list()}
    manifests = [found for found in objects.values() if _is_manifest(found.name)]
    if not manifests:
        return [one_delivery(location, data_files(location))]
    known = frozenset().union(*preferred)
    runs = (_read_run(location, found) for found in manifests)
    newest = _newest(
        (run for run in runs if run.kind in known and (not periods or run.month is None or run.month in periods)),
        preferred,
    )
    by_month: dict[str | None, list[_Run]] = {}
    for run in newest:
        by_month.setdefault(run.month, []).append(run)
    made = (_delivery(month, by_month[month], objects) for month in sorted(by_month, key=str))
    return [delivery for delivery in made if delivery.parts]


def _is_manifest(name: str) -> bool:
    return PurePosixPath(name).name.lower() in ("manifest.json", "_manifest.json")


def _read_run(location: Location, found: FoundObject) -> _Run:
    with location.open(found.name) as stream:
        raw = stream.read()
    try:
        table = json.loads(raw)
    except ValueError as error:
        raise BadBill(f"{found.name} is not valid JSON, expected the manifest of an Azure export; {_AGAIN}") from error
    if not isinstance(table, dict) or not isinstance(table.get("blobs"), list):
        raise BadBill(f"{found.name} has no list of blobs, expected the manifest of an Azure export; {_AGAIN}")
    config, run = _object(table, "exportConfig"), _object(table, "runInfo")
    blobs = tuple(_blob(found.name, entry) for entry in table["blobs"])
    return _Run(
        manifest=found.name,
        scope=_scope(found.name, config),
        kind=config.get("type"),
        month=_month(found.name, run.get("startDate")),
        submitted_at=_moment(found.name, run.get("submittedTime")) or found.modified_at,
        run_id=run.get("runId"),
        blobs=blobs,
        blob_count=table.get("blobCount"),
    )


def _object(table: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = table.get(name)
    return value if isinstance(value, dict) else {}


def _blob(manifest: str, entry: object) -> tuple[str, int | None]:
    name = entry.get("blobName") if isinstance(entry, dict) else None
    if not isinstance(entry, dict) or not isinstance(name, str) or not name:
        raise BadBill(f"{manifest} lists a blob without blobName; {_AGAIN}")
    size = entry.get("byteCount")
    return name, int(size) if isinstance(size, int | str) and str(size).isdigit() else None


def _scope(manifest: str, config: Mapping[str, Any]) -> str:
    """What is billed: two exports of one scope tell the same money.  Without it, the export's name or its folder."""
    scope = scope_of(config)
    if scope:
        return scope
    if config.get("exportName"):
        return str(config["exportName"])
    steps = PurePosixPath(manifest).parent.parts
    return "/".join(steps[: period_step(steps)])


def scope_of(config: Mapping[str, Any]) -> str | None:
    """The billing account, subscription or part of one that an export covers; None where its manifest does not say."""
    resource_id = config.get("resourceId")
    if isinstance(resource_id, str) and _SCOPE_END.search(resource_id):
        return _SCOPE_END.split(resource_id)[0].lower()
    return None


def _month(manifest: str, start: object) -> str | None:
    text = month_of_folder(manifest) if start is None else str(start)[:7]
    if text is None:
        return None
    try:
        return str(BillingPeriod.parse(text))
    except ValueError as error:
        raise BadBill(
            f"{manifest} has a startDate that is not a date, expected 2026-03-01T00:00:00Z; {_AGAIN}"
        ) from error


def _moment(manifest: str, text: object) -> datetime | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(str(text))
    except ValueError as error:
        raise BadBill(f"{manifest} has a submittedTime that is not a time; {_AGAIN}") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _newest(runs: Iterable[_Run], preferred: Sequence[frozenset[str | None]]) -> list[_Run]:
    """The latest run of each scope, month and kind; of the kinds only those that tell the money of a month once."""
    latest: dict[tuple[str, str | None, str | None], _Run] = {}
    for run in runs:
        key = (run.scope, run.month, run.kind)
        if key not in latest or (run.submitted_at, run.manifest) > (latest[key].submitted_at, latest[key].manifest):
            latest[key] = run
    kept: list[_Run] = []
    for scope, month in {(run.scope, run.month) for run in latest.values()}:
        same = {run.kind: run for run in latest.values() if (run.scope, run.month) == (scope, month)}
        kinds = next(kinds for kinds in preferred if kinds & same.keys())
        kept.extend(run for kind, run in same.items() if kind in kinds)
    return kept


def _delivery(month: str | None, runs: Sequence[_Run], objects: Mapping[str, FoundObject]) -> FoundDelivery:
    parts = [part for run in runs for part in _parts(run, objects)]
    ids = sorted({run.run_id for run in runs if run.run_id})
    return FoundDelivery(
        parts=tuple(sorted(parts, key=lambda part: part.name)),
        delivered_at=max(run.submitted_at for run in runs),
        billing_period=month,
        version="+".join(ids) or None,
    )


def _parts(run: _Run, objects: Mapping[str, FoundObject]) -> list[FoundPart]:
    if run.blob_count is not None and len(run.blobs) < run.blob_count:
        raise NotReady(f"{run.manifest} lists {len(run.blobs)} of {run.blob_count} parts; {_LATER}")
    if not run.blobs and run.blob_count is None:
        raise NotReady(f"{run.manifest} lists no parts yet; {_LATER}")
    parts = []
    for blob, size in run.blobs:
        name = _find(blob, run.manifest, objects)
        if name is None:
            raise NotReady(f"{run.manifest} names {PurePosixPath(blob).name}, which does not exist; {_LATER}")
        parts.append(FoundPart(name, _ROLES[run.kind], size))
    return parts


def _find(blob: str, manifest: str, objects: Mapping[str, FoundObject]) -> str | None:
    """A blob's name at the location, which may begin above or below the container that the manifest counts from."""
    path = PurePosixPath(blob.lstrip("/"))
    steps = path.parts
    candidates = [str(path), str(PurePosixPath(manifest).parent / path.name)]
    candidates += ["/".join(steps[at:]) for at in range(1, len(steps) - 1)]
    found = next((name for name in candidates if name in objects), None)
    return found or next((name for name in sorted(objects) if name.endswith("/" + str(path))), None)
