"""A route as data: what it takes, what it answers, and who may call it.

The signature of a handler is the declaration.  Parsing (app.py), the OpenAPI document (openapi.py) and the tests of security
are made from it, so that a new route can be forgotten by none of them.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeVar, get_type_hints

from pydantic import BaseModel, TypeAdapter

from web.api.call import Call
from web.api.caller import Needs

ORG = "org"
"""The parameter of a path that names the organization; handlers get it as `call.org_slug`."""
CHANGES_NOTHING = ""
"""The action of a route that only looks or computes."""
_PARAMETER = re.compile(r"\{(\w+)\}")
Handler = TypeVar("Handler", bound=Callable[..., Any])


@dataclass(frozen=True)
class Route:
    """One operation.  path: as OpenAPI writes it, `/api/v1/organizations/{org}/costs`.

    handler: called with a Call, the path's parameters by name, and `query`, `body` and `file` where it
    declares them.  answer: the shape of what it
    returns as plain data.  versioned: the answer has an ETag, and 304 is possible.
    secret: the answer holds a secret, and is stored nowhere.  action: what a request of it is called in the audit log, `{name}` being a
    parameter of the path; CHANGES_NOTHING where it leaves no record.  media: of an answer that is a file; it has no other answer.
    """

    method: str
    path: str
    operation: str
    needs: Needs
    handler: Callable[..., Any]
    answer: type[BaseModel] | None
    tag: str
    status: int = 200
    versioned: bool = False
    secret: bool = False
    action: str = ""
    media: tuple[str, ...] = ()

    @property
    def rule(self) -> str:
        """The path as Flask writes it."""
        return _PARAMETER.sub(r"<\1>", self.path)

    @property
    def parameters(self) -> tuple[str, ...]:
        """The names of the path's parameters, in order."""
        return tuple(_PARAMETER.findall(self.path))

    @cached_property
    def _hints(self) -> dict[str, Any]:
        return get_type_hints(self.handler, include_extras=True)

    @property
    def query(self) -> type[BaseModel] | None:
        """The shape of the query string; None where it has none."""
        return self._hints.get("query")

    @property
    def body(self) -> type[BaseModel] | None:
        """The shape of the JSON body; None where it has none."""
        return self._hints.get("body")

    @property
    def takes_file(self) -> bool:
        """Whether the body is a file, as it is; the handler gets it as `file`."""
        return "file" in self._hints

    @cached_property
    def readers(self) -> Mapping[str, TypeAdapter[Any]]:
        """What reads each parameter of the path but the organization's."""
        return {name: TypeAdapter(self._hints[name]) for name in self.parameters if name != ORG}

    @property
    def summary(self) -> str:
        """The first line of the handler's docstring."""
        return inspect.cleandoc(self.handler.__doc__ or "").partition("\n")[0]

    @property
    def description(self) -> str:
        """The rest of it."""
        return inspect.cleandoc(self.handler.__doc__ or "").partition("\n")[2].strip()


@dataclass
class Routes:
    """The routes of one module.  tag: what the document groups them under."""

    tag: str
    found: list[Route] = field(default_factory=list)

    def get(
        self,
        *paths: str,
        answer: type[BaseModel] | None = None,
        needs: Needs = Needs.VIEWER,
        versioned: bool = False,
        media: tuple[str, ...] = (),
    ) -> Callable[[Handler], Handler]:
        """A handler that only reads.  media: it returns a response whose body is a file of one of these types."""
        return self._adding("GET", paths, needs, answer, versioned=versioned, media=media)

    def post(
        self,
        *paths: str,
        answer: type[BaseModel],
        action: str,
        needs: Needs = Needs.EDITOR,
        status: int = 200,
        secret: bool = False,
    ) -> Callable[[Handler], Handler]:
        """A handler that starts or creates something."""
        return self._adding("POST", paths, needs, answer, status=status, secret=secret, action=action)

    def patch(
        self, *paths: str, answer: type[BaseModel], action: str, needs: Needs = Needs.EDITOR
    ) -> Callable[[Handler], Handler]:
        """A handler that changes something."""
        return self._adding("PATCH", paths, needs, answer, action=action)

    def put(
        self, *paths: str, answer: type[BaseModel], action: str, needs: Needs = Needs.EDITOR
    ) -> Callable[[Handler], Handler]:
        """A handler that replaces something."""
        return self._adding("PUT", paths, needs, answer, action=action)

    def delete(
        self, *paths: str, answer: type[BaseModel], action: str, needs: Needs = Needs.EDITOR
    ) -> Callable[[Handler], Handler]:
        """A handler that removes something."""
        return self._adding("DELETE", paths, needs, answer, action=action)

    def _adding(
        self, method: str, paths: tuple[str, ...], needs: Needs, answer: type[BaseModel] | None, **more: Any
    ) -> Callable[[Handler], Handler]:
        def add(handler: Handler) -> Handler:
            name = handler.__name__
            for path in paths:
                # the short forms of a single tenant have operations of their own, since an operation's id is unique
                operation = name if path == paths[-1] else f"own_{name}"
                self.found.append(Route(method, path, operation, needs, handler, answer, self.tag, **more))
            return handler

        return add


__all__ = ["CHANGES_NOTHING", "ORG", "Call", "Needs", "Route", "Routes"]
