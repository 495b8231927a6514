"""What a customer's account must allow before its bills can be connected."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from common.domain.names import identifier
from common.errors import BadConfiguration
from common.ports import Runtime
from common.providers.aws.permissions import permissions
from common.providers.azure.permissions import federated_credential
from common.providers.gcp.permissions import impersonation, pool
from common.records.organizations import check_known
from common.tenancy.external_ids import external_id_of

_PLACEHOLDER = "arn:aws:iam::<account of Costwire's identity>:root"


@dataclass(frozen=True)
class NeededPermissions:
    """What to make.  grants: name -> a policy as JSON, or commands as text.  example: the credential file that fits them."""

    external_id: str
    grants: Mapping[str, Any]
    example: str

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return {"external_id": self.external_id, **self.grants}


def permissions_for(
    rt: Runtime, org_slug: str, provider: str, location: str, integration_id: str | None = None
) -> NeededPermissions:
    """What lets Costwire's own identity read a location, with the external id that is made for the integration, which need not exist yet.

    Raises NotFound for an organization that does not exist, BadConfiguration for another provider than AWS, Azure and Google Cloud, or a
    place that is not theirs.
    """
    check_known(rt.documents, org_slug)
    if provider not in _NEEDED:
        raise BadConfiguration(f"provider is '{provider}', expected {', '.join(_NEEDED)}: others trust a key only")
    schemes, form, needed = _NEEDED[provider]
    scheme, _, path = location.partition("://")
    if scheme not in schemes or not path.strip("/"):
        raise BadConfiguration(f"--location is not {form}: give the place where the export is")
    external_id = external_id_of(rt.documents, org_slug, integration_id or identifier(provider))
    return needed(rt, location, external_id)


def _of_aws(rt: Runtime, location: str, external_id: str) -> NeededPermissions:
    found = permissions(location, external_id, rt.settings.aws_principal or _PLACEHOLDER)
    grants = {"trust_policy": found.trust_policy, "policy": found.policy}
    return NeededPermissions(external_id, grants, '{"role_arn": "arn:aws:iam::<account>:role/<name>"}')


def _of_azure(rt: Runtime, location: str, external_id: str) -> NeededPermissions:
    grants = {"federated_credential": federated_credential(external_id, rt.settings.project)}
    example = '{"type": "federated", "tenant_id": "<tenant>", "client_id": "<client_id>"}'
    return NeededPermissions(external_id, grants, example)


def _of_google(rt: Runtime, location: str, external_id: str) -> NeededPermissions:
    grants = {
        "impersonation": impersonation(external_id, rt.settings.project),
        "workload_identity_pool": pool(external_id, rt.settings.project),
    }
    example = (
        '{"type": "impersonated", "service_account": "<its e-mail>"}, or is what create-cred-config wrote for the pool'
    )
    return NeededPermissions(external_id, grants, example)


_NEEDED: Mapping[str, tuple[tuple[str, ...], str, Callable[[Runtime, str, str], NeededPermissions]]] = {
    "aws": (("s3",), "s3://<bucket>/<prefix>", _of_aws),
    "azure": (("az",), "az://<account>/<container>/<prefix>", _of_azure),
    "gcp": (("bq", "gs"), "bq://<project>/<dataset> or gs://<bucket>/<prefix>", _of_google),
}
