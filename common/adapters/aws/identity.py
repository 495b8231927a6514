"""Sessions of a customer's identity in AWS: keys, a role that keys assume, or a role that the platform's own identity assumes."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import boto3
from botocore import UNSIGNED
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


TOKEN_AUDIENCE = "sts.amazonaws.com"  # noqa: S105  # a name
"""What a token for AWS is made out to; the trust policy of our role may ask for it (docs/aws.md)."""


@dataclass(frozen=True)
class OwnRole:
    """The platform's own role in AWS, for a token of where it runs.  token: makes one for an audience."""

    arn: str
    token: Callable[[str], str]


def session_of(credential: AwsCredential | None, own: OwnRole | None = None) -> boto3.Session:
    """A session of the credential; without one that of this process, as the SDK finds it.

    own: our identity, which a role without keys is assumed by; None: as the SDK finds it.
    Raises BadConfiguration where the role may not be assumed, Retryable where the service is away.
    """
    if credential is None:
        return boto3.Session(region_name=boto3.Session().region_name or _HOME_REGION)
    if credential.is_assumed and own is not None:
        session = _own_session(own)
    else:
        session = boto3.Session(
            credential.access_key_id, credential.secret_access_key, credential.session_token, region_name=_HOME_REGION
        )
    return session if credential.role_arn is None else _assumed(session, credential)


def _own_session(own: OwnRole) -> boto3.Session:
    """A session of our role, for a token that AWS checks with whoever signed it; no key of AWS is needed."""
    what, calls = f"role {own.arn}, Costwire's own,", CALLS.merge(Config(signature_version=UNSIGNED))
    token = own.token(TOKEN_AUDIENCE)
    with explaining(what, f"sts:AssumeRoleWithWebIdentity on {own.arn}"):
        try:
            keys = boto3.client("sts", config=calls, region_name=_HOME_REGION).assume_role_with_web_identity(
                RoleArn=own.arn, RoleSessionName="costwire", WebIdentityToken=token, DurationSeconds=SESSION_SECONDS
            )["Credentials"]
        except ClientError as error:
            if code_of(error) not in {"AccessDenied", "InvalidIdentityToken", "IDPRejectedClaim"}:
                raise
            raise NotAllowed(
                f"{what} is not given to this service account: its trust policy names another one (docs/aws.md has the policy)",
                f"sts:AssumeRoleWithWebIdentity on {own.arn}",
            ) from error
    return boto3.Session(keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"], region_name=_HOME_REGION)


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


def external_id_is_asked_for(credential: AwsCredential, own: OwnRole | None = None) -> str:
    """Try the role without its external id.  Raises BadConfiguration where that works: then it can be assumed for any customer."""
    try:
        session_of(replace(credential, external_id=None), own)
    except NotAllowed:
        return f"role {credential.role_arn} asks for it"
    raise BadConfiguration(
        f"role {credential.role_arn} can be assumed without an external id: its trust policy has no condition on sts:ExternalId"
    )
