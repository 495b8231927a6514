"""What `costwire connect gcp --credential` takes: a service account's key, a service account to impersonate, or an external account.

The file's own addresses are not used: who writes the file would choose where our requests go (google-auth's own warning).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace

from common.errors import BadConfiguration
from common.providers.credential_file import Shape, read_shape
from common.providers.gcp.permissions import LONGEST_NAME

KEY, IMPERSONATED, EXTERNAL = "service_account", "impersonated", "external_account"
_KEY_FIELDS = {
    "project_id", "private_key_id", "private_key", "client_email", "client_id", "auth_uri", "token_uri",
    "auth_provider_x509_cert_url", "client_x509_cert_url", "universe_domain",
}  # fmt: skip
_ADDRESSES = {"subject_token_type", "token_url", "token_info_url", "credential_source", "universe_domain"}
"""Of an external account: where its token would come from and go to, which is ours to say."""
_POOL = re.compile(
    r"//iam\.googleapis\.com/projects/\d+/locations/global/workloadIdentityPools/[a-z0-9-]{4,32}/providers/[a-z0-9-]{4,32}"
)
_IMPERSONATION = re.compile(
    r"https://iamcredentials\.googleapis\.com/v1/projects/-/serviceAccounts/([^/:@\s]+@[^/:@\s]+):generateAccessToken"
)
_NEEDED = {
    KEY: ("client_email", "private_key", "private_key_id"),
    IMPERSONATED: ("service_account",),
    EXTERNAL: ("audience", "service_account_impersonation_url"),
}
_SHAPE = Shape(
    "service account",
    {"type", "service_account", "audience", "service_account_impersonation_url", *_KEY_FIELDS},
    '{"type": "service_account", …} or {"type": "external_account", …} as Google writes it, or '
    '{"type": "impersonated", "service_account": "<e-mail>"}',
    ignored=_ADDRESSES - _KEY_FIELDS,
)


@dataclass(frozen=True)
class GoogleCredential:
    """email: of the service account.  private_key: PEM, None where it is impersonated.

    pool: the provider of a workload identity pool that trusts the platform's own identity, whose tokens are made out to audience; None
    where our identity impersonates the service account itself.
    """

    email: str
    project: str | None = None
    private_key_id: str | None = None
    private_key: str | None = field(default=None, repr=False)
    pool: str | None = None
    audience: str | None = None

    @property
    def is_assumed(self) -> bool:
        """Whether our own identity impersonates the service account."""
        return self.private_key is None

    def named_for(self, external_id: str | None) -> GoogleCredential:
        """The same, whose name shows that it was made for the integration, where our own identity impersonates it.

        Google's impersonation asks for no external id: whoever knew the name of another customer's service account could have us read
        with it.  So its name is ours to choose, as the external id of a role of AWS is.  Raises BadConfiguration for another name.
        """
        if not self.is_assumed:
            return self
        if self.pool is not None and external_id:  # the pool accepts what is made out to this integration alone
            return replace(self, audience=external_id)
        if not external_id:
            raise BadConfiguration(
                f"service account {self.email} is impersonated, which only costwire connect gcp allows: give a key"
            )
        wanted = external_id[:LONGEST_NAME]
        if not self.email.startswith(f"{wanted}@"):
            raise BadConfiguration(
                f"service account {self.email} was not made for this integration, expected {wanted}@<project>.iam.gserviceaccount.com: "
                f"gcloud iam service-accounts create {wanted}, and grant that one the roles"
            )
        return self

    @property
    def kind(self) -> str:
        """The credential_type of its document."""
        return KEY if self.private_key else EXTERNAL if self.pool else IMPERSONATED


def read_credential(secret: bytes) -> GoogleCredential:
    """The credential in a file's bytes.  Raises BadConfiguration that names what is missing or wrong, and quotes nothing of it."""
    found = read_shape(secret, _SHAPE)
    kind = found.get("type")
    if kind not in _NEEDED:
        raise BadConfiguration(_SHAPE.fault(f"has a type that is not {', '.join(_NEEDED)}"))
    missing = [name for name in _NEEDED[kind] if name not in found]
    if missing:
        raise BadConfiguration(_SHAPE.fault(f"has no {', '.join(missing)}"))
    if kind == IMPERSONATED:
        return GoogleCredential(found["service_account"])
    if kind == EXTERNAL:
        account = _IMPERSONATION.fullmatch(found["service_account_impersonation_url"])
        if account is None:
            raise BadConfiguration(
                _SHAPE.fault("has a service_account_impersonation_url that names no service account")
            )
        if not _POOL.fullmatch(found["audience"]):
            raise BadConfiguration(_SHAPE.fault("has an audience that is not the provider of a workload identity pool"))
        return GoogleCredential(account[1], pool=found["audience"])
    return GoogleCredential(
        found["client_email"], found.get("project_id"), found["private_key_id"], found["private_key"]
    )
