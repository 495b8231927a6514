"""Sessions of a customer's identity in AWS: keys, a role that keys assume, or a role that the platform's own identity assumes."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from common.adapters.aws.failures import code_of, explaining
from common.errors import BadConfiguration, NotAllowed
from common.providers.aws.credential import AwsCredential

logging.getLogger("botocore").setLevel(logging.WARNING)  # its debug lines hold requests and answers whole

SESSION_SECONDS = 3600
"""A role that another role assumes has no longer session (https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html)."""
_HOME_REGION = "us-east-1"
CALLS = Config(
    connect_timeout=10,
    read_timeout=60,
    retries={"mode": "standard", "total_max_attempts": 4},
    user_agent_extra="costwire",
)


def session_of(credential: AwsCredential | None) -> boto3.Session:
    """A session of the credential; without one that of this process, as the SDK finds it.

    Raises BadConfiguration where the role may not be assumed, Retryable where the service is away.
    """
    if credential is None:
        return boto3.Session(region_name=boto3.Session().region_name or _HOME_REGION)
    own = boto3.Session(
        credential.access_key_id, credential.secret_access_key, credential.session_token, region_name=_HOME_REGION
    )
    return own if credential.role_arn is None else _assumed(own, credential)


def _assumed(own: boto3.Session, credential: AwsCredential) -> boto3.Session:
    what = f"role {credential.role_arn}"
    asked: dict[str, Any] = {"RoleArn": credential.role_arn, "RoleSessionName": "costwire"}
    if credential.external_id:
        asked["ExternalId"] = credential.external_id
    with explaining(what, f"sts:AssumeRole on {credential.role_arn}"):
        try:
            keys = own.client("sts", config=CALLS).assume_role(**asked, DurationSeconds=SESSION_SECONDS)["Credentials"]
        except ClientError as error:
            if code_of(error) != "AccessDenied":
                raise
            raise NotAllowed(
                f"{what} cannot be assumed: its trust policy does not name Costwire's identity, or has another external id than "
                f"{credential.external_id or 'none'}; costwire integrations permissions prints the policy",
                f"sts:AssumeRole on {credential.role_arn}",
            ) from error
    return boto3.Session(
        keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"], region_name=own.region_name
    )


def signed_in_as(session: boto3.Session) -> str:
    """The ARN of whoever the session is; no permission is needed to ask.  Raises NotSignedIn, Retryable."""
    with explaining("AWS", "sts:GetCallerIdentity"):
        return str(session.client("sts", config=CALLS).get_caller_identity()["Arn"])


def external_id_is_asked_for(credential: AwsCredential) -> str:
    """Try the role without its external id.  Raises BadConfiguration where that works: then it can be assumed for any customer."""
    try:
        session_of(replace(credential, external_id=None))
    except NotAllowed:
        return f"role {credential.role_arn} asks for it"
    raise BadConfiguration(
        f"role {credential.role_arn} can be assumed without an external id: its trust policy has no condition on sts:ExternalId"
    )
