"""Signatures of requests to OCI, version 1: https://docs.oracle.com/en-us/iaas/Content/API/Concepts/signingrequests.htm."""

from __future__ import annotations

import base64
from collections.abc import Generator
from email.utils import formatdate

import httpx
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from common.errors import BadConfiguration
from common.providers.oci.credential import OciCredential

_SIGNED = ("date", "(request-target)", "host")


class Signer(httpx.Auth):
    """Signs requests without a body, each with the time at which it is sent."""

    def __init__(self, credential: OciCredential) -> None:
        try:
            key = load_pem_private_key(credential.key.encode(), None)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            raise BadConfiguration(
                "the key of the OCI credential cannot be read; give a private key in PEM without a password"
            ) from None
        if not isinstance(key, rsa.RSAPrivateKey):
            raise BadConfiguration(
                "the key of the OCI credential is not an RSA key; give the key that OCI made, in PEM"
            )
        self._key, self._key_id = key, credential.key_id

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Add the date and the signature."""
        request.headers.setdefault("date", formatdate(usegmt=True))
        values = {
            "date": request.headers["date"],
            "(request-target)": f"{request.method.lower()} {request.url.raw_path.decode()}",
            "host": request.headers["host"],
        }
        text = "\n".join(f"{name}: {values[name]}" for name in _SIGNED)
        signature = base64.b64encode(self._key.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256())).decode()
        request.headers["authorization"] = (
            f'Signature algorithm="rsa-sha256",headers="{" ".join(_SIGNED)}",keyId="{self._key_id}",'
            f'signature="{signature}",version="1"'
        )
        yield request
