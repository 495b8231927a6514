"""costwire doctor on a deployment: well when all is well; each thing broken on its own is one finding with its fix."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import grpc
import hcl2
import pytest
import typer
from google.auth import exceptions as auth
from google.auth.credentials import AnonymousCredentials
from google.cloud import kms_v1, scheduler_v1, secretmanager_v1
from google.cloud.firestore_admin_v1 import types as admin
from google.iam.v1 import iam_policy_pb2, policy_pb2
from google.protobuf import empty_pb2
from google.pubsub_v1 import types as pubsub
from google.type import expr_pb2

from common.adapters.embedded.sqlite_documents import SqliteDocumentStore
from common.adapters.gcp import firestore_indexes as declared
from common.adapters.gcp.doctor import grants
from common.adapters.gcp.doctor.audit import LOGGED
from common.adapters.gcp.doctor.firestore import look_at_firestore
from common.adapters.gcp.doctor.inspection import DeploymentInspection
from common.adapters.gcp.doctor.kms import look_at_key
from common.adapters.gcp.doctor.notes import Deployment, Notes
from common.adapters.gcp.doctor.permissions import look_at_permissions
from common.adapters.gcp.doctor.pubsub import look_at_pubsub
from common.adapters.gcp.doctor.scheduler import look_at_schedules
from common.adapters.gcp.doctor.secrets import look_at_secrets, secret_names
from common.adapters.gcp.doctor.storage import look_at_bucket
from common.adapters.gcp.doctor.tenants import Tenant
from common.adapters.gcp.scheduler import CloudScheduler
from common.adapters.locations import PLACES
from common.adapters.locations.files import FileLocation
from common.config import Settings
from common.messages import BudgetCheckRequested, SyncRequested
from common.messages.subscriptions import DEAD, SUBSCRIPTIONS
from common.ports import Schedule
from common.ports.bus import MAX_PUSHES
from common.ports.inspection import Finding
from common.records import organizations as tenants
from common.records.integrations import save_integration
from common.runtime.bootstrap import CloudRuntime
from costwire.doctor import doctor
from tests.integration.google_services import Services, refuses, serving

ROOT = Path(__file__).parents[2]
PROJECT, REGION, BUCKET = "acme-costs", "europe-west3", "acme-costs-costwire"
RING = f"projects/{PROJECT}/locations/{REGION}/keyRings/costwire"
KEY = f"{RING}/cryptoKeys/credentials"
AGENT = "serviceAccount:service-1234@gcp-sa-pubsub.iam.gserviceaccount.com"
DEPLOY = f"make deploy PROJECT={PROJECT} ENV_FILE=YOUR.tfvars"
FLAGS = f"--location={REGION} --keyring=costwire --project={PROJECT}"
CUSTOMER_KEY = f"projects/{PROJECT}/locations/{REGION}/keyRings/own/cryptoKeys/stores"
SETTINGS = Settings(runtime="cloud", project=PROJECT, region=REGION, bucket=BUCKET, kms_key=KEY)
KMS, SECRETS = "google.cloud.kms.v1.KeyManagementService", "google.cloud.secretmanager.v1.SecretManagerService"
ADMIN, IAM = "google.firestore.admin.v1.FirestoreAdmin", "google.iam.v1.IAMPolicy"
LIST_JOBS, LIST_TOPICS = "google.cloud.scheduler.v1.CloudScheduler/ListJobs", "google.pubsub.v1.Publisher/ListTopics"
LIST_SUBSCRIPTIONS, PULL = "google.pubsub.v1.Subscriber/ListSubscriptions", "google.pubsub.v1.Subscriber/Pull"
GIVE_BACK = "google.pubsub.v1.Subscriber/ModifyAckDeadline"
TENANTS = [Tenant("acme_1", True, 1, (), 1, True), Tenant("quiet_1", True, 0, (), 0, True)]


class World(Services):
    """A deployment that is well: every answer is what Terraform would have made.  A test changes what it breaks."""

    def __init__(self) -> None:
        super().__init__()
        self.key = kms_v1.CryptoKey(
            name=KEY, purpose=kms_v1.CryptoKey.CryptoKeyPurpose.ENCRYPT_DECRYPT, rotation_period=timedelta(days=90),
            primary=kms_v1.CryptoKeyVersion(name=f"{KEY}/cryptoKeyVersions/3", state="ENABLED"),
        )  # fmt: skip
        self.secrets = {
            name: secretmanager_v1.SecretVersion(name=name, state="ENABLED") if "slack" in name else None
            for name in secret_names()
        }
        self.jobs = [
            self.job(Schedule("sync-acme_1", "5 1-23/4 * * *", SyncRequested("", "schedule", "acme_1"))),
            self.job(Schedule("budget-check", "*/15 * * * *", BudgetCheckRequested(""))),
        ]
        self.databases = {
            name: admin.Database(name=name, type_="FIRESTORE_NATIVE", location_id=REGION)
            for name in ("(default)", "credentials", "processed")
        }
        self.fields = {(one.collection, one.field): self.field(one) for one in declared.EXEMPTIONS}
        for one in declared.EXPIRATIONS:
            self.fields[one.collection, one.field] = self.field(one, ttl="ACTIVE")
        self.topics = {name for topic in SUBSCRIPTIONS for name in (topic, topic + DEAD)}
        self.subscriptions = {one.name: self.pushed(one) for several in SUBSCRIPTIONS.values() for one in several}
        for topic in SUBSCRIPTIONS:
            self.subscriptions[topic + DEAD] = pubsub.Subscription(
                name=f"projects/{PROJECT}/subscriptions/{topic}{DEAD}", topic=f"projects/{PROJECT}/topics/{topic}{DEAD}"
            )
        self.letters: dict[str, list[pubsub.PubsubMessage]] = {}
        self.given_back: list[Any] = []
        self.denied: set[str] = set()
        self.audit_configs = [
            {"service": name, "auditLogConfigs": [{"logType": kind} for kind in ("DATA_READ", "DATA_WRITE")]}
            for name in LOGGED
        ]
        self.ungranted: set[tuple[str, str]] = set()
        self.answers = {
            f"{KMS}/GetCryptoKey": lambda request: self.key,
            f"{SECRETS}/GetSecret": lambda request: self.secret(request) and secretmanager_v1.Secret(name=request.name),
            f"{SECRETS}/GetSecretVersion": self.version,
            f"{SECRETS}/GetIamPolicy": lambda request: self.policy("secret:" + request.resource.split("/")[-1]),
            LIST_JOBS: lambda request: scheduler_v1.ListJobsResponse(jobs=self.jobs),
            f"{ADMIN}/GetDatabase": lambda request: (
                self.databases.get(request.name.split("/")[-1]) or refuses(grpc.StatusCode.NOT_FOUND)(request)
            ),
            f"{ADMIN}/ListFields": self.listed_fields,
            f"{IAM}/TestIamPermissions": self.test,
            f"{IAM}/GetIamPolicy": lambda request: self.policy(self.place(request.resource)),
            LIST_TOPICS: lambda request: pubsub.ListTopicsResponse(
                topics=[pubsub.Topic(name=f"projects/{PROJECT}/topics/{one}") for one in sorted(self.topics)]
            ),
            LIST_SUBSCRIPTIONS: lambda request: pubsub.ListSubscriptionsResponse(
                subscriptions=list(self.subscriptions.values())
            ),
            GIVE_BACK: self.give_back,
            PULL: lambda request: pubsub.PullResponse(
                received_messages=[
                    pubsub.ReceivedMessage(ack_id=one.attributes["dead_at"], message=one)
                    for one in self.letters.get(request.subscription.split("/")[-1], [])
                ]
            ),
        }
        self.bucket: dict[str, Any] = {
            "name": BUCKET, "location": REGION.upper(),
            "iamConfiguration": {"uniformBucketLevelAccess": {"enabled": True}, "publicAccessPrevention": "enforced"},
            "lifecycle": {"rule": [{"action": {"type": "Delete"}, "condition": {"age": 90}}]},
        }  # fmt: skip
        may = ["create", "delete", "get", "list"]
        self.pages = {
            f"/storage/v1/b/{BUCKET}": (200, self.bucket),
            f"/storage/v1/b/{BUCKET}/iam/testPermissions": (
                200,
                {"permissions": [f"storage.objects.{one}" for one in may]},
            ),
            f"/v1/projects/{PROJECT}": (200, {"projectNumber": "1234"}),
        }
        self.caller = [
            "bigquery.jobs.create", "bigquery.datasets.create",
            "cloudscheduler.jobs.create",
        ]  # fmt: skip
        self.write_policies()

    def write_policies(self) -> None:
        """What the REST servers say, after a change of grants or of what the caller may."""
        self.pages[f"/v1/projects/{PROJECT}:testIamPermissions"] = (200, {"permissions": self.caller})
        for path, place in (
            (f"/v1/projects/{PROJECT}:getIamPolicy", "project"),
            (f"/storage/v1/b/{BUCKET}/iam", "bucket"),
            (f"/v2/projects/{PROJECT}/locations/{REGION}/jobs/costwire-unpack-files:getIamPolicy", "job:unpack_files"),
        ):
            bindings = [
                {"role": one.role, "members": list(one.members), "condition": {"title": one.condition.title}}
                for one in self.policy(place).bindings
            ]
            self.pages[path] = (200, {"version": 3, "bindings": bindings, "auditConfigs": self.audit_configs})

    @staticmethod
    def job(schedule: Schedule) -> scheduler_v1.Job:
        """The job as the adapter makes it, once tried."""
        job = CloudScheduler(None, PROJECT, REGION)._job(schedule)  # type: ignore[arg-type]
        job.state, job.last_attempt_time = scheduler_v1.Job.State.ENABLED, datetime(2026, 4, 1, tzinfo=UTC)
        return job

    def listed_fields(self, request: Any) -> Any:
        """Of one database only, as the service lists them."""
        asked = request.parent.split("/")[3]
        named = {"(default)": "documents"}.get(asked, asked)
        here = [one for key, one in self.fields.items() if declared.database_of(key[0]) == named]
        return admin.ListFieldsResponse(fields=here)

    @staticmethod
    def field(one: declared.Field, ttl: str | None = None, indexed: bool = False) -> admin.Field:
        found = admin.Field(name=f"projects/p/databases/d/collectionGroups/{one.collection}/fields/{one.field}")
        if ttl:
            found.ttl_config = admin.Field.TtlConfig(state=ttl)
        if indexed:
            found.index_config = admin.Field.IndexConfig(indexes=[admin.Index()])
        return found

    @staticmethod
    def pushed(one: Any) -> pubsub.Subscription:
        """A subscription as terraform/modules/function makes it."""
        return pubsub.Subscription(
            name=f"projects/{PROJECT}/subscriptions/{one.name}", topic=f"projects/{PROJECT}/topics/{one.topic}",
            ack_deadline_seconds=one.ack_deadline_seconds, enable_message_ordering=one.ordered,
            push_config={"push_endpoint": f"https://{one.function}.run.app", "oidc_token": {"service_account_email": "push@p"}},
            dead_letter_policy={
                "dead_letter_topic": f"projects/{PROJECT}/topics/{one.topic}{DEAD}", "max_delivery_attempts": MAX_PUSHES,
            },
            retry_policy={
                "minimum_backoff": timedelta(seconds=one.minimum_backoff_seconds),
                "maximum_backoff": timedelta(seconds=one.maximum_backoff_seconds),
            },
        )  # fmt: skip

    def give_back(self, request: Any) -> Any:
        self.given_back.append((request.ack_deadline_seconds, list(request.ack_ids)))
        return empty_pb2.Empty()

    def secret(self, request: Any) -> bool:
        return True if request.name.split("/")[3] in self.secrets else refuses(grpc.StatusCode.NOT_FOUND)(request)

    def version(self, request: Any) -> Any:
        return self.secrets[request.name.split("/")[3]] or refuses(grpc.StatusCode.NOT_FOUND)(request)

    def test(self, request: Any) -> Any:
        may = [one for one in request.permissions if one not in self.denied]
        return iam_policy_pb2.TestIamPermissionsResponse(permissions=may)

    @staticmethod
    def place(resource: str) -> str:
        """What a policy is of, in the words of grants."""
        kind, name = resource.split("/")[2], resource.split("/")[-1]
        if kind == "locations":
            return "key"
        if kind == "subscriptions":
            return f"subscription:{name}"
        return f"dead-topic:{name.removesuffix(DEAD)}" if name.endswith(DEAD) else f"topic:{name}"

    def policy(self, place: str) -> Any:
        """Each grant as a binding of its own, without those that a test took away."""
        given = [
            (
                one.role,
                f"serviceAccount:{one.function.replace('_', '-')}@{PROJECT}.iam.gserviceaccount.com",
                one.condition,
            )
            for one in grants.grants()
            if one.holder == place and (one.function, one.on) not in self.ungranted
        ]
        if place.startswith("dead-topic:"):
            given.append((grants.PUBLISHER, AGENT, ""))
        if place.startswith("subscription:"):
            given.append((grants.SUBSCRIBER, AGENT, ""))
        if (AGENT, place) in self.ungranted:
            given.pop()
        return policy_pb2.Policy(
            bindings=[
                policy_pb2.Binding(role=role, members=[who], condition=expr_pb2.Expr(title=title))
                for role, who, title in given
            ]
        )


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    made = World()
    with serving(made) as environment:
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        yield made


Look = Callable[[Notes], None]
LOOKS: dict[str, Look] = {
    "pubsub": look_at_pubsub,
    "firestore": look_at_firestore,
    "bucket": look_at_bucket,
    "key": look_at_key,
    "secrets": look_at_secrets,
    "schedules": lambda one: look_at_schedules(one, TENANTS),
    "permissions": look_at_permissions,
}


def look(what: str, settings: Settings = SETTINGS) -> list[Finding]:
    return Notes(Deployment(settings, None), what, f"{what}.googleapis.com", "roles/viewer").run(LOOKS[what])


def faults(what: str) -> list[Finding]:
    return [one for one in look(what) if one.well is False]


@pytest.mark.parametrize("what", LOOKS)
def test_a_deployment_that_is_well_has_no_finding_that_is_not(world: World, what: str) -> None:
    found = look(what)
    assert found and all(one.well and one.found and not one.fix for one in found), found


BREAKS: list[tuple[str, Callable[[World], Any], str, str, str]] = [
    ("pubsub", lambda w: w.topics.remove("bill-landed"), "topic bill-landed", "does not exist", DEPLOY),
    ("pubsub", lambda w: w.topics.remove(f"bill-landed{DEAD}"), f"topic bill-landed{DEAD}", "does not exist", DEPLOY),
    ("pubsub", lambda w: w.subscriptions.pop("normalize_focus"), "subscription normalize_focus", "does not exist", DEPLOY),
    (
        "pubsub", lambda w: w.subscriptions.pop(f"bill-landed{DEAD}"), "dead letters of bill-landed", "what fails is lost", DEPLOY,
    ),
    (
        "pubsub", lambda w: setattr(w.subscriptions["ingest_aws"], "detached", True), "subscription ingest_aws", "is detached",
        f"gcloud pubsub subscriptions delete ingest_aws --project={PROJECT} && {DEPLOY}",
    ),
    (
        "pubsub", lambda w: setattr(w.subscriptions["ingest_aws"], "topic", "projects/p/topics/other"), "subscription ingest_aws",
        "belongs to topic other, expected ingest-aws", "subscriptions delete ingest_aws",
    ),
    (
        "pubsub", lambda w: setattr(w.subscriptions["ingest_aws"], "push_config", {}), "subscription ingest_aws",
        "has no push endpoint", DEPLOY,
    ),
    (
        "pubsub", lambda w: setattr(w.subscriptions["ingest_aws"].push_config, "oidc_token", {}), "subscription ingest_aws",
        "pushes without an OIDC token", DEPLOY,
    ),
    (
        "pubsub", lambda w: setattr(w.subscriptions["ingest_aws"], "dead_letter_policy", {}), "subscription ingest_aws",
        f"dead letters go to nowhere, expected ingest-aws{DEAD}", DEPLOY,
    ),
    (
        "pubsub", lambda w: setattr(w.subscriptions["ingest_aws"].dead_letter_policy, "max_delivery_attempts", 7),
        "subscription ingest_aws", "gives up after 7 pushes, expected 100", DEPLOY,
    ),
    (
        "pubsub", lambda w: setattr(w.subscriptions["ingest_aws"], "ack_deadline_seconds", 10), "subscription ingest_aws",
        "waits 10 s for an acknowledgement, expected 600", DEPLOY,
    ),
    (
        "pubsub", lambda w: setattr(w.subscriptions["ingest_aws"], "retry_policy", {}), "subscription ingest_aws",
        "backs off 0 to 0 s after a failure, expected 30 to 600", DEPLOY,
    ),
    (
        "pubsub", lambda w: setattr(w.subscriptions["evaluate_budgets"], "enable_message_ordering", False),
        "subscription evaluate_budgets", "is not ordered", "gcloud pubsub subscriptions delete evaluate_budgets",
    ),
    (
        "pubsub", lambda w: w.denied.add("pubsub.topics.publish"), "permission to publish", "none to alert-raised",
        f"gcloud projects add-iam-policy-binding {PROJECT} --member=",
    ),
    (
        "firestore", lambda w: setattr(w.databases["(default)"], "type_", "DATASTORE_MODE"), "Firestore database (default)",
        "is in mode DATASTORE_MODE, expected FIRESTORE_NATIVE", "deploy into a project",
    ),
    (
        "firestore", lambda w: setattr(w.databases["(default)"], "location_id", "nam5"), "Firestore database (default)",
        f"is in nam5, the functions in {REGION}", "deploy into a project",
    ),
    ("firestore", lambda w: w.databases.pop("credentials"), "Firestore database credentials", "does not exist", DEPLOY),
    (
        "firestore", lambda w: w.fields.update({("processed", "expires_at"): World.field(declared.Field("processed", "expires_at"))}),
        "TTL of processed.expires_at", "is not set", DEPLOY,
    ),
    (
        "firestore", lambda w: w.fields.update({("deliveries", "parts"): World.field(declared.Field("deliveries", "parts"), indexed=True)}),
        "Firestore fields", "deliveries.parts is indexed", DEPLOY,
    ),
    ("firestore", lambda w: w.fields.pop(("deliveries", "parts")), "Firestore fields", "deliveries.parts is indexed", DEPLOY),
    ("bucket", lambda w: w.pages.pop(f"/storage/v1/b/{BUCKET}"), f"bucket {BUCKET}", "does not exist", DEPLOY),
    ("bucket", lambda w: w.bucket.update(location="US"), f"bucket {BUCKET}", f"is in us, the functions in {REGION}", "gcloud storage"),
    (
        "bucket", lambda w: w.bucket["iamConfiguration"].update(uniformBucketLevelAccess={"enabled": False}), f"bucket {BUCKET}",
        "permissions of single objects", f"gcloud storage buckets update gs://{BUCKET} --uniform-bucket-level-access",
    ),
    (
        "bucket", lambda w: w.bucket["iamConfiguration"].update(publicAccessPrevention="inherited"), f"bucket {BUCKET}",
        "can be made public", f"gcloud storage buckets update gs://{BUCKET} --public-access-prevention",
    ),
    (
        "bucket", lambda w: w.bucket.update(versioning={"enabled": True}), f"bucket {BUCKET}", "stores versions",
        f"gcloud storage buckets update gs://{BUCKET} --no-versioning",
    ),
    ("bucket", lambda w: w.bucket.pop("lifecycle"), f"bucket {BUCKET}", "indefinitely", DEPLOY),
    (
        "bucket", lambda w: w.pages.update({f"/storage/v1/b/{BUCKET}/iam/testPermissions": (200, {})}),
        f"permissions on bucket {BUCKET}", "no storage.objects.create", "--role=roles/storage.objectUser",
    ),
    (
        "key", lambda w: w.answers.update({f"{KMS}/GetCryptoKey": refuses(grpc.StatusCode.NOT_FOUND)}), "key credentials",
        "does not exist", DEPLOY,
    ),
    (
        "key", lambda w: setattr(w.key.primary, "state", "DISABLED"), "key credentials", "its primary version 3 is DISABLED",
        f"gcloud kms keys versions enable 3 --key=credentials {FLAGS}",
    ),
    (
        "key", lambda w: setattr(w.key, "primary", kms_v1.CryptoKeyVersion()), "key credentials", "has no primary version",
        f"gcloud kms keys versions create --key=credentials --primary {FLAGS}",
    ),
    ("key", lambda w: setattr(w.key, "purpose", "ASYMMETRIC_SIGN"), "key credentials", "is for ASYMMETRIC_SIGN", DEPLOY),
    (
        "key", lambda w: setattr(w, "key", kms_v1.CryptoKey(name=KEY, purpose=w.key.purpose, primary=w.key.primary)), "key credentials",
        "is never rotated", "gcloud kms keys update credentials --rotation-period=90d",
    ),
    (
        "key", lambda w: w.denied.add("cloudkms.cryptoKeyVersions.useToEncrypt"), "permissions on key credentials",
        "no cloudkms.cryptoKeyVersions.useToEncrypt", "--role=roles/cloudkms.cryptoKeyEncrypter ",
    ),
    (
        "secrets", lambda w: w.secrets.pop("costwire-smtp-password"), "secret costwire-smtp-password", "does not exist", DEPLOY,
    ),
    (
        "secrets", lambda w: w.secrets.update({"costwire-slack-webhook-url": None}), "notifications", "no Slack webhook has a value",
        "gcloud secrets versions add costwire-slack-webhook-url",
    ),
    (
        "secrets", lambda w: setattr(w.secrets["costwire-slack-webhook-url"], "state", "DISABLED"), "notifications",
        "no Slack webhook has a value", "gcloud secrets versions add costwire-slack-webhook-url",
    ),
    (
        "schedules", lambda w: setattr(w.jobs[0], "state", "PAUSED"), "job costwire-sync-acme_1", "is paused",
        f"gcloud scheduler jobs resume costwire-sync-acme_1 --location={REGION} --project={PROJECT}",
    ),
    (
        "schedules", lambda w: setattr(w.jobs[1].status, "code", 7), "job costwire-budget-check", "its last attempt failed with code 7",
        f"gcloud scheduler jobs run costwire-budget-check --location={REGION} --project={PROJECT}",
    ),
    (
        "schedules", lambda w: w.jobs.pop(0), "schedule of acme_1", "there is no job",
        "costwire schedule --every-hours 4 --org acme_1",
    ),
    (
        "schedules", lambda w: w.jobs.append(World.job(Schedule("sync-gone_1", "0 1 * * *", SyncRequested("", "schedule", "gone_1")))),
        "schedule of gone_1", "an organization that does not exist: each run becomes a dead letter", "costwire tenants remove gone_1 --yes",
    ),
    (
        "permissions", lambda w: w.caller.remove("bigquery.jobs.create"), "permissions in the project", "no bigquery.jobs.create",
        "--role=roles/bigquery.user",
    ),
    (
        "permissions", lambda w: w.ungranted.add(("normalize_focus", "project")), "service account normalize-focus",
        "lacks roles/telemetry.tracesWriter on project, roles/bigquery.user on project", DEPLOY,
    ),
    (
        "permissions", lambda w: w.ungranted.add(("normalize_focus", "database:processed")), "service account normalize-focus",
        "lacks roles/datastore.user on database:processed", DEPLOY,
    ),
    (
        "permissions", lambda w: w.ungranted.add(("evaluate_budgets", "datasets")), "service account evaluate-budgets",
        "lacks roles/bigquery.dataViewer on datasets", DEPLOY,
    ),
    (
        "permissions", lambda w: w.audit_configs.pop(0), "data access logs", "reading is not logged for cloudkms.googleapis.com", DEPLOY,
    ),
    (
        "permissions", lambda w: w.audit_configs[1]["auditLogConfigs"][0].update(exemptedMembers=["user:me@example.com"]),
        "data access logs", "reading is not logged for firestore.googleapis.com", DEPLOY,
    ),
    (
        "permissions", lambda w: w.ungranted.add(("ingest_oci", "objects:raw/")), "service account ingest-oci",
        "lacks roles/storage.objectUser on objects:raw/", DEPLOY,
    ),
    (
        "permissions", lambda w: w.ungranted.add(("send_notifications", "secret:costwire-smtp-password")),
        "service account send-notifications", "on secret:costwire-smtp-password", DEPLOY,
    ),
    (
        "permissions", lambda w: w.ungranted.add((AGENT, "dead-topic:bill-landed")), "Pub/Sub's own account",
        "cannot move messages at dead-topic:bill-landed", DEPLOY,
    ),
    (
        "permissions", lambda w: w.ungranted.add((AGENT, "subscription:normalize_focus")), "Pub/Sub's own account",
        "cannot move messages at subscription:normalize_focus", DEPLOY,
    ),
]  # fmt: skip


@pytest.mark.parametrize(
    ("what", "broken", "named", "found", "fix"), BREAKS, ids=[f"{one[0]}-{one[3][:40]}" for one in BREAKS]
)
def test_what_is_broken_is_the_one_finding_and_says_its_mend(
    world: World, what: str, broken: Callable[[World], Any], named: str, found: str, fix: str
) -> None:
    broken(world)
    world.write_policies()
    (fault,) = [one for one in faults(what) if not one.what.startswith("IAM")]
    assert fault.what == named
    assert found in fault.found
    assert fix in fault.fix


def test_dead_letters_are_counted_and_the_oldest_says_why(world: World) -> None:
    for day, reason in ((3, "newer"), (2, "bucket gone\nfor good")):
        attributes = {
            "dead_reason": reason,
            "dead_subscription": "normalize_focus",
            "dead_at": f"2026-04-0{day}T00:00:00+00:00",
        }
        world.letters.setdefault(f"bill-landed{DEAD}", []).append(
            pubsub.PubsubMessage(data=b"{}", attributes=attributes, publish_time=datetime(2026, 4, 4, tzinfo=UTC))
        )
    (fault,) = faults("pubsub")
    assert fault.what == f"bill-landed{DEAD}"
    assert fault.found.startswith("2 waiting; the oldest, from 2026-04-02 00:00: bucket gone")
    assert fault.fix == "fix the cause, then costwire replay --topic bill-landed"
    ((seconds, letters),) = world.given_back
    assert seconds == 0 and len(letters) == 2, "a replay would not find them"


REFUSALS: list[tuple[str, str, str]] = [
    ("pubsub", LIST_TOPICS, "Pub/Sub topics"),
    ("firestore", f"{ADMIN}/ListFields", "Firestore TTL and fields"),
    ("key", f"{KMS}/GetCryptoKey", "key credentials"),
    ("secrets", f"{SECRETS}/GetSecret", "secret costwire-slack-webhook-url"),
    ("schedules", LIST_JOBS, "Cloud Scheduler jobs"),
    ("permissions", f"{IAM}/GetIamPolicy", "service account dispatch-sync"),
]


@pytest.mark.parametrize(
    ("what", "named"), [("bucket", f"bucket {BUCKET}"), ("firestore", "Firestore database (default)")]
)
def test_a_store_without_the_customers_key_is_a_fault(world: World, what: str, named: str) -> None:
    asked = SETTINGS.model_copy(update={"customer_key": CUSTOMER_KEY})
    found = {one.what: one for one in look(what, asked) if one.well is False}
    assert "is not encrypted with COSTWIRE_CUSTOMER_KEY" in found[named].found
    world.bucket["encryption"] = {"defaultKmsKeyName": CUSTOMER_KEY}
    for database in world.databases.values():
        database.cmek_config = admin.Database.CmekConfig(kms_key_name=CUSTOMER_KEY)
    assert [one for one in look(what, asked) if one.well is False] == []


@pytest.mark.parametrize(("what", "method", "named"), REFUSALS)
def test_what_may_not_be_looked_at_is_not_checked_and_never_well(
    world: World, what: str, method: str, named: str
) -> None:
    world.answers[method] = refuses(grpc.StatusCode.PERMISSION_DENIED)
    found = {one.what: one for one in look(what)}
    assert found[named].well is None and found[named].found.startswith("not checked: ")
    assert "gcloud projects add-iam-policy-binding" in found[named].fix
    assert not any(one.well is False for one in found.values())


@pytest.mark.parametrize(("what", "method", "named"), REFUSALS)
def test_a_question_that_a_server_does_not_know_is_not_checked(
    world: World, what: str, method: str, named: str
) -> None:
    del world.answers[method]
    found = {one.what: one for one in look(what)}
    assert found[named].well is None, found[named]


@pytest.mark.parametrize(("what", "method", "named"), REFUSALS)
@pytest.mark.parametrize(
    "code", [grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.INTERNAL, grpc.StatusCode.RESOURCE_EXHAUSTED]
)
def test_a_service_that_is_away_is_one_fault_that_says_so(
    world: World, what: str, method: str, named: str, code: grpc.StatusCode
) -> None:
    world.answers[method] = refuses(code)
    (fault,) = faults(what)
    assert "temporarily unavailable" in fault.found and "costwire doctor again" in fault.fix


def test_a_service_that_never_answers_is_given_up(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    import threading

    from common.adapters.gcp.doctor import kms

    monkeypatch.setattr(kms, "CALL_SECONDS", 0.3)
    asleep = threading.Event()
    world.answers[f"{KMS}/GetCryptoKey"] = lambda request: asleep.wait(20)
    try:
        (fault,) = faults("key")
    finally:
        asleep.set()
    assert "DeadlineExceeded" in fault.found


def test_a_mistake_of_ours_in_a_check_is_a_finding_too(world: World) -> None:
    def broken(one: Notes) -> None:
        raise ZeroDivisionError

    (found,) = Notes(Deployment(SETTINGS, None), "Cloud KMS", "", "").run(broken)
    assert (found.well, found.found) == (False, "the check failed: ZeroDivisionError")


def test_a_project_whose_policy_may_not_be_read_says_who_may(world: World) -> None:
    world.pages[f"/v1/projects/{PROJECT}:getIamPolicy"] = (403, {"error": {"message": "no"}})
    found = {one.what: one for one in look("permissions")}
    unread = found["IAM policy of the project"]
    assert unread.well is None and unread.found == "not checked: needs roles/iam.securityReviewer"
    assert unread.fix.endswith("--role=roles/iam.securityReviewer")
    assert not any(name.startswith("service account") for name in found)


def test_an_api_that_is_off_is_told_with_the_command_that_turns_it_on(world: World) -> None:
    details = [
        {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "SERVICE_DISABLED", "domain": "googleapis.com"}
    ]
    body = {"error": {"code": 403, "message": "off", "status": "PERMISSION_DENIED", "details": details}}
    world.pages[f"/storage/v1/b/{BUCKET}"] = (403, body)
    (fault,) = faults("bucket")
    assert fault.fix == f"gcloud services enable bucket.googleapis.com --project={PROJECT}"


@pytest.mark.parametrize("what", ["bucket", "key"])
def test_what_has_no_setting_is_not_checked(world: World, what: str) -> None:
    (found,) = look(what, Settings(runtime="cloud", project=PROJECT, region=REGION))
    assert found.well is None and "is not set" in found.found


def test_without_settings_and_credentials_each_is_a_fault_and_nothing_else_is_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def nobody(**words: Any) -> None:
        raise auth.DefaultCredentialsError("none")

    monkeypatch.setattr("google.auth.default", nobody)
    found = list(DeploymentInspection.connect(Settings(runtime="cloud")).findings())
    assert [one.what for one in found] == ["COSTWIRE_PROJECT", "COSTWIRE_BUCKET", "COSTWIRE_KMS_KEY", "credentials"]
    assert all(one.well is False and one.fix for one in found)


@pytest.mark.parametrize(
    ("error", "told"),
    [(auth.RefreshError("no"), "they have expired or were revoked"), (auth.TransportError("no"), "does not answer")],
)
def test_credentials_that_are_refused_are_one_fault_and_no_service_is_asked(error: Exception, told: str) -> None:
    class Refused(AnonymousCredentials):
        def refresh(self, request: Any) -> None:
            raise error

    found = list(DeploymentInspection(SETTINGS, Refused()).findings())
    assert found[3].well is False and told in found[3].found and found[3].fix == "gcloud auth application-default login"
    assert all(one.well is None for one in found[4:])


def test_the_job_of_a_suspended_tenant_is_told(world: World) -> None:
    idle = [Tenant("acme_1", False, 1, (), 1, True)]
    found = Notes(Deployment(SETTINGS, None), "x", "x", "x").run(lambda one: look_at_schedules(one, idle))
    (fault,) = [one for one in found if one.well is False]
    assert "may not run" in fault.found and fault.fix == "costwire tenants suspend acme_1"


def test_without_credentials_no_service_is_asked_and_none_is_well(monkeypatch: pytest.MonkeyPatch) -> None:
    found = list(DeploymentInspection(SETTINGS, None).findings())
    services = found[4:]
    assert len(services) == 9 and all(one.well is None for one in services), services


def test_every_role_of_a_function_is_one_that_terraform_grants() -> None:
    declared_grants = hcl2.loads((ROOT / "terraform" / "access.tf").read_text(encoding="utf-8"))["locals"][0]
    wanted = {
        (account, _text(role), _text(on))
        for one in declared_grants["grants"].values()
        if isinstance(one, dict)
        for role in one["roles"]
        for on in one["on"]
        for account in map(_text, _listed(one["accounts"], declared_grants))
    }
    assert {(one.function, one.role, one.on) for one in grants.grants()} == {
        one for one in wanted if one[0] not in ("operators", "custodians")
    }


def _listed(accounts: Any, local: Any) -> Any:
    """Accounts, also where they are named by a local value."""
    return local[accounts.strip("${}").removeprefix("local.")] if isinstance(accounts, str) else accounts


def _text(value: Any) -> str:
    return str(value).strip('"')


@dataclass(frozen=True)
class Told:
    """An inspection that has found what a test wants."""

    told: tuple[Finding, ...]

    def findings(self) -> Iterator[Finding]:
        return iter(self.told)


@pytest.mark.parametrize(("well", "status"), [(True, 0), (None, 0), (False, 1)])
def test_only_a_fault_makes_the_command_fail(
    well: bool | None, status: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rt = CloudRuntime(SETTINGS)
    vars(rt)["inspection"] = Told((Finding("key", True, "enabled"), Finding("topic x", well, "[found]", "make [it]")))
    vars(rt)["documents"] = SqliteDocumentStore(tmp_path / "documents.sqlite")
    monkeypatch.setattr("common.runtime.bootstrap._runtime", rt)
    if status:
        with pytest.raises(typer.Exit) as ended:
            doctor(as_json=True)
        assert ended.value.exit_code == status
    else:
        doctor(as_json=True)
    _, told = json.loads(capsys.readouterr().out)
    assert told == {"what": "topic x", "well": well, "found": "[found]", "fix": "make [it]"}


def test_only_the_integration_is_looked_at_where_one_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rt = CloudRuntime(SETTINGS)
    vars(rt)["inspection"] = Told((Finding("key", False, "disabled"),))
    vars(rt)["documents"] = SqliteDocumentStore(tmp_path / "documents.sqlite")
    tenants.add(rt.documents, datetime(2026, 4, 1, tzinfo=UTC), "Acme", "acme_1")
    monkeypatch.setitem(PLACES, "gs", lambda source, credential: FileLocation(tmp_path.as_uri()))
    save_integration(rt.documents, datetime(2026, 4, 1, tzinfo=UTC), "acme_1", "aws", "aws", "gs://acme-bills")
    monkeypatch.setattr("common.runtime.bootstrap._runtime", rt)
    doctor(integration="aws", org="acme_1", as_json=True)
    (told,) = json.loads(capsys.readouterr().out)
    assert told["what"] == "aws" and told["well"] is True


def test_a_mend_is_printed_whole_on_a_line_of_its_own_and_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fix = f"gcloud projects add-iam-policy-binding {PROJECT} --member=[somebody] --role=roles/viewer " + "x" * 200
    rt = CloudRuntime(SETTINGS)
    vars(rt)["inspection"] = Told(tuple(Finding(f"topic {one}", None, "found", fix) for one in "abcde"))
    vars(rt)["documents"] = SqliteDocumentStore(tmp_path / "documents.sqlite")
    monkeypatch.setattr("common.runtime.bootstrap._runtime", rt)
    doctor()
    lines = capsys.readouterr().out.splitlines()
    assert lines.count(f"  {fix}") == 1
    assert "topic a, topic b, topic c and 2 more:" in lines
