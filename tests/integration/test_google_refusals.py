"""What the adapters of Cloud KMS, Secret Manager and Cloud Scheduler make of refusals, damage and delay."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import grpc
import pytest
from google.api_core.retry import Retry
from google.cloud import kms_v1, scheduler_v1, secretmanager_v1

from common.adapters.gcp import clients, kms, scheduler, secret_manager
from common.adapters.gcp.kms import KmsKeyRing
from common.adapters.gcp.scheduler import CloudScheduler
from common.adapters.gcp.secret_manager import SecretManagerSecrets
from common.errors import BadConfiguration, DecryptionFailed, NotFound, Retryable
from common.messages import SyncRequested
from common.ports import Schedule
from tests.emulators.google_grpc import GoogleServer, environment
from tests.emulators.grpc_answers import Refused

RING = "projects/acme-prod/locations/europe-west1/keyRings/costwire"
KEY = f"{RING}/cryptoKeys/credentials"
SECRET = b'{"private_key": "hush"}'
CONTEXT = "acme/aws-main"
SYNC = Schedule("sync-acme", "30 */4 * * *", SyncRequested("", "schedule", "acme"))
Code = grpc.StatusCode


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[GoogleServer]:
    made = GoogleServer()
    for name, value in environment(made.address).items():
        monkeypatch.setenv(name, value)
    patient = Retry(predicate=clients.RETRY._predicate, initial=0.01, maximum=0.02, timeout=0.5)
    for module in (kms, secret_manager, scheduler):
        monkeypatch.setattr(module, "RETRY", patient)
        monkeypatch.setattr(module, "CALL_SECONDS", 0.3)
    yield made
    made.stop()


@pytest.fixture
def keys_client(server: GoogleServer) -> Any:
    client = clients.connect_client(kms_v1.KeyManagementServiceClient, "test", kms.EMULATOR_VARIABLE)
    client.create_crypto_key(parent=RING, crypto_key_id="credentials", crypto_key=kms_v1.CryptoKey())
    return client


@pytest.fixture
def ring(keys_client: Any) -> KmsKeyRing:
    return KmsKeyRing.connect(KEY)


@pytest.fixture
def secrets(server: GoogleServer) -> SecretManagerSecrets:
    client = clients.connect_client(
        secretmanager_v1.SecretManagerServiceClient, "test", secret_manager.EMULATOR_VARIABLE
    )
    client.create_secret(
        parent="projects/acme-prod", secret_id="costwire-smtp-password", secret=secretmanager_v1.Secret()
    )
    add_secret(client, b"hush")
    return SecretManagerSecrets.connect("acme-prod")


def add_secret(client: Any, data: bytes) -> None:
    payload = secretmanager_v1.SecretPayload(data=data)
    client.add_secret_version(parent="projects/acme-prod/secrets/costwire-smtp-password", payload=payload)


@pytest.fixture
def jobs(server: GoogleServer) -> CloudScheduler:
    return CloudScheduler.connect("acme-prod", "europe-west1")


def refusing(code: grpc.StatusCode) -> Any:
    def bend(request: Any, answer: Any) -> Any:
        raise Refused(code, "the service's own words with hush")

    return bend


def failing_first(times: int, code: grpc.StatusCode) -> Any:
    left = [times]

    def bend(request: Any, answer: Any) -> Any:
        if left[0]:
            left[0] -= 1
            raise Refused(code, "words")
        return answer(request)

    return bend


def one_line(error: BaseException) -> str:
    text = str(error)
    assert "\n" not in text and "hush" not in text
    return text


CALLS = {
    "Encrypt": lambda made: made.ring.encrypt(SECRET, CONTEXT),
    "Decrypt": lambda made: made.ring.decrypt(made.sealed, CONTEXT),
    "CreateCryptoKeyVersion": lambda made: made.ring.rotate(),
    "UpdateCryptoKeyPrimaryVersion": lambda made: made.ring.rotate(),
    "AccessSecretVersion": lambda made: made.secrets.get("smtp-password"),
    "UpdateJob": lambda made: made.jobs.put(SYNC),
    "CreateJob": lambda made: made.jobs.put(SYNC),
    "DeleteJob": lambda made: made.jobs.remove(SYNC.name),
    "ListJobs": lambda made: made.jobs.list(),
}
ROLES = {
    "Encrypt": "roles/cloudkms.cryptoKeyEncrypter ",
    "Decrypt": "roles/cloudkms.cryptoKeyDecrypter ",
    "CreateCryptoKeyVersion": "roles/cloudkms.admin",
    "UpdateCryptoKeyPrimaryVersion": "roles/cloudkms.admin",
    "AccessSecretVersion": "roles/secretmanager.secretAccessor",
}


class Made:
    def __init__(self, ring: KmsKeyRing, secrets: SecretManagerSecrets, jobs: CloudScheduler) -> None:
        self.ring, self.secrets, self.jobs = ring, secrets, jobs
        self.sealed = ring.encrypt(SECRET, CONTEXT)


@pytest.fixture
def made(ring: KmsKeyRing, secrets: SecretManagerSecrets, jobs: CloudScheduler) -> Made:
    return Made(ring, secrets, jobs)


@pytest.mark.parametrize("method", CALLS)
def test_a_missing_permission_names_the_role(server: GoogleServer, made: Made, method: str) -> None:
    with server.bent(method, refusing(Code.PERMISSION_DENIED)), pytest.raises(BadConfiguration) as caught:
        CALLS[method](made)
    assert ROLES.get(method, "roles/cloudscheduler.admin") in one_line(caught.value)


@pytest.mark.parametrize("method", CALLS)
@pytest.mark.parametrize("code", [Code.UNAVAILABLE, Code.RESOURCE_EXHAUSTED, Code.INTERNAL, Code.ABORTED])
def test_a_service_that_is_away_is_tried_again_later(
    server: GoogleServer, made: Made, method: str, code: grpc.StatusCode
) -> None:
    with server.bent(method, refusing(code)), pytest.raises(Retryable) as caught:
        CALLS[method](made)
    one_line(caught.value)


@pytest.mark.parametrize("method", sorted(set(CALLS) - {"CreateCryptoKeyVersion"}))
def test_a_short_absence_is_not_noticed(server: GoogleServer, made: Made, method: str) -> None:
    with server.bent(method, failing_first(2, Code.UNAVAILABLE)):
        CALLS[method](made)


def test_a_key_version_is_not_made_twice(server: GoogleServer, made: Made) -> None:
    tries: list[object] = []

    def bend(request: Any, answer: Any) -> Any:
        tries.append(request)
        answer(request)
        raise Refused(Code.UNAVAILABLE, "the answer was lost")

    with server.bent("CreateCryptoKeyVersion", bend), pytest.raises(Retryable):
        made.ring.rotate()
    assert len(tries) == 1


@pytest.mark.parametrize("method", CALLS)
def test_a_service_that_never_answers_is_left_at_the_deadline(server: GoogleServer, made: Made, method: str) -> None:
    def bend(request: Any, answer: Any) -> Any:
        time.sleep(1.5)
        return answer(request)

    began = time.monotonic()
    with server.bent(method, bend), pytest.raises(Retryable):
        CALLS[method](made)
    assert time.monotonic() - began < 1.4


@pytest.mark.parametrize(
    ("method", "change"),
    [
        ("Encrypt", {"ciphertext_crc32c": 1}),
        ("Encrypt", {"ciphertext_crc32c": None}),
        ("Encrypt", {"verified_plaintext_crc32c": False}),
        ("Encrypt", {"verified_additional_authenticated_data_crc32c": False}),
        ("Decrypt", {"plaintext_crc32c": 1}),
        ("Decrypt", {"plaintext_crc32c": None}),
        ("Decrypt", {"plaintext": b"other"}),
    ],
)
def test_an_answer_that_was_damaged_on_the_way_is_asked_for_again(
    server: GoogleServer, made: Made, method: str, change: dict[str, Any]
) -> None:
    def bend(request: Any, answer: Any) -> Any:
        given = answer(request)
        for name, value in change.items():
            setattr(given, name, value)
        return given

    with server.bent(method, bend), pytest.raises(Retryable, match="checksum"):
        CALLS[method](made)


def test_all_that_is_sent_carries_its_checksum(server: GoogleServer, made: Made) -> None:
    seen: list[Any] = []

    def bend(request: Any, answer: Any) -> Any:
        seen.append(request)
        return answer(request)

    with server.bent("Encrypt", bend), server.bent("Decrypt", bend):
        made.ring.decrypt(made.ring.encrypt(SECRET, CONTEXT), CONTEXT)
    encrypt, decrypt = seen
    assert None not in (encrypt.plaintext_crc32c, encrypt.additional_authenticated_data_crc32c)
    assert None not in (decrypt.ciphertext_crc32c, decrypt.additional_authenticated_data_crc32c)
    assert encrypt.additional_authenticated_data == CONTEXT.encode()


def test_a_request_that_was_damaged_once_on_the_way_opens_at_the_second_try(server: GoogleServer, made: Made) -> None:
    with server.bent("Decrypt", failing_first(1, Code.INVALID_ARGUMENT)):
        assert made.ring.decrypt(made.sealed, CONTEXT) == SECRET


def test_the_version_is_kept_by_its_full_name(made: Made) -> None:
    assert made.sealed.key_version == f"{KEY}/cryptoKeyVersions/1"
    assert made.ring.rotate() == f"{KEY}/cryptoKeyVersions/2"


@pytest.mark.parametrize("state", ["DISABLED", "DESTROY_SCHEDULED", "DESTROYED"])
def test_a_version_that_is_switched_off_is_named_with_its_mend(keys_client: Any, made: Made, state: str) -> None:
    version = kms_v1.CryptoKeyVersion(
        name=made.sealed.key_version, state=kms_v1.CryptoKeyVersion.CryptoKeyVersionState[state]
    )
    keys_client.update_crypto_key_version(crypto_key_version=version, update_mask={"paths": ["state"]})
    with pytest.raises(BadConfiguration) as caught:
        made.ring.decrypt(made.sealed, CONTEXT)
    text = one_line(caught.value)
    assert "version 1 is disabled or destroyed" in text
    assert "--location europe-west1 --keyring costwire --key credentials" in text
    with pytest.raises(BadConfiguration, match="its primary version is disabled or destroyed"):
        made.ring.encrypt(SECRET, CONTEXT)
    made.ring.rotate()
    assert made.ring.decrypt(made.ring.encrypt(SECRET, CONTEXT), CONTEXT) == SECRET


def test_a_version_that_is_made_slowly_becomes_the_primary_one_when_it_is_there(
    server: GoogleServer, ring: KmsKeyRing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kms.time, "sleep", lambda seconds: None)
    pending = kms_v1.CryptoKeyVersion.CryptoKeyVersionState.PENDING_GENERATION
    looks: list[object] = []

    def slow(request: Any, answer: Any) -> Any:
        given = answer(request)
        looks.append(request)
        return kms_v1.CryptoKeyVersion(name=given.name, state=pending) if len(looks) < 4 else given

    with server.bent("CreateCryptoKeyVersion", slow), server.bent("GetCryptoKeyVersion", slow):
        assert ring.encrypt(SECRET, CONTEXT).key_version != ring.rotate() == ring.encrypt(SECRET, CONTEXT).key_version
    looks.clear()

    def never(request: Any, answer: Any) -> Any:
        return kms_v1.CryptoKeyVersion(name=answer(request).name, state=pending)

    with (
        server.bent("CreateCryptoKeyVersion", never),
        server.bent("GetCryptoKeyVersion", never),
        pytest.raises(Retryable, match="cryptoKeyVersions/3 is still being created"),
    ):
        ring.rotate()


def test_a_key_that_does_not_exist_is_named(server: GoogleServer) -> None:
    ring = KmsKeyRing.connect(f"{RING}/cryptoKeys/other")
    with pytest.raises(NotFound, match="cryptoKeys/other does not exist"):
        ring.encrypt(SECRET, CONTEXT)


def test_a_key_of_another_purpose_is_told(server: GoogleServer, made: Made) -> None:
    with (
        server.bent("Encrypt", refusing(Code.INVALID_ARGUMENT)),
        pytest.raises(BadConfiguration, match="ENCRYPT_DECRYPT"),
    ):
        made.ring.encrypt(SECRET, CONTEXT)


@pytest.mark.parametrize("name", ["", "credentials", f"{KEY}/cryptoKeyVersions/1", KEY + "/", "projects/p/keyRings/r"])
def test_a_key_name_that_is_none_is_refused_before_anything_is_asked(name: str) -> None:
    with pytest.raises(BadConfiguration, match="COSTWIRE_KMS_KEY is"):
        KmsKeyRing.connect(name)


def test_a_sealed_of_another_key_is_not_even_sent(server: GoogleServer, made: Made) -> None:
    sealed = type(made.sealed)(made.sealed.ciphertext, made.sealed.key_version.replace("credentials", "other"))
    with server.bent("Decrypt", refusing(Code.INTERNAL)), pytest.raises(DecryptionFailed):
        made.ring.decrypt(sealed, CONTEXT)


def test_secrets_are_kept_for_five_minutes_also_that_there_is_none(server: GoogleServer) -> None:
    now = [0.0]
    client = clients.connect_client(
        secretmanager_v1.SecretManagerServiceClient, "test", secret_manager.EMULATOR_VARIABLE
    )
    kept = SecretManagerSecrets(client, "acme-prod", monotonic=lambda: now[0])
    assert kept.get("smtp-password") is None
    client.create_secret(
        parent="projects/acme-prod", secret_id="costwire-smtp-password", secret=secretmanager_v1.Secret()
    )
    add_secret(client, b"hush")
    now[0] = 299.9
    assert (kept.get("smtp-password"), server.secrets.reads) == (None, 1)
    now[0] = 300.0
    assert (kept.get("smtp-password"), kept.get("smtp-password"), server.secrets.reads) == ("hush", "hush", 2)


def test_a_failure_to_read_a_secret_is_not_kept(server: GoogleServer, secrets: SecretManagerSecrets) -> None:
    with server.bent("AccessSecretVersion", refusing(Code.PERMISSION_DENIED)), pytest.raises(BadConfiguration):
        secrets.get("smtp-password")
    assert secrets.get("smtp-password") == "hush"


def test_a_secret_whose_latest_version_is_disabled_is_none(server: GoogleServer, secrets: SecretManagerSecrets) -> None:
    secrets._client.disable_secret_version(name="projects/acme-prod/secrets/costwire-smtp-password/versions/latest")
    assert secrets.get("smtp-password") is None


def test_a_secret_without_versions_is_none(server: GoogleServer, secrets: SecretManagerSecrets) -> None:
    empty = secretmanager_v1.Secret()
    secrets._client.create_secret(parent="projects/acme-prod", secret_id="costwire-root-api-key", secret=empty)
    assert secrets.get("root-api-key") is None


@pytest.mark.parametrize("checksum", [1, None])
def test_a_secret_that_was_damaged_on_the_way_is_asked_for_again(
    server: GoogleServer, secrets: SecretManagerSecrets, checksum: int | None
) -> None:
    def bend(request: Any, answer: Any) -> Any:
        given = answer(request)
        given.payload = secretmanager_v1.SecretPayload(data=given.payload.data, data_crc32c=checksum)
        return given

    with server.bent("AccessSecretVersion", bend), pytest.raises(Retryable, match="checksum") as caught:
        secrets.get("smtp-password")
    one_line(caught.value)


def test_a_secret_that_is_no_text_is_told_without_its_bytes(secrets: SecretManagerSecrets) -> None:
    add_secret(secrets._client, b"hush\xff")
    with pytest.raises(BadConfiguration, match="costwire-smtp-password is not UTF-8 text") as caught:
        secrets.get("smtp-password")
    one_line(caught.value)


def test_a_job_says_topic_zone_and_retries(jobs: CloudScheduler) -> None:
    jobs.put(SYNC)
    job = jobs._client.get_job(name="projects/acme-prod/locations/europe-west1/jobs/costwire-sync-acme")
    assert job.pubsub_target.topic_name == "projects/acme-prod/topics/sync-requested"
    assert (job.schedule, job.time_zone, job.retry_config.retry_count) == ("30 */4 * * *", "Etc/UTC", 5)
    assert job.retry_config.min_backoff_duration == timedelta(seconds=5)


def test_a_paused_job_stays_so_when_it_is_put_again(jobs: CloudScheduler) -> None:
    jobs.put(SYNC)
    name = "projects/acme-prod/locations/europe-west1/jobs/costwire-sync-acme"
    jobs._client.pause_job(name=name)
    jobs.put(SYNC)
    assert jobs._client.get_job(name=name).state == scheduler_v1.Job.State.PAUSED


def test_a_job_that_appears_meanwhile_is_changed(server: GoogleServer, jobs: CloudScheduler) -> None:
    other = CloudScheduler.connect("acme-prod", "europe-west1")

    def bend(request: Any, answer: Any) -> Any:
        answer(type(request)(parent=request.parent, job=other._job(Schedule(SYNC.name, "0 0 * * *", SYNC.message))))
        return answer(request)

    with server.bent("CreateJob", bend):
        jobs.put(SYNC)
    assert list(jobs.list()) == [SYNC]


def test_jobs_of_others_are_left_alone(server: GoogleServer, jobs: CloudScheduler) -> None:
    jobs.put(SYNC)
    parent = "projects/acme-prod/locations/europe-west1"
    target = scheduler_v1.PubsubTarget(topic_name="projects/acme-prod/topics/sync-requested", data=b"x")
    for name in ("backup", "costwire-backup"):
        job = scheduler_v1.Job(name=f"{parent}/jobs/{name}", schedule="* * * * *", pubsub_target=target)
        jobs._client.create_job(parent=parent, job=job)
    assert list(jobs.list()) == [SYNC]


def test_a_refused_cron_text_or_topic_is_a_fault_of_configuration(server: GoogleServer, jobs: CloudScheduler) -> None:
    with server.bent("UpdateJob", refusing(Code.INVALID_ARGUMENT)), pytest.raises(BadConfiguration, match=r"30 \*/4"):
        jobs.put(SYNC)


def test_a_region_without_the_service_is_told(server: GoogleServer) -> None:
    with pytest.raises(NotFound, match="Cloud Scheduler in nowhere-west1, does not exist"):
        CloudScheduler.connect("acme-prod", "nowhere-west1").put(SYNC)
