"""Backends of keys, secrets and schedules, as `backends.py` says.  The cloud ones need the peer `google_grpc`."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from backends import SetClock
from google.api_core.exceptions import AlreadyExists, NotFound
from google.cloud import kms_v1, scheduler_v1, secretmanager_v1

from common.adapters.embedded.document_scheduler import DocumentScheduler
from common.adapters.embedded.environment_secrets import EnvironmentSecrets
from common.adapters.embedded.local_keys import LocalKeyRing
from common.adapters.embedded.sqlite_bus import SqliteBus
from common.adapters.embedded.sqlite_documents import SqliteDocumentStore
from common.adapters.gcp import kms, scheduler, secret_manager
from common.adapters.gcp.clients import Client, connect_client
from common.messages import Message
from common.messages.cloudevent import completed, decode, parse
from common.ports import KeyRing, Scheduler, Secrets

REGION = "europe-west1"


@dataclass(frozen=True)
class KeyBackend:
    """version_is_bound: the recorded key version is authenticated; else the ciphertext itself tells which version opens it."""

    open: Callable[[Path], KeyRing]
    version_is_bound: bool

    def __call__(self, place: Path) -> KeyRing:
        return self.open(place)


@dataclass(frozen=True)
class SecretBackend:
    """put: sets the value that is the latest then.  remove: leaves none."""

    open: Callable[[Path], Secrets]
    put: Callable[[Path, str, str], None]
    remove: Callable[[Path, str], None]


@dataclass(frozen=True)
class SchedulerBackend:
    """tick: what the schedule of that name would publish now, as a handler gets it."""

    open: Callable[[Path], Scheduler]
    tick: Callable[[Path, str], Message]


def _place_name(place: Path) -> str:
    return "contract-" + hashlib.sha256(str(place).encode()).hexdigest()[:16]


def _client(kind: type[Client], variable: str) -> Client:
    if not os.environ.get(variable):
        raise RuntimeError(f"{variable} is not set: run the tests by python -m tests.emulators --only google_grpc")
    return connect_client(kind, "peer", variable)


def _open_kms(place: Path) -> KeyRing:
    client = _client(kms_v1.KeyManagementServiceClient, kms.EMULATOR_VARIABLE)
    ring, name = f"projects/costwire-test/locations/{REGION}/keyRings/contract", _place_name(place)
    with suppress(AlreadyExists):
        client.create_crypto_key(parent=ring, crypto_key_id=name, crypto_key=kms_v1.CryptoKey())
    return kms.KmsKeyRing.connect(f"{ring}/cryptoKeys/{name}")


_ENVIRONMENTS: dict[Path, dict[str, str]] = {}


def _variable(name: str) -> str:
    return "COSTWIRE_" + name.upper().replace("-", "_")


def _open_environment(place: Path) -> Secrets:
    return EnvironmentSecrets(_ENVIRONMENTS.setdefault(place, {}))


def _secret_client() -> secretmanager_v1.SecretManagerServiceClient:
    return _client(secretmanager_v1.SecretManagerServiceClient, secret_manager.EMULATOR_VARIABLE)


def _put_secret(place: Path, name: str, value: str) -> None:
    client, project = _secret_client(), f"projects/{_place_name(place)}"
    with suppress(AlreadyExists):
        client.create_secret(parent=project, secret_id=f"costwire-{name}", secret=secretmanager_v1.Secret())
    payload = secretmanager_v1.SecretPayload(data=value.encode())
    client.add_secret_version(parent=f"{project}/secrets/costwire-{name}", payload=payload)


def _remove_secret(place: Path, name: str) -> None:
    with suppress(NotFound):
        _secret_client().delete_secret(name=f"projects/{_place_name(place)}/secrets/costwire-{name}")


def _open_documents_scheduler(place: Path, clock: SetClock | None = None) -> DocumentScheduler:
    clock = clock or SetClock()
    bus = SqliteBus(place / "bus.sqlite", clock)
    for topic in ("sync-requested", "budget-check-requested"):
        bus.subscribe(topic, f"{topic}-test")
    return DocumentScheduler(SqliteDocumentStore(place / "documents.sqlite"), bus, clock)


def _tick_documents(place: Path, name: str) -> Message:
    # a year on, everything is due
    clock = SetClock(datetime(2027, 4, 1, 12, tzinfo=UTC))
    done = [one.message for one in _open_documents_scheduler(place, clock).tick() if one.name == name]
    bus = SqliteBus(place / "bus.sqlite", clock)
    got = []
    while delivery := bus.pull():
        got.append(decode(delivery.event))
        bus.ack(delivery)
    (message,) = [one for one in got if one in done]
    return message


def _tick_job(place: Path, name: str) -> Message:
    """What the push layer makes of the job's Pub/Sub message: its data, with the message's id and time."""
    client = _client(scheduler_v1.CloudSchedulerClient, scheduler.EMULATOR_VARIABLE)
    job = client.get_job(name=f"projects/{_place_name(place)}/locations/{REGION}/jobs/costwire-{name}")
    target, message_id = job.pubsub_target, os.urandom(8).hex()
    assert dict(target.attributes) == {scheduler.ATTRIBUTE: "true"}
    event = parse(target.data)
    assert "id" not in event and "time" not in event
    message = decode(completed(event, message_id, "2026-04-01T12:00:00Z"))
    assert target.topic_name == f"projects/{_place_name(place)}/topics/{message.topic}"
    return message


KEYS = {
    "local": KeyBackend(lambda place: LocalKeyRing(place / "keys" / "keys.json"), version_is_bound=True),
    "kms": KeyBackend(_open_kms, version_is_bound=False),
}
SECRETS = {
    "environment": SecretBackend(
        _open_environment,
        lambda place, name, value: _ENVIRONMENTS.setdefault(place, {}).__setitem__(_variable(name), value),
        lambda place, name: _ENVIRONMENTS.get(place, {}).__setitem__(_variable(name), ""),
    ),
    "secret_manager": SecretBackend(
        lambda place: secret_manager.SecretManagerSecrets(_secret_client(), _place_name(place), keep_seconds=0),
        _put_secret,
        _remove_secret,
    ),
}
SCHEDULERS = {
    "documents": SchedulerBackend(_open_documents_scheduler, _tick_documents),
    "cloud_scheduler": SchedulerBackend(
        lambda place: scheduler.CloudScheduler(
            _client(scheduler_v1.CloudSchedulerClient, scheduler.EMULATOR_VARIABLE), _place_name(place), REGION
        ),
        _tick_job,
    ),
}
