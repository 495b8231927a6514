"""Jobs as Cloud Run jobs `costwire-<name>`, started by the Run Admin API, version 2.

An execution gets no arguments: what it is to do is noted in documents.  So whoever starts it needs roles/run.jobsExecutor on this one job,
and could not have it do anything else.  The API gives executions their names, so an answer that is lost may mean two of them.
Source: https://cloud.google.com/run/docs/reference/rest/v2/projects.locations.jobs/run
"""

from __future__ import annotations

import os
from collections.abc import Callable

import google.auth
import requests
from google.api_core import exceptions as api
from google.auth.transport.requests import AuthorizedSession

from common.adapters.gcp.clients import CALL_SECONDS
from common.adapters.gcp.failures import explaining

EMULATOR_VARIABLE = "CLOUD_RUN_EMULATOR_HOST"
SERVER = "https://run.googleapis.com"
PREFIX = "costwire-"
ROLE = "roles/run.jobsExecutor"
_SCOPE = "https://www.googleapis.com/auth/cloud-platform"


class CloudRunJobs:
    """The jobs of one region."""

    def __init__(self, session: requests.Session, server: str, project: str, region: str) -> None:
        self._session, self._server, self._project, self._region = session, server, project, region

    @classmethod
    def connect(cls, project: str, region: str) -> CloudRunJobs:
        """The jobs of a project in a region.  Raises BadConfiguration without credentials."""
        host = os.environ.get(EMULATOR_VARIABLE)
        if host:
            return cls(requests.Session(), host, project, region)
        with explaining("Cloud Run jobs"):
            credentials, _ = google.auth.default(scopes=[_SCOPE])
            return cls(AuthorizedSession(credentials), SERVER, project, region)  # type: ignore[no-untyped-call]

    def start(self, job: str, work: Callable[[], None]) -> None:
        """Start one execution; `work` is what its own process does."""
        url = job_url(self._server, self._project, self._region, job) + ":run"
        with explaining(f"Cloud Run job {PREFIX}{job}", ROLE):
            answer = self._session.post(url, json={}, timeout=CALL_SECONDS)
            if not answer.ok:
                raise api.from_http_response(answer)  # type: ignore[no-untyped-call]


def job_url(server: str, project: str, region: str, job: str) -> str:
    """Where the API has a job."""
    return f"{server}/v2/projects/{project}/locations/{region}/jobs/{PREFIX}{job}"
