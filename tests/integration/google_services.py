"""Google's administrative answers as a test wants them: one gRPC and one REST server, on Google's own message classes."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import grpc
from google.cloud import kms_v1, scheduler_v1, secretmanager_v1
from google.cloud.firestore_admin_v1 import types as admin
from google.iam.v1 import iam_policy_pb2, policy_pb2
from google.protobuf import empty_pb2
from google.pubsub_v1 import types as pubsub

GRPC_VARIABLES = (
    "KMS_EMULATOR_HOST", "SECRET_MANAGER_EMULATOR_HOST", "CLOUD_SCHEDULER_EMULATOR_HOST", "FIRESTORE_ADMIN_EMULATOR_HOST",
    "PUBSUB_EMULATOR_HOST",
)  # fmt: skip
REST_VARIABLES = ("STORAGE_EMULATOR_HOST", "RESOURCE_MANAGER_EMULATOR_HOST", "CLOUD_RUN_EMULATOR_HOST")
_IAM = {
    "TestIamPermissions": (iam_policy_pb2.TestIamPermissionsRequest, iam_policy_pb2.TestIamPermissionsResponse),
    "GetIamPolicy": (iam_policy_pb2.GetIamPolicyRequest, policy_pb2.Policy),
}
METHODS: dict[str, tuple[Any, Any]] = {
    **{f"google.iam.v1.IAMPolicy/{name}": kinds for name, kinds in _IAM.items()},
    **{f"google.cloud.secretmanager.v1.SecretManagerService/{name}": kinds for name, kinds in _IAM.items()},
    "google.cloud.kms.v1.KeyManagementService/GetCryptoKey": (kms_v1.GetCryptoKeyRequest, kms_v1.CryptoKey),
    "google.cloud.secretmanager.v1.SecretManagerService/GetSecret": (
        secretmanager_v1.GetSecretRequest, secretmanager_v1.Secret,
    ),
    "google.cloud.secretmanager.v1.SecretManagerService/GetSecretVersion": (
        secretmanager_v1.GetSecretVersionRequest, secretmanager_v1.SecretVersion,
    ),
    "google.cloud.scheduler.v1.CloudScheduler/ListJobs": (scheduler_v1.ListJobsRequest, scheduler_v1.ListJobsResponse),
    "google.firestore.admin.v1.FirestoreAdmin/GetDatabase": (admin.GetDatabaseRequest, admin.Database),
    "google.firestore.admin.v1.FirestoreAdmin/ListFields": (admin.ListFieldsRequest, admin.ListFieldsResponse),
    "google.pubsub.v1.Publisher/ListTopics": (pubsub.ListTopicsRequest, pubsub.ListTopicsResponse),
    "google.pubsub.v1.Subscriber/ListSubscriptions": (
        pubsub.ListSubscriptionsRequest, pubsub.ListSubscriptionsResponse,
    ),
    "google.pubsub.v1.Subscriber/Pull": (pubsub.PullRequest, pubsub.PullResponse),
    "google.pubsub.v1.Subscriber/ModifyAckDeadline": (pubsub.ModifyAckDeadlineRequest, empty_pb2.Empty),
}  # fmt: skip


class Refused(Exception):
    """Answer with a status instead."""

    def __init__(self, code: grpc.StatusCode) -> None:
        super().__init__(code.name)
        self.code = code


def refuses(code: grpc.StatusCode) -> Callable[[Any], Any]:
    """What always answers with a status."""

    def answer(request: Any) -> Any:
        raise Refused(code)

    return answer


class Services(grpc.GenericRpcHandler):  # type: ignore[misc]
    """answers: method -> what answers it; one that is not there is UNIMPLEMENTED.  pages: REST path -> (status, JSON)."""

    def __init__(self) -> None:
        self.answers: dict[str, Callable[[Any], Any]] = {}
        self.pages: dict[str, tuple[int, Any]] = {}

    def service(self, details: Any) -> Any:
        """How the method is answered."""
        method = details.method.strip("/")
        if method not in METHODS or method not in self.answers:
            return None
        taken, given = METHODS[method]

        def handle(request: Any, context: grpc.ServicerContext) -> Any:
            try:
                return self.answers[method](request)
            except Refused as refusal:
                context.abort(refusal.code, str(refusal))

        return grpc.unary_unary_rpc_method_handler(
            handle,
            request_deserializer=taken.deserialize if hasattr(taken, "deserialize") else taken.FromString,
            response_serializer=given.serialize if hasattr(given, "serialize") else given.SerializeToString,
        )


@contextmanager
def serving(services: Services) -> Iterator[dict[str, str]]:
    """The environment by which clients find the servers, while the context lasts."""
    server = grpc.server(ThreadPoolExecutor(8))
    server.add_generic_rpc_handlers((services,))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    http = ThreadingHTTPServer(("127.0.0.1", 0), _pages(services))
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        rest = f"http://127.0.0.1:{http.server_port}"
        yield dict.fromkeys(GRPC_VARIABLES, f"127.0.0.1:{port}") | dict.fromkeys(REST_VARIABLES, rest)
    finally:
        http.shutdown()
        http.server_close()
        thread.join()
        server.stop(grace=None).wait()


def _pages(services: Services) -> type[BaseHTTPRequestHandler]:
    class Pages(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, body = services.pages.get(self.path.partition("?")[0], (404, {"error": {"message": "not found"}}))
            content = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_POST = do_GET  # what is asked does not matter here

        def log_message(self, *words: Any) -> None:
            pass

    return Pages
