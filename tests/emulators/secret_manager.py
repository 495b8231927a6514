"""Secret Manager in memory: secrets, numbered versions with states, checksums
(https://cloud.google.com/secret-manager/docs/reference/rpc)."""

from __future__ import annotations

import re

import google_crc32c
import grpc
from google.cloud import secretmanager_v1 as api
from google.protobuf.empty_pb2 import Empty

from tests.emulators.grpc_answers import Method, Refused

SERVICE = "google.cloud.secretmanager.v1.SecretManagerService"
_State = api.SecretVersion.State
_ID = re.compile(r"[A-Za-z0-9_-]{1,255}")


class Secrets:
    """Versions of each secret, oldest first, with their states."""

    def __init__(self) -> None:
        self._versions: dict[str, list[tuple[bytes, _State]]] = {}
        self.reads = 0

    def methods(self) -> dict[str, Method]:
        """What the service answers, by method."""
        return {
            "CreateSecret": (self.create, api.CreateSecretRequest, api.Secret),
            "DeleteSecret": (self.delete, api.DeleteSecretRequest, Empty),
            "AddSecretVersion": (self.add, api.AddSecretVersionRequest, api.SecretVersion),
            "AccessSecretVersion": (self.access, api.AccessSecretVersionRequest, api.AccessSecretVersionResponse),
            "DisableSecretVersion": (self.disable, api.DisableSecretVersionRequest, api.SecretVersion),
        }

    def create(self, request: api.CreateSecretRequest) -> api.Secret:
        if not _ID.fullmatch(request.secret_id):
            raise Refused(grpc.StatusCode.INVALID_ARGUMENT, "secret_id is invalid.")
        name = f"{request.parent}/secrets/{request.secret_id}"
        if name in self._versions:
            raise Refused(grpc.StatusCode.ALREADY_EXISTS, f"Secret [{name}] already exists.")
        self._versions[name] = []
        return api.Secret(name=name)

    def delete(self, request: api.DeleteSecretRequest) -> Empty:
        self._of(request.name)
        del self._versions[request.name]
        return Empty()

    def add(self, request: api.AddSecretVersionRequest) -> api.SecretVersion:
        versions = self._of(request.parent)
        if not request.payload.data:
            raise Refused(grpc.StatusCode.INVALID_ARGUMENT, "Secret Payload cannot be empty.")
        versions.append((request.payload.data, _State.ENABLED))
        return api.SecretVersion(name=f"{request.parent}/versions/{len(versions)}", state=_State.ENABLED)

    def access(self, request: api.AccessSecretVersionRequest) -> api.AccessSecretVersionResponse:
        self.reads += 1
        name, number = self._find(request.name)
        data, state = self._versions[name][number - 1]
        if state != _State.ENABLED:
            raise Refused(grpc.StatusCode.FAILED_PRECONDITION, f"Secret Version is in {state.name} state.")
        payload = api.SecretPayload(data=data, data_crc32c=google_crc32c.value(data))
        return api.AccessSecretVersionResponse(name=f"{name}/versions/{number}", payload=payload)

    def disable(self, request: api.DisableSecretVersionRequest) -> api.SecretVersion:
        name, number = self._find(request.name)
        self._versions[name][number - 1] = (self._versions[name][number - 1][0], _State.DISABLED)
        return api.SecretVersion(name=f"{name}/versions/{number}", state=_State.DISABLED)

    def _find(self, path: str) -> tuple[str, int]:
        name, _, version = path.partition("/versions/")
        versions = self._of(name)
        number = len(versions) if version == "latest" else int(version)
        if not 1 <= number <= len(versions):
            raise Refused(grpc.StatusCode.NOT_FOUND, f"Secret [{name}] not found or has no versions.")
        return name, number

    def _of(self, name: str) -> list[tuple[bytes, _State]]:
        if name not in self._versions:
            raise Refused(grpc.StatusCode.NOT_FOUND, f"Secret [{name}] not found or has no versions.")
        return self._versions[name]
