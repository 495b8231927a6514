"""What every ingest function does between its trigger and `bill-landed`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from common.domain.integrations import ACTIVE, DISABLED
from common.domain.places import is_local
from common.errors import BadBill, BadConfiguration, CostError, Held, NotReady, Permanent
from common.ingestion.checking import check_and_report
from common.ingestion.due_checks import is_to_be_taken_back, order_of
from common.ingestion.known import Known
from common.ingestion.landed_files import ports_of
from common.ingestion.landing import ManyUnread, land
from common.ingestion.listing import Listing
from common.ingestion.one_file import hand_out, read_file
from common.ingestion.progress import LandingProgress, TimeLimit, TimeUsed, plan_of
from common.ingestion.reading import IngestRequest
from common.messages import IngestBill
from common.ports import Document, Runtime
from common.progress import COPYING, expect
from common.providers.discovery import FoundDelivery
from common.providers.registry import TITLES, provider
from common.records.deliveries import REJECTED, Delivery
from common.records.integrations import (
    LANDS_WITHIN,
    claim_landing,
    is_one_off,
    load_integration,
    note_looked,
    note_sync,
    source_of,
)
from common.records.listed import Listed, listed_of
from common.records.runs import (
    WEBHOOK,
    Refusal,
    Run,
    begin_run,
    end_waiting,
    load_run,
    note_joined,
    note_landing,
    note_unchanged,
    record_deliveries,
)
from common.telemetry import told

MOST_AHEAD = timedelta(hours=1)
"""How far the clocks of a provider may be ahead of this one."""
WRITTEN_WITHIN = timedelta(hours=1)
"""How long a provider may take to write a newer version over an earlier one; a copy of a bill may have its files in any order."""


def is_ahead(delivered_at: datetime, now: datetime) -> bool:
    """Whether the time of a delivery lies in the future, beyond what clocks differ by."""
    return delivered_at > now + MOST_AHEAD


def ingest(message: IngestBill, rt: Runtime) -> None:
    """Find the integration's deliveries, land each, announce its chunks.  Safe to repeat, and to interrupt.

    Where nothing is new at the location, which its listing tells, the run ends at once.  Where the setting `work_seconds` is used up, the
    same message is published again and this one is done: what was copied and read so far is kept.  A bill that cannot be read ends the
    run as rejected, one that its provider is still writing as waiting, and the message is done: another try would not help, and a later
    run looks again.  A location that cannot be read raises.  It and a bill that cannot be read put the integration into `error` with the
    reason.  A message for a check lands nothing.
    """
    if message.check:
        check_and_report(rt, message.org_slug, message.integration_id, message.run_id)
        return
    if message.file is not None:
        try:
            read_file(message, rt)
        except NotReady as error:
            _wait(message, rt, error)
        return
    org_slug, integration_id = message.org_slug, message.integration_id
    run = load_run(rt.documents, org_slug, message.run_id)
    if run is not None and run.has_landed:
        return  # the message once more, or its twin
    integration = load_integration(rt.documents, org_slug, integration_id)
    try:
        _ingest(message, rt, run, integration)
    except NotReady as error:
        _wait(message, rt, error)
    except CostError as error:
        note_sync(rt.documents, rt.clock.now(), org_slug, integration_id, str(error))
        if isinstance(error, Permanent):
            _ask_for_check(message, rt, integration)
        raise
    if is_to_be_taken_back(integration):
        _ask_for_check(message, rt, integration)


def _ask_for_check(message: IngestBill, rt: Runtime, integration: Document) -> None:
    """Have the connection checked by a message of its own; bills that were imported by hand have none."""
    if not is_one_off(integration):
        rt.bus.publish(order_of(message.org_slug, integration, message.run_id))


def _wait(message: IngestBill, rt: Runtime, error: NotReady) -> None:
    """The run ends without an error; a later one looks again."""
    org_slug = message.org_slug
    end_waiting(rt.documents, rt.clock, org_slug, message.run_id, str(error))
    note_sync(rt.documents, rt.clock.now(), org_slug, message.integration_id, None, waiting=str(error))
    told(waiting=str(error))
    LandingProgress(rt.documents, org_slug, message.run_id).clear()


def _ingest(message: IngestBill, rt: Runtime, run: Run | None, integration: Document) -> None:
    org_slug, integration_id = message.org_slug, message.integration_id
    if integration["status"] == DISABLED:
        raise BadConfiguration(
            f"{TITLES[message.provider]} integration not active; costwire integrations resume {integration_id} reactivates it"
        )
    notified = run is not None and run.trigger == WEBHOOK
    if notified:
        # before it lists: a file that is announced from now on needs another run, one that was announced while this one waited does not
        if not _claimed(message, rt, run):
            return
        begin_run(rt.documents, org_slug, message.run_id)
    place = rt.source(source_of(org_slug, integration, run.location if run else None, message.billing_periods))
    listing = Listing.of(provider(message.provider).bills_at(place))
    before = listed_of(integration)
    if _is_unchanged(run, integration, listing, before):
        note_unchanged(rt.documents, rt.clock, org_slug, message.run_id)
        note_looked(rt.documents, rt.clock.now(), org_slug, integration_id)
        return
    if not notified:
        if _is_at_home(run, integration) and not _claimed(message, rt, run):
            return
        begin_run(rt.documents, org_slug, message.run_id)
    landing = _Landing(message, rt, run, integration, listing)
    if not landing.go_on():
        return
    reasons = [*landing.refused, *(str(one.reason) for one in landing.landed if one.state == REJECTED)]
    note_sync(rt.documents, rt.clock.now(), org_slug, integration_id, reasons[0] if reasons else None)
    landing.forget()
    refusal = Refusal(reasons[0], unread=bool(landing.refused)) if reasons else None
    everything = landing.at_home and not message.billing_periods and not refusal
    delivery_ids = [one.delivery_id for one in landing.landed]
    listed = listing.listed if everything else None
    record_deliveries(rt.documents, rt.clock, org_slug, message.run_id, delivery_ids, listed, refusal)


def _is_unchanged(run: Run | None, integration: Document, listing: Listing, before: Listed | None) -> bool:
    """Whether nothing is new since all that lies there has landed.  A user who names a bill is told what became of it."""
    named = run is not None and (run.location or run.delivered_at)
    return not named and integration["status"] == ACTIVE and listing.listed.unchanged(before)


def _is_at_home(run: Run | None, integration: Document) -> bool:
    return run is None or run.location in (None, integration["config"]["location"])


def _claimed(message: IngestBill, rt: Runtime, run: Run | None) -> bool:
    """Whether this run may land the integration's files now: one does at a time.

    One that the schedule began ends where another is at it, as the next tick is near; any other raises Held, and so waits.
    """
    org_slug, integration_id = message.org_slug, message.integration_id
    until = rt.clock.now() + LANDS_WITHIN
    other = claim_landing(rt.documents, rt.clock.now(), org_slug, integration_id, message.run_id, until)
    if other is None:
        return True
    if run is not None and run.trigger == "schedule":
        note_joined(rt.documents, rt.clock, org_slug, message.run_id, other)
        return False
    raise Held(f"run {other} reads the files of {integration_id}; this one waits for it", until)


class _Landing:
    """What one listing of a location becomes.

    landed: the deliveries so far.  refused: why others were not.  at_home: the location is the integration's own, which is read again.
    """

    def __init__(
        self, message: IngestBill, rt: Runtime, run: Run | None, integration: Document, listing: Listing
    ) -> None:
        self.landed: list[Delivery] = []
        self.refused: list[str] = []
        self.at_home = _is_at_home(run, integration)
        self._message, self._rt, self._run, self._listing = message, rt, run, listing
        self._provider = provider(message.provider)
        settled = integration["status"] == ACTIVE and self.at_home
        self._left_aside = listing.listed.unchanged_months(listed_of(integration)) if settled else frozenset()
        self._known = Known(rt.documents, rt.objects, message.org_slug, message.integration_id, message.run_id)
        self._progress = LandingProgress(rt.documents, message.org_slug, message.run_id)
        self._found: list[FoundDelivery] = []

    def go_on(self) -> bool:
        """Land what is found; whether nothing of it was left to another message."""
        message, rt = self._message, self._rt
        self._found = [self._as_stated(one) for one in self._discovered()]
        if self._run is None or not self._run.force:
            self._found = [one for one in self._found if not self._is_of_the_future(one)]
            self._check_written()
        request = IngestRequest(
            message.org_slug, message.integration_id, message.provider, message.run_id, message.billing_periods
        )
        time_limit = TimeLimit(rt.clock, rt.settings.work_seconds)
        ports = ports_of(rt, self._known, time_limit)
        expect(lambda: (message.run_id, message.integration_id, {COPYING: self._bytes()}))
        try:
            for one in self._found:
                try:
                    self.landed.extend(land(request, self._listing, one, ports, self._provider.rules))
                except ManyUnread as many:
                    self._leave()
                    hand_out(many.unread, message, self._listing, rt)
                    return False
                except BadBill as error:
                    self.refused.append(str(error))
        except TimeUsed:
            self._leave()
            rt.bus.publish(message)
            return False
        return True

    def _check_written(self) -> None:
        """Raises NotReady where a newer version is being written over the listed one: some files are newer than their manifest."""
        if is_local(self._listing.uri):
            return  # copied files have the times of the copy
        recent = self._rt.clock.now() - WRITTEN_WITHIN
        times = {found.name: found.modified_at for found in self._listing.files}
        for one in self._found:
            newest = max((times[part.name] for part in one.parts), default=recent) if one.in_place else recent
            if newest > max(recent, one.seen_at or one.delivered_at):
                raise NotReady(
                    f"{one.parts[0].name} is newer than its manifest: the export is being written, try again later"
                )

    def _bytes(self) -> int:
        """Of everything that was found."""
        return self._listing.size_of(part.name for one in self._found for part in one.parts)

    def _leave(self) -> None:
        """Note that the rest is for other messages."""
        plan = plan_of(self._found, self._listing.versions)
        pieces = self._bytes() // self._rt.settings.chunk_bytes
        self._progress.hand_over(plan, sum(len(one.parts) for one in self._found) + pieces)
        note_landing(self._rt.documents, self._message.org_slug, self._message.run_id)

    def forget(self) -> None:
        """Forget what no later run needs to know."""
        listing, known = self._listing, self._known
        if self.at_home:
            periods = self._message.billing_periods
            deliveries = [known.key_of_delivery(listing.uri, one, listing.versions, periods) for one in self._found]
            files = [known.key_of_file(listing.uri, name, version) for name, version in listing.versions.items()]
            known.forget_others(deliveries, files, left_aside=bool(self._left_aside or periods))
        else:
            known.forget_run()
        self._progress.clear()

    def _discovered(self) -> Sequence[FoundDelivery]:
        """What lies at the location, save in months that are unchanged since all of them had landed.

        A manifest that cannot be read, or nothing at all, is noted as refused.
        """
        looked_at = self._listing.without(self._left_aside)
        if self._left_aside and not looked_at.has_manifest:
            return ()  # what no manifest names is no bill where there are manifests
        try:
            return self._provider.discover(looked_at, self._message.billing_periods)
        except BadBill as error:
            self.refused.append(str(error))
            return ()

    def _as_stated(self, found: FoundDelivery) -> FoundDelivery:
        """The delivery with the time that was given with its run, where no manifest has one."""
        given = self._run.delivered_at if self._run else None
        if self._run is None or not given or found.version is not None:
            return found
        return replace(
            found,
            delivered_at=datetime.fromisoformat(given),
            seen_at=found.delivered_at,
            corrects=self._run.corrects,
        )

    def _is_of_the_future(self, found: FoundDelivery) -> bool:
        """Whether a delivery's time is one that no clock can have by now: shown, it would hide all that is delivered until then."""
        if not is_ahead(found.delivered_at, self._rt.clock.now()):
            return False
        self.refused.append(
            f"{found.parts[0].name} was delivered at {found.delivered_at:%Y-%m-%d %H:%M} UTC, which is in the future; "
            "give the right time: costwire import PATH --delivered-at TIME, or --force to accept it"
        )
        return True
