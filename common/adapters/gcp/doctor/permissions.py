"""Permissions: the caller's, by testing them; those of functions and of Pub/Sub, from the policies, since only they can test their own."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Any

import requests
from google.api_core import exceptions as api
from google.auth.transport.requests import AuthorizedSession
from google.cloud import kms_v1, secretmanager_v1
from google.pubsub_v1 import PublisherClient, SubscriberClient

from common.adapters.gcp import cloud_run_jobs
from common.adapters.gcp.doctor import grants
from common.adapters.gcp.doctor.audit import look_at_audit_logs
from common.adapters.gcp.doctor.notes import CALL_SECONDS, Notes
from common.adapters.gcp.doctor.pubsub import EMULATOR_VARIABLE as PUBSUB
from common.adapters.gcp.doctor.storage import bucket_client
from common.adapters.gcp.kms import EMULATOR_VARIABLE as KMS
from common.adapters.gcp.secret_manager import EMULATOR_VARIABLE as SECRETS
from common.messages.subscriptions import DEAD, SUBSCRIPTIONS

EMULATOR_VARIABLE = "RESOURCE_MANAGER_EMULATOR_HOST"
SERVER = "https://cloudresourcemanager.googleapis.com"
REVIEWER = "roles/iam.securityReviewer"
# not those in Firestore: they are granted on conditions, by which a test on the project always fails
_OF_CALLER = {
    "bigquery.jobs.create": "roles/bigquery.user",
    "bigquery.datasets.create": "roles/bigquery.user",
    "cloudscheduler.jobs.create": "roles/cloudscheduler.admin",
}
Bindings = frozenset[tuple[str, str, str]]
"""(role, member, title of the condition, empty without one) of a policy."""


def look_at_permissions(notes: Notes) -> None:
    """The caller first, then every function by the policies of what it works with."""
    session, url = _session(notes)
    _look_at_caller(notes, session, url)
    project = notes.ask(
        "IAM policy of the project", lambda: _project_policy(session, url), notes.deployment.deploy, REVIEWER
    )
    number = notes.ask(
        "project", lambda: _answer(session.get(url, timeout=CALL_SECONDS))["projectNumber"], "", "roles/viewer"
    )
    if project is None:
        return
    look_at_audit_logs(notes, project)
    policies = _Policies(notes, _bindings_of(project), session)
    for function in (*grants.FUNCTIONS, *grants.HTTP, *grants.JOBS):
        _look_at_function(notes, policies, function)
    if number is not None:
        _look_at_dead_letters(notes, policies, f"serviceAccount:service-{number}@gcp-sa-pubsub.iam.gserviceaccount.com")


def _look_at_caller(notes: Notes, session: requests.Session, url: str) -> None:
    asked = {"permissions": sorted(_OF_CALLER)}
    may = notes.ask(
        "permissions in the project",
        lambda: _answer(session.post(f"{url}:testIamPermissions", json=asked, timeout=CALL_SECONDS)),
        notes.deployment.deploy,
    )
    if may is None:
        return
    missing = [one for one in asked["permissions"] if one not in may.get("permissions", [])]
    faults = {f"no {one}": notes.deployment.grant(_OF_CALLER[one]) for one in missing}
    notes.expect("permissions in the project", "datasets, queries and schedules", faults)


class _Policies:
    """Policies of single things, each read once; None where it cannot be read, which is then a finding."""

    def __init__(self, notes: Notes, project: Bindings, session: requests.Session) -> None:
        self._notes, self._known, self._session = notes, {"project": project}, session
        self._lost: set[str] = set()

    def of(self, place: str) -> Bindings | None:
        """The policy of one thing; grants on the project hold everywhere in it."""
        if place not in self._known and place not in self._lost:
            read = self._notes.ask(
                f"IAM policy of {place}", lambda: self._read(place), self._notes.deployment.deploy, REVIEWER
            )
            if read is None:
                self._lost.add(place)
            else:
                self._known[place] = read | self._known["project"]
        return self._known.get(place)

    def _read(self, place: str) -> Bindings:
        deployment = self._notes.deployment
        kind, _, name = place.partition(":")
        project = f"projects/{deployment.project}"
        if kind == "bucket":
            bucket = bucket_client(deployment).bucket(str(deployment.settings.bucket))
            policy = bucket.get_iam_policy(requested_policy_version=3, timeout=CALL_SECONDS, retry=None)
            return _bindings((one["role"], one["members"], one.get("condition") or {}) for one in policy.bindings)
        if kind == "job":
            server = os.environ.get(cloud_run_jobs.EMULATOR_VARIABLE) or cloud_run_jobs.SERVER
            url = cloud_run_jobs.job_url(server, deployment.project, deployment.settings.region, name.replace("_", "-"))
            return _bindings_of(_answer(self._session.get(f"{url}:getIamPolicy", timeout=CALL_SECONDS)))
        client: Any
        if kind == "key":
            client, resource = (
                deployment.client(kms_v1.KeyManagementServiceClient, KMS),
                str(deployment.settings.kms_key),
            )
        elif kind == "secret":
            client = deployment.client(secretmanager_v1.SecretManagerServiceClient, SECRETS)
            resource = f"{project}/secrets/{name}"
        elif kind == "subscription":
            client, resource = deployment.client(SubscriberClient, PUBSUB), f"{project}/subscriptions/{name}"
        else:
            client = deployment.client(PublisherClient, PUBSUB)
            resource = f"{project}/topics/{name}{DEAD if kind == 'dead-topic' else ''}"
        found = client.get_iam_policy(request={"resource": resource}, timeout=CALL_SECONDS)
        return _bindings((one.role, one.members, {"title": one.condition.title}) for one in found.bindings)


def _look_at_function(notes: Notes, policies: _Policies, function: str) -> None:
    account = f"{function.replace('_', '-')}@{notes.deployment.project}.iam.gserviceaccount.com"
    what = f"service account {account.partition('@')[0]}"
    lacking: list[str] = []
    unknown: list[str] = []
    wanted = [one for one in grants.grants() if one.function == function]
    for grant in wanted:
        policy = policies.of(grant.holder)
        if policy is None:
            unknown.append(grant.holder)
        elif (grant.role, f"serviceAccount:{account}", grant.condition) not in policy:
            lacking.append(f"{grant.role} on {grant.on}")
    if lacking:
        notes.fault(what, f"lacks {', '.join(lacking)}", notes.deployment.deploy)
    elif unknown:
        notes.unchecked(
            what,
            f"the policies of {', '.join(dict.fromkeys(unknown))} could not be read",
            notes.deployment.grant(REVIEWER),
        )
    else:
        notes.ok(what, f"has its {len(wanted)} grants")


def _look_at_dead_letters(notes: Notes, policies: _Policies, agent: str) -> None:
    """Pub/Sub moves what failed too often only where its own account may; without that a message is tried for ever."""
    needed = [(f"dead-topic:{topic}", grants.PUBLISHER) for topic in SUBSCRIPTIONS]
    needed += [(f"subscription:{one.name}", grants.SUBSCRIBER) for several in SUBSCRIPTIONS.values() for one in several]
    lacking = [on for on, role in needed if (policy := policies.of(on)) is not None and (role, agent, "") not in policy]
    faults = {f"cannot move messages at {', '.join(lacking)}": notes.deployment.deploy} if lacking else {}
    if faults or all(policies.of(on) is not None for on, _ in needed):
        notes.expect("Pub/Sub's own account", "may move what failed to the dead letters", faults)


def _session(notes: Notes) -> tuple[requests.Session, str]:
    host = os.environ.get(EMULATOR_VARIABLE)
    session = requests.Session() if host else AuthorizedSession(notes.deployment.known_credentials())  # type: ignore[no-untyped-call]
    return session, f"{host or SERVER}/v1/projects/{notes.deployment.project}"


def _project_policy(session: requests.Session, url: str) -> dict[str, Any]:
    asked = {"options": {"requestedPolicyVersion": 3}}
    return _answer(session.post(f"{url}:getIamPolicy", json=asked, timeout=CALL_SECONDS))


def _bindings_of(found: Mapping[str, Any]) -> Bindings:
    return _bindings((one["role"], one["members"], one.get("condition") or {}) for one in found.get("bindings", []))


def _bindings(found: Iterable[tuple[str, Iterable[str], Mapping[str, Any]]]) -> Bindings:
    return frozenset(
        (role, member, condition.get("title", "")) for role, members, condition in found for member in members
    )


def _answer(response: requests.Response) -> dict[str, Any]:
    if not response.ok:
        raise api.from_http_response(response)  # type: ignore[no-untyped-call]
    found: dict[str, Any] = response.json()
    return found
