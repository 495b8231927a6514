"""Clients of a container, as a customer's application in Entra ID, by a connection string, or as the user of this machine."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from azure.core.credentials import AccessToken, TokenCredential
from azure.identity import AzureCliCredential, CertificateCredential, ClientAssertionCredential, ClientSecretCredential
from azure.storage.blob import ContainerClient, LinearRetry

from common.adapters.azure.failures import explaining
from common.errors import BadConfiguration
from common.providers.azure.credential import AzureCredential

for _name in ("azure", "msal"):
    logging.getLogger(_name).setLevel(logging.WARNING)  # debug lines hold headers
logging.getLogger("azure.identity").setLevel(
    logging.ERROR
)  # its warnings hold the answers of Entra ID, which errors explain

AUTHORITY = "login.microsoftonline.com"
STORAGE_HOST = "blob.core.windows.net"
_STORAGE_SCOPE = "https://storage.azure.com/.default"
_TIMEOUTS = {"connection_timeout": 10, "read_timeout": 60}
# the authority is known, so nobody is asked whether it is one
_TOKEN_CALLS: dict[str, Any] = {
    **_TIMEOUTS, "authority": AUTHORITY, "disable_instance_discovery": True, "retry_total": 3
}  # fmt: skip


Token = Callable[[str], str]
"""Makes a token of our own identity, for an audience."""


def container_of(account: str, container: str, credential: AzureCredential | None, token: Token) -> ContainerClient:
    """The client of a container; nothing is sent yet.  Without a credential it is that of the user who ran `az login`.

    token: for an application that trusts our identity.
    Raises BadConfiguration for a certificate that cannot be read, and for a connection string of another account.
    """
    calls: dict[str, Any] = {
        **_TIMEOUTS,
        "user_agent": "costwire",
        "retry_policy": LinearRetry(backoff=1, retry_total=3, random_jitter_range=1),
    }
    if credential is None or credential.connection_string is None:
        # the hosts are ours: a credential never says where it is sent
        return ContainerClient(f"https://{account}.{STORAGE_HOST}", container, _SignIn(credential, token), **calls)
    if credential.account_name != account:
        raise BadConfiguration(f"the connection string is not of storage account {account}, which the location names")
    try:
        return ContainerClient.from_connection_string(credential.connection_string, container, **calls)
    except ValueError:
        raise BadConfiguration("the connection string cannot be read; copy it from the storage account again") from None


class _SignIn:
    """Tokens of a credential.  Its refusals are ours at once: the storage client would ask again and again with a secret that is wrong."""

    def __init__(self, credential: AzureCredential | None, token: Token) -> None:
        self._who = f"application {credential.client_id}" if credential else "the user of this machine"
        self._behind = _token_credential(credential, token)

    def get_token(self, *scopes: str, **options: Any) -> AccessToken:
        with explaining(self._who, "it"):
            return self._behind.get_token(*scopes, **options)


def _token_credential(credential: AzureCredential | None, token: Token) -> TokenCredential:
    if credential is None:
        return AzureCliCredential()
    application = (credential.tenant_id, credential.client_id)
    if credential.is_assumed:
        audience = credential.audience or ""
        return ClientAssertionCredential(*application, lambda: token(audience), **_TOKEN_CALLS)
    if credential.client_secret is not None:
        return ClientSecretCredential(*application, credential.client_secret, **_TOKEN_CALLS)
    try:
        pem = (credential.certificate or "").encode()
        return CertificateCredential(*application, certificate_data=pem, **_TOKEN_CALLS)
    except (TypeError, ValueError):  # an encrypted key is a TypeError
        raise BadConfiguration(
            "the certificate of the Azure credential cannot be read: expected PEM of a certificate and its private key, not encrypted"
        ) from None


def signed_in_as(credential: AzureCredential | None, token: Token) -> str:
    """Sign in; who that is, in words.  A connection string signs each request by itself.  Raises NotSignedIn, Retryable."""
    if credential is not None and credential.connection_string is not None:
        return f"the connection string of storage account {credential.account_name}"
    _SignIn(credential, token).get_token(_STORAGE_SCOPE)
    return (
        f"application {credential.client_id} of tenant {credential.tenant_id}" if credential else "the user of az login"
    )
