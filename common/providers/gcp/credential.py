"""What `costwire connect gcp --credential` takes: a service account's key, or a service account to impersonate.

The key's own addresses are not used: who writes the file would choose where our requests go (google-auth's own warning).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from common.errors import BadConfiguration
from common.providers.credential_file import Shape, read_shape

KEY, IMPERSONATED = "service_account", "impersonated"
_KEY_FIELDS = {
    "project_id", "private_key_id", "private_key", "client_email", "client_id", "auth_uri", "token_uri",
    "auth_provider_x509_cert_url", "client_x509_cert_url", "universe_domain",
}  # fmt: skip
_LONGEST_NAME = 29
"""A service account's name has at most 30 characters; these hold 80 random bits."""
_SHAPE = Shape(
    "service account",
    {"type", "service_account", *_KEY_FIELDS},
    '{"type": "service_account", …} as Google writes it, or {"type": "impersonated", "service_account": "<e-mail>"}',
)


@dataclass(frozen=True)
class GoogleCredential:
    """email: of the service account.  private_key: PEM, None where it is impersonated by the platform's own identity."""

    email: str
    project: str | None = None
    private_key_id: str | None = None
    private_key: str | None = field(default=None, repr=False)

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
        if not external_id:
            raise BadConfiguration(
                f"service account {self.email} is impersonated, which only costwire connect gcp allows: give a key"
            )
        wanted = external_id[:_LONGEST_NAME]
        if not self.email.startswith(f"{wanted}@"):
            raise BadConfiguration(
                f"service account {self.email} was not made for this integration, expected {wanted}@<project>.iam.gserviceaccount.com: "
                f"gcloud iam service-accounts create {wanted}, and grant that one the roles"
            )
        return self

    @property
    def kind(self) -> str:
        """The credential_type of its document."""
        return "service_account" if self.private_key else "impersonated"


def read_credential(secret: bytes) -> GoogleCredential:
    """The credential in a file's bytes.  Raises BadConfiguration that names what is missing or wrong, and quotes nothing of it."""
    found = read_shape(secret, _SHAPE)
    kind = found.get("type")
    if kind not in (KEY, IMPERSONATED):
        raise BadConfiguration(_SHAPE.fault(f"has a type that is neither {KEY} nor {IMPERSONATED}"))
    needed = ("client_email", "private_key", "private_key_id") if kind == KEY else ("service_account",)
    missing = [name for name in needed if name not in found]
    if missing:
        raise BadConfiguration(_SHAPE.fault(f"has no {', '.join(missing)}"))
    if kind == IMPERSONATED:
        return GoogleCredential(found["service_account"])
    return GoogleCredential(
        found["client_email"], found.get("project_id"), found["private_key_id"], found["private_key"]
    )
