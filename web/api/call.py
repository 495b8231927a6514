"""One request, as a handler sees it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import flask
from werkzeug.datastructures import ETags

from common.ports import Runtime
from web.api.caller import Caller


class NotModified(Exception):
    """The caller has this answer already."""


@dataclass
class Call:
    """org_slug: the organization that it is about, "" for none.  etag: of the answer, None where it has none."""

    rt: Runtime
    caller: Caller
    org_slug: str
    request_id: str
    etag: str | None = None

    def versioned(self, *parts: str) -> None:
        """Say that the answer stays the same while these parts do.  Raises NotModified where the caller has it."""
        asked = flask.request.full_path
        # another user of the same browser, or a new sign-in, is not to see the page of the one before
        whose = self.caller.person.form_token if self.caller.person else ""
        told = "\n".join((self.org_slug, whose, asked, *parts))
        # weak: the same answer may be sent compressed or not
        self.etag = hashlib.sha256(told.encode(errors="surrogatepass")).hexdigest()[:32]
        known: ETags = flask.request.if_none_match
        if known.contains_weak(self.etag):
            raise NotModified
