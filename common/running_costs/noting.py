"""Note what each day took of the platform, once it is over, from what was recorded where it happened: runs, deliveries, sizes, questions.

Clean-up does so before it removes anything, so that nothing is written while users or bills wait, and no record is gone that still counts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import partial

from common.messages import CleanUpRequested
from common.ports import Document, Order, Runtime
from common.records.asked import asked_on
from common.records.deliveries import CURRENT, Delivery
from common.records.organizations import below, organization_path
from common.records.platform_usage import TakenDay, last_day, month_of, note_days
from common.records.sizes import noted_sizes
from common.retention.requesting import on_request
from common.running_costs.day import Counted, Delivered, units_of

MOST_DAYS = 31
"""That are caught up with; where nothing was noted yet, yesterday is the first."""
ACTIVE = timedelta(days=90)
_PAGE = 100


def on_clean_up(message: CleanUpRequested, rt: Runtime) -> None:
    """Clean up, after what the days took is noted.  Safe to repeat."""
    if message.org_slug:
        note_usage(rt, message.org_slug)
    on_request(message, rt)


def note_usage(rt: Runtime, org_slug: str) -> list[date]:
    """Note the days that are over and not noted yet; returns them, none where no organization is the operator's.  Safe to repeat."""
    operator = rt.settings.operator_org
    if not operator or rt.documents.get(organization_path(operator)) is None:
        return []
    organization = rt.documents.get(organization_path(org_slug))
    if organization is None or organization.get("removal_began_at"):
        return []
    today = rt.clock.now().astimezone(UTC).date()
    days = _days(last_day(rt.documents, operator, org_slug, today), today)
    if not days:
        return []
    organizations = rt.documents.count("orgs")
    counted = _counted(rt, org_slug, days)
    taken = [_taken(org_slug, day, counted[day], organizations) for day in days]
    note_days(rt.documents, operator, taken)
    return days


def _days(last: date | None, today: date) -> list[date]:
    yesterday = today - timedelta(days=1)
    first = max(last + timedelta(days=1), today - timedelta(days=MOST_DAYS)) if last else yesterday
    return [first + timedelta(days=number) for number in range((yesterday - first).days + 1)]


def _taken(org_slug: str, day: date, counted: Counted, organizations: int) -> TakenDay:
    unknown = ["stored_bytes"] if counted.stored_bytes is None else []
    return TakenDay(org_slug, day, counted.as_counts(), units_of(counted, day, organizations), unknown)


def _counted(rt: Runtime, org_slug: str, days: list[date]) -> dict[date, Counted]:
    """Standing numbers (integrations, budgets, what is shown) are those of now; what happened and what was stored, of each day."""
    documents = [*_since("landed_at", days[0], partial(_deliveries, rt, org_slug))]
    # of one without files it is not known any more in how many chunks it was mapped
    documents += _since("landed_at", days[0], partial(_past_deliveries, rt, org_slug))
    deliveries = [Delivery.from_document(one) for one in documents]
    runs = list(_since("started_at", days[0], partial(_runs, rt, org_slug)))
    notifications = list(_since("created_at", days[0], partial(_notifications, rt, org_slug)))
    current = [one for _, one in rt.documents.list(below(org_slug, "deliveries"), {"state": CURRENT})]
    sizes = noted_sizes(rt.documents, org_slug)
    integrations = rt.documents.count(below(org_slug, "integrations"))
    budgets = rt.documents.count(below(org_slug, "budgets"))
    found = {}
    for day in days:
        landed = [one for one in deliveries if _day(one.landed_at) == day]
        recent = [one for one in current if _day(_moment(one["landed_at"])) >= day - ACTIVE]
        active, shown = (sum(one.get("rows") or 0 for one in some) for some in (recent, current))
        asked = asked_on(rt.documents, org_slug, day)
        found[day] = Counted(
            deliveries=tuple(_delivered(one) for one in landed),
            of_earlier_months=sum(one.billing_period < month_of(day) for one in landed if one.proved_at),
            runs=sum(_day(_moment(one["started_at"])) == day for one in runs),
            landed=len({one.run_id for one in landed}),
            integrations=integrations,
            budgets=budgets,
            notifications=sum(_day(_moment(one["created_at"])) == day for one in notifications),
            questions=asked.questions,
            scanned_bytes=asked.scanned_bytes,
            stored_bytes=sum(one.bytes for one in sizes[day].values()) if day in sizes else None,
            active=active,
            long_term=shown - active,
            months=len({one["billing_period"] for one in current}),
        )
    return found


def _delivered(one: Delivery) -> Delivered:
    control = sum(total.lines for part in one.parts for total in part.control.values())
    lines = control or (one.rows or 0) + (one.quarantined_rows or 0)
    return Delivered(lines, max(len(one.chunks), 1), one.proved_at is not None)


_After = tuple[str, Document] | None
_Page = Sequence[tuple[str, Document]]


# each order stands in its call, so that its index is known to be there
def _deliveries(rt: Runtime, org_slug: str, after: _After) -> _Page:
    return rt.documents.list(
        below(org_slug, "deliveries"), order=Order("landed_at", descending=True), limit=_PAGE, after=after
    )


def _past_deliveries(rt: Runtime, org_slug: str, after: _After) -> _Page:
    return rt.documents.list(
        below(org_slug, "past_deliveries"), order=Order("landed_at", descending=True), limit=_PAGE, after=after
    )


def _runs(rt: Runtime, org_slug: str, after: _After) -> _Page:
    return rt.documents.list(
        below(org_slug, "runs"), order=Order("started_at", descending=True), limit=_PAGE, after=after
    )


def _notifications(rt: Runtime, org_slug: str, after: _After) -> _Page:
    return rt.documents.list(
        below(org_slug, "notifications"), order=Order("created_at", descending=True), limit=_PAGE, after=after
    )


def _since(field: str, first: date, list_after: Callable[[_After], _Page]) -> Iterator[Document]:
    """The documents of a collection from a day on, the latest first; older ones are not read, but for the rest of a page."""
    behind: _After = None
    while True:
        page = list_after(behind)
        for _, document in page:
            if _day(_moment(document[field])) < first:
                return
            yield document
        if len(page) < _PAGE:
            return
        behind = page[-1]


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _day(moment: datetime) -> date:
    return moment.astimezone(UTC).date()
