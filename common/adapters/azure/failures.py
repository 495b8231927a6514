"""Refusals of Azure as Costwire's errors; classified by code, never by message text.

Codes: https://learn.microsoft.com/rest/api/storageservices/blob-service-error-codes, and the numbers of Entra ID, which are hints only:
https://learn.microsoft.com/entra/identity-platform/reference-error-codes.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from contextlib import AbstractContextManager

from azure.core import exceptions as azure
from azure.identity import CredentialUnavailableError
from msal.exceptions import MsalServiceError

from common.adapters.shared.explained import explained_by
from common.errors import (
    AGAIN,
    BadConfiguration,
    CostError,
    NoSuchPlace,
    NotAllowed,
    NotFound,
    NotSignedIn,
    Retryable,
    Throttled,
)

_NOT_SIGNED_IN = frozenset(
    {"AuthenticationFailed", "InvalidAuthenticationInfo", "KeyBasedAuthenticationNotPermitted", "NoAuthenticationInformation"}
)  # fmt: skip
_NOT_ALLOWED = frozenset({"AuthorizationPermissionMismatch", "InsufficientAccountPermissions"})
_NO_ENTRY = frozenset({"AuthorizationFailure", "AuthorizationSourceIPMismatch"})
_MISSING = frozenset({"ContainerBeingDeleted", "ContainerNotFound", "BlobNotFound", "ResourceNotFound"})
_TOO_MANY = frozenset({"ServerBusy"})
_BUSY = frozenset({"InternalError", "OperationTimedOut"})
_PASSING = (azure.IncompleteReadError, azure.ServiceRequestError, azure.ServiceResponseError, MsalServiceError)
_NUMBER = re.compile(r"AADSTS\d{4,8}")
_NO_TRUST = "the application has no federated credential for Costwire's issuer, subject and audience"
_HINTS = {
    "AADSTS50034": "the account does not exist in the tenant",
    "AADSTS700016": "the tenant has no application of this client_id",
    "AADSTS700027": "the certificate is not registered with the application, or has expired",
    "AADSTS7000112": "the application is disabled",
    "AADSTS7000215": "the client secret is wrong: give its value, not its id",
    "AADSTS7000222": "the client secret has expired",
    "AADSTS70021": _NO_TRUST,
    "AADSTS700211": _NO_TRUST,
    "AADSTS700212": _NO_TRUST,
    "AADSTS700213": _NO_TRUST,
    "AADSTS900023": "tenant_id is not a tenant",
    "AADSTS90002": "the tenant does not exist",
}
_ENTRA_BUSY = frozenset({"AADSTS90006", "AADSTS90012", "AADSTS90024", "AADSTS90033"})
_VALID_ONE = "give a credential that is valid: costwire connect azure --credential FILE"


def code_of(error: BaseException) -> str:
    """Azure's code of a refusal; empty for what is none."""
    code = getattr(error, "error_code", None) or ""
    return str(getattr(code, "value", code))


def explained(error: Exception, what: str, permission: str) -> CostError | None:
    """Our error for a vendor's, or None for one that is nobody's: that leaves the handler as it is and is delivered again.

    what: the thing that was asked for; permission: what the identity needs for it, as a role and a scope.  The vendor's own words may
    hold secrets and are not repeated.
    """
    code, status = code_of(error), _status(error)
    if isinstance(error, CredentialUnavailableError):
        return NotSignedIn(f"{what}: there is no Azure credential; run az login, or {_VALID_ONE}")
    if code in _TOO_MANY or status == 429:
        return Throttled(f"{what}: too many requests ({code or status}); {AGAIN}")
    if code in _BUSY or status >= 500:
        return Retryable(f"{what}: temporarily unavailable ({code or status}); {AGAIN}")
    if code in _NOT_SIGNED_IN or isinstance(error, azure.ClientAuthenticationError):
        return _not_signed_in(error, what, code or str(status or ""))
    if code in _NOT_ALLOWED:
        return NotAllowed(
            f"{what}: permission denied ({code}); assign {permission}, which takes effect within 10 minutes", permission
        )
    if code in _NO_ENTRY:
        return BadConfiguration(
            f"{what}: the storage account does not accept requests from here ({code}); allow Costwire's address in its network rules"
        )
    if code in _MISSING or status == 404:
        return NotFound(f"{what} does not exist")
    if isinstance(error, _PASSING):
        return _not_reached(error, what)
    if isinstance(error, azure.AzureError):
        return BadConfiguration(
            f"{what}: Azure refuses the request ({code or status or type(error).__name__}); check the location"
        )
    return None


def _not_signed_in(error: Exception, what: str, code: str) -> CostError:
    causes = [*_causes(error)]  # the identity library wraps whatever happens to it
    passing = next((one for one in causes if isinstance(one, _PASSING)), None)
    if passing is not None:
        return Retryable(f"{what}: Entra ID is temporarily unavailable, {type(passing).__name__}; {AGAIN}")
    number = _NUMBER.search(str(error))
    if number and number[0] in _ENTRA_BUSY:
        return Retryable(f"{what}: Entra ID is temporarily unavailable ({number[0]}); {AGAIN}")
    if number:
        code, hint = number[0], _HINTS.get(number[0], "")
    else:
        hint = "no tenant of this tenant_id" if any(type(one) is ValueError for one in causes) else ""
    found = ": ".join(filter(None, (code, hint))) or "no code"
    return NotSignedIn(f"{what}: Azure does not accept the credential ({found}); {_VALID_ONE}")


def _not_reached(error: Exception, what: str) -> CostError:
    unknown = {getattr(socket, "EAI_NODATA", socket.EAI_NONAME), socket.EAI_NONAME}
    if any(isinstance(one, socket.gaierror) and one.errno in unknown for one in _causes(error)):
        return NoSuchPlace(f"{what}: there is no storage account of this name; check the location")
    return Retryable(f"{what}: temporarily unavailable, {type(error).__name__}; {AGAIN}")


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error and what led to it."""
    seen: list[BaseException] = []
    left: list[BaseException | None] = [error]
    while left:
        one = left.pop()
        if isinstance(one, BaseException) and one not in seen:
            seen.append(one)
            left += [
                one.__cause__,
                one.__context__,
                getattr(one, "inner_exception", None),
                getattr(one, "reason", None),
            ]
            yield one


def _status(error: Exception) -> int:
    return int(getattr(error, "status_code", None) or 0) if isinstance(error, azure.HttpResponseError) else 0


def explaining(what: str, permission: str) -> AbstractContextManager[None]:
    """Turn a vendor's error that leaves the block into ours, where one fits; arguments as of `explained`."""
    return explained_by(lambda error: explained(error, what, permission))
