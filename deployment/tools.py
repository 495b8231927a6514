"""One deployment, and how gcloud and terraform are run for it."""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
TERRAFORM = ROOT / "terraform"


class Stopped(Exception):
    """Why it does not continue, in one line."""


@dataclass(frozen=True)
class Deployment:
    """One project, and how it is to be set up."""

    project: str
    variables: Path

    @property
    def state_bucket(self) -> str:
        """Where Terraform keeps its state."""
        return f"{self.project}-costwire-state"

    @property
    def working_folder(self) -> Path:
        """Terraform's working files, separate for each project."""
        return ROOT / "build" / "terraform" / self.project

    @property
    def environment(self) -> Mapping[str, str]:
        """What the tools run with."""
        return {**os.environ, "TF_DATA_DIR": str(self.working_folder), "TF_IN_AUTOMATION": "1"}


def run(command: list[str], one: Deployment) -> None:
    """Run with its output shown.  Raises Stopped with the command; its own message is shown above."""
    if subprocess.run(command, env=one.environment, check=False).returncode:  # noqa: S603  # words of ours, no shell
        raise Stopped(f"stopped at: {shlex.join(command[:4])} ...; its own message stands above")


def works(command: list[str], one: Deployment) -> bool:
    """Whether a command ends with exit status 0; nothing is shown."""
    return attempt(command, one).returncode == 0


def said(command: list[str], one: Deployment) -> str:
    """What a command prints.  Raises Stopped with its error in one line."""
    done = attempt(command, one)
    if done.returncode:
        raise Stopped(f"stopped at: {shlex.join(command[:4])} ...: {' '.join(done.stderr.split())[-300:]}")
    return done.stdout


def attempt(command: list[str], one: Deployment) -> subprocess.CompletedProcess[str]:
    """Run a command with its output captured."""
    quiet: dict[str, Any] = {"capture_output": True, "text": True, "stdin": subprocess.DEVNULL}
    return subprocess.run(command, env=one.environment, check=False, **quiet)  # noqa: S603  # words of ours, no shell
