"""make deploy, environment and destroy as an operator runs them: Terraform itself, its state in the Cloud Storage emulator.

Google's provider and gcloud are stand-ins.  Run by make test-cloud.
"""

from __future__ import annotations

import os
import shutil
import sys
import uuid
from dataclasses import dataclass
from pathlib import Path

import pytest
from google.cloud import storage

from deployment import archive, deploy, tools
from tests.terraform import hcl
from tests.terraform.planning import TOOL
from tests.terraform.standin import install

EMULATOR = os.environ.get("STORAGE_EMULATOR_HOST")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not EMULATOR, reason="not run: STORAGE_EMULATOR_HOST is not set, see make test-cloud"),
    pytest.mark.skipif(TOOL is None, reason="not run: terraform is not installed on this machine"),
]
GCLOUD = """#!{python}
import sys
from google.cloud import storage
words, client = sys.argv[1:], storage.Client(project="x")
if words[:3] == ["storage", "buckets", "describe"]:
    sys.exit(client.lookup_bucket(words[3].removeprefix("gs://")) is None)
if words[:3] == ["storage", "buckets", "create"]:
    client.create_bucket(words[3].removeprefix("gs://"))
if words[:2] == ["services", "list"]:
    print("cloudresourcemanager.googleapis.com serviceusage.googleapis.com")
"""


@dataclass
class Operator:
    """Somebody with a fresh project and a clone of the code."""

    project: str
    folder: Path
    capture: pytest.CaptureFixture[str]

    def runs(self, action: str, *words: str) -> tuple[int, str, str]:
        """(exit status, stdout, stderr) of one command."""
        variables = self.folder / "terraform" / "evaluation.tfvars"
        status = deploy.main([action, "--project", self.project, "--variables", str(variables), *words])
        said = self.capture.readouterr()
        return status, said.out, said.err

    def state(self) -> list[str]:
        """What lies in the bucket of the state."""
        return [blob.name for blob in storage.Client(project="x").list_blobs(f"{self.project}-costwire-state")]


@pytest.fixture
def operator(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Operator:
    for name in ("common", "functions", "deployment", "terraform"):  # a clone that nobody edits meanwhile
        shutil.copytree(
            hcl.ROOT.parent / name, tmp_path / name, ignore=shutil.ignore_patterns(".terraform*", "__pycache__")
        )
    shutil.copy(hcl.ROOT.parent / "requirements-cloud.lock", tmp_path)
    gcloud = tmp_path / "bin" / "gcloud"
    gcloud.parent.mkdir()
    gcloud.write_text(GCLOUD.format(python=sys.executable))
    gcloud.chmod(0o755)
    for name, value in {
        "PATH": f"{gcloud.parent}{os.pathsep}{os.environ['PATH']}",
        "TF_CLI_ARGS_init": f"-plugin-dir={install(tmp_path / 'plugins', sys.executable)}",
        "TF_CLI_CONFIG_FILE": os.devnull,
        "TF_DISABLE_PLUGIN_TLS": "1",
        "CHECKPOINT_DISABLE": "1",
        "GOOGLE_OAUTH_ACCESS_TOKEN": "of nobody",
        "GOOGLE_BACKEND_STORAGE_CUSTOM_ENDPOINT": f"{EMULATOR}/storage/v1/",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(tools, "ROOT", tmp_path)
    monkeypatch.setattr(archive, "ROOT", tmp_path)
    monkeypatch.setattr(deploy, "TERRAFORM", tmp_path / "terraform")
    monkeypatch.setattr(deploy, "ARCHIVE", tmp_path / "build" / "functions.zip")
    return Operator(f"my-{uuid.uuid4().hex[:8]}", tmp_path, capfd)


def test_a_project_is_deployed_used_and_emptied(operator: Operator) -> None:
    assert operator.runs("environment")[0] == 1  # there is no bucket of the state yet

    status, said, _ = operator.runs("plan")
    assert status == 0
    assert "0 to change, 0 to destroy" in said
    assert operator.runs("environment")[0] == 1, "a plan has made something"
    status, said, _ = operator.runs("apply", "--yes")
    assert status == 0
    assert "costwire doctor" in said
    assert operator.state() == ["costwire/default.tfstate"]

    status, said, _ = operator.runs("environment")
    assert status == 0
    assert f"export COSTWIRE_BUCKET={operator.project}-costwire\n" in said
    assert all(line.startswith("export COSTWIRE_") for line in said.splitlines())

    status, said, _ = operator.runs("apply", "--yes")  # the archive is made anew from the same files
    assert "0 added, 0 changed, 0 destroyed" in said

    status, _, error = operator.runs("destroy", "--typed", "another")
    assert (status, error) == (1, f"'another' was typed, expected {operator.project}: nothing was deleted\n")
    status, said, _ = operator.runs("destroy", "--typed", operator.project)
    assert status == 0
    assert "Removed." in said
    status, said, error = operator.runs("environment")
    assert (status, said) == (1, "")
    assert error.startswith("nothing is deployed in")
