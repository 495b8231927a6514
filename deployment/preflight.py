"""What can be found out before anything is changed: tools, login, project, services, and quotas of Cloud Run.

Nothing here changes anything.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deployment.tools import TERRAFORM, Deployment, Stopped, attempt, said, works

OLDEST_TERRAFORM = (1, 9)
READ_BY = ("cloudresourcemanager.googleapis.com", "serviceusage.googleapis.com")
"""The services that Terraform reads a project by."""
GIB_PER_VCPU = 2
"""Memory that an instance has at most for each of its processors, as terraform/functions.tf sizes them."""
_TOOLS = {
    "terraform": "https://developer.hashicorp.com/terraform/install",
    "gcloud": "https://cloud.google.com/sdk/docs/install",
}
_PROJECT = re.compile(r"[a-z][a-z0-9-]{4,28}[a-z0-9]")
Say = Callable[[str], None]


@dataclass(frozen=True)
class Quota:
    """A quota of Cloud Run in a region.  what: its unit, of which an instance takes `per_cpu` for each processor.

    parts: how many parts of that unit Google's values count.
    """

    quota_id: str
    what: str
    parts: int
    per_cpu: int


QUOTAS = (
    Quota("CpuAllocPerProjectRegion", "vCPU", parts=1000, per_cpu=1),
    Quota("MemAllocPerProjectRegion", "GiB of memory", parts=1 << 30, per_cpu=GIB_PER_VCPU),
)
"""https://cloud.google.com/run/quotas: a new project has 20 vCPU.  Google counts thousandths of a vCPU, and bytes."""


def check(one: Deployment) -> None:
    """Tools, login and project.  Raises Stopped."""
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
    version = json.loads(said(["terraform", "version", "-json"], one))["terraform_version"]
    if tuple(int(part) for part in version.split(".")[:2]) < OLDEST_TERRAFORM:
        raise Stopped(f"terraform is {version}, expected {'.'.join(map(str, OLDEST_TERRAFORM))} or newer")
    if not works(["gcloud", "auth", "print-access-token", "--quiet"], one):
        raise Stopped("gcloud is not logged in; run: gcloud auth login")
    if not works(["gcloud", "auth", "application-default", "print-access-token", "--quiet"], one):
        raise Stopped("Terraform has no credentials; run: gcloud auth application-default login")
    if not works(["gcloud", "projects", "describe", one.project, "--quiet"], one):
        raise Stopped(
            f"project {one.project} does not exist, or this account may not see it; check: gcloud projects list"
        )


def check_services(one: Deployment) -> None:
    """Raises Stopped where Terraform cannot read the project, since a service that it reads by is not enabled."""
    listed = said(
        ["gcloud", "services", "list", "--enabled", f"--project={one.project}", "--format=value(config.name)", "--quiet"],
        one,
    )  # fmt: skip
    missing = [name for name in READ_BY if name not in listed.split()]
    if missing:
        raise Stopped(
            f"make plan changes nothing, and Terraform cannot read {one.project} while {' and '.join(missing)} "
            f"{'is' if len(missing) == 1 else 'are'} not enabled; run: gcloud services enable {' '.join(missing)} "
            f"--project={one.project}; or make deploy, which enables what it needs, shows the plan and asks"
        )


def check_quotas(one: Deployment, say: Say) -> None:
    """Raises Stopped where the functions may take more than Cloud Run allows; says so where a quota cannot be read."""
    cpus, where = cpu_quota(one.variables), region(one.variables)
    page = f"https://console.cloud.google.com/iam-admin/quotas?project={one.project}"
    for quota in QUOTAS:
        needed, allowed = cpus * quota.per_cpu, _allowed(one, quota, where)
        if isinstance(allowed, str):
            say(
                f"not checked: Cloud Run's quota {quota.quota_id} in {where} could not be read ({allowed}); "
                f"the functions need {needed} {quota.what}, compare {page}"
            )
        elif allowed is not None and allowed < needed:
            raise Stopped(
                f"Cloud Run allows {allowed} {quota.what} in {where} ({quota.quota_id}), the functions may need {needed}: "
                f"set cpu_quota = {allowed // quota.per_cpu} and a smaller max_instances in {one.variables}, or request more at {page}"
            )


def region(variables: Path) -> str:
    """The region that a file of variables names.  Raises Stopped."""
    found = re.search(r'^\s*region\s*=\s*"([a-z0-9-]+)"', variables.read_text(encoding="utf-8"), re.MULTILINE)
    if found is None:
        raise Stopped(f'{variables} names no region; add a line such as region = "us-central1"')
    return found.group(1)


def cpu_quota(variables: Path) -> int:
    """How many vCPU all instances together may take, by a file of variables or the variable's default; Terraform holds them to it."""
    own = re.search(r"^\s*cpu_quota\s*=\s*(\d+)", variables.read_text(encoding="utf-8"), re.MULTILINE)
    declared = (TERRAFORM / "variables.tf").read_text(encoding="utf-8").partition('variable "cpu_quota"')[2]
    default = re.search(r"^\s*default\s*=\s*(\d+)", declared, re.MULTILINE)
    found = own or default
    if found is None:
        raise Stopped("terraform/variables.tf declares no default of cpu_quota")
    return int(found[1])


def _allowed(one: Deployment, quota: Quota, where: str) -> int | str | None:
    """How much is allowed in whole units, None where it is not limited; or why that is not known."""
    done = attempt(
        [
            "gcloud", "beta", "quotas", "info", "describe", quota.quota_id, "--service=run.googleapis.com",
            f"--project={one.project}", "--format=json", "--quiet",
        ],
        one,
    )  # fmt: skip
    if done.returncode:
        return " ".join(done.stderr.split())[-200:] or f"gcloud ended with status {done.returncode}"
    try:
        value = value_in(json.loads(done.stdout)["dimensionsInfos"], where)
    except (ValueError, KeyError, TypeError, AttributeError):
        return "gcloud's answer has another form"
    if value is None:
        return f"it has no value for {where}"
    return None if value < 0 else value // quota.parts


def value_in(infos: Iterable[dict[str, Any]], where: str) -> int | None:
    """The value for a region: its own, else the one that applies to every region without its own; None for neither.

    infos: `dimensionsInfos` of a QuotaInfo (https://cloud.google.com/docs/quotas/reference/rest/v1/QuotaInfo); -1 is unlimited.
    """
    general: int | None = None
    for info in infos:
        named = info.get("dimensions", {}).get("region")
        value = int(info["details"]["value"])
        if named == where:
            return value
        if named is None:
            general = value
    return general
