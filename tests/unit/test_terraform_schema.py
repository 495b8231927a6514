"""Every attribute and block in terraform/ is one that the provider knows, and none that it requires is missing."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.terraform import hcl
from tests.terraform.provider_schema import TARGET, read, used

SCHEMA = json.loads(TARGET.read_text(encoding="utf-8"))
BLOCKS = [block for kind in ("resource", "data") for block in hcl.resources(kind) if block.type.startswith("google_")]
REFERENCE = re.compile(r"\b(data\.)?(google_\w+)\.(\w+)(?:\[[^\]]*\])?\.(\w+)")


def faults(body: hcl.Body, schema: dict[str, Any], where: str) -> list[str]:
    """What the provider would refuse."""
    given = set(hcl.attributes(body)) - hcl.META
    inner = [(name, content) for name, content in hcl.blocks(body) if name not in hcl.META]
    found = [f"{where}: unknown attribute {name}" for name in given - set(schema["attributes"])]
    required = {name for name, one in schema["attributes"].items() if one["required"]}
    found += [f"{where}: {name} is missing" for name in required - given]
    needed = {name for name, one in schema["blocks"].items() if one["required"]}
    found += [f"{where}: block {name} is missing" for name in needed - {name for name, _ in inner}]
    for name, content in inner:
        if name not in schema["blocks"]:
            found.append(f"{where}: unknown block {name}")
            continue
        single = not schema["blocks"][name]["many"]
        if single and sum(other == name for other, _ in inner) > 1:
            found.append(f"{where}: block {name} stands there twice")
        found += faults(content, schema["blocks"][name], f"{where}.{name}")
    return found


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.address)
def test_the_provider_knows_what_is_written(block: hcl.Block) -> None:
    assert not faults(block.body, SCHEMA[block.kind][block.type], block.address)


def test_the_schema_holds_what_is_used_and_no_more() -> None:
    assert {kind: sorted(SCHEMA[kind]) for kind in ("resource", "data")} == used()


def test_the_schema_is_of_the_pinned_version() -> None:
    (pinned,) = re.findall(
        r'source\s*=\s*"hashicorp/google"[^}]*?version\s*=\s*"([\d.]+)"', hcl.text(hcl.ROOT), re.DOTALL
    )
    assert SCHEMA["provider"] == f"hashicorp/google {pinned}"


@pytest.mark.parametrize(
    ("written", "fault"),
    [
        ("name = 1", "topic is missing"),
        ("name = 1\n topic = 2\n tpoic = 3", "unknown attribute tpoic"),
        ("name = 1\n topic = 2\n push_config {}", "push_config: push_endpoint is missing"),
        ("name = 1\n topic = 2\n retry {}", "unknown block retry"),
        ('name = 1\n topic = 2\n dynamic "push_config" {\n for_each = []\n content {\n x = 1\n }\n }', "unknown attribute x"),
        ("name = 1\n topic = 2\n retry_policy {}\n retry_policy {}", "retry_policy stands there twice"),
    ],
)  # fmt: skip
def test_what_the_provider_would_refuse_is_found(tmp_path: Path, written: str, fault: str) -> None:
    (tmp_path / "main.tf").write_text(f'resource "google_pubsub_subscription" "x" {{\n {written}\n}}\n')
    ((resource,),) = [one["resource"] for one in hcl.read(tmp_path)]
    body = resource["google_pubsub_subscription"]["x"]
    assert any(fault in one for one in faults(body, SCHEMA["resource"]["google_pubsub_subscription"], "x"))


def test_outputs_that_are_referred_to_exist() -> None:
    found = 0
    for folder in hcl.folders():
        for data, type_, name, attribute in REFERENCE.findall(hcl.text(folder)):
            schema = SCHEMA["data" if data else "resource"][type_]
            known = {*schema["attributes"], *schema["blocks"], *schema["computed"]}
            assert attribute in known, f"{type_}.{name} has no {attribute}"
            found += 1
    assert found > 30


def test_the_bindings_are_read_whole() -> None:
    types = """
export interface ThingConfig extends cdktf.TerraformMetaArguments {
    /**
    * Docs: {@link https://example.org/docs/resources/thing#ip_v4_name Thing#ip_v4_name}
    */
    readonly ipV4Name: string;
    /**
    * Docs: {@link https://example.org/docs/resources/thing#labels Thing#labels}
    */
    readonly labels?: {
        [key: string]: string;
    };
    /**
    * Docs: {@link https://example.org/docs/resources/thing#part Thing#part}
    */
    readonly part: ThingPart[] | cdktf.IResolvable;
}
export interface ThingPart {
    /**
    * Docs: {@link https://example.org/docs/resources/thing#open Thing#open}
    */
    readonly open?: boolean | cdktf.IResolvable;
}
export declare class Thing extends cdktf.TerraformResource {
    get labels(): {
        [key: string]: string;
    };
    get labelsInput(): {
        [key: string]: string;
    } | undefined;
    get selfLink(): string;
}
"""
    assert read(types) == {
        "attributes": {
            "ip_v4_name": {"type": "string", "required": True},
            "labels": {"type": ["map", "string"], "required": False},
        },
        "blocks": {
            "part": {
                "required": True,
                "many": True,
                "attributes": {"open": {"type": "bool", "required": False}},
                "blocks": {},
                "computed": {},
            }
        },
        "computed": {"self_link": "string"},
    }
