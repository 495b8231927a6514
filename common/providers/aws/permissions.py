"""What a customer's AWS account must allow so that Costwire can read its bills.

Source: AWS IAM user guide, external ids; AWS Data Exports user guide.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

Policy = dict[str, Any]
"""An IAM policy, as its JSON has it."""
_VERSION = "2012-10-17"


@dataclass(frozen=True)
class Permissions:
    """trust_policy: of the role that Costwire assumes; policy: what that role may do."""

    trust_policy: Policy
    policy: Policy


def permissions(location: str, external_id: str, principal: str) -> Permissions:
    """The policies for one export.  location: `s3://bucket/prefix`; principal: the ARN of Costwire's identity."""
    trust = {
        "Effect": "Allow",
        "Principal": {"AWS": principal},
        "Action": "sts:AssumeRole",
        "Condition": {"StringEquals": {"sts:ExternalId": external_id}},
    }
    return Permissions(policy_of(trust), reading_policy(location))


def reading_policy(location: str) -> Policy:
    """What an identity needs to read the bills at a location.  An export encrypted by a key of KMS needs kms:Decrypt on it too."""
    bucket, _, path = location.removeprefix("s3://").partition("/")
    prefix = path.rstrip("/")
    below = f"{prefix}/*" if prefix else "*"
    listing: Policy = {"Effect": "Allow", "Action": "s3:ListBucket", "Resource": f"arn:aws:s3:::{bucket}"}
    if prefix:
        listing["Condition"] = {"StringLike": {"s3:prefix": [prefix, below]}}
    reading = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{bucket}/{below}"}
    return policy_of(listing, reading)


def policy_of(*statements: Policy) -> Policy:
    """A policy of these statements."""
    return {"Version": _VERSION, "Statement": list(statements)}


def policy_text(location: str) -> str:
    """The policy that lets an identity read a location, as JSON to copy."""
    return json.dumps(reading_policy(location), indent=2)
