"""The webhook of an integration as its user sees it: address, secret, and what to set up at the provider, to copy."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from common.domain.places import Place
from common.errors import BadConfiguration
from common.ingestion.calls import SECRET_HEADER, SECRET_PARAMETER, kind_of
from common.ports import Runtime
from common.providers.azure.notices import tenant_and_audience
from common.providers.gcp.notices import audience_of
from common.records.integrations import is_one_off, load_integration
from common.records.organizations import check_known, org_option
from common.tenancy import webhooks

_MANIFESTS = {"aws": "Manifest.json", "azure": "manifest.json"}
"""Provider -> how the names of its manifests end: other files start nothing there."""


@dataclass(frozen=True)
class Step:
    """One way to set the provider up, or a part of it.  text: to copy; what stands in <> is to be filled in."""

    title: str
    text: str


@dataclass(frozen=True)
class WebhookSetUp:
    """What is shown.  secret: None where it was shown before, or where none is needed.  fingerprint: its last 4 characters."""

    integration_id: str
    address: str
    secret: str | None = field(repr=False)
    fingerprint: str | None
    sender: str | None
    steps: Sequence[Step]

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "integration_id": self.integration_id,
            "address": self.address,
            "secret": self.secret,
            "fingerprint": self.fingerprint,
            "sender": self.sender,
            "steps": [{"title": one.title, "text": one.text} for one in self.steps],
        }


def set_up_webhook(
    rt: Runtime, org_slug: str, integration_id: str, sender: str | None = None, rotate: bool = False, by: str = ""
) -> WebhookSetUp:
    """Make an integration's webhook, or show the one it has.

    sender: who alone may call: an SNS topic, a service account that pushes, or tenant and application of Entra ID.  rotate: a new
    secret.  Raises NotFound for an integration that does not exist, BadConfiguration for one whose place cannot call, for a sender of
    another form, and where the address of this deployment is not set.
    """
    check_known(rt.documents, org_slug)
    integration = load_integration(rt.documents, org_slug, integration_id)
    if is_one_off(integration):
        raise BadConfiguration(f"{integration_id} was imported by hand; costwire connect gives it a place to watch")
    location = str(integration["config"]["location"])
    place = Place.of(location)
    kind = kind_of(place.scheme)
    if sender is not None:
        kind.check_sender(sender)
    if not rt.settings.webhook_url:
        raise BadConfiguration(
            "COSTWIRE_WEBHOOK_URL is not set: give the address of the function provider_webhook, as terraform output environment has it"
        )
    made = webhooks.set_up(rt, org_slug, integration_id, sender, kind.has_secret, rotate, by)
    address = f"{rt.settings.webhook_url.rstrip('/')}/v1/{org_slug}/{integration_id}"
    own = _Own(org_slug, integration_id, address, str(integration["provider"]), place, made.webhook.sender)
    return WebhookSetUp(
        integration_id, address, made.secret, made.webhook.fingerprint, made.webhook.sender, own.steps()
    )


@dataclass(frozen=True)
class _Own:
    """What the commands are filled with."""

    org_slug: str
    integration_id: str
    address: str
    provider: str
    place: Place
    sender: str | None

    def steps(self) -> list[Step]:
        """What to do at the provider."""
        return {"s3": self._aws, "az": self._azure, "gs": self._google}[self.place.scheme]()

    @property
    def name(self) -> str:
        """Of what is created."""
        return f"costwire-{self.integration_id}"[:64]

    @property
    def folder(self) -> str:
        """Below which files lie, with a slash at its end; empty for a whole bucket."""
        return "".join(f"{step}/" for step in self.place.steps)

    def again(self, sender: str) -> str:
        """The command that names the sender."""
        return f"costwire integrations webhook {self.integration_id}{org_option(self.org_slug)} --sender {sender}"

    def _aws(self) -> list[Step]:
        bucket, suffix = self.place.container, _MANIFESTS.get(self.provider, "")
        topic = self.sender or f"arn:aws:sns:<region>:<account>:{self.name}"
        policy = {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Allow",
                    "Principal": {"Service": "s3.amazonaws.com"},
                    "Action": "sns:Publish",
                    "Resource": topic,
                    "Condition": {
                        "ArnLike": {"aws:SourceArn": f"arn:aws:s3:::{bucket}"},
                        "StringEquals": {"aws:SourceAccount": "<account>"},
                    },
                }
            ],
        }
        rules = [{"Name": "prefix", "Value": self.folder}, {"Name": "suffix", "Value": suffix}]
        notification = {
            "TopicConfigurations": [
                {
                    "TopicArn": topic,
                    "Events": ["s3:ObjectCreated:*"],
                    "Filter": {"Key": {"FilterRules": [one for one in rules if one["Value"]]}},
                }
            ]
        }
        by_topic = (
            f"aws sns create-topic --name {self.name}",
            f"aws sns set-topic-attributes --topic-arn {topic} --attribute-name SignatureVersion --attribute-value 2",
            f"aws sns set-topic-attributes --topic-arn {topic} --attribute-name Policy --attribute-value {_json(policy)}",
            "# this replaces the notifications that the bucket has: aws s3api get-bucket-notification-configuration shows them",
            f"aws s3api put-bucket-notification-configuration --bucket {_word(bucket)} "
            f"--notification-configuration {_json(notification)}",
            self.again(topic),
            f"aws sns subscribe --topic-arn {topic} --protocol https --notification-endpoint {_word(self.address)}",
        )
        steps = [Step("SNS, which signs its calls (AWS CLI)", "\n".join(by_topic))]
        if self.sender:
            return steps
        return [*steps, Step("or EventBridge, which sends the secret (Terraform)", self._eventbridge(bucket, suffix))]

    def _eventbridge(self, bucket: str, suffix: str) -> str:
        key = {"wildcard": f"{self.folder}*{suffix}"}
        pattern = {
            "source": ["aws.s3"],
            "detail-type": ["Object Created"],
            "detail": {"bucket": {"name": [bucket]}, "object": {"key": [key]}},
        }
        trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "events.amazonaws.com"}}
        return f"""\
variable "costwire_secret" {{
  type      = string
  sensitive = true
}}

resource "aws_s3_bucket_notification" "costwire" {{
  bucket      = {json.dumps(bucket)}
  eventbridge = true
}}

resource "aws_cloudwatch_event_connection" "costwire" {{
  name               = {json.dumps(self.name)}
  authorization_type = "API_KEY"

  auth_parameters {{
    api_key {{
      key   = "{SECRET_HEADER}"
      value = var.costwire_secret
    }}
  }}
}}

resource "aws_cloudwatch_event_api_destination" "costwire" {{
  name                             = {json.dumps(self.name)}
  invocation_endpoint              = {json.dumps(self.address)}
  http_method                      = "POST"
  invocation_rate_limit_per_second = 10
  connection_arn                   = aws_cloudwatch_event_connection.costwire.arn
}}

resource "aws_cloudwatch_event_rule" "costwire" {{
  name          = {json.dumps(self.name)}
  event_pattern = {_hcl(pattern)}
}}

resource "aws_iam_role" "costwire" {{
  name               = {json.dumps(self.name)}
  assume_role_policy = {_hcl({"Version": "2012-10-17", "Statement": [trust]})}
}}

resource "aws_iam_role_policy" "costwire" {{
  role = aws_iam_role.costwire.id
  policy = jsonencode({{
    Version   = "2012-10-17"
    Statement = [{{
      Effect   = "Allow"
      Action   = "events:InvokeApiDestination"
      Resource = aws_cloudwatch_event_api_destination.costwire.arn
    }}]
  }})
}}

resource "aws_cloudwatch_event_target" "costwire" {{
  rule     = aws_cloudwatch_event_rule.costwire.name
  arn      = aws_cloudwatch_event_api_destination.costwire.arn
  role_arn = aws_iam_role.costwire.arn
}}"""

    def _azure(self) -> list[Step]:
        account, container = self.place.container.split("/", 1)
        source = f"/subscriptions/<subscription>/resourceGroups/<group>/providers/Microsoft.Storage/storageAccounts/{account}"
        begins = f"/blobServices/default/containers/{container}/blobs/{self.folder}"
        suffix = _MANIFESTS.get(self.provider)
        ends = f" --subject-ends-with {suffix}" if suffix else ""
        first, proof = "", f'--endpoint "{self.address}?{SECRET_PARAMETER}=$COSTWIRE_SECRET"'
        if self.sender:
            tenant, audience = tenant_and_audience(self.sender)
            proof = (
                f"--endpoint {_word(self.address)} --azure-active-directory-tenant-id {tenant} "
                f"--azure-active-directory-application-id-or-uri {_word(audience)}"
            )
        else:
            first = "read -rs COSTWIRE_SECRET   # the secret above\n"
        title = "a token of Entra ID" if self.sender else "the secret"
        command = (
            f"{first}az eventgrid event-subscription create --name {self.name} --source-resource-id {_word(source)} {proof} "
            f"--included-event-types Microsoft.Storage.BlobCreated --subject-begins-with {_word(begins)}{ends}"
        )
        return [Step(f"Event Grid, which sends {title} (Azure CLI)", command)]

    def _google(self) -> list[Step]:
        bucket, account = self.place.container, self.sender or "costwire-push@<project>.iam.gserviceaccount.com"
        prefix = f" --object-prefix={_word(self.folder)}" if self.folder else ""
        commands = (
            *(() if self.sender else ("gcloud iam service-accounts create costwire-push",)),
            f"gcloud pubsub topics create {self.name}",
            f"gcloud storage buckets notifications create gs://{_word(bucket)} --topic={self.name} "
            f"--event-types=OBJECT_FINALIZE{prefix} --payload-format=none",
            self.again(account),
            f"gcloud pubsub subscriptions create {self.name} --topic={self.name} --push-endpoint={_word(self.address)} "
            f"--push-auth-service-account={account} "
            f"--push-auth-token-audience={audience_of(self.org_slug, self.integration_id)} "
            "--min-retry-delay=10s --max-retry-delay=600s --message-retention-duration=1d",
        )
        return [Step("Cloud Storage notifications, pushed by Pub/Sub with a token (gcloud)", "\n".join(commands))]


def _word(text: str) -> str:
    return shlex.quote(text)


def _json(value: Any) -> str:
    return shlex.quote(json.dumps(value, ensure_ascii=False))


def _hcl(value: Any) -> str:
    """JSON as Terraform's `jsonencode` takes it: no `${` of a name is expanded."""
    return f"jsonencode({json.dumps(value, ensure_ascii=False)})".replace("${", "$${").replace("%{", "%%{")
