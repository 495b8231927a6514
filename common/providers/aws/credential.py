"""What `costwire connect aws --credential` takes: access keys, a role to assume, or both."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from common.errors import BadConfiguration
from common.providers.credential_file import Shape, read_shape

_ROLE = re.compile(r"arn:aws[a-z-]*:iam::\d{12}:role/[\w+=,.@/-]{1,512}")
EXTERNAL_ID = re.compile(r"[\w+=,.@:/-]{2,1224}")
_SHAPE = Shape(
    "AWS credential",
    {"access_key_id", "secret_access_key", "session_token", "role_arn", "external_id"},
    '{"role_arn": "arn:aws:iam::<account>:role/<name>"} or {"access_key_id": "…", "secret_access_key": "…"}',
)


@dataclass(frozen=True)
class AwsCredential:
    """Keys, a role that they assume, or a role alone, which the platform's own identity assumes.

    external_id: what the role's trust policy asks for.
    """

    role_arn: str | None = None
    external_id: str | None = None
    access_key_id: str | None = None
    secret_access_key: str | None = field(default=None, repr=False)
    session_token: str | None = field(default=None, repr=False)

    def with_external_id(self, external_id: str | None) -> AwsCredential:
        """The same with the external id of an integration, where our own identity assumes the role.

        Raises BadConfiguration where there is none: a role that asks for no id could be assumed for any customer.
        """
        if not self.is_assumed:
            return self
        if not external_id:
            raise BadConfiguration(f"role {self.role_arn} needs an external id; costwire connect makes one")
        return replace(self, external_id=external_id)

    @property
    def is_assumed(self) -> bool:
        """Whether our own identity assumes the role."""
        return self.role_arn is not None and self.access_key_id is None

    @property
    def kind(self) -> str:
        """The credential_type of its document."""
        return "role" if self.role_arn else "api_key"


def read_credential(secret: bytes) -> AwsCredential:
    """The credential in a file's bytes.  Raises BadConfiguration that names what is missing or wrong, and quotes nothing of it."""
    found: Mapping[str, str] = read_shape(secret, _SHAPE)
    if ("access_key_id" in found) != ("secret_access_key" in found):
        raise BadConfiguration(_SHAPE.fault("has one of access_key_id and secret_access_key, expected both or neither"))
    if not {"access_key_id", "role_arn"} & found.keys():
        raise BadConfiguration(_SHAPE.fault("has neither access_key_id nor role_arn"))
    if "role_arn" in found and not _ROLE.fullmatch(found["role_arn"]):
        raise BadConfiguration(_SHAPE.fault("has a role_arn that is not the ARN of a role"))
    if "external_id" in found and not EXTERNAL_ID.fullmatch(found["external_id"]):
        raise BadConfiguration(
            _SHAPE.fault(r"has an external_id of other characters than letters, digits and +=,.@:/-_")
        )
    return AwsCredential(**found)
