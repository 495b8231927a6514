"""The messages of Terraform's plugin protocol 6 that a provider needs, as far as the stand-in uses them.

Source: https://github.com/hashicorp/terraform/blob/main/docs/plugin-protocol/tfplugin6.proto
"""

from __future__ import annotations

from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

SERVICE = "tfplugin6.Provider"
_KINDS = {
    "bytes": descriptor_pb2.FieldDescriptorProto.TYPE_BYTES,
    "string": descriptor_pb2.FieldDescriptorProto.TYPE_STRING,
    "int": descriptor_pb2.FieldDescriptorProto.TYPE_INT64,
    "enum": descriptor_pb2.FieldDescriptorProto.TYPE_INT32,  # on the wire an enum is its number
    "bool": descriptor_pb2.FieldDescriptorProto.TYPE_BOOL,
}
# message -> field -> (number, kind); a kind in brackets is repeated, in braces a map from text
_MESSAGES: dict[str, dict[str, tuple[int, str]]] = {
    "Value": {"msgpack": (1, "bytes"), "json": (2, "bytes")},
    "RawState": {"json": (1, "bytes")},
    "Diagnostic": {"severity": (1, "enum"), "summary": (2, "string"), "detail": (3, "string")},
    "Attribute": {
        "name": (1, "string"), "type": (2, "bytes"), "required": (4, "bool"), "optional": (5, "bool"), "computed": (6, "bool"),
    },
    "NestedBlock": {
        "type_name": (1, "string"), "block": (2, "Block"), "nesting": (3, "enum"), "min_items": (4, "int"), "max_items": (5, "int"),
    },
    "Block": {"version": (1, "int"), "attributes": (2, "[Attribute]"), "block_types": (3, "[NestedBlock]")},
    "Schema": {"version": (1, "int"), "block": (2, "Block")},
    "Empty": {},
    "Schemas": {
        "provider": (1, "Schema"), "resource_schemas": (2, "{Schema}"), "data_source_schemas": (3, "{Schema}"),
        "diagnostics": (4, "[Diagnostic]"),
    },
    "Upgrade": {"type_name": (1, "string"), "version": (2, "int"), "raw_state": (3, "RawState")},
    "Upgraded": {"upgraded_state": (1, "Value"), "diagnostics": (2, "[Diagnostic]")},
    "Read": {"type_name": (1, "string"), "current_state": (2, "Value")},
    "HasRead": {"new_state": (1, "Value"), "diagnostics": (2, "[Diagnostic]")},
    "Plan": {"type_name": (1, "string"), "prior_state": (2, "Value"), "proposed_new_state": (3, "Value"), "config": (4, "Value")},
    "Planned": {"planned_state": (1, "Value"), "diagnostics": (4, "[Diagnostic]")},
    "Apply": {"type_name": (1, "string"), "prior_state": (2, "Value"), "planned_state": (3, "Value"), "config": (4, "Value")},
    "Applied": {"new_state": (1, "Value"), "diagnostics": (3, "[Diagnostic]")},
    "ReadData": {"type_name": (1, "string"), "config": (2, "Value")},
    "DataRead": {"state": (1, "Value"), "diagnostics": (2, "[Diagnostic]")},
}  # fmt: skip
METHODS = {
    "GetProviderSchema": ("Empty", "Schemas"),
    "ValidateProviderConfig": ("Empty", "Empty"),
    "ValidateResourceConfig": ("Empty", "Empty"),
    "ValidateDataResourceConfig": ("Empty", "Empty"),
    "ConfigureProvider": ("Empty", "Empty"),
    "UpgradeResourceState": ("Upgrade", "Upgraded"),
    "ReadResource": ("Read", "HasRead"),
    "PlanResourceChange": ("Plan", "Planned"),
    "ApplyResourceChange": ("Apply", "Applied"),
    "ReadDataSource": ("ReadData", "DataRead"),
    "StopProvider": ("Empty", "Empty"),
}
"""Method -> its request and its answer; what is validated here has passed Terraform's own checks against the schema."""


def _file() -> descriptor_pb2.FileDescriptorProto:
    file = descriptor_pb2.FileDescriptorProto(name="standin.proto", package="standin", syntax="proto3")
    for name, fields in _MESSAGES.items():
        message = file.message_type.add(name=name)
        for field, (number, kind) in fields.items():
            _add(message, field, number, kind)
    return file


def _add(message: descriptor_pb2.DescriptorProto, name: str, number: int, kind: str) -> None:
    proto = descriptor_pb2.FieldDescriptorProto
    made = message.field.add(
        name=name, number=number, label=proto.LABEL_REPEATED if kind[0] in "[{" else proto.LABEL_OPTIONAL
    )
    inner = kind.strip("[]{}")
    if kind[0] == "{":
        entry = "".join(part.capitalize() for part in name.split("_")) + "Entry"
        pair = message.nested_type.add(name=entry)
        pair.options.map_entry = True
        _add(pair, "key", 1, "string")
        _add(pair, "value", 2, inner)
        made.type, made.type_name = proto.TYPE_MESSAGE, f".standin.{message.name}.{entry}"
    elif inner in _KINDS:
        made.type = _KINDS[inner]
    else:
        made.type, made.type_name = proto.TYPE_MESSAGE, f".standin.{inner}"


_POOL = descriptor_pool.DescriptorPool()
_POOL.Add(_file())


def message(name: str) -> Any:
    """The class of a message."""
    return message_factory.GetMessageClass(_POOL.FindMessageTypeByName(f"standin.{name}"))
