"""What a customer's account must allow before its bills can be connected."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from common.domain.names import identifier
from common.errors import BadConfiguration
from common.ports import Runtime
from common.providers.aws.permissions import Policy, permissions
from common.records.organizations import check_known
from common.tenancy.external_ids import external_id_of

_PLACEHOLDER = "arn:aws:iam::<account of Costwire's identity>:root"


@dataclass(frozen=True)
class NeededPermissions:
    """The policies to make.  example: the credential file that fits them."""

    external_id: str
    trust_policy: Policy
    policy: Policy
    example: str = '{"role_arn": "arn:aws:iam::<account>:role/<name>"}'

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return {"external_id": self.external_id, "trust_policy": self.trust_policy, "policy": self.policy}


def permissions_for(
    rt: Runtime, org_slug: str, provider: str, location: str, integration_id: str | None = None
) -> NeededPermissions:
    """The policies for a location, with the external id that is made for the integration, which need not exist yet.

    Raises NotFound for an organization that does not exist, BadConfiguration for another provider than AWS or another place than S3.
    """
    check_known(rt.documents, org_slug)
    if provider != "aws":
        raise BadConfiguration(
            f"provider is '{provider}', expected aws; docs/azure.md shows the role assignment for azure"
        )
    if not location.startswith("s3://") or not location.removeprefix("s3://").strip("/"):
        raise BadConfiguration("--location is not s3://<bucket>/<prefix>: give the place where AWS leaves the export")
    external_id = external_id_of(rt.documents, org_slug, integration_id or identifier(provider))
    found = permissions(location, external_id, rt.settings.aws_principal or _PLACEHOLDER)
    return NeededPermissions(external_id, found.trust_policy, found.policy)
