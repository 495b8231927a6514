"""Plan, deploy or destroy the whole platform in one project: python -m deployment.deploy --help

What make plan, make deploy, make environment and make destroy run.
Exit status: 0 done; 1 it failed, the reason in one line; 2 the words are off.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from common.domain.legible import one_line
from deployment import archive

ROOT = Path(__file__).parents[1]
TERRAFORM = ROOT / "terraform"
ARCHIVE = ROOT / "build" / "functions.zip"
OLDEST_TERRAFORM = (1, 9)
FIRST_SERVICES = (
    "cloudresourcemanager.googleapis.com",
    "iam.googleapis.com",
    "pubsub.googleapis.com",
    "serviceusage.googleapis.com",
    "storage.googleapis.com",
)
"""What Terraform itself needs before it can switch on the rest."""
_TOOLS = {
    "terraform": "https://developer.hashicorp.com/terraform/install",
    "gcloud": "https://cloud.google.com/sdk/docs/install",
}
_PROJECT = re.compile(r"[a-z][a-z0-9-]{4,28}[a-z0-9]")


class Stopped(Exception):
    """Why it does not go on, in one line."""


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
    def environment(self) -> Mapping[str, str]:
        """Terraform's working files stand apart for each project."""
        return {**os.environ, "TF_DATA_DIR": str(ROOT / "build" / "terraform" / self.project), "TF_IN_AUTOMATION": "1"}

    @property
    def inputs(self) -> list[str]:
        """The variables, as Terraform takes them."""
        return [
            f"-var-file={self.variables.resolve()}",
            f"-var=project={self.project}",
            f"-var=archive={ARCHIVE}",
        ]


def check(one: Deployment) -> None:
    """Everything that can be found out before anything is changed.  Raises Stopped."""
    if not _PROJECT.fullmatch(one.project):
        raise Stopped(
            f"PROJECT is '{one.project}', expected the id of a Google Cloud project: make deploy PROJECT=my-project"
        )
    if not one.variables.is_file():
        raise Stopped(
            f"ENV_FILE is '{one.variables}', which is no file; take terraform/evaluation.tfvars or a copy of it"
        )
    for tool, source in _TOOLS.items():
        if shutil.which(tool) is None:
            raise Stopped(f"{tool} is not installed; see {source}")
    version = json.loads(_said(["terraform", "version", "-json"], one))["terraform_version"]
    if tuple(int(part) for part in version.split(".")[:2]) < OLDEST_TERRAFORM:
        raise Stopped(f"terraform is {version}, expected {'.'.join(map(str, OLDEST_TERRAFORM))} or newer")
    if not _works(["gcloud", "auth", "print-access-token", "--quiet"], one):
        raise Stopped("gcloud is not logged in; run: gcloud auth login")
    if not _works(["gcloud", "auth", "application-default", "print-access-token", "--quiet"], one):
        raise Stopped("Terraform has no credentials; run: gcloud auth application-default login")
    if not _works(["gcloud", "projects", "describe", one.project, "--quiet"], one):
        raise Stopped(
            f"project {one.project} does not exist, or this account may not see it; check: gcloud projects list"
        )


def prepare(one: Deployment) -> None:
    """Switch on what Terraform itself needs, make the bucket of its state and the functions' archive.  Safe to repeat."""
    project = f"--project={one.project}"
    _run(["gcloud", "services", "enable", *FIRST_SERVICES, project, "--quiet"], one)
    # Terraform binds roles to Pub/Sub's own account, which exists from this moment on
    _run(
        ["gcloud", "beta", "services", "identity", "create", "--service=pubsub.googleapis.com", project, "--quiet"], one
    )
    bucket = f"gs://{one.state_bucket}"
    if not _has_state(one):
        _run(
            [
                "gcloud", "storage", "buckets", "create", bucket, project, f"--location={region(one.variables)}",
                "--uniform-bucket-level-access", "--public-access-prevention", "--quiet",
            ],
            one,
        )  # fmt: skip
    # older states can be brought back; run each time, since a first try may have ended between the two
    _run(["gcloud", "storage", "buckets", "update", bucket, project, "--versioning", "--quiet"], one)
    archive.write(ARCHIVE)


def _has_state(one: Deployment) -> bool:
    bucket = [
        "gcloud",
        "storage",
        "buckets",
        "describe",
        f"gs://{one.state_bucket}",
        f"--project={one.project}",
        "--quiet",
    ]
    return _works(bucket, one)


def initialize(one: Deployment, quiet: bool = False) -> None:
    """Fetch the providers, find the state."""
    backend = [f"-backend-config=bucket={one.state_bucket}", "-backend-config=prefix=costwire"]
    command = ["terraform", f"-chdir={TERRAFORM}", "init", "-input=false", "-reconfigure", *backend]
    if quiet:
        _said([*command, "-no-color"], one)
    else:
        _run(command, one)


def plan(one: Deployment) -> None:
    """Show what a deployment would change; the bucket of the state and the first services are made if they are missing."""
    prepare(one)
    initialize(one)
    _terraform(one, "plan", "-input=false", *one.inputs)


def apply(one: Deployment, yes: bool) -> None:
    """Make the project what terraform/ says, then say what comes next."""
    prepare(one)
    initialize(one)
    # without -input=false Terraform shows its plan and asks
    _terraform(one, "apply", *(["-input=false", "-auto-approve"] if yes else []), *one.inputs)
    sys.stdout.write(after(_output(one, "environment")))


def environment(one: Deployment) -> None:
    """Write what a shell needs to work on the deployment, and nothing else: eval "$(make -s environment PROJECT=...)"."""
    found = None
    if _has_state(one):
        initialize(one, quiet=True)
        found = _output(one, "environment")
    if found is None:
        raise Stopped(f"nothing is deployed in {one.project}; run: make deploy PROJECT={one.project}")
    sys.stdout.write(exports(found))


def destroy(one: Deployment, typed: str | None) -> None:
    """Remove everything that Terraform made.  Raises Stopped under delete protection, and where the project's id is not typed."""
    prepare(one)
    initialize(one)
    if _output(one, "delete_protection", missing=False):
        raise Stopped(
            "delete protection is on: follow 'remove a deployment' in docs/operations.md, which begins with delete_protection = false"
        )
    if typed is None:
        sys.stdout.write(
            f"This deletes every bill, budget and document of {one.project}. Type the project's id to go on: "
        )
        sys.stdout.flush()
        typed = sys.stdin.readline().strip()
    if typed != one.project:
        raise Stopped(f"'{typed}' was typed, expected {one.project}: nothing was deleted")
    _terraform(one, "destroy", "-input=false", "-auto-approve", *one.inputs)
    sys.stdout.write(
        "Removed. Datasets of tenants and their schedules are made by the code and stay unless each tenant was removed before; "
        f"so does the bucket {one.state_bucket}: docs/operations.md.\n"
    )


def exports(variables: Mapping[str, str]) -> str:
    """The variables in a shell's words."""
    return "".join(f"export {name}={shlex.quote(value)}\n" for name, value in variables.items())


def after(variables: Mapping[str, str]) -> str:
    """What an operator does next."""
    return (
        "\nDeployed. From here on, the costwire command works on it once it is told so:\n\n"
        f"{exports(variables)}\n"
        "costwire doctor                      # checks what is there, prints the fix of what is not\n"
        "costwire connect aws --location ...  # sets up the first integration\n"
        "costwire sync                        # fetches its bills; costwire deliveries shows them\n"
    )


def region(variables: Path) -> str:
    """The region that a file of variables names.  Raises Stopped."""
    found = re.search(r'^\s*region\s*=\s*"([a-z0-9-]+)"', variables.read_text(encoding="utf-8"), re.MULTILINE)
    if found is None:
        raise Stopped(f'{variables} names no region; add a line such as region = "us-central1"')
    return found.group(1)


def _output(one: Deployment, name: str, missing: Any = None) -> Any:
    """An output of the deployed state, or `missing` where there is none yet."""
    outputs = json.loads(_said(["terraform", f"-chdir={TERRAFORM}", "output", "-json"], one))
    return outputs[name]["value"] if name in outputs else missing


def _terraform(one: Deployment, *words: str) -> None:
    _run(["terraform", f"-chdir={TERRAFORM}", *words], one)


def _run(command: list[str], one: Deployment) -> None:
    """Run with its output shown.  Raises Stopped with the command, whose own words stand above."""
    if subprocess.run(command, env=one.environment, check=False).returncode:  # noqa: S603  # words of ours, no shell
        raise Stopped(f"stopped at: {shlex.join(command[:4])} ...; its own message stands above")


def _works(command: list[str], one: Deployment) -> bool:
    return _quiet(command, one).returncode == 0


def _said(command: list[str], one: Deployment) -> str:
    done = _quiet(command, one)
    if done.returncode:
        raise Stopped(f"stopped at: {shlex.join(command[:4])} ...: {' '.join(done.stderr.split())[-300:]}")
    return done.stdout


def _quiet(command: list[str], one: Deployment) -> subprocess.CompletedProcess[str]:
    quiet: dict[str, Any] = {"capture_output": True, "text": True, "stdin": subprocess.DEVNULL}
    return subprocess.run(command, env=one.environment, check=False, **quiet)  # noqa: S603  # words of ours, no shell


class _Parser(argparse.ArgumentParser):
    """A parser whose errors quote what was typed in a form fit for a terminal."""

    def error(self, message: str) -> NoReturn:
        super().error(one_line(message))


def main(words: list[str] | None = None) -> int:
    """The exit status."""
    parser = _Parser(prog="python -m deployment.deploy", description=(__doc__ or "").partition(":")[0])
    parser.add_argument("action", choices=("plan", "apply", "environment", "destroy"))
    parser.add_argument("--project", required=True)
    parser.add_argument("--variables", required=True, type=Path, help="a .tfvars file, as terraform/evaluation.tfvars")
    parser.add_argument("--yes", action="store_true", help="apply without asking")
    parser.add_argument("--typed", metavar="PROJECT", help="destroy without asking: the project's id once more")
    given = parser.parse_args(words)
    one = Deployment(given.project, given.variables)
    try:
        check(one)
        if given.action == "plan":
            plan(one)
        elif given.action == "apply":
            apply(one, given.yes)
        elif given.action == "environment":
            environment(one)
        else:
            destroy(one, given.typed)
    except Stopped as reason:
        sys.stderr.write(f"{one_line(str(reason))}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("interrupted; run it again to go on\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
