"""Keys of an organization, for its owners."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from pydantic import AwareDatetime, BaseModel, Field

from common.domain.api_keys import Role
from common.records.api_keys import ApiKey
from common.tenancy import api_keys
from common.tenancy.api_keys import KeyRequest, NewKey
from web.api.declare import Call, Needs, Routes
from web.api.shapes import Asked, Moment

routes = Routes("Keys")
_PATH = "/api/v1/organizations/{org}/keys"
KeyId = Annotated[str, Field(pattern=r"^[0-9a-f]{16}$", description="The key's id")]


class Key(BaseModel):
    """A key without its secret."""

    key_id: str
    name: str
    role: Role
    state: str = Field(description="active, expired or revoked")
    fingerprint: str = Field(description="The last 4 characters")
    created_at: Moment
    created_by: str
    expires_at: Moment | None
    last_used_at: Moment | None = Field(description="To the hour")
    revoked_at: Moment | None
    replaced_by: str | None = Field(description="The id of the key that it was rotated to")


class Keys(BaseModel):
    """Every key, the newest first."""

    keys: list[Key]


class KeyWithSecret(BaseModel):
    """A new key."""

    key: Key
    secret: str = Field(description="The key itself.  It is shown once and stored nowhere")


class KeyWanted(Asked):
    """A key to be made."""

    name: str = Field(min_length=1, max_length=100)
    role: Role = Role.VIEWER
    expires_at: AwareDatetime | None = Field(None, description="When it ends; null: it does not")


class Rotation(Asked):
    """How a key is rotated."""

    overlap_hours: int = Field(24, ge=0, le=720, description="How long the old key still works")


@routes.get(_PATH, needs=Needs.OWNER, answer=Keys)
def list_keys(call: Call) -> dict[str, Any]:
    """The organization's keys, without their secrets."""
    now = call.rt.clock.now()
    return {"keys": [one.as_json(now) for one in api_keys.list_keys(call.rt, call.org_slug)]}


@routes.post(_PATH, needs=Needs.OWNER, answer=KeyWithSecret, status=201, secret=True, action="key.create")
def create_key(call: Call, body: KeyWanted) -> dict[str, Any]:
    """Make a key; the answer is the only place that shows it."""
    expires_at = body.expires_at.astimezone(UTC) if body.expires_at else None
    request = KeyRequest(body.name, body.role, expires_at)
    return with_secret(api_keys.create_key(call.rt, call.org_slug, request, call.caller.name), call.rt.clock.now())


@routes.post(
    f"{_PATH}/{{key_id}}/rotate", needs=Needs.OWNER, answer=KeyWithSecret, status=201, secret=True, action="key.rotate"
)
def rotate_key(call: Call, key_id: KeyId, body: Rotation) -> dict[str, Any]:
    """Make a key like this one, which ends after the overlap."""
    overlap = timedelta(hours=body.overlap_hours)
    made = api_keys.rotate_key(call.rt, call.org_slug, key_id, overlap, call.caller.name)
    return with_secret(made, call.rt.clock.now())


@routes.delete(f"{_PATH}/{{key_id}}", needs=Needs.OWNER, answer=Key, action="key.revoke")
def revoke_key(call: Call, key_id: KeyId) -> dict[str, Any]:
    """End a key now; again changes nothing."""
    found: ApiKey = api_keys.revoke_key(call.rt, call.org_slug, key_id)
    return found.as_json(call.rt.clock.now())


def with_secret(made: NewKey, now: datetime) -> dict[str, Any]:
    """A new key as it is answered."""
    return {"key": made.key.as_json(now), "secret": made.secret}
