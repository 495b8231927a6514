"""The platform's own secrets: which have a value, and whether alerts reach a recipient.  No value is read."""

from __future__ import annotations

from typing import Any

from google.api_core import exceptions as api
from google.cloud import secretmanager_v1
from pydantic import SecretStr

from common.adapters.gcp.doctor.notes import CALL_SECONDS, Notes
from common.adapters.gcp.secret_manager import EMULATOR_VARIABLE, PREFIX
from common.config import ServiceSettings, Settings

_ENABLED = secretmanager_v1.SecretVersion.State.ENABLED


def secret_names() -> list[str]:
    """The secrets that a deployment knows: every secret setting, with dashes."""
    kinds = (SecretStr, SecretStr | None)
    fields = {**Settings.model_fields, **ServiceSettings.model_fields}
    return [PREFIX + name.replace("_", "-") for name, one in fields.items() if one.annotation in kinds]


def look_at_secrets(notes: Notes) -> None:
    """A secret without a value is no fault, as long as one channel for alerts is left."""
    client = notes.deployment.client(secretmanager_v1.SecretManagerServiceClient, EMULATOR_VARIABLE)
    states = {name: _state(notes, client, name) for name in secret_names()}
    for name, state in states.items():
        if state == _ENABLED:
            notes.ok(f"secret {name}", "has a value")
        elif state is not None:
            words = "has no value" if not state else f"its latest version is {state.name}, so it has no value"
            notes.ok(f"secret {name}", words)
    slack = states.get(f"{PREFIX}slack-webhook-url")
    mail = notes.deployment.settings.smtp_host
    if slack is not None and slack != _ENABLED and not mail:
        notes.fault(
            "notifications",
            "no Slack webhook has a value and this shell has no mail server configured: alerts of organizations without channels may reach "
            "only the log",
            f"printf '%s' URL | gcloud secrets versions add {PREFIX}slack-webhook-url --data-file=- "
            f"--project={notes.deployment.project} (or set mail in terraform's tfvars, and COSTWIRE_SMTP_HOST here)",
        )  # fmt: skip


def _state(notes: Notes, client: secretmanager_v1.SecretManagerServiceClient, name: str) -> Any:
    """State of the latest version, unspecified without any; None after a finding."""
    path = f"projects/{notes.deployment.project}/secrets/{name}"

    def latest() -> Any:
        client.get_secret(name=path, timeout=CALL_SECONDS, retry=None)
        try:
            found = client.get_secret_version(name=f"{path}/versions/latest", timeout=CALL_SECONDS, retry=None)
        except api.NotFound:
            return secretmanager_v1.SecretVersion.State.STATE_UNSPECIFIED
        return secretmanager_v1.SecretVersion.State(found.state)

    return notes.ask(f"secret {name}", latest, notes.deployment.deploy)
