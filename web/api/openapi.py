"""The OpenAPI 3.1 document, made from the routes' declarations."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from web.api.declare import ORG, Needs, Route
from web.api.idempotency import HEADER as IDEMPOTENCY_KEY
from web.api.idempotency import KEY_PATTERN, takes_key
from web.api.problems import CODES, MEDIA_TYPE, ProblemDetails
from web.api.reading import FILE_TYPE, LARGEST_FILE

VERSION = "1.0.0"
_TEMPLATE = "#/components/schemas/{model}"
_SECURITY: Mapping[str, dict[str, str]] = {
    "apiKey": {
        "type": "apiKey",
        "in": "header",
        "name": "X-API-Key",
        "description": "A key of one organization, `{slug}_api_…`",
    },
    "bearer": {"type": "http", "scheme": "bearer", "description": "The same key as a bearer token"},
    "rootKey": {"type": "apiKey", "in": "header", "name": "X-CA-Root-Key", "description": "The operator's key"},
}
_REQUEST_ID = {
    "X-Request-ID": {
        "description": "The request's id: the caller's own where it sent one",
        "schema": {"type": "string"},
    }
}
_ETAG = {
    "ETag": {"description": "Send it as If-None-Match: 304 while the answer is the same", "schema": {"type": "string"}}
}


def document(routes: Sequence[Route]) -> dict[str, Any]:
    """The document, ready for JSON."""
    models = [one for route in routes for one in (route.query, route.body, route.answer) if one is not None]
    _, schemas = models_json_schema(
        [(one, "validation") for one in _each([*models, ProblemDetails])], ref_template=_TEMPLATE
    )
    known = schemas["$defs"]
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, known)
    asked = {one.__name__ for route in routes if (one := route.query)}  # these are parameters, not schemas
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Costwire",
            "version": VERSION,
            "summary": "Cloud bills as FOCUS 1.3 rows with proved totals",
            "description": "Amounts are exact decimals as text.  Times are UTC.  Errors are problem details (RFC 9457) whose `code` stays.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "tags": [{"name": name} for name in dict.fromkeys(route.tag for route in routes)],
        "paths": paths,
        "components": {
            "schemas": {name: one for name, one in known.items() if name not in asked},
            "securitySchemes": dict(_SECURITY),
        },
    }


def _each(models: list[type[BaseModel]]) -> list[type[BaseModel]]:
    """Each once, in order."""
    return list(dict.fromkeys(models))


def _operation(route: Route, known: Mapping[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = {"operationId": route.operation, "tags": [route.tag], "summary": route.summary}
    if route.description:
        made["description"] = route.description
    made["security"] = security(route.needs)
    if parameters := [*_path(route), *_query(route, known), *_headers(route)]:
        made["parameters"] = parameters
    if route.body is not None:
        made["requestBody"] = {"required": True, "content": {"application/json": {"schema": _reference(route.body)}}}
    if route.takes_file:
        whole = {"type": "string", "contentMediaType": FILE_TYPE, "maxLength": LARGEST_FILE}
        made["requestBody"] = {"required": True, "content": {FILE_TYPE: {"schema": whole}}}
    made["responses"] = {str(status): one for status, one in _responses(route)}
    return made


def security(needs: Needs) -> list[dict[str, list[str]]]:
    """Who may call, with the role that the key needs."""
    if needs is Needs.NOTHING:
        return []
    if needs is Needs.ROOT:
        return [{"rootKey": []}]
    return [{"apiKey": [needs.value]}, {"bearer": [needs.value]}]


def _path(route: Route) -> Iterator[dict[str, Any]]:
    for name in route.parameters:
        if name == ORG:
            schema: dict[str, Any] = {"type": "string", "pattern": "^[a-zA-Z0-9_]{3,50}$"}
        else:
            schema = route.readers[name].json_schema()
        words = schema.pop("description", "The organization's slug" if name == ORG else name)
        yield {"name": name, "in": "path", "required": True, "description": words, "schema": schema}


def _query(route: Route, known: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    if route.query is None:
        return
    shape = known[route.query.__name__]
    for name, schema in shape["properties"].items():
        told = {key: value for key, value in schema.items() if key not in ("title", "description")}
        made = {"name": name, "in": "query", "description": schema.get("description", name), "schema": _bare(told)}
        if name in shape.get("required", ()):
            made["required"] = True
        yield made


def _headers(route: Route) -> Iterator[dict[str, Any]]:
    if takes_key(route):
        yield {
            "name": IDEMPOTENCY_KEY,
            "in": "header",
            "description": "A value of the caller's own: the request is done once for it, and answered the same for a day",
            "schema": {"type": "string", "pattern": KEY_PATTERN},
        }


def _bare(schema: dict[str, Any]) -> dict[str, Any]:
    """Without null, which a query string has no word for."""
    choices = [one for one in schema.pop("anyOf", []) if one != {"type": "null"}]
    if schema.get("default", 0) is None:
        del schema["default"]
    return {**choices[0], **schema} if len(choices) == 1 else schema | ({"anyOf": choices} if choices else {})


def _responses(route: Route) -> Iterator[tuple[int, dict[str, Any]]]:
    headers = _REQUEST_ID | (_ETAG if route.versioned else {})
    done: dict[str, Any] = {"description": "Done", "headers": headers}
    if route.answer is not None:
        done["content"] = {"application/json": {"schema": _reference(route.answer)}}
    if route.media:
        done["content"] = {media: {} for media in route.media}
    yield route.status, done
    if route.versioned:
        yield 304, {"description": "The caller has this answer", "headers": headers}
    content = {MEDIA_TYPE: {"schema": _reference(ProblemDetails)}}
    for status in sorted(set(statuses(route))):
        codes = [code for code, (one, _) in CODES.items() if one == status]
        words = f"{CODES[codes[0]][1]}: {' or '.join(codes)}"
        yield status, {"description": words, "headers": _REQUEST_ID, "content": content}


def statuses(route: Route) -> Iterable[int]:
    """The statuses of the problems that a route may answer."""
    found = [400, 421, 500, 503]
    if route.needs is not Needs.NOTHING:
        found += [401, 403, 429]
    if route.needs.of_tenant:
        found += [404, 422]
    if route.method != "GET":
        found += [403, 404, 409, 422, 507]
    if route.body is not None or route.takes_file:
        found += [413, 415]
    return found


def _reference(model: type[BaseModel]) -> dict[str, str]:
    return {"$ref": _TEMPLATE.format(model=model.__name__)}
