"""What `costwire connect azure --credential` takes: an application of Entra ID with a secret, a certificate or a federated credential, or
a connection string.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from common.errors import BadConfiguration
from common.providers.credential_file import Shape, read_shape

_GUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_DOMAIN = re.compile(r"[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)+")
FEDERATED = "federated"
_APPLICATION = {"type", "tenant_id", "client_id", "client_secret", "certificate", "subscription_id"}
_SHAPE = Shape(
    "Azure credential",
    {*_APPLICATION, "connection_string"},
    '{"tenant_id": "…", "client_id": "…", "client_secret": "…"}, or "certificate" or "type": "federated" in place of "client_secret"',
)


@dataclass(frozen=True)
class AzureCredential:
    """An application of the customer's tenant, or a connection string, which names the service's address and so is for one machine only.

    certificate: PEM of the certificate and its private key.  type: "federated" where the application trusts tokens of Costwire's own
    identity, made out to audience.
    """

    type: str | None = None
    tenant_id: str = ""
    client_id: str = ""
    client_secret: str | None = field(default=None, repr=False)
    certificate: str | None = field(default=None, repr=False)
    subscription_id: str | None = None
    connection_string: str | None = field(default=None, repr=False)
    audience: str | None = None

    @property
    def is_assumed(self) -> bool:
        """Whether our own identity signs in as the application."""
        return self.type == FEDERATED

    def for_audience(self, external_id: str | None) -> AzureCredential:
        """The same, whose tokens are made out to the integration, where our own identity signs in.

        An application of another customer trusts our identity too, but not for this audience.  Raises BadConfiguration without an id.
        """
        if not self.is_assumed:
            return self
        if not external_id:
            raise BadConfiguration(
                f"application {self.client_id} needs an external id as its audience; costwire connect makes one"
            )
        return replace(self, audience=external_id)

    @property
    def kind(self) -> str:
        """The credential_type of its document."""
        return "connection_string" if self.connection_string else "service_principal"

    @property
    def account_name(self) -> str | None:
        """The storage account of a connection string."""
        pairs = (pair.partition("=") for pair in (self.connection_string or "").split(";"))
        return next((value.strip().lower() for name, _, value in pairs if name.strip().lower() == "accountname"), None)

    def checked(self, may_name_addresses: bool) -> AzureCredential:
        """The same.  Raises BadConfiguration for a connection string where it may not say which address is asked."""
        if self.connection_string and not may_name_addresses:
            raise BadConfiguration(
                "a connection string is accepted on your own machine only, since it says which address is asked; give tenant_id, client_id "
                "and client_secret"
            )
        return self


def read_credential(secret: bytes) -> AzureCredential:
    """The credential in a file's bytes.  Raises BadConfiguration that names what is missing or wrong, and quotes nothing of it."""
    found = read_shape(secret, _SHAPE)
    read = AzureCredential(**found)
    fault = _fault_of_string(read, found) if read.connection_string else _fault_of_application(found)
    if fault:
        raise BadConfiguration(_SHAPE.fault(fault))
    return read


def _fault_of_string(read: AzureCredential, found: Mapping[str, str]) -> str | None:
    if _APPLICATION & found.keys():
        return "has a connection_string beside an application, expected one of them"
    return None if read.account_name else "has a connection_string without AccountName"


def _fault_of_application(found: Mapping[str, str]) -> str | None:
    missing = [name for name in ("tenant_id", "client_id") if name not in found]
    if missing:
        return f"has no {', '.join(missing)}"
    if found.get("type", FEDERATED) != FEDERATED:
        return f"has a type that is not {FEDERATED}"
    given = [name for name in ("client_secret", "certificate", "type") if name in found]
    if len(given) != 1:
        return "has none or several of client_secret, certificate and type, expected one of them"
    if not (_GUID.fullmatch(found["tenant_id"]) or _DOMAIN.fullmatch(found["tenant_id"])):
        return "has a tenant_id that is not the id or the domain of a tenant"
    wrong = [name for name in ("client_id", "subscription_id") if name in found and not _GUID.fullmatch(found[name])]
    if wrong:
        return f"has a {wrong[0]} that is not a GUID"
    pem = found.get("certificate")
    if pem is not None and not ("-----BEGIN CERTIFICATE-----" in pem and "PRIVATE KEY-----" in pem):
        return "has a certificate that is not PEM of a certificate and its private key"
    return None
