"""The Firestore adapter beyond the contract: what it asks of the service, and what it makes of the service's refusals."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent import futures
from datetime import UTC, datetime
from typing import Any

import grpc
import pytest
from google.api_core import exceptions as api
from google.cloud.firestore_v1 import types

from common.adapters.gcp import firestore as adapter
from common.adapters.gcp.firestore import FirestoreDocumentStore
from common.errors import AlreadyExists, BadConfiguration, Contention, NotFound, Permanent, Retryable
from common.ports import Transaction

PATH = "orgs/default/usage/2026-04"


class Refusing:
    """A Firestore of the test's own: empty, and refusing each method as told.  answers: method -> status, or what makes one."""

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()
        self.answers: dict[str, grpc.StatusCode | Callable[[int], grpc.StatusCode | None]] = {}
        self.queries: list[types.RunQueryRequest] = []
        self.commits: list[types.CommitRequest] = []
        handlers = {
            "BeginTransaction": self._handler(
                "BeginTransaction",
                types.BeginTransactionRequest,
                lambda _: types.BeginTransactionResponse(transaction=b"one"),
            ),
            "Commit": self._handler(
                "Commit",
                types.CommitRequest,
                self._commit,
            ),
            "Rollback": self._handler("Rollback", types.RollbackRequest, lambda _: types.RollbackRequest()),
            "BatchGetDocuments": self._handler(
                "BatchGetDocuments",
                types.BatchGetDocumentsRequest,
                lambda asked: types.BatchGetDocumentsResponse(missing=asked.documents[0]),
                streams=True,
            ),
            "RunQuery": self._handler("RunQuery", types.RunQueryRequest, self._remember, streams=True),
            "RunAggregationQuery": self._handler(
                "RunAggregationQuery", types.RunAggregationQueryRequest, self._count, streams=True
            ),
        }
        self._server = grpc.server(futures.ThreadPoolExecutor(8))
        self._server.add_generic_rpc_handlers(
            [grpc.method_handlers_generic_handler("google.firestore.v1.Firestore", handlers)]
        )
        self.port = self._server.add_insecure_port("127.0.0.1:0")
        self._server.start()

    def stop(self) -> None:
        self._server.stop(None).wait()

    def _commit(self, asked: types.CommitRequest) -> types.CommitResponse:
        self.commits.append(asked)
        return types.CommitResponse(write_results=[types.WriteResult() for _ in asked.writes])

    def _remember(self, asked: types.RunQueryRequest) -> types.RunQueryResponse:
        self.queries.append(asked)
        return types.RunQueryResponse()

    def _count(self, asked: types.RunAggregationQueryRequest) -> types.RunAggregationQueryResponse:
        (aggregation,) = asked.structured_aggregation_query.aggregations
        counted = types.AggregationResult(aggregate_fields={aggregation.alias: {"integer_value": 7}})
        return types.RunAggregationQueryResponse(result=counted)

    def _handler(
        self, name: str, request: Any, answer: Callable[[Any], Any], streams: bool = False
    ) -> grpc.RpcMethodHandler:
        def serve(asked: Any, context: grpc.ServicerContext) -> Any:
            self.calls[name] += 1
            told = self.answers.get(name)
            status = told(self.calls[name]) if callable(told) else told
            if status is not None:
                context.abort(status, "secret words of the vendor")
            return answer(asked)

        def serve_stream(asked: Any, context: grpc.ServicerContext) -> Any:
            yield serve(asked, context)

        make = grpc.unary_stream_rpc_method_handler if streams else grpc.unary_unary_rpc_method_handler
        return make(
            serve_stream if streams else serve,
            request_deserializer=request.deserialize,
            response_serializer=lambda made: type(made).serialize(made),
        )


@pytest.fixture
def service():
    made = Refusing()
    yield made
    made.stop()


@pytest.fixture
def store(service, monkeypatch):
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", f"127.0.0.1:{service.port}")
    monkeypatch.setattr(adapter, "CALL_SECONDS", 1.0)
    for name in ("_ALONE", "_IN_TRANSACTION"):
        monkeypatch.setattr(adapter, name, getattr(adapter, name).with_timeout(1.0))
    made = FirestoreDocumentStore.connect("some-project", "(default)")
    yield made
    made._client.close()


def increment(transaction: Transaction) -> None:
    document = transaction.get(PATH) or {"runs": 0}
    transaction.set(PATH, {"runs": document["runs"] + 1})


@pytest.mark.parametrize(
    ("status", "error", "words"),
    [
        (grpc.StatusCode.PERMISSION_DENIED, BadConfiguration, "permission denied"),
        (grpc.StatusCode.UNAUTHENTICATED, BadConfiguration, "credentials"),
        (grpc.StatusCode.NOT_FOUND, NotFound, "does not exist"),
        (grpc.StatusCode.INVALID_ARGUMENT, Permanent, "refused by Firestore"),
        (grpc.StatusCode.FAILED_PRECONDITION, BadConfiguration, "index"),
        (grpc.StatusCode.ALREADY_EXISTS, AlreadyExists, "exists already"),
        (grpc.StatusCode.UNAVAILABLE, Retryable, "unavailable"),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, Retryable, "unavailable"),
        (grpc.StatusCode.DEADLINE_EXCEEDED, Retryable, "unavailable"),
        (grpc.StatusCode.INTERNAL, Retryable, "unavailable"),
        (grpc.StatusCode.ABORTED, Contention, "other workers"),
    ],
)
def test_what_the_service_refuses_is_told_by_code(service, store, status, error, words):
    service.answers = dict.fromkeys(("Commit", "BatchGetDocuments", "RunQuery", "RunAggregationQuery"), status)
    calls = (
        lambda: store.set(PATH, {}),
        lambda: store.create(PATH, {}),
        lambda: store.get(PATH),
        lambda: store.delete(PATH),
    )
    for call in calls:
        with pytest.raises(error, match=words) as caught:
            call()
        assert PATH in str(caught.value)
        assert "secret" not in str(caught.value)
    for read in (store.list, store.count):
        with pytest.raises(error, match=words):
            read("orgs")


def test_a_count_reads_no_documents(service, store):
    assert store.count("orgs/default/deliveries/d/chunks", {"rows": 0}) == 7
    assert service.calls == {"RunAggregationQuery": 1}


def test_a_passing_failure_is_tried_again(service, store):
    service.answers = {"Commit": lambda call: grpc.StatusCode.UNAVAILABLE if call < 3 else None}
    store.set(PATH, {})
    assert service.calls["Commit"] == 3


def test_a_service_that_never_answers_is_given_up(service, store):
    gone = threading.Event()

    def never(call: int) -> None:
        gone.wait(20)

    service.answers = {"Commit": never}
    began = time.monotonic()
    with pytest.raises(Retryable, match=PATH):
        store.set(PATH, {})
    assert time.monotonic() - began < 10
    gone.set()


def test_a_transaction_that_always_loses_is_contention(service, store, monkeypatch):
    monkeypatch.setattr(adapter, "TRIES", 2)
    service.answers = {"Commit": grpc.StatusCode.ABORTED}
    with pytest.raises(Contention, match=f"{PATH} is being changed by other workers"):
        store.transact(increment)
    assert service.calls["Commit"] == 10


def test_a_read_that_loses_its_transaction_is_tried_again(service, store):
    service.answers = {"BatchGetDocuments": lambda call: grpc.StatusCode.ABORTED if call < 3 else None}
    store.transact(increment)
    assert service.calls["BatchGetDocuments"] == 3
    assert service.calls["Commit"] == 1


def test_no_try_begins_after_the_time_of_a_transaction(service, store, monkeypatch):
    monkeypatch.setattr(adapter, "TRANSACTION_SECONDS", 0.5)
    service.answers = {"Commit": grpc.StatusCode.ABORTED}

    def slowly(transaction: Transaction) -> None:
        time.sleep(0.3)
        increment(transaction)

    with pytest.raises(Contention):
        store.transact(slowly)
    assert service.calls["Commit"] == 2


@pytest.mark.parametrize("status", [grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.NOT_FOUND])
def test_a_failed_roll_back_hides_nothing(service, store, status):
    service.answers = {"Rollback": status}
    with pytest.raises(ZeroDivisionError):
        store.transact(lambda transaction: 1 // 0)
    service.answers |= {"Commit": grpc.StatusCode.ALREADY_EXISTS}
    with pytest.raises(AlreadyExists, match=f"document {PATH} exists already"):
        store.transact(lambda transaction: transaction.create(PATH, {}))
    service.answers |= {"BeginTransaction": grpc.StatusCode.PERMISSION_DENIED}
    with pytest.raises(BadConfiguration, match="permission denied"):
        store.transact(increment)


def test_what_work_raises_passes_through_even_where_it_looks_like_the_vendors(service, store):
    for raised in (
        ValueError("of the work"),
        Contention("of the work"),
        NotFound("of the work"),
        api.NotFound("of the work"),  # of another service, as Cloud Storage
        api.Aborted("of the work"),
    ):

        def work(transaction: Transaction, raised: Exception = raised) -> None:
            raise raised

        with pytest.raises(type(raised), match="of the work"):
            store.transact(work)
    assert service.calls["BeginTransaction"] == 5
    assert service.calls["Commit"] == 0


def test_equality_is_asked_of_the_service_and_nothing_else(service, store):
    store.list(
        "orgs/default/deliveries", {"state": "current", "rows": 1, "note": None, "list": [1], "long": "x" * 2000}
    )
    query = service.queries[0].structured_query
    asked = {one.field_filter.field.field_path for one in query.where.composite_filter.filters} | {
        one.unary_filter.field.field_path for one in query.where.composite_filter.filters
    }
    assert asked - {""} == {"state", "rows", "note"}
    assert not query.order_by


def test_the_moment_of_expiry_is_a_timestamp_to_the_service(service, store):
    store.set(
        "processed/a", {"expires_at": "2026-04-01T12:00:00.000001+00:00", "event_id": "2026-04-01T12:00:00+00:00"}
    )
    fields = service.commits[0].writes[0].update.fields
    assert fields["expires_at"].timestamp_value == datetime(2026, 4, 1, 12, microsecond=1, tzinfo=UTC)
    assert fields["event_id"].string_value == "2026-04-01T12:00:00+00:00"
