"""Days of a cluster's allocations as files, at the address of its OpenCost or Kubecost; a listing asks, since nothing says what changed.

A file has the answer about one closed day (UTC), and its version is its digest.  A server may have forgotten earlier days: a day without
allocations does not appear as a file, and what was landed of it stays.
"""

from __future__ import annotations

import io
import time
import weakref
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from typing import BinaryIO

import httpx

from common.adapters.answers.asking import TIMEOUT, Asker, TooLarge, version_of
from common.adapters.shared.outgoing import resolves_to_private, unlogged, watched
from common.domain.period import BillingPeriod
from common.errors import AGAIN, BadBill, BadConfiguration, Changed, NotFound, Retryable
from common.formats.answers import Page, read_page
from common.formats.container import MOST_PAGE_BYTES
from common.ports.locations import FoundObject, Probe
from common.providers.answer_pages import envelope
from common.providers.opencost.api import AGAIN_DAYS, PATH, ClusterAddress, ClusterCredential, fault_of, query_of

_TITLE = "OpenCost"
_HINT = "give the token, or the user name and password, that its proxy asks for: --credential FILE"


@dataclass(frozen=True)
class _Day:
    """The answer about a day, as a file.  has_costs: whether it has an allocation."""

    body: bytes
    has_costs: bool

    @property
    def version(self) -> str:
        return version_of(self.body)


class AllocationsLocation:
    """The closed days that a cluster's server answers about, each a file."""

    def __init__(
        self,
        uri: str,
        credential: Callable[[], ClusterCredential | None],
        now: datetime,
        periods: Sequence[str] = (),
        private: bool = False,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """periods: read the days of these months, and not the last ones.  private: whether the address may be any, and plain HTTP.

        Raises BadConfiguration for what is no address, or none that may be read.
        """
        self.uri = uri
        self._address = ClusterAddress.of(uri, private)
        self._credential, self._private, self._sleep = credential, private, sleep
        self._now, self._days = now, _days_of(periods, now.astimezone(UTC).date())
        self._read: dict[date, _Day] = {}

    def list(self, prefix: str = "") -> Sequence[FoundObject]:
        """The days that have allocations, each read now.

        Raises BadConfiguration where the credential may not read them, Retryable where the server does not answer.
        """
        found = []
        for day in self._days:
            name = f"{day}.jsonl"
            if name.startswith(prefix) and self._day(day).has_costs:
                one = self._day(day)
                found.append(FoundObject(name, len(one.body), self._now, one.version))
        return found

    def open(self, name: str, version: str | None = None) -> BinaryIO:
        """One day.  Raises NotFound, Changed."""
        day = next((one for one in self._days if name == f"{one}.jsonl"), None)
        if day is None or not self._day(day).has_costs:
            raise NotFound(f"there is no {name!r} at {self.uri}")
        one = self._day(day)
        if version is not None and one.version != version:
            raise Changed(f"the allocations of {day} changed since they were listed; they are read again")
        return io.BytesIO(one.body)

    def probes(self) -> Sequence[Probe]:
        """The steps of a dry run: the last closed day is asked for."""
        return [
            Probe("identity", lambda: "whoever has the credential" if self._credential() else "anybody: no credential"),
            Probe("reading", self._read_a_day, "to read allocations", _HINT),
        ]

    def _read_a_day(self) -> str:
        yesterday = self._now.astimezone(UTC).date() - timedelta(days=1)
        has_costs = self._day(yesterday).has_costs
        return f"allocations of {yesterday} can be read" if has_costs else f"{yesterday} has no allocations"

    def _day(self, day: date) -> _Day:
        if day not in self._read:
            self._read[day] = self._asked(day)
        return self._read[day]

    def _asked(self, day: date) -> _Day:
        query = query_of(day)
        try:
            text = self._asker.ask(self._address.path + PATH, query)
        except TooLarge:
            raise BadBill(f"{_TITLE} answers about {day} with more than {MOST_PAGE_BYTES >> 20} MB") from None
        page = self._page(text or "")
        if fault := fault_of(page, day):
            raise Retryable(f"{_TITLE} ({self.uri}): {fault}; {AGAIN}")
        request = {"path": PATH, "query": [[*pair] for pair in query]}
        has_costs = any(step for step in page.value.get("data") or ())
        return _Day(envelope(text or "", request, None, self._address.currency), has_costs)

    def _page(self, text: str) -> Page:
        try:
            return read_page(text, f"{_TITLE}'s API")
        except BadBill as error:
            raise Retryable(f"{error}; {AGAIN}") from None

    @cached_property
    def _asker(self) -> Asker:
        refusal = BadConfiguration(
            f"location {self.uri} leads to a private address; only places of the internet are read"
        )
        allowed = None if self._private else refusal
        address = self._address

        def client() -> httpx.Client:
            if not self._private and resolves_to_private(address.host, address.port):
                raise refusal
            return self._client

        return Asker(
            _TITLE,
            client,
            _HINT,
            refused="allocations may not be read",
            otherwise="check the address, to which /allocation is added",
            sleep=self._sleep,
            quiet=unlogged if not self._private else nullcontext,
            extensions=lambda: {"trace": watched(address.host, allowed)},
        )

    @cached_property
    def _client(self) -> httpx.Client:
        given = self._credential()
        client = httpx.Client(
            base_url=self._address.base, headers=given.headers if given else {}, timeout=TIMEOUT, follow_redirects=False
        )
        weakref.finalize(self, client.close)  # nobody closes a location
        return client


def _days_of(periods: Sequence[str], today: date) -> list[date]:
    """The closed days to ask about, oldest first."""
    if not periods:
        return [today - timedelta(days=back) for back in range(AGAIN_DAYS, 0, -1)]
    found: list[date] = []
    for period in sorted(map(BillingPeriod.parse, periods)):
        days = (period.end - period.start).days
        found += [period.start.date() + timedelta(days=number) for number in range(days)]
    return [day for day in found if day < today]
