"""What Google refuses when a billing export is read, in its own error bodies, and whose identity is used; no peer is needed."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from google.api_core import exceptions as api
from google.auth import exceptions as auth
from google.auth.transport.requests import Request

from common.adapters.gcp import billing_export, identity
from common.adapters.gcp.identity import credentials_of, signing_in
from common.adapters.locations import open_source
from common.config import Settings
from common.domain.places import Place
from common.errors import BadConfiguration, CostError, NotSignedIn, Retryable
from common.ingestion.connecting import Connection, connect
from common.ports import Source
from common.providers.gcp.credential import GoogleCredential, read_credential
from common.providers.gcp.export_tables import FOCUS, INGESTION_TIME, NATIVE, ExportTable
from common.records.places import rules_of
from common.runtime.bootstrap import CloudRuntime
from common.tenancy.external_ids import external_id_of
from tests.serving import Answer, Quiet, serving
from tests.support import laptop

PLANTED = "planted-secret-of-a-test"
URI = "bq://bills/billing/gcp_billing_export_v1_A"


@pytest.fixture(scope="module")
def key() -> dict[str, str]:
    """A key file as Google writes it, whose addresses are somebody else's."""
    made = rsa.generate_private_key(65537, 2048).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return {
        "type": "service_account",
        "client_email": "reader@bills.example",
        "private_key_id": "1",
        "private_key": made.decode(),
        "token_uri": "http://127.0.0.1:1/stolen",
    }


@contextmanager
def answering(status: int, answer: dict[str, Any]) -> Iterator[tuple[str, list[str]]]:
    """The address of a server with one answer, and the paths that it was asked for."""
    asked: list[str] = []

    def say(request: Quiet) -> Answer:
        asked.append(request.path)
        return Answer(status, json.dumps(answer).encode(), (("Content-Type", "application/json"),))

    with serving(say) as address:
        yield address, asked


@pytest.mark.parametrize(
    ("status", "reason", "kind", "words"),
    [
        (403, "accessDenied", BadConfiguration, r"location bq://bills/.*: permission denied; grant roles/bigquery.dataViewer on the d"),
        (404, "notFound", BadConfiguration, "does not exist: check its name, or wait: a new export has its first lines within 48 hours"),
        (403, "quotaExceeded", Retryable, "temporarily unavailable, quotaExceeded"),
        (403, "rateLimitExceeded", Retryable, "temporarily unavailable, rateLimitExceeded"),
        (503, "backendError", Retryable, "temporarily unavailable, backendError"),
        (403, "billingNotEnabled", BadConfiguration, "has no billing account"),
    ],
)  # fmt: skip
def test_each_refusal_has_its_own_words_and_repeats_none_of_googles(
    monkeypatch: pytest.MonkeyPatch, status: int, reason: str, kind: type[CostError], words: str
) -> None:
    monkeypatch.setattr(billing_export, "PATIENCE_SECONDS", 0.5)
    errors = [{"reason": reason, "message": PLANTED}]
    with answering(status, {"error": {"code": status, "message": PLANTED, "errors": errors}}) as (address, _):
        monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", address)
        with pytest.raises(kind, match=words) as caught:
            open_source(Source(URI, provider="gcp"), lambda: None).list()
    assert PLANTED not in str(caught.value)


@pytest.mark.parametrize(
    "uri",
    [
        "bq://",
        "bq://bills",
        "bq://bills/billing/t/x",
        "bq://bills/bil`ling",
        "bq://bills/billing/t?x=1",
        "bq://Bills/b/t",
    ],
)
def test_a_location_that_names_no_dataset_is_refused(uri: str) -> None:
    with pytest.raises(BadConfiguration, match="location is not bq://<project>/<dataset>"):
        open_source(Source(uri, provider="gcp"), lambda: None)


def test_a_key_signs_in_where_google_is_and_never_where_its_file_says(
    key: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert identity.TOKEN_URI == "https://oauth2.googleapis.com/token"
    monkeypatch.delenv("BIGQUERY_EMULATOR_HOST", raising=False)
    with answering(200, {"access_token": "t", "expires_in": 3600}) as (address, asked):
        monkeypatch.setattr(identity, "TOKEN_URI", f"{address}/token")
        found = credentials_of(read_credential(json.dumps(key).encode()), "BIGQUERY_EMULATOR_HOST")
        found.refresh(Request())
    assert (asked, found.token) == (["/token"], "t")


def test_a_key_that_google_does_not_accept_is_told_and_not_shown(
    key: dict[str, str], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for peer in ("BIGQUERY_EMULATOR_HOST", "STORAGE_EMULATOR_HOST"):  # which ask for no key
        monkeypatch.delenv(peer, raising=False)
    secret = json.dumps(key).encode()
    with answering(400, {"error": "invalid_grant", "error_description": PLANTED}) as (address, asked):
        monkeypatch.setattr(identity, "TOKEN_URI", f"{address}/token")
        with (
            caplog.at_level(logging.DEBUG),
            pytest.raises(BadConfiguration, match=r"reader@bills.example: Google does not accept its key; give"),
        ):
            open_source(Source(URI, provider="gcp", secret=secret), lambda: secret).list()
        with pytest.raises(
            BadConfiguration, match="Google does not accept its key"
        ):  # the same identity reads a bucket
            open_source(Source("gs://bills/export", provider="gcp", secret=secret), lambda: secret).list()
    assert set(asked) == {"/token"}
    assert key["private_key"].splitlines()[3] not in caplog.text


def test_a_key_that_is_revoked_while_its_token_lives_is_told() -> None:
    key = GoogleCredential("reader@bills.example", private_key_id="1", private_key="x")
    with (
        pytest.raises(NotSignedIn, match=r"reader@bills.example: Google does not accept its key; give") as caught,
        signing_in(key),
    ):
        raise api.Unauthorized(PLANTED)
    assert PLANTED not in str(caught.value)


def test_a_key_that_is_none_is_refused_before_anything_is_sent(key: dict[str, str]) -> None:
    secret = json.dumps({**key, "private_key": PLANTED}).encode()
    with pytest.raises(BadConfiguration, match="Invalid service account JSON format: its private_key") as caught:
        credentials_of(read_credential(secret), "UNSET")
    assert PLANTED not in str(caught.value)


def test_who_may_not_be_impersonated_is_told_with_the_role() -> None:
    impersonated = GoogleCredential("reader@bills.example")
    with (
        pytest.raises(BadConfiguration, match=r"cannot be impersonated; grant roles/iam.serviceAccountTokenCreator"),
        signing_in(impersonated),
    ):
        raise auth.RefreshError(PLANTED)
    with pytest.raises(Retryable, match="temporarily unavailable"), signing_in(impersonated):
        raise auth.RefreshError(PLANTED, retryable=True)


def test_only_a_service_account_that_was_made_for_the_integration_is_impersonated(tmp_path: Path) -> None:
    """With a name of their choice one customer could have us read with the service account of another."""
    with laptop(tmp_path) as rt:
        secret = b'{"type": "impersonated", "service_account": "of-another-customer@bills.iam.gserviceaccount.com"}'
        with pytest.raises(
            BadConfiguration, match=r"was not made for this integration, expected costwire-\w{20}@"
        ) as caught:
            connect(rt, Connection("default", "gcp", URI, secret=secret))
        assert rt.documents.list("orgs/default/integrations") == []
        wanted = str(caught.value).partition("expected ")[2].partition("@")[0]
        found = read_credential(secret.replace(b"of-another-customer", wanted.encode()))
        with pytest.raises(BadConfiguration, match=wanted):
            connect(rt, Connection("default", "gcp", "gs://bills/export", secret=secret))
        external_id = external_id_of(rt.documents, "default", "gcp")
    assert found.named_for(external_id) is found
    with pytest.raises(BadConfiguration, match="was not made for this integration"):
        found.named_for("costwire-0123456789abcdef0123456789abcdef")
    with pytest.raises(BadConfiguration, match="only costwire connect gcp allows"):
        found.named_for(None)


def test_a_partition_is_a_range_of_its_column_so_that_only_it_is_read() -> None:
    native = ExportTable("p.d.t", NATIVE, INGESTION_TIME)
    assert native.condition("2026-03", "2026-03-31") == (
        "_PARTITIONTIME >= timestamp '2026-03-31' and _PARTITIONTIME < timestamp '2026-04-01' and invoice.month = '202603'"
    )
    focus = ExportTable("p.d.t", FOCUS, "x_Day", {"x_Day": "DATE", "BillingPeriodStart": "TIMESTAMP"})
    assert focus.condition("2025-12", "2026-01-01") == (
        "x_Day >= date '2026-01-01' and x_Day < date '2026-01-02' "
        "and BillingPeriodStart >= timestamp '2025-12-01' and BillingPeriodStart < timestamp '2026-01-01'"
    )


def test_the_project_of_a_deployment_is_no_place_of_bills() -> None:
    rules = rules_of(CloudRuntime(Settings(runtime="cloud", project="costwire-prod")))
    assert rules.setting_fault(Place.of("bq://costwire-prod/acme_1_prod"), "") is not None
    assert rules.setting_fault(Place.of("bq://bills/billing"), "") is None
