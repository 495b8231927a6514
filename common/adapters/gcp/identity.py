"""Credentials of a customer's identity in Google Cloud: a service account's key, or a service account that we impersonate, where needed
as a member of the customer's workload identity pool.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import google.auth
from google.api_core import exceptions as api
from google.auth import exceptions as auth
from google.auth import identity_pool, impersonated_credentials
from google.auth.credentials import AnonymousCredentials
from google.auth.transport.requests import Request
from google.oauth2 import service_account

from common.adapters.gcp.failures import explaining
from common.adapters.gcp.identity_tokens import identity_token
from common.errors import AGAIN, BadConfiguration, NotAllowed, NotSignedIn, Retryable
from common.providers.gcp.credential import GoogleCredential

TOKEN_URI = "https://oauth2.googleapis.com/token"  # noqa: S105  # an address
"""Never the one that a key file names: who wrote the file would be sent a signed request."""
_EXCHANGE_URI = "https://sts.googleapis.com/v1/token"
_IMPERSONATION = "https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/{email}:generateAccessToken"
SCOPES = ("https://www.googleapis.com/auth/bigquery", "https://www.googleapis.com/auth/devstorage.read_only")
_SESSION_SECONDS = 3600
_TOKENS = "roles/iam.serviceAccountTokenCreator"


def credentials_of(credential: GoogleCredential | None, emulator_variable: str) -> Any:
    """google-auth's credentials; None, which is this process's own identity, without one.  An emulator, where the variable names one, is
    sent none.

    Raises BadConfiguration for a private key that is not one, and where there is no own identity to impersonate with.
    """
    if os.environ.get(emulator_variable):
        return AnonymousCredentials()  # type: ignore[no-untyped-call]
    if credential is None:
        return None
    if credential.pool is not None:
        return identity_pool.Credentials(  # type: ignore[no-untyped-call]
            credential.pool,
            "urn:ietf:params:oauth:token-type:jwt",
            _EXCHANGE_URI,
            subject_token_supplier=_OwnToken(credential.audience or ""),
            service_account_impersonation_url=_IMPERSONATION.format(email=credential.email),
            scopes=list(SCOPES),
        )
    if credential.private_key is None:
        with explaining("Google Cloud"):
            own, _ = google.auth.default(scopes=["https://www.googleapis.com/auth/iam"])
        return impersonated_credentials.Credentials(  # type: ignore[no-untyped-call]
            own, target_principal=credential.email, target_scopes=list(SCOPES), lifetime=_SESSION_SECONDS
        )
    fields = {
        "type": "service_account",
        "client_email": credential.email,
        "private_key_id": credential.private_key_id,
        "private_key": credential.private_key,
        "token_uri": TOKEN_URI,
    }
    try:
        return service_account.Credentials.from_service_account_info(fields, scopes=list(SCOPES))  # type: ignore[no-untyped-call]
    except ValueError:  # its words may quote the key
        raise BadConfiguration(
            "Invalid service account JSON format: its private_key is not a PEM key; download the key again"
        ) from None


class _OwnToken(identity_pool.SubjectTokenSupplier):
    """Tokens of our own identity for a pool's provider."""

    def __init__(self, audience: str) -> None:
        self._audience = audience

    def get_subject_token(self, context: Any, request: Any) -> str:
        return identity_token(self._audience)


@contextmanager
def signing_in(credential: GoogleCredential | None) -> Iterator[None]:
    """Say of an identity that Google does not accept which one it is and what to do."""
    try:
        yield
    except (auth.OAuthError, auth.RefreshError, api.Unauthorized) as error:
        if credential is None:
            raise  # whoever asked says what this process lacks
        who = f"service account {credential.email}"
        if getattr(error, "retryable", False):
            raise Retryable(f"{who}: temporarily unavailable, RefreshError; {AGAIN}") from None
        if credential.pool is not None:
            raise NotAllowed(
                f"{who} cannot be used by way of {credential.pool}: the provider must accept Costwire's identity and the audience "
                f"{credential.audience}, and the pool's member needs roles/iam.workloadIdentityUser on the service account",
                "roles/iam.workloadIdentityUser",
            ) from None
        if credential.private_key is None:
            raise NotAllowed(
                f"{who} cannot be impersonated; grant {_TOKENS} on it to Costwire's identity, or check its name",
                _TOKENS,
            ) from None
        raise NotSignedIn(
            f"{who}: Google does not accept its key; give one that is valid: costwire connect --credential FILE"
        ) from None


def signed_in_as(credential: GoogleCredential | None, credentials: Any) -> str:
    """Sign in; who that is, in words.  credentials: as `credentials_of` made them.  Raises NotSignedIn, NotAllowed, Retryable."""
    if credential is None or credentials is None:
        return "Costwire's own identity" if credential is None else f"service account {credential.email}"
    if not isinstance(credentials, AnonymousCredentials):
        with explaining("Google Cloud"), signing_in(credential):
            credentials.refresh(Request())
    return f"service account {credential.email}"
