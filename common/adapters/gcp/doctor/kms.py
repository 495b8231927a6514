"""The key of tenants' credentials: it exists, is enabled and rotated automatically, and the caller may encrypt with it."""

from __future__ import annotations

import re

from google.cloud import kms_v1

from common.adapters.gcp.doctor.notes import CALL_SECONDS, Notes
from common.adapters.gcp.kms import EMULATOR_VARIABLE

_NAME = re.compile(r"projects/([^/]+)/locations/([^/]+)/keyRings/([^/]+)/cryptoKeys/([^/]+)")
_ENABLED = kms_v1.CryptoKeyVersion.CryptoKeyVersionState.ENABLED
_NEEDED = "cloudkms.cryptoKeyVersions.useToEncrypt"


def look_at_key(notes: Notes) -> None:
    """One key seals the credentials of all tenants."""
    name = notes.deployment.settings.kms_key or ""
    parts = _NAME.fullmatch(name)
    if parts is None:
        notes.unchecked("key", "COSTWIRE_KMS_KEY is not set, or is not a key name")
        return
    project, location, ring, key = parts.groups()
    flags = f"--location={location} --keyring={ring} --project={project}"
    client = notes.deployment.client(kms_v1.KeyManagementServiceClient, EMULATOR_VARIABLE)
    what = f"key {key}"
    found = notes.ask(
        what, lambda: client.get_crypto_key(name=name, timeout=CALL_SECONDS, retry=None), notes.deployment.deploy
    )
    if found is None:
        return
    faults = {}
    if found.purpose != kms_v1.CryptoKey.CryptoKeyPurpose.ENCRYPT_DECRYPT:
        faults[f"is for {found.purpose.name}, expected ENCRYPT_DECRYPT"] = notes.deployment.deploy
    elif not found.primary.name:
        faults["has no primary version: nothing can be encrypted"] = (
            f"gcloud kms keys versions create --key={key} --primary {flags}"
        )
    elif found.primary.state != _ENABLED:
        version = found.primary.name.rsplit("/", 1)[-1]
        faults[f"its primary version {version} is {found.primary.state.name}: no credential can be encrypted"] = (
            f"gcloud kms keys versions enable {version} --key={key} {flags}"
        )
    if not found.rotation_period:
        faults["is never rotated"] = (
            f"gcloud kms keys update {key} --rotation-period=90d --next-rotation-time=+p90d {flags}"
        )
    if location != notes.deployment.region:
        faults[f"is in {location}, the functions in {notes.deployment.region}"] = notes.deployment.deploy
    days = found.rotation_period.days if found.rotation_period else 0
    notes.expect(what, f"enabled, rotated every {days} days", faults)
    _look_at_rights(notes, client, name, key, flags)


def _look_at_rights(notes: Notes, client: kms_v1.KeyManagementServiceClient, name: str, key: str, flags: str) -> None:
    what = f"permissions on key {key}"
    request = {"resource": name, "permissions": [_NEEDED]}
    answer = notes.ask(
        what, lambda: client.test_iam_permissions(request=request, timeout=CALL_SECONDS), notes.deployment.deploy
    )
    if answer is None:
        return
    role = "roles/cloudkms.cryptoKeyEncrypter"  # who sets up need not decrypt: that is for custodians
    grant = f"gcloud kms keys add-iam-policy-binding {key} --member={notes.deployment.caller} --role={role} {flags}"
    notes.expect(
        what, "credentials can be encrypted", {} if _NEEDED in answer.permissions else {f"no {_NEEDED}": grant}
    )
