"""AWS bills at a location: legacy CUR and Data Exports detected from their manifests, or plain files without any."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import Any

from common.domain.period import BillingPeriod
from common.errors import BadBill, BadConfiguration, NotReady
from common.ports import FoundObject, Location
from common.providers.discovery import FoundDelivery, FoundPart, data_files, month_of_folder, one_delivery, period_step

_FILE_LISTS = ("reportKeys", "dataFiles", "files")
_VERSIONS = ("assemblyId", "executionId")
_REPORT_NAMES = ("reportName", "exportName")
_EXECUTION = re.compile(r"(\d{4})-?(\d{2})-?(\d{2})T(\d{2}):?(\d{2}):?(\d{2})(?:\.\d+)?Z(?:-(.+))?")
_START = re.compile(r"(\d{4})-?(\d{2})-?\d{2}")
_AGAIN = "have AWS deliver the export again"


@dataclass(frozen=True)
class _Manifest:
    """What a manifest tells.  report: what it is a version of.  files: keys in its bucket, sizes where declared."""

    name: str
    report: str
    month: str | None
    version: str | None
    delivered_at: datetime
    files: tuple[tuple[str, int | None], ...]


def discover(location: Location, periods: Sequence[str] = ()) -> list[FoundDelivery]:
    """The newest delivery of each billing period.

    periods: only these months (YYYY-MM).  Raises NotReady for a delivery whose files are not all there, BadBill for a
    bad manifest, BadConfiguration where two reports tell the same month.
    Sources: AWS CUR user guide, AWS Data Exports guide.
    """
    objects = {found.name: found for found in location.list()}
    found = _topmost(item for item in objects.values() if item.name.lower().endswith("manifest.json"))
    if not found:
        return [one_delivery(location, data_files(location))]
    manifests = (_read(location, item) for item in found)
    wanted = [one for one in manifests if not periods or one.month is None or one.month in periods]
    newest = _newest(location, wanted)
    return [_delivery(newest[month], objects) for month in sorted(newest, key=str)]


def _topmost(manifests: Iterable[FoundObject]) -> list[FoundObject]:
    """Of the manifests of one period only the highest ones: those of the period's folder name the newest version."""
    groups: dict[tuple[str, ...], list[FoundObject]] = {}
    for found in manifests:
        path = PurePosixPath(found.name)
        at = period_step(path.parts)
        groups.setdefault((*(path.parts[: at + 1] if at is not None else ()), path.name), []).append(found)
    kept: list[FoundObject] = []
    for group in groups.values():
        highest = min(item.name.count("/") for item in group)
        kept.extend(item for item in group if item.name.count("/") == highest)
    return sorted(kept, key=lambda item: item.name)


def _read(location: Location, found: FoundObject) -> _Manifest:
    with location.open(found.name) as stream:
        raw = stream.read()
    try:
        table = json.loads(raw)
    except ValueError as error:
        raise BadBill(f"{found.name} is not valid JSON, expected the manifest of an AWS export; {_AGAIN}") from error
    entries = next((table[name] for name in _FILE_LISTS if name in table), None) if isinstance(table, dict) else None
    if not isinstance(entries, list):
        raise BadBill(f"{found.name} has no list of files ({', '.join(_FILE_LISTS)}); {_AGAIN}")
    files = tuple(_file(found.name, entry) for entry in entries)
    if not files:
        raise NotReady(f"{found.name} lists no files: the export is not finished, try again later")
    execution = _execution((found.name, *(key for key, _ in files)))
    version = next((str(table[name]) for name in _VERSIONS if table.get(name)), execution[1] if execution else None)
    return _Manifest(
        name=found.name,
        report=_report(found.name, table),
        month=_month(found.name, table, files),
        version=version,
        delivered_at=execution[0] if execution else found.modified_at,
        files=files,
    )


def _file(manifest: str, entry: object) -> tuple[str, int | None]:
    """Key and declared size of one listed file: plain text, or an object that has them."""
    if isinstance(entry, dict):
        key = next(
            (entry[name] for name in ("key", "s3Key", "path", "name", "filePath", "fileName") if entry.get(name)), None
        )
        size = next(
            (entry[name] for name in ("sizeBytes", "size", "fileSize") if isinstance(entry.get(name), int)), None
        )
    else:
        key, size = entry, None
    if not isinstance(key, str) or not key:
        raise BadBill(f"{manifest} lists a file without a name; {_AGAIN}")
    if key.startswith("s3://"):
        key = key.removeprefix("s3://").partition("/")[2]
    return key.lstrip("/"), size


def _execution(paths: Iterable[str]) -> tuple[datetime, str] | None:
    """When and as what an export ran, from a folder `<timestamp>-<execution id>`."""
    for path in paths:
        for step in PurePosixPath(path).parts[:-1]:
            found = _EXECUTION.fullmatch(step)
            if found:
                year, month, day, hour, minute, second = (int(part) for part in found.groups()[:6])
                return datetime(year, month, day, hour, minute, second, tzinfo=UTC), found[7] or step
    return None


def _report(manifest: str, table: Mapping[str, Any]) -> str:
    named = next((str(table[name]) for name in _REPORT_NAMES if table.get(name)), None)
    return named or PurePosixPath(manifest).name


def _month(manifest: str, table: Mapping[str, Any], files: Sequence[tuple[str, int | None]]) -> str | None:
    declared = table.get("billingPeriod")
    start = declared.get("start") if isinstance(declared, dict) else declared
    if start is not None:
        found = _START.match(str(start)) or re.match(r"(\d{4})-(\d{2})", str(start))
        if not found:
            raise BadBill(
                f"{manifest} has a billingPeriod that does not start at a date, expected 20260301T000000.000Z; {_AGAIN}"
            )
        return _checked_month(manifest, f"{found[1]}-{found[2]}")
    for path in (manifest, files[0][0]):
        month = month_of_folder(path)
        if month is not None:
            return _checked_month(manifest, month)
    return None


def _checked_month(manifest: str, text: str) -> str:
    try:
        return str(BillingPeriod.parse(text))
    except ValueError as error:
        raise BadBill(f"{manifest}: {error}; {_AGAIN}") from error


def _newest(location: Location, manifests: Iterable[_Manifest]) -> dict[str | None, _Manifest]:
    newest: dict[str | None, _Manifest] = {}
    for one in manifests:
        other = newest.get(one.month)
        if other is not None and other.report != one.report:
            raise BadConfiguration(
                f"{location.uri} holds two reports of {one.month or 'one period'}, {other.report} and {one.report}, "
                "which may count the same costs twice; connect the folder of one of them"
            )
        if other is None or (one.delivered_at, one.name) > (other.delivered_at, other.name):
            newest[one.month] = one
    return newest


def _delivery(manifest: _Manifest, objects: Mapping[str, FoundObject]) -> FoundDelivery:
    names = _names([key for key, _ in manifest.files], objects)
    missing = [name for name in names if name not in objects]
    if missing:
        raise NotReady(
            f"{manifest.name} lists {len(names)} files of which {len(missing)} are missing, among them {missing[0]}; "
            "the delivery is in progress or was cleaned up, try again later"
        )
    sized = [(name, size) for name, (_, size) in zip(names, manifest.files, strict=True)]
    # a leftover chunk is overwritten with nothing
    filled = [(name, size) for name, size in sized if objects[name].size_bytes > 0] or sized
    parts = tuple(FoundPart(name, size_bytes=size) for name, size in sorted(filled))
    in_place = manifest.delivered_at == objects[manifest.name].modified_at
    return FoundDelivery(parts, manifest.delivered_at, manifest.month, manifest.version, in_place=in_place)


def _names(keys: Sequence[str], objects: Mapping[str, FoundObject]) -> list[str]:
    """The objects' names for keys of a bucket: a location cuts off their first folders, or stands above the bucket."""
    for cut in range(min(key.count("/") for key in keys) + 1):
        names = ["/".join(key.split("/")[cut:]) for key in keys]
        if any(name in objects for name in names):
            return names
    above = next((name.removesuffix(key) for key in keys for name in objects if name.endswith("/" + key)), "")
    return [above + key for key in keys]
