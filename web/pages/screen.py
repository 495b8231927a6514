"""A screen as data: its address, who may see it, and what its handler returns.  `web/site.py` serves them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import flask
from pydantic import BaseModel, ValidationError

from web.api.declare import CHANGES_NOTHING, Call, Needs, Route
from web.api.people import FORM_TOKEN
from web.api.problems import Problem

Handler = TypeVar("Handler", bound=Callable[..., Any])
Form = TypeVar("Form", bound=BaseModel)


@dataclass(frozen=True)
class Screen:
    """What a page shows.  template: in `web/templates`.  section: the entry of the navigation that it belongs to.

    status: of the answer.  secret: it shows a secret, and is stored nowhere.
    """

    template: str
    title: str
    section: str
    context: Mapping[str, Any] = field(default_factory=dict)
    status: int = 200
    secret: bool = False

    @property
    def is_done(self) -> bool:
        """Of a form: whether what it asks for was done.  A page that shows it again says why it was not."""
        return self.secret


@dataclass(frozen=True)
class Goto:
    """Another address on this site is the answer."""

    address: str


@dataclass(frozen=True)
class Download:
    """A file to be stored."""

    name: str
    mimetype: str
    content: str


@dataclass
class Screens:
    """The screens of one module."""

    found: list[Route] = field(default_factory=list)

    def get(self, *paths: str, needs: Needs = Needs.VIEWER) -> Callable[[Handler], Handler]:
        """A handler that shows something; it returns a Screen, a Goto or a Download."""
        return self._adding("GET", paths, needs)

    def post(self, *paths: str, action: str, needs: Needs = Needs.EDITOR) -> Callable[[Handler], Handler]:
        """A handler that a form calls; it returns a Goto, or a Screen that says what is wrong with the form."""
        return self._adding("POST", paths, needs, action)

    def _adding(
        self, method: str, paths: tuple[str, ...], needs: Needs, action: str = CHANGES_NOTHING
    ) -> Callable[[Handler], Handler]:
        def add(handler: Handler) -> Handler:
            for number, path in enumerate(paths):
                operation = f"{handler.__module__.rpartition('.')[2]}.{handler.__name__}{number or ''}"
                self.found.append(Route(method, path, operation, needs, handler, None, "Pages", action=action))
            return handler

        return add


def form_fields() -> dict[str, Any]:
    """The fields of the form that was sent, but what proves whose form it is."""
    return {name: value for name, value in flask.request.form.items() if name != FORM_TOKEN}


def read_form(model: type[Form]) -> Form:
    """The fields of the form that was sent.  Raises Problem that names the first field that is not valid."""
    try:
        return model.model_validate(form_fields())
    except ValidationError as error:
        one = error.errors(include_url=False, include_context=False, include_input=False)[0]
        name = ".".join(str(step) for step in one["loc"])
        raise Problem("invalid_request", f"{name}: {one['msg'].removeprefix('Value error, ')}") from None


__all__ = ["Call", "Download", "Goto", "Needs", "Screen", "Screens", "form_fields", "read_form"]
