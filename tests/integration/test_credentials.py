"""Credentials: kept sealed, opened by their own integration only, sealed anew after a rotation; on a laptop and with Cloud KMS."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from google.cloud import kms_v1
from typer.testing import CliRunner

from common.adapters.embedded.sqlite_documents import SqliteDocumentStore
from common.adapters.gcp import clients, kms
from common.config import Settings
from common.errors import CostError, DecryptionFailed, NotFound, Retryable
from common.ports import KeyRing, Runtime, Source
from common.ports.keys import Sealed
from common.runtime import bootstrap
from common.runtime.bootstrap import CloudRuntime, EmbeddedRuntime
from common.tenancy import credentials, reencrypting
from costwire.cli import app
from tests.emulators.google_grpc import GoogleServer, environment

RING = "projects/acme-prod/locations/europe-west1/keyRings/costwire"
SECRET = b'{"type": "service_account", "client_email": "a@b.example", "private_key_id": "1", "private_key": "hush"}'
Run = Callable[..., Result]


@pytest.fixture(params=["embedded", "cloud"])
def rt(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Runtime]:
    if request.param == "embedded":
        made: Any = EmbeddedRuntime(Settings(home=tmp_path / "home"))
        bootstrap.use(made)
        yield made
        bootstrap.use(None)
        return
    server = GoogleServer()
    for name, value in environment(server.address).items():
        monkeypatch.setenv(name, value)
    client = clients.connect_client(kms_v1.KeyManagementServiceClient, "test", kms.EMULATOR_VARIABLE)
    client.create_crypto_key(parent=RING, crypto_key_id="credentials", crypto_key=kms_v1.CryptoKey())
    made = CloudRuntime(Settings(runtime="cloud", project="acme-prod", kms_key=f"{RING}/cryptoKeys/credentials"))
    made.__dict__["documents"] = SqliteDocumentStore(tmp_path / "documents.sqlite")
    made.__dict__["sealed"] = SqliteDocumentStore(tmp_path / "credentials.sqlite")
    bootstrap.use(made)
    yield made
    bootstrap.use(None)
    server.stop()


@pytest.fixture
def run(rt: Runtime) -> Run:
    def invoke(*words: str, status: int = 0) -> Result:
        result = CliRunner().invoke(app, list(words))
        if isinstance(result.exception, CostError):  # what costwire.cli.main says in one line, with exit status 1
            result.exit_code = 1
            result.stderr_bytes = str(result.exception).encode()
        elif not isinstance(result.exception, SystemExit | None):
            raise result.exception
        assert result.exit_code == status, result.output
        return result

    return invoke


def keep(rt: Runtime, org: str, integration: str, secret: bytes = SECRET) -> None:
    rt.documents.set(f"orgs/{org}", {"org_slug": org, "name": org, "plan": "Scale", "status": "ACTIVE"})
    credentials.store(rt.sealed, rt.keys, rt.clock.now(), org, integration, "gcp", secret, "test", "service_account")


def kept(rt: Runtime, org: str, integration: str) -> dict[str, Any]:
    document = rt.sealed.get(f"orgs/{org}/credentials/{integration}")
    assert document is not None
    return document


def opened(rt: Runtime, org: str, integration: str) -> bytes:
    return credentials.load(rt.sealed, rt.keys, org, integration)


def test_a_credential_opens_for_its_own_integration_only(rt: Runtime) -> None:
    keep(rt, "acme", "main")
    assert opened(rt, "acme", "main") == SECRET
    for org, integration in (("acme", "other"), ("other", "main")):
        rt.sealed.set(f"orgs/{org}/credentials/{integration}", kept(rt, "acme", "main"))
        with pytest.raises(DecryptionFailed, match=r"^Failed to decrypt credentials$"):
            opened(rt, org, integration)


def test_what_is_kept_shows_a_fingerprint_and_no_secret(rt: Runtime) -> None:
    keep(rt, "acme", "main")
    document = kept(rt, "acme", "main")
    assert "hush" not in json.dumps(document)
    assert b"hush" not in base64.b64decode(document["ciphertext"])
    assert (document["credential_type"], len(document["fingerprint"])) == ("service_account", 8)


def test_storing_again_replaces_the_credential_and_keeps_its_first_day(rt: Runtime) -> None:
    keep(rt, "acme", "main")
    first = kept(rt, "acme", "main")
    keep(rt, "acme", "main", b"other")
    second = kept(rt, "acme", "main")
    assert opened(rt, "acme", "main") == b"other"
    assert (second["created_at"], second["fingerprint"]) != (second["updated_at"], first["fingerprint"])
    assert second["created_at"] == first["created_at"]


def test_a_credential_that_nobody_stored_is_not_found(rt: Runtime) -> None:
    with pytest.raises(NotFound, match="integration main has no credential; costwire connect"):
        opened(rt, "acme", "main")


@pytest.mark.parametrize("change", [{"ciphertext": "%%%"}, {"ciphertext": None}, {"ciphertext": "", "key_version": ""}])
def test_a_damaged_document_says_the_promised_words(rt: Runtime, change: dict[str, Any]) -> None:
    keep(rt, "acme", "main")
    rt.sealed.set("orgs/acme/credentials/main", kept(rt, "acme", "main") | change)
    with pytest.raises(DecryptionFailed, match=r"^Failed to decrypt credentials$"):
        opened(rt, "acme", "main")


def test_without_credentials_there_is_nothing_to_seal(run: Run) -> None:
    assert "0 re-encrypted, 0 already up to date" in run("keys", "reencrypt").stdout


def test_a_rotation_and_a_reencryption_leave_every_credential_under_the_new_version(rt: Runtime, run: Run) -> None:
    names = [("acme", "main"), ("acme", "other"), ("zeta", "main")]
    for org, integration in names:
        keep(rt, org, integration, f"{org}{integration}".encode())
    before = {name: kept(rt, *name) for name in names}
    version = json.loads(run("keys", "rotate", "--json").stdout)["key_version"]
    assert version not in {document["key_version"] for document in before.values()}
    keep(rt, "zeta", "late")
    told = json.loads(run("keys", "reencrypt", "--json").stdout)
    assert told == {"key_version": version, "anew": 3, "left": 1, "failed": {}}
    for org, integration in names:
        after = kept(rt, org, integration)
        assert after["key_version"] == version
        assert opened(rt, org, integration) == f"{org}{integration}".encode()
        unchanged = {"credential_id", "provider", "credential_type", "fingerprint", "created_at", "created_by"}
        assert {name: after[name] for name in unchanged} == {name: before[org, integration][name] for name in unchanged}


def test_a_reencryption_again_changes_nothing(rt: Runtime, run: Run) -> None:
    keep(rt, "acme", "main")
    run("keys", "rotate")
    assert "1 re-encrypted" in run("keys", "reencrypt").stdout
    first = kept(rt, "acme", "main")
    assert "0 re-encrypted" in run("keys", "reencrypt").stdout
    assert kept(rt, "acme", "main") == first


def test_one_organization_alone_is_sealed_anew(rt: Runtime, run: Run) -> None:
    for org in ("acme", "zeta"):
        keep(rt, org, "main")
    old = kept(rt, "zeta", "main")
    run("keys", "rotate")
    run("keys", "reencrypt", "--org", "acme")
    assert kept(rt, "zeta", "main") == old != kept(rt, "acme", "main")
    assert "there is no organization nobody" in run("keys", "reencrypt", "--org", "nobody", status=1).stderr


def test_what_cannot_be_opened_is_named_left_as_it_is_and_keeps_no_other_from_it(rt: Runtime, run: Run) -> None:
    for integration in ("a-good", "b-bad", "c-good"):
        keep(rt, "acme", integration)
    bad = kept(rt, "acme", "b-bad") | {"ciphertext": kept(rt, "acme", "a-good")["ciphertext"]}
    rt.sealed.set("orgs/acme/credentials/b-bad", bad)
    run("keys", "rotate")
    told = run("keys", "reencrypt", status=1)
    assert "1 cannot be re-encrypted: acme/b-bad (Failed to decrypt credentials)" in told.stderr
    assert "2 re-encrypted" in told.stdout
    assert "hush" not in told.stderr + told.stdout
    assert kept(rt, "acme", "b-bad") == bad


class Meddling:
    """A key ring beside which somebody else does something each time one is opened."""

    def __init__(self, ring: KeyRing, meddle: Callable[[], None]) -> None:
        self._ring, self._meddle = ring, meddle

    def encrypt(self, plaintext: bytes, context: str) -> Sealed:
        return self._ring.encrypt(plaintext, context)

    def decrypt(self, sealed: Sealed, context: str) -> bytes:
        self._meddle()
        return self._ring.decrypt(sealed, context)

    def rotate(self) -> str:
        return self._ring.rotate()


def reencrypt_beside(rt: Runtime, meddle: Callable[[], None]) -> reencrypting.Reencryption:
    return reencrypting.reencrypt(rt.documents, rt.sealed, Meddling(rt.keys, meddle), rt.clock.now(), ["acme"])


def test_a_credential_that_is_stored_meanwhile_is_not_lost(rt: Runtime) -> None:
    keep(rt, "acme", "main")
    rt.keys.rotate()
    outcome = reencrypt_beside(rt, lambda: keep(rt, "acme", "main", b"newer"))
    assert opened(rt, "acme", "main") == b"newer"
    assert (outcome.anew, outcome.left) == (0, 1)


def test_a_credential_that_is_removed_meanwhile_stays_removed(rt: Runtime) -> None:
    keep(rt, "acme", "main")
    rt.keys.rotate()
    outcome = reencrypt_beside(rt, lambda: rt.sealed.delete("orgs/acme/credentials/main"))
    assert rt.sealed.get("orgs/acme/credentials/main") is None
    assert outcome.failed == {}


def test_two_that_reencrypt_at_once_do_the_work_once(rt: Runtime) -> None:
    keep(rt, "acme", "main")
    rt.keys.rotate()
    others: list[int] = []

    def other() -> None:
        others.append(reencrypting.reencrypt(rt.documents, rt.sealed, rt.keys, rt.clock.now(), ["acme"]).anew)

    outcome = reencrypt_beside(rt, other)
    assert others == [1]
    assert (outcome.anew, outcome.left) == (0, 1)
    assert opened(rt, "acme", "main") == SECRET


def test_a_key_ring_that_is_away_stops_the_work_where_it_is(rt: Runtime) -> None:
    keep(rt, "acme", "main")
    rt.keys.rotate()

    def away() -> None:
        raise Retryable("away")

    with pytest.raises(Retryable):
        reencrypt_beside(rt, away)
    assert opened(rt, "acme", "main") == SECRET


def test_connect_keeps_the_credential_of_a_file(rt: Runtime, run: Run, tmp_path: Path) -> None:
    if not isinstance(rt, EmbeddedRuntime):
        rt.__dict__["scheduler"] = EmbeddedRuntime(Settings(home=tmp_path / "beside")).scheduler
        rt.__dict__["source"] = lambda source: EmbeddedRuntime(Settings()).source(Source(tmp_path.as_uri()))
    file = tmp_path / "key.json"
    file.write_bytes(SECRET)
    location = tmp_path.as_uri() if isinstance(rt, EmbeddedRuntime) else "gs://bills/aws"
    run("connect", "gcp", "--location", location, "--id", "main", "--credential", str(file))
    assert opened(rt, "default", "main") == SECRET
    file.write_bytes(bytes(64 * 1024 + 1))
    told = run("connect", "gcp", "--location", location, "--id", "large", "--credential", str(file), status=1)
    assert "too large" in told.stderr
    assert rt.documents.get("orgs/default/integrations/large") is None
