"""The platform's own secrets in Secret Manager: `slack-webhook-url` is the secret `costwire-slack-webhook-url`."""

from __future__ import annotations

import time
from collections.abc import Callable

import google_crc32c
from google.api_core import exceptions as api
from google.cloud import secretmanager_v1

from common.adapters.gcp.clients import CALL_SECONDS, RETRY, connect_client
from common.adapters.gcp.failures import explaining
from common.adapters.shared.secret_names import check_secret_name, secret_value
from common.errors import BadConfiguration, Retryable

EMULATOR_VARIABLE = "SECRET_MANAGER_EMULATOR_HOST"
PREFIX = "costwire-"
ROLE = "roles/secretmanager.secretAccessor on the secret"
KEEP_SECONDS = 300.0
"""How long a warm instance goes on using what it has read: the longest that a changed secret takes to be seen."""


class SecretManagerSecrets:
    """Reads the latest version of each secret, and keeps it for five minutes; that there is none is kept likewise."""

    def __init__(
        self,
        client: secretmanager_v1.SecretManagerServiceClient,
        project: str,
        keep_seconds: float = KEEP_SECONDS,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self._project = project
        self._keep_seconds = keep_seconds
        self._monotonic = monotonic
        self._kept: dict[str, tuple[float, str | None]] = {}

    @classmethod
    def connect(cls, project: str) -> SecretManagerSecrets:
        """The secrets of a project.  Raises BadConfiguration without credentials."""
        kind = secretmanager_v1.SecretManagerServiceClient
        return cls(connect_client(kind, "Secret Manager", EMULATOR_VARIABLE), project)

    def get(self, name: str) -> str | None:
        """The latest value, or None where there is none or it is disabled.

        Raises BadConfiguration for a name that is none, a missing role, or bytes that are no text; Retryable.
        """
        check_secret_name(name)
        now = self._monotonic()
        kept = self._kept.get(name)
        if kept is None or now - kept[0] >= self._keep_seconds:
            kept = (now, self._read(PREFIX + name))
            self._kept[name] = kept
        return kept[1]

    def _read(self, secret: str) -> str | None:
        path = f"projects/{self._project}/secrets/{secret}/versions/latest"
        with explaining(f"secret {secret}", ROLE):
            try:
                answer = self._client.access_secret_version(name=path, timeout=CALL_SECONDS, retry=RETRY)
            except (api.NotFound, api.FailedPrecondition):
                # no secret, no version of it, or its latest one disabled or destroyed
                return None
        payload = answer.payload
        if payload.data_crc32c != google_crc32c.value(payload.data):
            raise Retryable(
                f"secret {secret}: the checksum does not match, so data was corrupted in transit; it will be retried"
            )
        try:
            return secret_value(payload.data.decode())
        except UnicodeDecodeError:
            raise BadConfiguration(f"secret {secret} is not UTF-8 text; add a version that is") from None
