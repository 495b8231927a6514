"""The cost and usage APIs of OpenAI and Anthropic at protocol level: days, pages with cursors, keys that are checked, and refusals.

Built from the documented exchanges, since neither provider has a server for tests.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

KEY = "sk-admin-for-tests"
COSTS = {"openai": "/v1/organization/costs", "anthropic": "/v1/organizations/cost_report"}
USAGE = {
    "openai": "/v1/organization/usage/completions",
    "anthropic": "/v1/organizations/usage_report/messages",
}


def credential(**other: str) -> bytes:
    return json.dumps({"api_key": KEY, **other}).encode()


class Peer:
    """results: (path, day as YYYY-MM-DD) -> the JSON text of its results.

    page_days: so many days of a page at most, whatever is asked for.  refusals: what the next requests are answered with instead: status
    and headers.  before: called with the number of each request.  asked: path and query of each.
    """

    def __init__(self, provider: str) -> None:
        self.provider = provider
        self.results: dict[tuple[str, str], list[str]] = {}
        self.page_days = 31
        self.refusals: list[tuple[int, dict[str, str]]] = []
        self.before: Callable[[int], None] = lambda number: None
        self.asked: list[tuple[str, dict[str, str]]] = []
        handler = type("Handler", (_Handler,), {"peer": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.address = f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def add(self, path: str, day: str, *results: str) -> None:
        self.results.setdefault((path, day), []).extend(results)

    def answer(self, path: str, query: dict[str, str]) -> str:
        """The page of some days; the cursor is the day at which it begins."""
        first = self._moment(query["start_time" if self.provider == "openai" else "starting_at"])
        end = self._moment(query["end_time" if self.provider == "openai" else "ending_at"])
        begin = datetime.fromisoformat(query["page"].removeprefix("page_")) if "page" in query else first
        days = min(self.page_days, int(query["limit"]))
        shown = [begin + timedelta(days=number) for number in range(days) if begin + timedelta(days=number) < end]
        behind = begin + timedelta(days=days)
        buckets = ",".join(self._bucket(path, day) for day in shown)
        following = f'"page_{behind.isoformat()}"' if behind < end else "null"
        return f'{{"data":[{buckets}],"has_more":{str(behind < end).lower()},"next_page":{following}}}'

    def _bucket(self, path: str, day: datetime) -> str:
        inside = ",".join(self.results.get((path, f"{day:%Y-%m-%d}"), ()))
        behind = day + timedelta(days=1)
        if self.provider == "openai":
            return f'{{"start_time":{int(day.timestamp())},"end_time":{int(behind.timestamp())},"results":[{inside}]}}'
        return f'{{"starting_at":"{day:%Y-%m-%dT%H:%M:%SZ}","ending_at":"{behind:%Y-%m-%dT%H:%M:%SZ}","results":[{inside}]}}'

    def _moment(self, text: str) -> datetime:
        return datetime.fromtimestamp(int(text), UTC) if text.isdigit() else datetime.fromisoformat(text)


class _Handler(BaseHTTPRequestHandler):
    peer: Peer

    def do_GET(self) -> None:
        peer = self.peer
        parts = urlsplit(self.path)
        query = dict(parse_qsl(parts.query))
        peer.asked.append((parts.path, query))
        peer.before(len(peer.asked))
        if peer.refusals:
            status, headers = peer.refusals.pop(0)
            self._send(status, '{"error":{"message":"secret words of the provider"}}', headers)
        elif not self._may():
            self._send(401, '{"error":{"message":"secret words of the provider"}}', {})
        elif parts.path not in (COSTS[peer.provider], USAGE[peer.provider]):
            self._send(404, "{}", {})
        else:
            self._send(200, peer.answer(parts.path, query), {})

    def _may(self) -> bool:
        if self.peer.provider == "openai":
            return self.headers.get("authorization") == f"Bearer {KEY}"
        return self.headers.get("x-api-key") == KEY and self.headers.get("anthropic-version") == "2023-06-01"

    def _send(self, status: int, body: str, headers: dict[str, str]) -> None:
        content = body.encode()
        self.send_response(status)
        for name, value in {"content-type": "application/json", "content-length": str(len(content)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        """Nothing is said."""


@contextmanager
def answering(provider: str) -> Iterator[Peer]:
    peer = Peer(provider)
    try:
        yield peer
    finally:
        peer.close()
