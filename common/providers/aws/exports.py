"""What a report or data export of AWS says of itself.  Source: AWS CUR user guide; AWS Data Exports user guide."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from common.domain.checks import PASSED, Check
from common.ports import Location
from common.providers.examining import EXPORT, Examined, Manifest, export_check, newest_manifests


def examine(location: Location, provider: str = "aws") -> Examined:
    """The exports that manifests name; only those of the legacy report name their account."""
    manifests = newest_manifests(location)
    accounts = {f"aws {one.table['account']}" for one in manifests if one.table.get("account")}
    checks = [_check(one, provider) for one in manifests]
    return Examined(frozenset(accounts), tuple(checks or [Check(EXPORT, PASSED, "files without a manifest")]))


def _check(manifest: Manifest, provider: str) -> Check:
    table = manifest.table
    name = table.get("reportName") or table.get("exportName") or manifest.folder or "the export"
    what = f"{'legacy report' if 'assemblyId' in table else 'data export'} {name}"
    columns = _columns(table)
    return export_check(columns, provider, what) if columns else Check(EXPORT, PASSED, f"{what}: no columns listed")


def _columns(table: Mapping[str, Any]) -> list[str]:
    found = []
    for one in table.get("columns") or ():
        name = one.get("name") if isinstance(one, dict) else one
        category = one.get("category") if isinstance(one, dict) else None
        if isinstance(name, str):
            found.append(f"{category}/{name}" if category else name)
    return found
