"""Terraform at work on a copy of terraform/, with the stand-in for Google's provider and its state on a loopback server."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

from tests.terraform import hcl, state
from tests.terraform.standin import install

PROJECT = "my-project"
TOOL = shutil.which("terraform")


@dataclass(frozen=True)
class Workspace:
    """One deployment.  settings: the .tfvars file's name.  extra: variables that it does not set."""

    folder: Path
    settings: str
    extra: dict[str, Any]

    @classmethod
    def make(cls, folder: Path, settings: str, **extra: Any) -> Workspace:
        """A copy that `terraform init` has seen; the functions' archive is a few bytes."""
        shutil.copytree(hcl.ROOT, folder / "terraform", ignore=shutil.ignore_patterns(".terraform*"))
        (folder / "terraform" / "backend_override.tf").write_text('terraform {\n  backend "http" {}\n}\n')
        (folder / "build").mkdir()
        made = cls(folder, settings, extra)
        made.archive.write_bytes(b"functions of today")
        place = f"-backend-config=address={state.address()}/{uuid4().hex}"
        made.run("init", place, f"-plugin-dir={install(folder / 'plugins', sys.executable)}")
        return made

    @property
    def archive(self) -> Path:
        """What the functions are built from."""
        return self.folder / "build" / "functions.zip"

    def run(self, action: str, *words: str) -> str:
        """What Terraform says on stdout.  Raises AssertionError with its error where it fails."""
        done = self.attempt(action, *words)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def attempt(self, action: str, *words: str) -> subprocess.CompletedProcess[str]:
        """One command, whether or not it works."""
        assert TOOL is not None
        command = [TOOL, f"-chdir={self.folder / 'terraform'}", action, *words]
        # the stand-in speaks without TLS, and nothing outside this machine is asked
        own = {
            "TF_DISABLE_PLUGIN_TLS": "1",
            "CHECKPOINT_DISABLE": "1",
            "TF_CLI_CONFIG_FILE": os.devnull,
            "TF_IN_AUTOMATION": "1",
        }
        return subprocess.run(command, env={**os.environ, **own}, capture_output=True, text=True, check=False)

    def inputs(self, **changed: Any) -> list[str]:
        """The variables, as words of a command."""
        given = {"project": PROJECT, **self.extra, **changed}
        values = [f"-var={name}={one if isinstance(one, str) else json.dumps(one)}" for name, one in given.items()]
        return ["-input=false", "-no-color", f"-var-file={self.settings}", *values]

    def plan(self, **changed: Any) -> dict[str, Any]:
        """The plan as JSON.  Nothing is read again before it: the stand-in would answer with the state."""
        path = self.folder / "plan"
        self.run("plan", "-refresh=false", f"-out={path}", *self.inputs(**changed))
        found: dict[str, Any] = json.loads(self.run("show", "-json", str(path)))
        return found

    def apply(self) -> None:
        """Make all of it."""
        self.run("apply", "-auto-approve", *self.inputs())

    def destroy(self) -> None:
        """Remove all of it."""
        self.run("destroy", "-auto-approve", "-refresh=false", *self.inputs())


@dataclass(frozen=True)
class Planned:
    """A resource as it would be.  values: without what only applying tells."""

    address: str
    type: str
    name: str
    key: str | None
    values: dict[str, Any]


def resources(plan: dict[str, Any]) -> list[Planned]:
    """All resources that a plan leads to, those of modules too."""

    def below(module: dict[str, Any]) -> list[Planned]:
        own = [
            Planned(one["address"], one["type"], one["name"], one.get("index"), one["values"])
            for one in module.get("resources", [])
            if one["mode"] == "managed"
        ]
        return own + [found for inner in module.get("child_modules", []) for found in below(inner)]

    return below(plan["planned_values"]["root_module"])


def changed(plan: dict[str, Any]) -> dict[str, list[str]]:
    """address -> actions, of what would not stay as it is."""
    return {
        one["address"]: one["change"]["actions"]
        for one in plan["resource_changes"]
        if one["change"]["actions"] not in (["no-op"], ["read"])
    }
