"""Plan, deploy or destroy the whole platform in one project: python -m deployment.deploy --help

What make plan, make deploy, make environment and make destroy run.
Exit status: 0 done; 1 it failed, the reason in one line; 2 the words are off.
"""

from __future__ import annotations

import argparse
import json
import shlex
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

from common.domain.legible import one_line
from deployment import archive
from deployment.preflight import check, check_quotas, check_services, region
from deployment.tools import ROOT, TERRAFORM, Deployment, Stopped, run, said, works

ARCHIVE = ROOT / "build" / "functions.zip"
SERVICES_WITH_AGENTS = (
    "artifactregistry.googleapis.com",
    "cloudbuild.googleapis.com",
    "cloudfunctions.googleapis.com",
    "cloudscheduler.googleapis.com",
    "firestore.googleapis.com",
    "pubsub.googleapis.com",
    "run.googleapis.com",
    "secretmanager.googleapis.com",
)
"""Services whose own accounts (service agents) Terraform grants roles to, or which work with them from the first minute.

Enabling a service does not create its agent, and a binding to one that does not exist is refused.
"""
FIRST_SERVICES = (
    "cloudquotas.googleapis.com",
    "cloudresourcemanager.googleapis.com",
    "iam.googleapis.com",
    "serviceusage.googleapis.com",
    "storage.googleapis.com",
    *SERVICES_WITH_AGENTS,
)
"""What is needed before Terraform can enable the rest; gcloud enables at most 20 at a time, and waits until they are."""


def prepare(one: Deployment) -> None:
    """Enable what Terraform itself needs, create service agents, the bucket of its state and the functions' archive.  Safe to repeat."""
    project = f"--project={one.project}"
    run(["gcloud", "services", "enable", *FIRST_SERVICES, project, "--quiet"], one)
    for service in SERVICES_WITH_AGENTS:
        run(["gcloud", "beta", "services", "identity", "create", f"--service={service}", project, "--quiet"], one)
    bucket = f"gs://{one.state_bucket}"
    if not _has_state(one):
        run(
            [
                "gcloud", "storage", "buckets", "create", bucket, project, f"--location={region(one.variables)}",
                "--uniform-bucket-level-access", "--public-access-prevention", "--quiet",
            ],
            one,
        )  # fmt: skip
    # older states can be brought back; run each time, since a first try may have ended between the two
    run(["gcloud", "storage", "buckets", "update", bucket, project, "--versioning", "--quiet"], one)
    archive.write(ARCHIVE)


def _has_state(one: Deployment) -> bool:
    bucket = f"gs://{one.state_bucket}"
    return works(["gcloud", "storage", "buckets", "describe", bucket, f"--project={one.project}", "--quiet"], one)


def initialize(one: Deployment, quiet: bool = False) -> None:
    """Fetch the providers, find the state."""
    backend = [f"-backend-config=bucket={one.state_bucket}", "-backend-config=prefix=costwire"]
    command = ["terraform", f"-chdir={TERRAFORM}", "init", "-input=false", "-reconfigure", *backend]
    if quiet:
        said([*command, "-no-color"], one)
    else:
        run(command, one)


def plan(one: Deployment) -> None:
    """Show what a deployment would change.  Nothing in the project is created or changed, not even a lock of the state."""
    check_services(one)
    check_quotas(one, _say)
    archive.write(ARCHIVE)
    folder = TERRAFORM
    if _has_state(one):
        initialize(one)
    else:
        _say(f"nothing is deployed in {one.project} yet; the plan begins with an empty state")
        folder = _without_state(one)
        run(["terraform", f"-chdir={folder}", "init", "-input=false", "-reconfigure"], one)
    run(["terraform", f"-chdir={folder}", "plan", "-input=false", "-lock=false", *_inputs(one)], one)


def _without_state(one: Deployment) -> Path:
    """A copy of terraform/ whose state is on this machine: that of a project without a deployment is empty."""
    folder = one.working_folder / "without_state"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(TERRAFORM, folder, ignore=shutil.ignore_patterns(".terraform", "*.tfstate*"))
    (folder / "backend_override.tf").write_text('terraform {\n  backend "local" {}\n}\n', encoding="utf-8")
    return folder


def _inputs(one: Deployment) -> list[str]:
    return [f"-var-file={one.variables.resolve()}", f"-var=project={one.project}", f"-var=archive={ARCHIVE}"]


def apply(one: Deployment, yes: bool) -> None:
    """Make the project what terraform/ says, then say what comes next."""
    prepare(one)
    check_quotas(one, _say)
    initialize(one)
    # without -input=false Terraform shows its plan and asks
    _terraform(one, "apply", *(["-input=false", "-auto-approve"] if yes else []), *_inputs(one))
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
    _terraform(one, "destroy", "-input=false", "-auto-approve", *_inputs(one))
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


def _output(one: Deployment, name: str, missing: Any = None) -> Any:
    """An output of the deployed state, or `missing` where there is none yet."""
    outputs = json.loads(said(["terraform", f"-chdir={TERRAFORM}", "output", "-json"], one))
    return outputs[name]["value"] if name in outputs else missing


def _terraform(one: Deployment, *words: str) -> None:
    run(["terraform", f"-chdir={TERRAFORM}", *words], one)


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


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
