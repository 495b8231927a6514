"""Tokens in which Google says who this process is, for services outside Google that trust it."""

from __future__ import annotations

from google.auth import exceptions as auth
from google.auth.transport.requests import Request
from google.oauth2 import id_token

from common.errors import AGAIN, BadConfiguration, Retryable


def identity_token(audience: str) -> str:
    """A JSON Web Token of the service account that this process runs as, signed by Google, for one audience.

    Raises BadConfiguration where the process runs as no service account, Retryable where Google cannot be asked.
    """
    try:
        return str(id_token.fetch_id_token(Request(), audience))  # type: ignore[no-untyped-call]
    except auth.TransportError as error:
        raise Retryable(f"Google's identity tokens: temporarily unavailable, {type(error).__name__}; {AGAIN}") from None
    except (auth.GoogleAuthError, ValueError):  # its words may quote a key file
        raise BadConfiguration(
            "this process runs as no service account of Google Cloud, which the other cloud is to trust: deploy it there, set "
            "GOOGLE_APPLICATION_CREDENTIALS to a service account's key, or give a credential with a secret"
        ) from None
