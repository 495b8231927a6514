"""The bucket: its location, access, retention, and what the caller may do with it."""

from __future__ import annotations

import os
from typing import Any

from google.cloud import storage  # type: ignore[attr-defined]

from common.adapters.gcp.doctor.notes import CALL_SECONDS, Deployment, Notes

EMULATOR_VARIABLE = "STORAGE_EMULATOR_HOST"
_CALLS: dict[str, Any] = {"timeout": (CALL_SECONDS, CALL_SECONDS), "retry": None}
_NEEDED = ("storage.objects.create", "storage.objects.delete", "storage.objects.get", "storage.objects.list")


def look_at_bucket(notes: Notes) -> None:
    """One bucket holds everything."""
    name = notes.deployment.settings.bucket
    if not name:
        notes.unchecked("bucket", "COSTWIRE_BUCKET is not set")
        return
    client = bucket_client(notes.deployment)
    what, update = f"bucket {name}", f"gcloud storage buckets update gs://{name}"
    bucket = client.bucket(name)
    known = notes.ask(what, lambda: bucket.reload(**_CALLS) or bucket, notes.deployment.deploy)
    if known is None:
        return
    faults = {}
    if str(bucket.location).lower() != notes.deployment.region.lower():
        faults[
            f"is in {str(bucket.location).lower()}, the functions in {notes.deployment.region}: BigQuery cannot load from it"
        ] = f"gcloud storage buckets relocate gs://{name} --location={notes.deployment.region}"
    if not bucket.iam_configuration.uniform_bucket_level_access_enabled:
        faults["has permissions of single objects"] = f"{update} --uniform-bucket-level-access"
    if bucket.iam_configuration.public_access_prevention != "enforced":
        faults["can be made public"] = f"{update} --public-access-prevention"
    if bucket.versioning_enabled:
        faults["stores versions of objects that never change"] = f"{update} --no-versioning"
    if not any(rule.get("action", {}).get("type") == "Delete" for rule in bucket.lifecycle_rules):
        faults["stores uploads and raw files indefinitely"] = notes.deployment.deploy
    key = notes.deployment.settings.customer_key
    if key and bucket.default_kms_key_name != key:
        faults["is not encrypted with COSTWIRE_CUSTOMER_KEY"] = f"{update} --default-encryption-key={key}"
    notes.expect(what, f"in {notes.deployment.region}, private, with a lifecycle", faults)
    _look_at_rights(notes, bucket, name)


def _look_at_rights(notes: Notes, bucket: storage.Bucket, name: str) -> None:
    what = f"permissions on bucket {name}"
    may = notes.ask(what, lambda: bucket.test_iam_permissions(list(_NEEDED), **_CALLS), notes.deployment.deploy)
    if may is None:
        return
    missing = [one for one in _NEEDED if one not in may]
    role = "roles/storage.objectUser"
    grant = (
        f"gcloud storage buckets add-iam-policy-binding gs://{name} --member={notes.deployment.caller} --role={role}"
    )
    notes.expect(
        what, "objects can be read, written and removed", {f"no {', '.join(missing)}": grant} if missing else {}
    )


def bucket_client(deployment: Deployment) -> storage.Client:
    """A client of the service, or of the emulator that STORAGE_EMULATOR_HOST names."""
    if os.environ.get(EMULATOR_VARIABLE):
        return storage.Client(project=deployment.project)
    return storage.Client(project=deployment.project, credentials=deployment.known_credentials())
