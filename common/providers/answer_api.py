"""APIs that answer questions about costs and usage: what to ask of each, which months are read again, and what a whole answer is.  Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from common.domain.period import BillingPeriod
from common.errors import BadConfiguration, Changed
from common.formats.answers import Page, rows_of, shape_of
from common.providers.credential_file import Shape, read_shape

AT_MOST_PAGES = 1_000
OPEN, CLOSED = "open", "closed"
"""The present month, and any before it."""
_ACCOUNT = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_-]{0,98}[A-Za-z0-9])?", re.ASCII)
"""It becomes a part of a path."""
Parameters = Callable[[BillingPeriod, datetime], Sequence[tuple[str, str]]]


@dataclass(frozen=True)
class Question:
    """One endpoint.  group_by: what its rows are told apart by.  most_days: of one page.  optional: an account may not have it.

    path: `{account}` is the provider's id of the account.  most_groups: how many rows a day has at most, where those beyond are left out;
    coarser: what is grouped by instead, in this order, once a day has so many.  when: asked of a month that is OPEN or CLOSED only.
    entries: the list that every answer has; empty where an answer without entries has no list.
    """

    path: str
    group_by: tuple[str, ...]
    most_days: int = 31
    optional: bool = False
    most_groups: int | None = None
    coarser: tuple[tuple[str, ...], ...] = ()
    when: str | None = None
    entries: str = "data"

    def is_of(self, month: BillingPeriod, now: datetime) -> bool:
        """Whether it is asked about a month."""
        return self.when in (None, OPEN if month == BillingPeriod.of(now.astimezone(UTC).date()) else CLOSED)


@dataclass(frozen=True)
class AnswerApi:
    """What to ask a provider, and how.

    period: the names of the two parameters of a period, and of the fields of a day in an answer.  written: a moment as it is asked
    for.  headers: of a credential.  parameters: those of a month, at a moment, where an answer is about a whole month and not about
    days.  needs_account: whether nothing can be asked without the provider's id of the account.

    Which days are read again: a month is read in full while one of the last `again_days` days is of it,
    and once more on each of the days `again_on` of the month after it; then it is settled, and read only where it is asked for.
    """

    provider: str
    title: str
    address: str
    questions: tuple[Question, ...]
    headers: Callable[[ApiKey], Mapping[str, str]]
    key_hint: str
    period: tuple[str, str] = ("starting_at", "ending_at")
    written: Callable[[datetime], str] = str
    parameters: Parameters | None = None
    needs_account: bool = False
    again_days: int = 7
    again_on: tuple[int, ...] = (3, 10)

    def months(self, now: datetime) -> list[BillingPeriod]:
        """The months that are read at that moment, oldest first."""
        current = BillingPeriod.of(now.astimezone(UTC).date())
        oldest = BillingPeriod.of((now.astimezone(UTC) - timedelta(days=self.again_days)).date())
        before = current.previous()
        wanted = {current, oldest} | ({before} if now.astimezone(UTC).day in self.again_on else set())
        return sorted(wanted)

    def query(self, question: Question, month: BillingPeriod, now: datetime, most_days: int) -> list[tuple[str, str]]:
        """The parameters of a question about a month, as far as it has come."""
        if self.parameters is not None:
            return list(self.parameters(month, now.astimezone(UTC)))
        tomorrow = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
        first, last = self.period
        return [
            (first, self.written(month.start)),
            (last, self.written(min(month.end, tomorrow))),
            ("bucket_width", "1d"),
            ("limit", str(min(most_days, question.most_days))),
            *(("group_by[]", name) for name in question.group_by),
        ]

    def check_follows(self, page: Page, before: Page | None) -> None:
        """Raises Changed where a page does not go on where the one before it ended: a day twice, or one left out."""
        first, last = self.period
        days = [entry for entry in page.value.get("data", ()) if isinstance(entry, dict)]
        if before is not None and days:
            ended = [entry for entry in before.value.get("data", ()) if isinstance(entry, dict)][-1:]
            if ended and ended[0].get(last) != days[0].get(first):
                raise Changed(f"the answers of {self.title} changed between two pages; they are read again")
        if len({entry.get(first) for entry in days}) < len(days):
            raise Changed(f"an answer of {self.title} has a day twice; it is read again")


@dataclass(frozen=True)
class ApiKey:
    """A credential of such an API.  organization: the provider's id of it, which charges are then booked to."""

    key: str = field(repr=False)
    organization: str | None = None

    @property
    def kind(self) -> str:
        """The credential_type of its document."""
        return "api_key"

    @property
    def is_assumed(self) -> bool:
        """Nothing is assumed: the key is the customer's."""
        return False


def api_key_reader(title: str, needs_account: bool = False) -> Callable[[bytes], ApiKey]:
    """What reads the credential file of a provider.  It raises BadConfiguration that quotes nothing of the file."""
    account = "<id or name of the account>" if needs_account else "<id, optional>"
    shape = Shape(
        f"{title} credential",
        {"api_key", "organization"},
        f'{{"api_key": "<admin key>", "organization": "{account}"}}',
    )

    def read(secret: bytes) -> ApiKey:
        found = read_shape(secret, shape)
        if "api_key" not in found:
            raise BadConfiguration(shape.fault("has no api_key"))
        if needs_account and not _ACCOUNT.fullmatch(found.get("organization", "")):
            raise BadConfiguration(shape.fault("has no organization of letters, digits, - and _"))
        if not found["api_key"].isascii() or not found["api_key"].isprintable() or " " in found["api_key"]:
            raise BadConfiguration(shape.fault("has an api_key with characters that no key has"))
        return ApiKey(found["api_key"], found.get("organization"))

    return read


def rows_in(pages: Sequence[Page]) -> int:
    """How many rows answers hold."""
    shapes = ((page, shape_of(page.value)) for page in pages)
    return sum(len(rows_of(page, shape)) for page, shape in shapes if shape)


def most_rows_of_a_day(pages: Sequence[Page]) -> int:
    """How many rows the day has that has the most."""
    days: list[Any] = [entry for page in pages for entry in page.value.get("data", ()) if isinstance(entry, dict)]
    return max((len(entry.get("results") or ()) for entry in days), default=0)
