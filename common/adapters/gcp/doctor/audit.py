"""Logs of data access: whether reading keys, secrets, documents and objects leaves a trace."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from common.adapters.gcp.doctor.notes import Notes

LOGGED = (
    "cloudkms.googleapis.com",
    "firestore.googleapis.com",
    "secretmanager.googleapis.com",
    "storage.googleapis.com",
)
_ALL = "allServices"


def look_at_audit_logs(notes: Notes, policy: Mapping[str, Any]) -> None:
    """policy: the project's, which holds the configuration of audit logs too (`auditConfigs`)."""
    logged = {one["service"] for one in policy.get("auditConfigs", []) if _reads(one)}
    missing = [] if _ALL in logged else [name for name in LOGGED if name not in logged]
    fix = f"name them in data_access_logs of your tfvars, then {notes.deployment.deploy}"
    faults = {f"reading is not logged for {', '.join(missing)}": fix} if missing else {}
    notes.expect("data access logs", "on for keys, secrets, documents and objects", faults)


def _reads(config: Mapping[str, Any]) -> bool:
    """Whether everybody's reading is logged."""
    logs = config.get("auditLogConfigs", [])
    return any(one.get("logType") == "DATA_READ" and not one.get("exemptedMembers") for one in logs)
