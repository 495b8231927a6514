"""Schedules as Cloud Scheduler jobs `costwire-<name>`, each of which publishes to the topic of its message."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import timedelta

from google.api_core import exceptions as api
from google.cloud import scheduler_v1

from common.adapters.gcp.clients import CALL_SECONDS, RETRY, connect_client
from common.adapters.gcp.failures import explaining
from common.adapters.shared.schedule_rules import check_cron, check_schedule_name
from common.errors import BadConfiguration, MalformedMessage, NotFound
from common.messages import topic_of
from common.messages.scheduled import from_template, template
from common.ports.scheduler import Schedule

EMULATOR_VARIABLE = "CLOUD_SCHEDULER_EMULATOR_HOST"
PREFIX = "costwire-"
ROLE = "roles/cloudscheduler.admin"
ATTRIBUTE = "scheduled"
"""Says, on the Pub/Sub message, that its data is a CloudEvent without id and time: they are the message's own."""
_PAGE_SIZE = 500
_RETRIES = scheduler_v1.RetryConfig(
    retry_count=5,
    min_backoff_duration=timedelta(seconds=5),
    max_backoff_duration=timedelta(seconds=300),
    max_doublings=5,
)


class CloudScheduler:
    """The jobs of one region.  What somebody else has made there, under other names or for other targets, is left alone."""

    def __init__(self, client: scheduler_v1.CloudSchedulerClient, project: str, region: str) -> None:
        self._client = client
        self._project = project
        self._region = region
        self._parent = f"projects/{project}/locations/{region}"

    @classmethod
    def connect(cls, project: str, region: str) -> CloudScheduler:
        """The jobs of a project in a region.  Raises BadConfiguration without credentials."""
        kind = scheduler_v1.CloudSchedulerClient
        return cls(connect_client(kind, "Cloud Scheduler", EMULATOR_VARIABLE), project, region)

    def put(self, schedule: Schedule) -> None:
        """Make the job, or change the one of that name; one that is paused stays so.

        Raises BadConfiguration for what no schedule may be and for a missing role; NotFound for an unknown region; Retryable.
        """
        check_cron(schedule.cron)
        job = self._job(schedule)
        with explaining(f"schedule {schedule.name}", ROLE):
            try:
                if not self._update(job):
                    self._create(job)
            except api.InvalidArgument:
                raise BadConfiguration(
                    f"schedule {schedule.name} is refused by Cloud Scheduler: expected a supported cron expression, got "
                    f"{schedule.cron!r}, and a topic of project {self._project}"
                ) from None

    def remove(self, name: str) -> None:
        """End a schedule; nothing happens where there is none."""
        path = self._path(name)
        with explaining(f"schedule {name}", ROLE):
            try:
                self._client.delete_job(name=path, timeout=CALL_SECONDS, retry=RETRY)
            except api.NotFound:
                return

    def list(self, prefix: str = "") -> Sequence[Schedule]:
        """The schedules whose names start with `prefix`, by name.  Raises MalformedMessage for a job of ours that was changed."""
        request = scheduler_v1.ListJobsRequest(parent=self._parent, page_size=_PAGE_SIZE)
        start = f"{self._parent}/jobs/{PREFIX}"
        with explaining(f"Cloud Scheduler jobs of {self._region}", ROLE):
            jobs = list(self._client.list_jobs(request, timeout=CALL_SECONDS, retry=RETRY))
        ours = {
            job.name.removeprefix(start): job
            for job in jobs
            if job.name.startswith(start + prefix) and ATTRIBUTE in job.pubsub_target.attributes
        }
        return [_schedule(name, ours[name]) for name in sorted(ours)]

    def _update(self, job: scheduler_v1.Job) -> bool:
        try:
            self._client.update_job(job=job, timeout=CALL_SECONDS, retry=RETRY)
        except api.NotFound:
            return False
        return True

    def _create(self, job: scheduler_v1.Job) -> None:
        try:
            self._client.create_job(parent=self._parent, job=job, timeout=CALL_SECONDS, retry=RETRY)
        except api.AlreadyExists:
            # another process was faster, or the answer to our own first try was lost
            self._update(job)
        except api.NotFound:
            raise NotFound(
                f"topic {job.pubsub_target.topic_name}, or Cloud Scheduler in {self._region}, does not exist: "
                "run make deploy, and check COSTWIRE_REGION"
            ) from None

    def _job(self, schedule: Schedule) -> scheduler_v1.Job:
        target = scheduler_v1.PubsubTarget(
            topic_name=f"projects/{self._project}/topics/{topic_of(schedule.message)}",
            data=json.dumps(template(schedule.message), separators=(",", ":")).encode(),
            attributes={ATTRIBUTE: "true"},
        )
        # no attempt deadline: it is ignored for Pub/Sub targets
        return scheduler_v1.Job(
            name=self._path(schedule.name),
            description="made by Costwire; costwire schedule shows and changes it",
            pubsub_target=target,
            schedule=schedule.cron,
            time_zone="Etc/UTC",
            retry_config=_RETRIES,
        )

    def _path(self, name: str) -> str:
        return f"{self._parent}/jobs/{PREFIX}{check_schedule_name(name)}"


def _schedule(name: str, job: scheduler_v1.Job) -> Schedule:
    try:
        event = json.loads(job.pubsub_target.data)
    except ValueError:
        raise MalformedMessage(f"schedule {name} does not publish JSON; remove its job, then create it again") from None
    return Schedule(name, job.schedule, from_template(event))
