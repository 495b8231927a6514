"""Runs gcp-storage-emulator with what the service promises and it does not do: preconditions, and big rewrites in steps.

Run by the emulator's own Python: storage_server.py PORT.  It answers one request at a time, so a check and the write behind it
are one step.
"""

from __future__ import annotations

import sys
from http import HTTPStatus, server
from typing import Any

from gcp_storage_emulator import server as emulator  # type: ignore[import-not-found]  # it has an environment of its own
from gcp_storage_emulator.handlers import objects  # type: ignore[import-not-found]

REWRITTEN_AT_ONCE_BYTES = 8 << 20
REFUSED = {"error": {"code": 412, "message": "conditionNotMet", "errors": [{"reason": "conditionNotMet"}]}}


def refuses(request: Any, response: Any, storage: Any, bucket: str, name: str) -> bool:
    """Whether `ifGenerationMatch` is asked for and not so; the answer is then 412."""
    wanted = request.query.get("ifGenerationMatch")
    if not wanted:
        return False
    there = storage.objects.get(bucket, {}).get(name)
    if wanted[0] == (there["generation"] if there else "0"):
        return False
    response.status = HTTPStatus.PRECONDITION_FAILED
    response.json(REFUSED)
    return True


def guarded(handler: Any) -> Any:
    """The handler, behind the precondition on the object that it writes."""

    def handle(request: Any, response: Any, storage: Any, *args: Any, **kwargs: Any) -> Any:
        params = request.params
        bucket = params.get("dest_bucket_name") or params["bucket_name"]
        name = params.get("dest_object_id") or params.get("object_id") or written_name(request)
        if name and refuses(request, response, storage, bucket, name):
            return None
        return handler(request, response, storage, *args, **kwargs)

    return handle


def written_name(request: Any) -> str | None:
    """The name that an upload is for; a resumable one says it when it begins and is asked again at its end."""
    if "name" in request.query:
        return str(request.query["name"][0])
    data = request.data if isinstance(request.data, dict) else {}
    return data.get("name") or data.get("meta", {}).get("name")


def in_steps(rewrite: Any) -> Any:
    """The rewrite of a big object, which gives a token first and is done when it is asked with it."""

    def handle(request: Any, response: Any, storage: Any, *args: Any, **kwargs: Any) -> Any:
        there = storage.objects.get(request.params["bucket_name"], {}).get(request.params["object_id"])
        size = int(there["size"]) if there else 0
        if size <= REWRITTEN_AT_ONCE_BYTES or "rewriteToken" in request.query:
            return rewrite(request, response, storage, *args, **kwargs)
        answer = {"kind": "storage#rewriteResponse", "done": False, "rewriteToken": "more", "objectSize": str(size)}
        return response.json({**answer, "totalBytesRewritten": str(REWRITTEN_AT_ONCE_BYTES)})

    return handle


def main() -> None:
    """Serve until killed, out of memory alone."""
    changed = {
        objects.insert: guarded(objects.insert),
        objects.upload_partial: guarded(objects.upload_partial),
        objects.rewrite: guarded(in_steps(objects.rewrite)),
        objects.delete: guarded(objects.delete),
        objects.patch: guarded(objects.patch),
    }
    emulator.HANDLERS = tuple(
        (route, {method: changed.get(handler, handler) for method, handler in methods.items()})
        for route, methods in emulator.HANDLERS
    )
    server.HTTPServer.request_queue_size = 128
    emulator.create_server("127.0.0.1", int(sys.argv[1]), in_memory=True).run()


if __name__ == "__main__":
    main()
