"""What a request says, as the types that its route declares.  What does not fit is one problem that names every field."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast, get_origin

import flask
from pydantic import BaseModel, ValidationError

from common.domain.nearest import did_you_mean
from web.api.declare import Route
from web.api.problems import Problem

LARGEST_BODY = 256 * 1024
"""In bytes; no request that anybody makes comes near."""
LARGEST_FILE = 16 << 20
"""Of a body that is a file, as it is sent; what Cloud Run takes is twice as much."""
FILE_TYPE = "application/octet-stream"
_PIECE = 1 << 16


@dataclass(frozen=True)
class SentFile:
    """A body that is a file.  It can be read once."""

    stream: BinaryIO

    @contextmanager
    def on_disk(self, scratch: Path | None) -> Iterator[Path]:
        """The file, for as long as the context lasts.  Raises RequestEntityTooLarge where it has no end before LARGEST_FILE."""
        with tempfile.TemporaryDirectory(prefix="sent-", dir=scratch) as folder:
            path = Path(folder) / "file"
            with path.open("wb") as target:
                shutil.copyfileobj(self.stream, target, _PIECE)
            yield path


def read_arguments(route: Route, path: Mapping[str, str]) -> dict[str, Any]:
    """The handler's arguments by name.  Raises Problem."""
    found: dict[str, Any] = {}
    wrong: list[dict[str, str]] = []
    for name, reader in route.readers.items():
        try:
            found[name] = reader.validate_python(path[name])
        except ValidationError as error:
            wrong += _errors(error, "path", name)
    if route.query is not None:
        try:
            found["query"] = route.query.model_validate(dict(_query(route.query)))
        except ValidationError as error:
            wrong += _errors(error, "query", known=route.query)
    elif flask.request.args:
        wrong += [_wrong("query", name, "the route takes no parameters") for name in flask.request.args]
    if route.body is not None:
        try:
            found["body"] = route.body.model_validate_json(_body())
        except ValidationError as error:
            wrong += _errors(error, "body", known=route.body)
    if route.takes_file:
        found["file"] = _file()
    if wrong:
        shown = "; ".join(f"{one['name'] or one['where']}: {one['message']}" for one in wrong[:3])
        raise Problem("invalid_request", shown, errors=wrong)
    return found


def _query(model: type[BaseModel]) -> Iterator[tuple[str, Any]]:
    """Each parameter once; a list for those that may be repeated."""
    for name, values in flask.request.args.lists():
        field = model.model_fields.get(name)
        if field is not None and get_origin(field.annotation) is list:
            yield name, values
        elif len(values) > 1:
            raise Problem(
                "invalid_request",
                f"{name} is given {len(values)} times, expected once",
                errors=[_wrong("query", name, "given twice")],
            )
        else:
            yield name, values[0]


def _body() -> bytes:
    if flask.request.mimetype != "application/json":
        raise Problem("unsupported_media_type", "send the body as JSON, with the header Content-Type: application/json")
    return flask.request.get_data()


def _file() -> SentFile:
    if flask.request.mimetype != FILE_TYPE:
        raise Problem("unsupported_media_type", f"send the file as it is, with the header Content-Type: {FILE_TYPE}")
    flask.request.max_content_length = LARGEST_FILE
    return SentFile(cast(BinaryIO, flask.request.stream))


def _errors(
    error: ValidationError, where: str, name: str = "", known: type[BaseModel] | None = None
) -> list[dict[str, str]]:
    """pydantic's words, without the value: it may be a secret."""
    found = []
    for one in error.errors(include_url=False, include_context=False, include_input=False):
        steps = ".".join(str(step) for step in one["loc"])
        message = one["msg"].removeprefix("Value error, ")
        if one["type"] == "extra_forbidden" and known is not None:
            message = f"there is no such field{did_you_mean(steps, known.model_fields)}"
        found.append(_wrong(where, ".".join(filter(None, (name, steps))), message))
    return found


def _wrong(where: str, name: str, message: str) -> dict[str, str]:
    return {"where": where, "name": name[:100], "message": message}
