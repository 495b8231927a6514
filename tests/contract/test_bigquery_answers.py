"""What BigQuery answers when it refuses, by a transport of the test's own; names, types and parameters.  Needs no peer."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import requests
import sqlglot
from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery
from sqlglot import exp

from common.adapters.embedded.sqlite_documents import SqliteDocumentStore
from common.adapters.gcp.bigquery import BigQueryWarehouse
from common.adapters.gcp.bigquery_dataset import fields, layout, qualified, rolled_up_in
from common.adapters.gcp.bigquery_jobs import typed
from common.config import Settings
from common.errors import BadConfiguration, Contention, CostError, NotFound, Retryable
from common.focus import TABLE, storage_schema
from common.ports import Slice
from common.warehouse.daily import DAILY_SQL, DAILY_TABLE
from common.warehouse.promised import view_names, view_sql
from tests.contract.warehouse_cases import SetClock

DATASET = bigquery.DatasetReference("a-project", "acme_prod")
SETTINGS = Settings(runtime="cloud", project="a-project", region="us-central1", maximum_bytes_billed=1000)


class Canned(requests.Session):
    """Answers calls from a table of (method, end of path) -> (status, body), and remembers the bodies it was sent."""

    is_mtls = False

    def __init__(self, **answers: Any) -> None:
        super().__init__()
        self.answers = answers
        self.sent: list[tuple[str, str, Any]] = []

    def request(self, method: str, url: str, data: Any = None, **_: Any) -> requests.Response:  # type: ignore[override]
        path = url.split("?")[0].split("/v2/")[-1]
        body = json.loads(data) if data else None
        self.sent.append((method, path, body))
        status, answer = self.answer(method, path, body)
        made = requests.Response()
        made.status_code, made._content = status, json.dumps(answer).encode()
        made.headers["Content-Type"] = "application/json"
        made.request = requests.Request(method, url).prepare()
        return made

    def answer(self, method: str, path: str, body: Any) -> tuple[int, Any]:
        if path.endswith("datasets/acme_prod"):
            reference = {"projectId": "a-project", "datasetId": "acme_prod"}
            return 200, {
                "datasetReference": reference,
                "location": "US-CENTRAL1",
                "labels": {"costwire_layout": layout()},
            }
        if method == "POST" and path.endswith("/jobs"):
            kind = "dry" if body["configuration"].get("dryRun") else "query"
            return self.answers[kind](body) if callable(self.answers[kind]) else self.answers[kind]
        raise AssertionError(f"{method} {path} was not expected")


def refused(status: int, reason: str, message: str = "words of BigQuery") -> tuple[int, Any]:
    return status, {"error": {"code": status, "message": message, "errors": [{"reason": reason, "message": message}]}}


def failed(reason: str, message: str = "words of BigQuery") -> tuple[int, Any]:
    """A job that was taken and failed."""
    told = {"reason": reason, "message": message}
    return 200, job({"state": "DONE", "errorResult": told, "errors": [told]})


def job(status: dict[str, Any], **statistics: Any) -> dict[str, Any]:
    reference = {"projectId": "a-project", "jobId": "j", "location": "us-central1"}
    configuration = {"jobType": "QUERY", "query": {"query": "select 1"}}
    return {"jobReference": reference, "configuration": configuration, "status": status, "statistics": statistics}


class Reader(Canned):
    """Lets this account ask, but change nothing: the dataset is as an earlier version left it."""

    labels: dict[str, str]

    def answer(self, method: str, path: str, body: Any) -> tuple[int, Any]:
        if method in ("POST", "PUT", "PATCH") and not path.endswith("/jobs"):
            return refused(403, "accessDenied")
        status, answer = super().answer(method, path, body)
        return status, {**answer, "labels": self.labels} if path.endswith("datasets/acme_prod") else answer


def warehouse(tmp_path: Path, canned: Canned | None = None, **answers: Any) -> tuple[BigQueryWarehouse, Canned]:
    canned = canned or Canned(**answers)
    client = bigquery.Client("a-project", credentials=AnonymousCredentials(), location="us-central1", _http=canned)
    documents = SqliteDocumentStore(tmp_path / "documents.sqlite")
    return BigQueryWarehouse(client, SETTINGS, documents, SetClock(), patience=1), canned


QUESTION = f"select sum(BilledCost) as total from {TABLE}"


def test_a_question_beyond_the_limit_names_what_it_would_scan(tmp_path: Path) -> None:
    estimate = (
        200,
        job({"state": "DONE"}, totalBytesProcessed="123456789", query={"totalBytesProcessed": "123456789"}),
    )
    asked, canned = warehouse(tmp_path, query=failed("bytesBilledLimitExceeded"), dry=estimate)
    with pytest.raises(
        BadConfiguration, match=r"would scan 123,456,789 bytes, COSTWIRE_MAXIMUM_BYTES_BILLED allows 1,000"
    ):
        asked.query("acme", QUESTION)
    (sent,) = [
        body["configuration"]["query"] for _, _, body in canned.sent if body and not body["configuration"].get("dryRun")
    ]
    assert sent["maximumBytesBilled"] == "1000"
    assert sent["defaultDataset"] == {"projectId": "a-project", "datasetId": "acme_prod"}


class NoDatasetYet(Canned):
    """Has no dataset until one is created."""

    def answer(self, method: str, path: str, body: Any) -> tuple[int, Any]:
        made = any(one == ("POST", "projects/a-project/datasets") for one in [each[:2] for each in self.sent])
        if path.endswith("/datasets/acme_prod") and not made:
            return refused(404, "notFound")
        return super().answer(method, "datasets/acme_prod" if path.endswith("/datasets") else path, body)


@pytest.mark.parametrize("key", [None, "projects/a-project/locations/us-central1/keyRings/own/cryptoKeys/stores"])
def test_a_dataset_is_created_with_the_customers_key(tmp_path: Path, key: str | None) -> None:
    """It can have no other one later."""
    canned = NoDatasetYet()
    client = bigquery.Client("a-project", credentials=AnonymousCredentials(), location="us-central1", _http=canned)
    documents, settings = SqliteDocumentStore(tmp_path / "d.sqlite"), SETTINGS.model_copy(update={"customer_key": key})
    BigQueryWarehouse(client, settings, documents, SetClock(), patience=1)._datasets.made("acme")
    (created,) = [body for method, path, body in canned.sent if method == "POST" and path.endswith("/datasets")]
    assert created.get("defaultEncryptionConfiguration") == ({"kmsKeyName": key} if key else None)


def test_who_may_only_ask_asks_a_dataset_as_it_stands(tmp_path: Path) -> None:
    estimate = (200, job({"state": "DONE"}, totalBytesProcessed="42", query={"totalBytesProcessed": "42"}))
    reader = Reader(dry=estimate)
    asked, _ = warehouse(tmp_path, reader)
    reader.labels = {}
    with pytest.raises(Retryable, match="is being created; try again"):
        asked.scanned_bytes("acme", QUESTION)
    reader.labels = {"costwire_layout": "of-an-earlier-version"}
    assert asked.scanned_bytes("acme", QUESTION) == 42
    with pytest.raises(BadConfiguration, match="permission denied"):
        asked.replace_slice(Slice("acme", "aws", "2026-03"), "d1", datetime(2026, 4, 1, tzinfo=UTC), [])


def test_who_may_only_ask_asks_the_charges_where_a_dataset_has_no_roll_up_yet(tmp_path: Path) -> None:
    estimate = (200, job({"state": "DONE"}, totalBytesProcessed="42", query={"totalBytesProcessed": "42"}))
    reader = Reader(dry=estimate)
    reader.labels = {"costwire_layout": "of-an-earlier-version"}
    asked, _ = warehouse(tmp_path, reader)
    asked.scanned_bytes(
        "acme", f"with d as (select * from {DAILY_TABLE}) select d.BilledCost, (select 1 from {TABLE}) from d"
    )
    sent = reader.sent[-1][2]["configuration"]["query"]["query"]
    tables = {table.name for table in sqlglot.parse_one(sent, read="bigquery").find_all(exp.Table)}
    assert (DAILY_TABLE in tables, TABLE in tables) == (False, True)
    assert f"select * from {DAILY_SQL})) as {DAILY_TABLE}) select d.BilledCost" in sent.replace(
        "select * from (", "select * from "
    )


@pytest.mark.parametrize("named", ["", " as d", " d"])
def test_the_roll_up_is_added_up_in_the_question_under_the_name_that_it_has_there(named: str) -> None:
    alias = named.split()[-1] if named else DAILY_TABLE
    text = rolled_up_in(f"select {alias}.x_Charges from `{DAILY_TABLE}`{named} join {TABLE} as other on true")
    found = sqlglot.parse_one(text, read="bigquery").args["from_"].this
    assert found.alias == alias


def test_scanned_bytes_are_bigquerys_own_estimate(tmp_path: Path) -> None:
    estimate = (200, job({"state": "DONE"}, totalBytesProcessed="42", query={"totalBytesProcessed": "42"}))
    asked, _ = warehouse(tmp_path, dry=estimate)
    assert asked.scanned_bytes("acme", QUESTION) == 42


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        (refused(403, "quotaExceeded"), Retryable, "quotaExceeded"),
        (refused(403, "rateLimitExceeded"), Retryable, "rateLimitExceeded"),
        (failed("backendError"), Retryable, "backendError"),
        (failed("jobRateLimitExceeded"), Retryable, "jobRateLimitExceeded"),
        (refused(503, "backendError"), Retryable, "retried"),
        (refused(403, "accessDenied"), BadConfiguration, "grant roles/bigquery.jobUser"),
        (failed("accessDenied"), BadConfiguration, "grant roles/bigquery.jobUser"),
        (refused(404, "notFound"), NotFound, "does not exist"),
        (failed("resourcesExceeded"), BadConfiguration, "narrow it"),
    ],
)
def test_refusals_are_told_by_their_reason(tmp_path: Path, answer: Any, kind: type[CostError], words: str) -> None:
    asked, _ = warehouse(tmp_path, query=answer, dry=answer)
    with pytest.raises(kind, match=words) as caught:
        asked.query("acme", QUESTION)
    assert "words of BigQuery" not in str(caught.value)


def test_words_about_the_question_are_shown_and_words_about_a_row_are_not(tmp_path: Path) -> None:
    badly_put = failed("invalidQuery", "Unrecognized name: NoSuchColumn at [1:8]")
    asked, _ = warehouse(tmp_path, query=badly_put, dry=refused(400, "invalidQuery", "Unrecognized name: NoSuchColumn"))
    with pytest.raises(BadConfiguration, match="cannot be answered: Unrecognized name: NoSuchColumn"):
        asked.query("acme", QUESTION)
    fine = (200, job({"state": "DONE"}, totalBytesProcessed="0", query={}))
    asked, _ = warehouse(tmp_path, query=failed("invalidQuery", "Bad int64 value: a-secret"), dry=fine)
    with pytest.raises(BadConfiguration, match="does not fit") as caught:
        asked.query("acme", QUESTION)
    assert "a-secret" not in str(caught.value)


def test_another_transaction_in_the_way_is_contention_after_a_few_tries(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("common.adapters.gcp.bigquery_turns.MAX_TRIES", 3)
    swaps: list[str] = []

    def answer(body: Any) -> tuple[int, Any]:
        job_id = body["jobReference"]["jobId"]
        if not job_id.startswith("costwire-swap"):
            return 200, job({"state": "DONE"}, query={}) | {"jobReference": body["jobReference"]}
        if job_id in swaps:
            return refused(409, "duplicate")
        swaps.append(job_id)
        return refused(400, "invalidQuery", "Transaction is aborted due to concurrent update against table")

    asked, canned = warehouse(tmp_path, query=answer)
    plain, known = canned.answer, {"state": "DONE", "errorResult": {"reason": "invalidQuery", "message": "aborted"}}

    def also(method: str, path: str, body: Any) -> tuple[int, Any]:
        if "/jobs/costwire-swap" in path:
            return 200, job(known) | {"jobReference": {"projectId": "a-project", "jobId": path.rsplit("/", 1)[1]}}
        if "/queries/costwire-swap" in path:
            return refused(400, "invalidQuery", "Transaction is aborted")
        if "/queries/" in path:
            return 200, {
                "jobComplete": True,
                "totalRows": "0",
                "schema": {"fields": []},
                "jobReference": {"jobId": "j"},
            }
        return plain(method, path, body)

    monkeypatch.setattr(canned, "answer", also)
    with pytest.raises(Contention, match="deliver it again"):
        asked.replace_slice(Slice("acme", "aws", "2026-03"), "d1", datetime(2026, 4, 1, tzinfo=UTC), [])
    assert [name.rsplit("-", 1)[1] for name in swaps] == ["0", "1", "2"]


@pytest.mark.parametrize("view", sorted(view_names()))
def test_views_name_their_tables_in_full_and_are_else_as_written(view: str) -> None:
    text = qualified(view_sql(view), DATASET)
    own = {cte.alias for cte in sqlglot.parse_one(text, read="bigquery").find_all(exp.CTE)}
    tables = [table for table in sqlglot.parse_one(text, read="bigquery").find_all(exp.Table) if table.db]
    assert {(table.catalog, table.db) for table in tables} == {("a-project", "acme_prod")}
    assert {TABLE, DAILY_TABLE} & {table.name for table in tables}
    assert not own & {table.name for table in tables}
    assert text.replace("`a-project.acme_prod.", "").replace("`", "") == view_sql(view).replace("`", "")


def test_every_column_has_bigquerys_type() -> None:
    made = {field.name: field for field in fields(storage_schema())}
    assert list(made) == list(storage_schema())
    cost, quantity = made["BilledCost"], made["ConsumedQuantity"]
    assert (cost.field_type, cost.precision, cost.scale) == ("BIGNUMERIC", 38, 24)
    assert (quantity.field_type, quantity.precision, quantity.scale) == ("BIGNUMERIC", 38, 12)
    assert {made[name].field_type for name in ("Tags", "x_Source", "ServiceName")} == {"STRING"}
    assert made["ChargePeriodStart"].field_type == "TIMESTAMP"


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (Decimal("1.5"), "BIGNUMERIC"),
        (3, "INT64"),
        (True, "BOOL"),
        ("text", "STRING"),
        (None, "STRING"),
        (date(2026, 3, 1), "DATE"),
        (datetime(2026, 3, 1, tzinfo=UTC), "TIMESTAMP"),
    ],
)
def test_parameters_have_the_types_of_their_values(value: Any, kind: str) -> None:
    found = typed("p", value)
    assert isinstance(found, bigquery.ScalarQueryParameter)
    assert found.type_ == kind
    if value is not None:
        listed = typed("p", [value])
        assert isinstance(listed, bigquery.ArrayQueryParameter)
        assert listed.array_type == kind


def test_a_time_without_a_zone_is_utc() -> None:
    assert typed("p", datetime(2026, 3, 1)).to_api_repr() == typed("p", datetime(2026, 3, 1, tzinfo=UTC)).to_api_repr()  # noqa: DTZ001


@pytest.mark.parametrize(
    ("value", "words"), [(0.1, "is a float"), (["a", 1], "mixes INT64 and STRING"), ({}, "is a dict")]
)
def test_a_parameter_that_has_no_type_is_refused(value: Any, words: str) -> None:
    with pytest.raises(BadConfiguration, match=words):
        typed("p", value)


@pytest.mark.parametrize("env", ["", "Prod", "my-env", "a b"])
def test_an_environment_that_no_dataset_can_be_named_for_is_refused(tmp_path: Path, env: str) -> None:
    client = bigquery.Client("a-project", credentials=AnonymousCredentials())
    with pytest.raises(BadConfiguration, match="COSTWIRE_ENV"):
        BigQueryWarehouse(
            client, SETTINGS.model_copy(update={"env": env}), SqliteDocumentStore(tmp_path / "d.sqlite"), SetClock()
        )
