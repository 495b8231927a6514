"""Whatever a file declares, and whatever was applied before it, the plan after applying it is empty."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from common.declared.applying import apply_plan
from common.declared.planning import Action, make_plan
from common.declared.reading import parse_declaration
from tests.support import laptop

NAMES = st.sampled_from(["Cloud", "Platform", "Data"])
VALUES = st.lists(st.sampled_from(["a", "b", "a, b", "ü", "'"]), min_size=1, max_size=3)
SCOPES = st.fixed_dictionaries({}, optional={name: VALUES for name in ("providers", "accounts", "services", "regions")})
PERCENTS = st.lists(st.sampled_from(["50", "80.5", "100"]), min_size=1, unique=True)
BUDGETS = st.dictionaries(
    NAMES,
    st.fixed_dictionaries(
        {"amount": st.decimals("0.000001", 10**9, places=6).map(lambda value: format(value, "f"))},
        optional={"scope": SCOPES, "thresholds": PERCENTS, "owner": st.sampled_from(["x", "y"])},
    ),
)
FILES = st.tuples(
    st.sampled_from(["Acme", "Other"]), st.sampled_from(["Starter", "Scale"]), st.none() | st.booleans(), BUDGETS
)


def written(name: str, plan: str, paused: bool | None, budgets: dict[str, dict[str, Any]]) -> str:
    """A file; JSON's texts and lists are TOML's."""
    text = f'[[organizations]]\nslug = "acme"\nname = "{name}"\nplan = "{plan}"\n'
    if paused is not None:
        text += '[[integrations]]\norg = "acme"\nid = "aws"\nprovider = "aws"\nlocation = "bills"\n'
        text += f"paused = {json.dumps(paused)}\n"
    for one, fields in budgets.items():
        text += f'[[budgets]]\norg = "acme"\nname = "{one}"\ncurrency = "USD"\n'
        text += "".join(f"{key} = {json.dumps(value)}\n" for key, value in fields.items() if key != "scope")
        text += "".join(f"scope.{key} = {json.dumps(value)}\n" for key, value in fields.get("scope", {}).items())
    return text


@settings(max_examples=10)
@given(st.lists(FILES, min_size=1, max_size=3))
def test_the_plan_after_applying_is_empty_whatever_was_applied_before(files: list[Any]) -> None:
    with tempfile.TemporaryDirectory() as folder, laptop(Path(folder) / "home") as rt:
        (Path(folder) / "bills").mkdir()
        for one in files:
            declaration = parse_declaration(written(*one), Path(folder))
            apply_plan(rt, make_plan(rt, declaration, prune=True), "test")
            after = make_plan(rt, declaration, prune=True)
            assert {step.action for step in after.steps} == {Action.UNCHANGED}
