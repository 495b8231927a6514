"""What `costwire connect oci --credential` takes: the API key of a user."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from common.errors import BadConfiguration
from common.providers.credential_file import Shape, read_shape

_OCID = re.compile(r"ocid1\.(user|tenancy)\.[a-z0-9]+\.[a-z0-9-]*\.[a-z0-9]+")
_FINGERPRINT = re.compile(r"[0-9a-f]{2}(:[0-9a-f]{2}){15}")
_REGION = re.compile(r"[a-z]{2,}(-[a-z0-9]+)*-[0-9]+")
_FIELDS = ("user", "fingerprint", "tenancy", "region", "key")
_SHAPE = Shape(
    "OCI credential",
    set(_FIELDS),
    '{"user": "ocid1.user…", "fingerprint": "…", "tenancy": "ocid1.tenancy…", "region": "eu-frankfurt-1", "key": "<PEM>"}',
)


@dataclass(frozen=True)
class OciCredential:
    """region: the tenancy's home region.  key: the private key, PEM without a password."""

    user: str
    fingerprint: str
    tenancy: str
    region: str
    key: str = field(repr=False)

    @property
    def kind(self) -> str:
        """The credential_type of its document."""
        return "api_key"

    @property
    def is_assumed(self) -> bool:
        """Nothing is assumed: the key is a user's."""
        return False

    @property
    def key_id(self) -> str:
        """What a signature names its key by."""
        return f"{self.tenancy}/{self.user}/{self.fingerprint}"


def read_credential(secret: bytes) -> OciCredential:
    """The credential in a file's bytes.  Raises BadConfiguration that names what is missing or wrong, and quotes nothing of it."""
    found = read_shape(secret, _SHAPE)
    missing = [name for name in _FIELDS if name not in found]
    if missing:
        raise BadConfiguration(_SHAPE.fault(f"has no {', '.join(missing)}"))
    for name, form in (("user", _OCID), ("tenancy", _OCID), ("fingerprint", _FINGERPRINT), ("region", _REGION)):
        if not form.fullmatch(found[name]):
            raise BadConfiguration(_SHAPE.fault(f"has a {name} of another form"))
    if "PRIVATE KEY-----" not in found["key"]:
        raise BadConfiguration(_SHAPE.fault("has a key that is not a private key in PEM"))
    return OciCredential(**found)
