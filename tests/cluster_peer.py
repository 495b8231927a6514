"""OpenCost's allocation API at protocol level: a day per window, idle capacity on request, and what a proxy before it may refuse.

Built from the documented exchange, since OpenCost needs a cluster to run.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

TOKEN = "token-for-tests"


class Cluster:
    """days: day -> namespace -> the cost of its cpu.  raw: day -> the whole body instead.

    refusals: status and headers of the next answers.  token: what a proxy asks for.
    """

    def __init__(self) -> None:
        self.days: dict[str, dict[str, str]] = {}
        self.raw: dict[str, str] = {}
        self.refusals: list[tuple[int, dict[str, str]]] = []
        self.token: str | None = None
        self.asked: list[dict[str, str]] = []
        self.address = ""

    def answer(self, query: dict[str, str]) -> str:
        start, end = query["window"].split(",")
        if start[:10] in self.raw:
            return self.raw[start[:10]]
        known = self.days.get(start[:10], {})
        return json.dumps({"code": 200, "status": "success", "data": [allocations(known, start, end)]})


def allocations(costs: dict[str, str], start: str, end: str) -> dict[str, object]:
    return {
        f"c1/n1/{namespace}/deployment/web": {
            "name": f"c1/n1/{namespace}/deployment/web",
            "properties": {"cluster": "c1", "node": "n1", "namespace": namespace, "controller": "web"},
            "window": {"start": start, "end": end},
            "minutes": 1440,
            "cpuCost": float(cost),
            "ramCost": 0,
            "totalCost": float(cost),
        }
        for namespace, cost in costs.items()
    }


@contextmanager
def clustered() -> Iterator[Cluster]:
    """A server of one cluster, on this machine."""
    cluster = Cluster()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            cluster.asked.append(dict(parse_qsl(parts.query)))
            status, headers = cluster.refusals.pop(0) if cluster.refusals else (200, {})
            if cluster.token and self.headers.get("Authorization") != f"Bearer {cluster.token}":
                status = 401
            if parts.path != "/model/allocation":
                status = 404
            body = (cluster.answer(cluster.asked[-1]) if status == 200 else "secret words").encode()
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Nothing is logged."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    cluster.address = f"http://127.0.0.1:{server.server_port}/model"
    try:
        yield cluster
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
