"""Refusals of AWS as Costwire's errors; classified by code, never by message text.

Codes: botocore's models and retry list; https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html.
"""

from __future__ import annotations

from contextlib import AbstractContextManager

from botocore import exceptions as aws

from common.adapters.shared.explained import explained_by
from common.errors import AGAIN, BadConfiguration, CostError, NotAllowed, NotFound, NotSignedIn, Retryable, Throttled

_NOT_SIGNED_IN = frozenset(
    {
        "AuthFailure",
        "ExpiredToken",
        "ExpiredTokenException",
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "InvalidToken",
        "SignatureDoesNotMatch",
        "TokenRefreshRequired",
        "UnrecognizedClientException",
    }
)
_NOT_ALLOWED = frozenset({"403", "AccessDenied", "AccessDeniedException", "AllAccessDisabled", "UnauthorizedAccess"})
_MISSING = frozenset({"404", "NoSuchBucket", "NoSuchKey", "NoSuchVersion", "NotFound"})
_TOO_MANY = frozenset(
    {
        "BandwidthLimitExceeded",
        "LimitExceededException",
        "RequestLimitExceeded",
        "SlowDown",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
    }
)
_BUSY = frozenset({"InternalError", "OperationAborted", "RequestTimeTooSkewed", "RequestTimeout", "ServiceUnavailable"})
_PASSING = (aws.ConnectionError, aws.HTTPClientError, aws.IncompleteReadError, aws.ResponseStreamingError)
_NO_IDENTITY = (aws.NoCredentialsError, aws.PartialCredentialsError, aws.CredentialRetrievalError)
_NEW_KEYS = "give a credential that is valid: costwire connect aws --credential FILE"


def code_of(error: Exception) -> str:
    """AWS's code of a refusal; empty for what is none."""
    return str(error.response.get("Error", {}).get("Code", "")) if isinstance(error, aws.ClientError) else ""


def explained(error: Exception, what: str, permission: str) -> CostError | None:
    """Our error for a vendor's, or None for one that is nobody's: that leaves the handler as it is and is delivered again.

    what: the thing that was asked for; permission: what the identity needs for it, as an action and a resource.  The vendor's own words may
    hold keys and are not repeated.
    """
    code = code_of(error)
    status = _status(error)
    if code in _NOT_SIGNED_IN or status == 401:
        return NotSignedIn(f"{what}: AWS does not accept the credential ({code or status}); {_NEW_KEYS}")
    if isinstance(error, _NO_IDENTITY):
        return NotSignedIn(f"{what}: there are no AWS credentials; {_NEW_KEYS}")
    if code in _NOT_ALLOWED:
        encrypted = " and, for an encrypted bucket, kms:Decrypt on its key" if "GetObject" in permission else ""
        return NotAllowed(f"{what}: permission denied ({code}); allow {permission}{encrypted}", permission)
    if code in _MISSING:
        return NotFound(f"{what} does not exist")
    if code in _TOO_MANY or status == 429:
        return Throttled(f"{what}: too many requests ({code or status}); {AGAIN}")
    if code in _BUSY or status >= 500:
        return Retryable(f"{what}: temporarily unavailable ({code or status}); {AGAIN}")
    if isinstance(error, _PASSING):
        return Retryable(f"{what}: temporarily unavailable, {type(error).__name__}; {AGAIN}")
    if isinstance(error, (aws.ClientError, aws.BotoCoreError)):
        return BadConfiguration(f"{what}: AWS refuses the request ({code or type(error).__name__}); check the location")
    return None


def _status(error: Exception) -> int:
    if not isinstance(error, aws.ClientError):
        return 0
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def explaining(what: str, permission: str) -> AbstractContextManager[None]:
    """Turn a vendor's error that leaves the block into ours, where one fits; arguments as of `explained`."""
    return explained_by(lambda error: explained(error, what, permission))
