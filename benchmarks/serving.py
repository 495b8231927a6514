"""What the API answers in over a large tenant: at 50 requests a second, unchanged answers, and right after a swap."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import duckdb

from benchmarks.figures import Figure
from benchmarks.focus_rows import Spread, fill, show
from benchmarks.measure import ROOT, Failed, probe
from benchmarks.plan import MEBIBYTE, Plan
from common.config import Settings
from common.ports import Slice
from common.records.organizations import ensure_default
from common.runtime.bootstrap import EmbeddedRuntime
from common.tenancy.api_keys import KeyRequest, authenticate, create_key
from web.api.access import KeyDoor
from web.api.app import Service, create_app
from web.api.routes import ROUTES

RATE = 50
SECONDS = 20
THREADS = 8
LOADERS = 32
QUESTIONS = (
    "/api/costs/summary",
    "/api/costs/by-service",
    "/api/costs/by-account",
    "/api/costs/summary?last=30d&compare=previous",
)
SMALLER = 10
"""The delivery that is swapped in during the run has so many times fewer lines than what it replaces."""


@dataclass(frozen=True)
class Answered:
    """One request.  late: seconds from when it was due until it was answered.  sent: when it went out."""

    question: str
    due: float
    sent: float
    late: float
    status: int
    etag: str
    total: Decimal | None


@dataclass
class Client:
    """Asks with a key, on a connection per thread."""

    port: int
    key: str
    _local: threading.local = field(default_factory=threading.local)

    def ask(self, question: str, due: float | None = None, etag: str | None = None) -> Answered:
        """Ask once.  due: when the request should have gone out, which the wait is counted from."""
        headers = {"X-API-Key": self.key, "Accept-Encoding": "gzip", **({"If-None-Match": etag} if etag else {})}
        connection = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._local.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        sent = time.perf_counter()
        connection.request("GET", question, headers={**headers, "Accept-Encoding": "identity"})
        answer = connection.getresponse()
        body = answer.read()
        done = time.perf_counter()
        if answer.status not in (200, 304):
            raise Failed(f"{question} answered {answer.status}: {body[:200]!r}")
        total = Decimal(json.loads(body)["currencies"][0]["total"]) if body and "last=" not in question else None
        return Answered(
            question, due or sent, sent, done - (due or sent), answer.status, answer.headers.get("ETag", ""), total
        )


def measure_api(plan: Plan) -> list[Figure]:
    """The limits of the API, on a copy of the filled warehouse; an answer that is older than the swap before it is a failure."""
    plan.say(f"API over {plan.focus_rows:,} rows")
    filled = plan.data / f"warehouse-{plan.focus_rows}"
    rows = fill(filled, plan.focus_rows)
    with plan.folder() as folder:
        home = folder / "home"
        shutil.copytree(filled, home, copy_function=_linked)
        rt = EmbeddedRuntime(Settings(home=home))
        ensure_default(rt.documents, rt.clock.now())
        secret = create_key(rt, "default", KeyRequest("benchmark"), "benchmark").secret
        checks = _timed(lambda: authenticate(rt, secret), 500)
        used = _processor_times(rt, secret)
        with _served(home) as port:
            client = Client(port, secret)
            return used + _figures(rows, client, rt, rows // 12 // SMALLER, checks)


WIDE = Spread(accounts=20_000, resources=200_000)
DRILL = "drill"


def measure_pages(plan: Plan) -> list[Figure]:
    """The limits of the dashboard, on many rows, and on many accounts and resources.  What only a browser sees is in tests/browser."""
    wide = min(2_000_000, plan.focus_rows)
    figures = []
    for rows, spread in ((plan.focus_rows, Spread()), (wide, WIDE)):
        plan.say(f"pages over {rows:,} rows of {spread.accounts:,} accounts and {spread.resources:,} resources")
        home = plan.data / f"warehouse-{rows}{'-wide' if spread is WIDE else ''}"
        fill(home, rows, spread)
        found = probe("pages", environment={"COSTWIRE_HOME": str(home)})
        name = f"pages, {rows:,} rows, {spread.accounts:,} accounts, {spread.resources:,} resources"
        for screen, one in found.facts["screens"].items():
            most = 300 if screen.startswith(DRILL) else 100 if "90 days" in screen else None
            figures += [
                Figure(name, f"{screen}: first load", (one["bytes"] / 1000,), "kB", most=60),
                Figure(name, f"{screen}: elements", (one["elements"],), "", most=1500),
                Figure(
                    name, f"{screen}: first answer", (one["first"],), "ms",
                    note=f"{one['processor_first']:.0f} ms of processor time",
                ),
                Figure(
                    name, f"{screen}: cached answer, {'p95' if most == 100 else 'median'}",
                    (one["p95" if most == 100 else "median"],), "ms", most=most,
                    note=f"{one['processor']:.0f} ms of processor time",
                ),
            ]  # fmt: skip
        figures.append(Figure(name, "peak memory", (found.peak_bytes / MEBIBYTE,), "MiB"))
    return figures


def _figures(rows: int, client: Client, rt: EmbeddedRuntime, smaller: int, checks: list[float]) -> list[Figure]:
    name = f"API, {rows:,} FOCUS rows, embedded, {RATE} requests/s"
    first = [client.ask(question) for question in QUESTIONS]
    other = [client.ask(f"/api/costs/summary?filter=region%3Dregion-{number}") for number in range(8)]
    calm = _load(client, SECONDS)
    etags = [client.ask(question) for question in QUESTIONS]
    unchanged = [client.ask(one.question, etag=one.etag) for _ in range(50) for one in etags]
    if any(one.status != 304 for one in unchanged):
        raise Failed("an unchanged answer was sent again")
    kept = [client.ask(question) for _ in range(50) for question in QUESTIONS]
    with ThreadPoolExecutor(1) as aside:
        swap = aside.submit(_swap, rt, smaller, SECONDS / 3)
        moved = _load(client, SECONDS, {one.question: one.etag for one in etags})
        noted = swap.result()
    stale = _stale(moved, noted, etags, {one.question: one.total for one in map(client.ask, QUESTIONS)})
    return [
        Figure(name, "summary, p50 warm", (_part(calm, 0.5),), "ms", most=150),
        Figure(name, "summary, p99 warm", (_part(calm, 0.99),), "ms", most=500),
        Figure(name, "the same while a delivery is swapped in, p50", (_part(moved, 0.5),), "ms", most=150),
        Figure(name, "the same while a delivery is swapped in, p99", (_part(moved, 0.99),), "ms", most=500),
        Figure(name, "answers older than the swap before them", (float(stale),), "", most=0, note=f"of {len(moved):,}"),
        Figure(name, "unchanged, 304, p50", (_part(unchanged, 0.5),), "ms", most=10),
        Figure(name, "unchanged, 304, p99", (_part(unchanged, 0.99),), "ms", most=10),
        Figure(name, "cached answer, p50", (_part(kept, 0.5),), "ms", most=10),
        Figure(name, "check of a key, p50", (1000 * sorted(checks)[len(checks) // 2],), "ms", most=1),
        Figure(name, "first answer after the start, the slowest question", (_part(first, 1),), "ms"),
        Figure(name, "a question nobody has asked, p50", (_part(other, 0.5),), "ms", note="one at a time"),
    ]  # fmt: skip


def _processor_times(rt: EmbeddedRuntime, secret: str) -> list[Figure]:
    """Of one request in one process: other work hardly changes it."""
    ask = create_app(rt, Service(KeyDoor(rt, None)), ROUTES).test_client()
    headers = {"X-API-Key": secret}
    first = ask.get(QUESTIONS[0], headers=headers)
    headers_again = {**headers, "If-None-Match": first.headers["ETag"]}
    unchanged = _timed(lambda: ask.get(QUESTIONS[0], headers=headers_again), 100, time.process_time)
    cached = _timed(lambda: ask.get(QUESTIONS[0], headers=headers), 100, time.process_time)
    number = iter(range(8))
    new = _timed(
        lambda: ask.get(f"{QUESTIONS[0]}?filter=region%3Dregion-{next(number)}", headers=headers), 8, time.process_time
    )
    name = "API, processor time of one request"
    return [
        Figure(name, "unchanged, 304", (1000 * sum(unchanged) / 100,), "ms", most=10),
        Figure(name, "cached answer", (1000 * sum(cached) / 100,), "ms", most=10),
        Figure(name, "a question nobody has asked", (1000 * sum(new) / 8,), "ms"),
    ]


def _load(client: Client, seconds: float, etags: dict[str, str] | None = None) -> list[Answered]:
    """Requests that go out by the clock, whether or not earlier ones are answered; every other one says which answer it has."""
    began = time.perf_counter()

    def one(number: int) -> Answered:
        due = began + number / RATE
        time.sleep(max(0.0, due - time.perf_counter()))
        question = QUESTIONS[number % len(QUESTIONS)]
        known = etags.get(question) if etags and number % 8 >= 4 else None
        return client.ask(question, due, known)

    with ThreadPoolExecutor(LOADERS) as pool:
        return list(pool.map(one, range(int(RATE * seconds))))


def _swap(rt: EmbeddedRuntime, rows: int, after: float) -> float:
    """Show a smaller delivery of the present month; returns when that was noted, since when no answer may be without it."""
    time.sleep(after)
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        connection.execute("set threads = 1")
        piece = Slice("default", "aws-main", f"{datetime.now(UTC):%Y-%m}")
        show(rt, connection, piece, rows, Spread(), "swapped", "benchmark")
    return time.perf_counter()


def _stale(
    answers: Sequence[Answered], noted: float, before: Sequence[Answered], after: dict[str, Decimal | None]
) -> int:
    """How many were asked for after the swap and answered without it.  Raises Failed where that cannot be told."""
    known = {one.question: one for one in before}
    if any(after[name] == known[name].total for name in after if after[name] is not None):
        raise Failed("the swap changed no total, so that a stale answer cannot be told")
    late = [one for one in answers if one.sent > noted]
    if not late or not any(one.sent < noted for one in answers):
        raise Failed("the swap was not within the run")
    kept = [one for one in late if one.status == 304 and one.etag.strip('W/"') == known[one.question].etag.strip('W/"')]
    wrong = [one for one in late if one.total is not None and one.total != after[one.question]]
    return len(kept) + len(wrong)


@contextmanager
def _served(home: Path) -> Iterator[int]:
    command = [sys.executable, "-m", "benchmarks.probes.api_server", str(THREADS)]
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT, text=True,
        env={**os.environ, "COSTWIRE_HOME": str(home)},
    )  # fmt: skip
    assert process.stdin is not None and process.stdout is not None
    try:
        yield int(process.stdout.readline())
    finally:
        process.stdin.close()
        process.wait(timeout=30)
        process.stdout.close()


def _timed(once: Callable[[], object], times: int, clock: Callable[[], float] = time.perf_counter) -> list[float]:
    found = []
    for _ in range(times):
        began = clock()
        once()
        found.append(clock() - began)
    return found


def _part(answers: Sequence[Answered], part: float) -> float:
    """A quantile of the waits, in milliseconds."""
    waits = sorted(one.late for one in answers)
    return 1000 * waits[min(int(len(waits) * part), len(waits) - 1)]


def _linked(source: str, target: str) -> str:
    """Files of objects are never changed, so a second name is a copy; databases are copied."""
    if "/objects/" in source:
        os.link(source, target)
        return target
    return shutil.copy2(source, target)
