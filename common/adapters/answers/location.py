"""Months of an API's answers as files: `openai://<organization>/<integration>`; a listing asks, since nothing else says what changed.

A file holds all pages of one month, each with what was asked, and its version is its digest: the same answers are the same file.  Pages
that do not go together are thrown away and asked for again; they are never mixed.
"""

from __future__ import annotations

import io
import os
import time
import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from typing import BinaryIO

import httpx

from common.adapters.answers.asking import TIMEOUT, Asker, TooLarge, version_of
from common.domain.period import BillingPeriod
from common.errors import (
    AGAIN,
    BadBill,
    Changed,
    NotFound,
    Retryable,
)
from common.formats.answers import Page, read_page
from common.formats.container import MOST_PAGE_BYTES
from common.ports.locations import FoundObject, Probe
from common.providers.answer_api import AT_MOST_PAGES, AnswerApi, ApiKey, Question, most_rows_of_a_day, rows_in
from common.providers.answer_pages import envelope

ENDPOINT = "COSTWIRE_{}_ENDPOINT"
"""Tests: where a peer of a provider's API answers."""
_READINGS = 3


class _Capped(Exception):
    """A day has as many groups as an answer may have, and perhaps more."""


@dataclass(frozen=True)
class _Month:
    """The answers about a month, as a file; has_costs: whether there is a row."""

    name: str
    body: bytes
    has_costs: bool

    @property
    def version(self) -> str:
        return version_of(self.body)


class AnswersLocation:
    """The months that an API answers about, each a file."""

    def __init__(
        self,
        uri: str,
        api: AnswerApi,
        credential: Callable[[], ApiKey],
        now: datetime,
        periods: Sequence[str] = (),
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """periods: read these months, and not those that are due.  now: how far the current month has come."""
        self.uri = uri
        self._api, self._credential, self._now, self._sleep = api, credential, now, sleep
        self._wanted = [BillingPeriod.parse(text) for text in periods] or api.months(now)
        self._read: dict[str, _Month] = {}

    def list(self, prefix: str = "") -> Sequence[FoundObject]:
        """The months that have costs, each read now.

        Raises BadConfiguration where the credential may not read costs, Retryable where the API does not answer, or answers otherwise
        each time.
        """
        found = []
        for month in self._wanted:
            name = f"{month}.jsonl"
            if name.startswith(prefix) and self._month(month).has_costs:
                one = self._month(month)
                found.append(FoundObject(name, len(one.body), self._now, one.version))
        return found

    def open(self, name: str, version: str | None = None) -> BinaryIO:
        """One month.  Raises NotFound, Changed."""
        month = next((one for one in self._wanted if name == f"{one}.jsonl"), None)
        if month is None:
            raise NotFound(f"there is no {name!r} at {self.uri}")
        one = self._month(month)
        if version is not None and one.version != version:
            raise Changed(f"the answers about {month} changed since they were listed; they are read again")
        return io.BytesIO(one.body)

    def probes(self) -> Sequence[Probe]:
        """The steps of a dry run: one day of costs is asked for."""
        of = f" of organization {self._key.organization}" if self._key.organization else ""
        return [
            Probe("identity", lambda: f"an admin key{of}"),
            Probe("reading", self._read_a_day, "to read costs", self._api.key_hint),
        ]

    def _read_a_day(self) -> str:
        month = self._wanted[-1]
        costs = self._questions(month)[0]
        self._page(self._ask(costs, self._api.query(costs, month, self._now, 1)) or "", costs)
        return f"costs of {month} can be read"

    def _month(self, month: BillingPeriod) -> _Month:
        name = f"{month}.jsonl"
        if name not in self._read:
            self._read[name] = self._whole(name, month)
        return self._read[name]

    def _whole(self, name: str, month: BillingPeriod) -> _Month:
        costs, *others = self._questions(month)
        body, rows = self._answers(costs, month)
        if rows:
            body += b"".join(self._answers(question, month)[0] for question in others)
        return _Month(name, body, bool(rows))

    def _questions(self, month: BillingPeriod) -> Sequence[Question]:
        """Those that are asked about a month, costs first."""
        return tuple(one for one in self._api.questions if one.is_of(month, self._now))

    def _answers(self, question: Question, month: BillingPeriod) -> tuple[bytes, int]:
        """All pages as lines of a file, and how many rows they have.  Pages that do not go together are asked for again."""
        days, coarser = question.most_days, list(question.coarser)
        for attempt in range(1, _READINGS + len(coarser) + 1):
            try:
                return self._once(question, month, days)
            except _Capped:
                if not coarser and question.optional:
                    return b"", 0  # no money: without it rows have no tokens
                if not coarser:
                    raise BadBill(
                        f"{self._api.title} answers about one day with {question.most_groups} groups at {question.path} and leaves out "
                        "those beyond them, so that the total is not known"
                    ) from None
                question = replace(question, group_by=coarser.pop(0))
            except TooLarge:
                if days == 1:
                    raise BadBill(
                        f"{self._api.title} answers about one day with more than {MOST_PAGE_BYTES >> 20} MB at {question.path}"
                    ) from None
                days = max(1, days // 8)
            except Changed:
                if attempt >= _READINGS:
                    raise
        raise Changed(f"the answers of {self._api.title} are too large; they are asked for in smaller pages")

    def _once(self, question: Question, month: BillingPeriod, days: int) -> tuple[bytes, int]:
        asked = self._api.query(question, month, self._now, days)
        lines: list[bytes] = []
        pages: list[Page] = []
        cursor: str | None = None
        while True:
            text = self._ask(question, [*asked, ("page", cursor)] if cursor else asked)
            if text is None:
                return b"", 0
            page = self._page(text, question)
            self._api.check_follows(page, pages[-1] if pages else None)
            pages.append(page)
            request = {"path": self._path(question), "query": [[*pair] for pair in asked]}
            lines.append(envelope(text, {**request, "page": len(pages)}, self._key.organization))
            if page.value.get("has_more") is not True:
                break
            following = page.value.get("next_page")
            if not isinstance(following, str) or not following or following == cursor or len(pages) == AT_MOST_PAGES:
                raise Changed(f"{self._api.title} says that more follow and not where; the answers are read again")
            cursor = following
        if len(pages) > 1:
            self._check_unchanged(question, asked, pages[0])
        if question.most_groups is not None and most_rows_of_a_day(pages) >= question.most_groups:
            raise _Capped
        return b"".join(lines), rows_in(pages)

    def _check_unchanged(self, question: Question, asked: Sequence[tuple[str, str]], first: Page) -> None:
        """While later pages were read, the first may have become another one."""
        text = self._ask(question, asked)
        entries = question.entries
        if text is None or self._page(text, question).value.get(entries) != first.value.get(entries):
            raise Changed(f"the answers of {self._api.title} changed between two pages; they are read again")

    def _page(self, text: str, question: Question) -> Page:
        try:
            page = read_page(text, f"{self._api.title}'s API")
        except BadBill as error:
            raise Retryable(f"{error}; {AGAIN}") from None
        if question.entries and not isinstance(page.value.get(question.entries), list):
            raise Retryable(
                f"{self._api.title} answers in another form than its reference says: no list `{question.entries}`; {AGAIN}"
            )
        return page

    def _ask(self, question: Question, query: Sequence[tuple[str, str]]) -> str | None:
        return self._asker.ask(self._path(question), query, question.optional)

    def _path(self, question: Question) -> str:
        return question.path.replace("{account}", self._key.organization or "")

    @cached_property
    def _asker(self) -> Asker:
        return Asker(self._api.title, lambda: self._client, self._api.key_hint, sleep=self._sleep)

    @cached_property
    def _key(self) -> ApiKey:
        return self._credential()

    @cached_property
    def _client(self) -> httpx.Client:
        address = os.environ.get(ENDPOINT.format(self._api.provider.upper())) or self._api.address
        client = httpx.Client(base_url=address, headers=dict(self._api.headers(self._key)), timeout=TIMEOUT)
        weakref.finalize(self, client.close)  # nobody closes a location
        return client
