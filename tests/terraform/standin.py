"""A provider that makes nothing: Terraform plans and applies with Google's schema and this in Google's place.

What is found this way: expressions, types, keys of for_each that are not known in time, cycles, missing or unknown arguments, and
whether a second plan is empty.  Not found: what Google's services refuse.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
import sys
import threading
from concurrent import futures
from pathlib import Path
from typing import Any

import grpc

from tests.terraform.msgpack import UNKNOWN, Unknown, pack, unpack
from tests.terraform.plugin_protocol import METHODS, SERVICE, message

ROOT = Path(__file__).parents[2]
SCHEMA = Path(__file__).with_name("provider_schema.json")
NUMBER = "123456789012"
_NOTHING: dict[str, Any] = {"attributes": {}, "blocks": {}, "computed": {}}
_OTHERS = {
    "random": {
        "random_id": {
            "attributes": {"byte_length": {"type": "number", "required": True}},
            "blocks": {},
            "computed": {"hex": "string", "id": "string"},
        }
    },
    "time": {
        "time_sleep": {
            "attributes": {
                "create_duration": {"type": "string", "required": False},
                "triggers": {"type": ["map", "string"], "required": False},
            },
            "blocks": {},
            "computed": {"id": "string"},
        }
    },
}
"""Resources of the small providers, as far as they are used; nothing sleeps."""
_LIST, _SINGLE = 2, 1


def install(folder: Path, python: str) -> Path:
    """A folder of plugins for `terraform init -plugin-dir`."""
    version = json.loads(SCHEMA.read_text(encoding="utf-8"))["provider"].split()[1]
    for name, one in (("google", version), ("random", "3.7.2"), ("time", "0.13.1")):
        place = (
            folder
            / "registry.terraform.io"
            / "hashicorp"
            / name
            / one
            / "linux_amd64"
            / f"terraform-provider-{name}_v{one}"
        )
        place.parent.mkdir(parents=True)
        place.write_text(
            f"#!{python}\nimport sys\nsys.path.insert(0, {str(ROOT)!r})\nfrom tests.terraform.standin import serve\nserve({name!r})\n"
        )
        place.chmod(place.stat().st_mode | stat.S_IXUSR)
    return folder


class Provider:
    """Answers Terraform.  schema: as provider_schema.py writes it."""

    def __init__(self, schema: dict[str, Any]) -> None:
        self._schema = schema

    def answer(self, method: str, request: Any) -> Any:
        """The answer to one call."""
        reply = message(METHODS[method][1])()
        if method == "GetProviderSchema":
            reply.provider.CopyFrom(_as_schema(self._schema["configuration"]))
            for kind, target in (("resource", reply.resource_schemas), ("data", reply.data_source_schemas)):
                for name, one in self._schema[kind].items():
                    target[name].CopyFrom(_as_schema(one))
        elif method == "UpgradeResourceState":
            reply.upgraded_state.json = request.raw_state.json
        elif method == "ReadResource":
            reply.new_state.CopyFrom(request.current_state)
        elif method == "PlanResourceChange":
            reply.planned_state.msgpack = pack(self._planned(request))
        elif method == "ApplyResourceChange":
            reply.new_state.msgpack = pack(
                self._made(unpack(request.planned_state.msgpack), "resource", request.type_name)
            )
        elif method == "ReadDataSource":
            config = unpack(request.config.msgpack)
            opened = _open(config, self._schema["data"][request.type_name])
            reply.state.msgpack = pack(self._made(opened, "data", request.type_name))
        return reply

    def _made(self, planned: Any, kind: str, type_: str) -> Any:
        return None if planned is None else _with_facts(type_, _told(planned, self._schema[kind][type_]))

    def _planned(self, request: Any) -> Any:
        proposed = unpack(request.proposed_new_state.msgpack)
        created = unpack(request.prior_state.msgpack) is None
        if proposed is None or not created:
            return proposed
        return _open(proposed, self._schema["resource"][request.type_name])


def _as_schema(one: dict[str, Any]) -> Any:
    return message("Schema")(version=0, block=_as_block(one))


def _as_block(one: dict[str, Any]) -> Any:
    block = message("Block")()
    for name, attribute in one["attributes"].items():
        required = attribute["required"]
        # an id can be read, and the bindings do not tell which of the others the provider fills in
        block.attributes.add(
            name=name,
            type=_type(attribute["type"]),
            required=required,
            optional=not required,
            computed=not required and name == "id",
        )
    for name, kind in one["computed"].items():
        if kind != "object":
            block.attributes.add(name=name, type=_type(kind), computed=True)
    for name, inner in one["blocks"].items():
        made = block.block_types.add(
            type_name=name, nesting=_SINGLE if name == "timeouts" else _LIST, min_items=int(inner["required"])
        )
        made.max_items = 0 if inner["many"] or name == "timeouts" else 1
        made.min_items = 0 if name == "timeouts" else made.min_items
        made.block.CopyFrom(_as_block(inner))
    return block


def _type(kind: Any) -> bytes:
    return json.dumps(kind).encode()


def _open(value: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    """What only applying tells, as unknown."""
    made = dict(value)
    for name in (*schema["computed"], "id"):
        if name in made and made[name] is None:
            made[name] = UNKNOWN
    for name, inner in schema["blocks"].items():
        if isinstance(made.get(name), list):
            made[name] = [one if isinstance(one, Unknown) else _open(one, inner) for one in made[name]]
    return made


def _told(value: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    """The same with texts for what was unknown, told apart by what they belong to; what is no text stays untold."""
    given = {name: one for name, one in value.items() if not isinstance(one, Unknown)}
    mark = hashlib.sha256(json.dumps(given, sort_keys=True, default=repr).encode()).hexdigest()[:12]
    kinds = {"id": "string", **schema["computed"]}
    made = dict(value)
    for name, one in value.items():
        if isinstance(one, Unknown):
            made[name] = f"{name}-{mark}" if kinds[name] == "string" else None
        elif name in schema["blocks"] and isinstance(one, list):
            made[name] = [_told(inner, schema["blocks"][name]) for inner in one]
    return made


def _with_facts(type_: str, value: dict[str, Any]) -> dict[str, Any]:
    """What Google tells by rule, and what others compute with."""
    if type_ == "google_service_account":
        email = f"{value['account_id']}@{value['project']}.iam.gserviceaccount.com"
        return {**value, "email": email, "member": f"serviceAccount:{email}"}
    if type_ == "google_cloud_run_v2_service":
        schema = json.loads(SCHEMA.read_text(encoding="utf-8"))["data"][type_]["computed"]["template"]
        return {**value, "template": _with_image(schema, f"image-of-{value['name']}")}
    if type_ == "google_project":
        return {**value, "number": NUMBER}
    return value


def _with_image(kind: Any, image: str) -> Any:
    """A value of a type of Terraform: lists have one object, texts are unknown save an image."""
    if isinstance(kind, list) and kind[0] == "list" and isinstance(kind[1], list):
        fields = {name: image if name == "image" else _with_image(inner, image) for name, inner in kind[1][1].items()}
        return [fields]
    return None


def serve(name: str) -> None:
    """Be the provider of that name until Terraform has no more use for it."""
    if name in _OTHERS:
        provider = Provider({"configuration": _NOTHING, "data": {}, "resource": _OTHERS[name]})
    else:
        provider = Provider(json.loads(SCHEMA.read_text(encoding="utf-8")))
    handlers = {
        method: grpc.unary_unary_rpc_method_handler(
            lambda request, _, method=method: provider.answer(method, request),
            request_deserializer=message(asked).FromString,
            response_serializer=message(answered).SerializeToString,
        )
        for method, (asked, answered) in METHODS.items()
    }
    over = threading.Event()
    shutdown = grpc.unary_unary_rpc_method_handler(lambda request, _: over.set() or request)
    server = grpc.server(futures.ThreadPoolExecutor(8))
    server.add_generic_rpc_handlers(
        (
            grpc.method_handlers_generic_handler(SERVICE, handlers),
            grpc.method_handlers_generic_handler("plugin.GRPCController", {"Shutdown": shutdown}),
        )
    )
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    sys.stdout.write(f"1|6|tcp|127.0.0.1:{port}|grpc\n")
    sys.stdout.flush()
    parent = os.getppid()
    while not over.wait(1) and os.getppid() == parent:
        pass  # a Terraform that was killed says nothing more, and leaves this process to another parent
    server.stop(0.2).wait()
