"""make plan, deploy and destroy: what is checked, in which order it is run, what is said.  terraform and gcloud are stand-ins."""

from __future__ import annotations

import io
import json
import re
import stat
import sys
import zipfile
from pathlib import Path

import pytest

from deployment import deploy, preflight, tools
from tests.terraform import hcl

TOOL = """#!{python}
import json, os, pathlib, sys
name, words = pathlib.Path(sys.argv[0]).name, sys.argv[1:]
folder = pathlib.Path(os.environ["FAKE_FOLDER"])
with (folder / "calls").open("a") as calls:
    calls.write(json.dumps([name, *words]) + "\\n")
if words[0] == "version":
    print(json.dumps({{"terraform_version": os.environ.get("FAKE_VERSION", "1.11.4")}}))
if "output" in words:
    print(os.environ.get("FAKE_OUTPUT", "{{}}"))
if words[:2] == ["services", "list"]:
    print(os.environ.get("FAKE_ENABLED", "cloudresourcemanager.googleapis.com\\nserviceusage.googleapis.com"))
if "quotas" in words:
    print(json.loads(os.environ["FAKE_QUOTAS"])[words[4]])
print(os.environ.get("FAKE_ERROR", ""), file=sys.stderr)
failing = json.loads(os.environ.get("FAKE_FAILING", "[]"))
sys.exit(any(all(one in words for one in each.split()) for each in failing))
"""
OUTPUT = {
    "environment": {"value": {"COSTWIRE_RUNTIME": "cloud", "COSTWIRE_PROJECT": "my-project", "COSTWIRE_ENV": "it's"}},
    "delete_protection": {"value": False},
}


def quotas(cpus: int = 20, memory: int = 40, region: str = "europe-west1") -> dict[str, str]:
    """What gcloud says of the two quotas of Cloud Run, as the API of Cloud Quotas has it."""
    values = {"CpuAllocPerProjectRegion": cpus * 1000, "MemAllocPerProjectRegion": memory << 30}
    return {
        name: json.dumps(
            {"quotaId": name, "dimensionsInfos": [{"dimensions": {"region": region}, "details": {"value": str(value)}}]}
        )
        for name, value in values.items()
    }


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand-ins on the PATH; the file they record their words in."""
    for name in ("terraform", "gcloud"):
        tool = tmp_path / "bin" / name
        tool.parent.mkdir(exist_ok=True)
        tool.write_text(TOOL.format(python=sys.executable))
        tool.chmod(tool.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setenv("FAKE_FOLDER", str(tmp_path))
    monkeypatch.setenv("FAKE_OUTPUT", json.dumps(OUTPUT))
    monkeypatch.setenv("FAKE_QUOTAS", json.dumps(quotas()))
    monkeypatch.setattr(deploy, "ARCHIVE", tmp_path / "build" / "functions.zip")
    monkeypatch.setattr(tools, "ROOT", tmp_path)
    (tmp_path / "small.tfvars").write_text('region = "europe-west1"\n')
    return tmp_path / "calls"


def run(calls: Path, *words: str, project: str = "my-project", variables: str = "small.tfvars") -> int:
    return deploy.main([words[0], "--project", project, "--variables", str(calls.parent / variables), *words[1:]])


def made(calls: Path) -> list[str]:
    """The commands, without options."""
    lines = [json.loads(line) for line in calls.read_text().splitlines()] if calls.exists() else []
    return [" ".join(word for word in line if not word.startswith("-")) for line in lines]


def words_of(calls: Path, *start: str) -> list[str]:
    found: list[list[str]] = [json.loads(line) for line in calls.read_text().splitlines()]
    (one,) = [line for line in found if all(word in line for word in start)]
    return one


def test_a_deployment_is_prepared_applied_and_explained(calls: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(calls, "apply", "--yes") == 0
    assert made(calls)[4:] == [
        f"gcloud services enable {' '.join(deploy.FIRST_SERVICES)}",
        *["gcloud beta services identity create"] * len(deploy.SERVICES_WITH_AGENTS),
        "gcloud storage buckets describe gs://my-project-costwire-state",
        "gcloud storage buckets update gs://my-project-costwire-state",
        *[f"gcloud beta quotas info describe {one.quota_id}" for one in preflight.QUOTAS],
        "terraform init",
        "terraform apply",
        "terraform output",
    ]
    applied = words_of(calls, "terraform", "apply")
    assert "-auto-approve" in applied
    assert "-input=false" in applied
    assert "-var=project=my-project" in applied
    assert f"-var-file={calls.parent / 'small.tfvars'}" in applied
    assert f"-var=archive={deploy.ARCHIVE}" in applied
    assert "-backend-config=bucket=my-project-costwire-state" in words_of(calls, "terraform", "init")
    assert "main.py" in zipfile.ZipFile(deploy.ARCHIVE).namelist()
    said = capsys.readouterr().out
    assert "export COSTWIRE_PROJECT=my-project\n" in said
    assert """export COSTWIRE_ENV='it'"'"'s'\n""" in said
    assert "costwire doctor" in said
    assert "costwire connect" in said


def test_a_deployment_asks_unless_told_not_to(calls: Path) -> None:
    assert run(calls, "apply") == 0
    applied = words_of(calls, "terraform", "apply")
    assert not {"-auto-approve", "-input=false"} & set(applied)  # with -input=false Terraform could not ask


def test_the_bucket_of_the_state_is_made_where_it_is_missing(calls: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE_FAILING", '["buckets describe"]')
    assert run(calls, "apply", "--yes") == 0
    created = words_of(calls, "buckets", "create")
    assert created[4:] == [
        "gs://my-project-costwire-state",
        "--project=my-project",
        "--location=europe-west1",
        "--uniform-bucket-level-access",
        "--public-access-prevention",
        "--quiet",
    ]
    assert made(calls)[-3:] == ["terraform init", "terraform apply", "terraform output"]


@pytest.mark.parametrize("failing", ["[]", '["buckets describe"]'])
def test_a_plan_reads_only(calls: Path, monkeypatch: pytest.MonkeyPatch, failing: str) -> None:
    monkeypatch.setenv("FAKE_FAILING", failing)
    assert run(calls, "plan") == 0
    said = made(calls)
    assert said[-2:] == ["terraform init", "terraform plan"]
    reading = ("version", "print-access-token", "describe", "list", "terraform init", "terraform plan")
    assert [one for one in said if not any(word in one for word in reading)] == []
    planned = words_of(calls, "terraform", "plan")
    assert "-lock=false" in planned  # a lock would be an object in the bucket of the state
    (folder,) = [Path(word.removeprefix("-chdir=")) for word in planned if word.startswith("-chdir=")]
    if failing == "[]":
        assert folder == tools.TERRAFORM
        assert "-backend-config=bucket=my-project-costwire-state" in words_of(calls, "terraform", "init")
    else:
        assert 'backend "local"' in (folder / "backend_override.tf").read_text()
        assert (folder / "modules" / "function" / "main.tf").is_file() and (folder / "facts.json").is_file()


def test_a_plan_says_which_service_it_lacks_and_enables_none(
    calls: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FAKE_ENABLED", "serviceusage.googleapis.com")
    assert run(calls, "plan") == 1
    error = capsys.readouterr().err
    assert "gcloud services enable cloudresourcemanager.googleapis.com --project=my-project; or make deploy" in error
    assert error.count("\n") == 1
    assert "gcloud services enable" not in " ".join(made(calls))


def test_service_agents_are_created_before_terraform_grants_them_anything(calls: Path) -> None:
    assert run(calls, "apply", "--yes") == 0
    lines = [json.loads(line) for line in calls.read_text().splitlines()]
    created = [
        word.removeprefix("--service=") for line in lines if "identity" in line for word in line if "--service=" in word
    ]
    assert tuple(created) == deploy.SERVICES_WITH_AGENTS
    assert set(created) <= set(deploy.FIRST_SERVICES) and len(deploy.FIRST_SERVICES) <= 20
    enabled = hcl.resources()
    (needed,) = [
        one.body["for_each"] for one in enabled if (one.type, one.name) == ("google_project_service", "needed")
    ]
    assert set(deploy.FIRST_SERVICES) <= set(re.findall(r"[a-z]+\.googleapis\.com", str(needed)))


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (quotas(cpus=10), "10 vCPU in europe-west1 (CpuAllocPerProjectRegion), the functions may need 20: set cpu_quota = 10 "),
        (quotas(memory=16), "16 GiB of memory in europe-west1 (MemAllocPerProjectRegion), the functions may need 40: set cpu_quota = 8 "),
    ],
)  # fmt: skip
def test_functions_that_do_not_fit_the_quota_are_not_deployed(
    calls: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], found: dict[str, str], said: str
) -> None:
    monkeypatch.setenv("FAKE_QUOTAS", json.dumps(found))
    for action in ("plan", "apply"):
        assert run(calls, action) == 1
        error = capsys.readouterr().err
        assert error.startswith(f"Cloud Run allows {said}") and error.count("\n") == 1
    assert not [one for one in made(calls) if one.startswith("terraform init")]
    (calls.parent / "less.tfvars").write_text('region = "europe-west1"\n cpu_quota = 8\n')
    assert run(calls, "plan", variables="less.tfvars") == 0


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("FAKE_FAILING", '["quotas info"]', "denied: no permission"),
        ("FAKE_QUOTAS", json.dumps(dict.fromkeys(quotas(), "{}")), "gcloud's answer has another form"),
        ("FAKE_QUOTAS", json.dumps(dict.fromkeys(quotas(), "no JSON")), "gcloud's answer has another form"),
        ("FAKE_QUOTAS", json.dumps(quotas(region="us-east1")), "it has no value for europe-west1"),
    ],
)
def test_a_quota_that_cannot_be_read_is_not_checked_and_says_why(
    calls: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], name: str, value: str, said: str
) -> None:
    monkeypatch.setenv("FAKE_ERROR", "denied: no permission")
    monkeypatch.setenv(name, value)
    assert run(calls, "plan") == 0
    told = capfd.readouterr().out
    assert f"not checked: Cloud Run's quota CpuAllocPerProjectRegion in europe-west1 could not be read ({said})" in told
    assert (
        "the functions need 20 vCPU, compare https://console.cloud.google.com/iam-admin/quotas?project=my-project"
        in told
    )


def test_a_quota_of_a_region_wins_over_that_of_all_others() -> None:
    own = {"dimensions": {"region": "us-central1"}, "details": {"value": "30000"}}
    others = {"details": {"value": "20000"}, "applicableLocations": ["us-east1"]}
    assert preflight.value_in([others, own], "us-central1") == 30000
    assert preflight.value_in([own, others], "us-east1") == 20000
    assert preflight.value_in([own], "us-east1") is None


@pytest.mark.parametrize(
    ("failing", "said"),
    [
        ("auth print-access-token", "gcloud is not logged in; run: gcloud auth login"),
        ("application-default", "Terraform has no credentials; run: gcloud auth application-default login"),
        ("projects describe", "project my-project does not exist"),
    ],
)
def test_who_is_not_logged_in_is_told_before_anything_is_changed(
    calls: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], failing: str, said: str
) -> None:
    monkeypatch.setenv("FAKE_FAILING", json.dumps([failing]))
    assert run(calls, "apply") == 1
    error = capsys.readouterr().err
    assert error.startswith(said)
    assert error.count("\n") == 1
    assert not [one for one in made(calls) if one.startswith(("gcloud services", "gcloud storage", "terraform init"))]


@pytest.mark.parametrize("tool", ["terraform", "gcloud"])
def test_a_tool_that_is_missing_is_named(calls: Path, capsys: pytest.CaptureFixture[str], tool: str) -> None:
    (calls.parent / "bin" / tool).unlink()
    assert run(calls, "plan") == 1
    assert capsys.readouterr().err.startswith(f"{tool} is not installed; see https://")


def test_an_old_terraform_is_refused(
    calls: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FAKE_VERSION", "1.5.7")
    assert run(calls, "plan") == 1
    assert capsys.readouterr().err == "terraform is 1.5.7, expected 1.9 or newer\n"


@pytest.mark.parametrize(
    ("project", "variables", "said"),
    [
        ("", "small.tfvars", "PROJECT is ''"),
        ("My_Project", "small.tfvars", "PROJECT is 'My_Project'"),
        ("my-project", "none.tfvars", "which is no file"),
        ("my-project", "empty.tfvars", "names no region"),
    ],
)
def test_what_was_given_is_checked(
    calls: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    project: str,
    variables: str,
    said: str,
) -> None:
    (calls.parent / "empty.tfvars").write_text('env = "eval"\n')
    monkeypatch.setenv("FAKE_FAILING", '["buckets describe"]')
    assert run(calls, "plan", project=project, variables=variables) == 1
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1


def test_terraform_that_fails_ends_it(
    calls: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FAKE_FAILING", '["init"]')
    assert run(calls, "apply") == 1
    assert made(calls)[-1] == "terraform init"
    assert capsys.readouterr().err.startswith("stopped at: terraform ")


@pytest.mark.parametrize(("typed", "status"), [("my-project\n", 0), ("yes\n", 1), ("", 1)])
def test_nothing_is_destroyed_until_the_project_is_typed(
    calls: Path, monkeypatch: pytest.MonkeyPatch, typed: str, status: int
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(typed))
    assert run(calls, "destroy") == status
    assert ("terraform destroy" in made(calls)) == (status == 0)


def test_a_protected_deployment_is_not_destroyed(
    calls: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FAKE_OUTPUT", json.dumps({**OUTPUT, "delete_protection": {"value": True}}))
    assert run(calls, "destroy", "--typed", "my-project") == 1
    assert "terraform destroy" not in made(calls)
    assert capsys.readouterr().err.startswith("delete protection is on")


def test_projects_do_not_share_working_files() -> None:
    one, other = (deploy.Deployment(name, Path("x")).environment["TF_DATA_DIR"] for name in ("first-project", "second"))
    assert one != other


def test_a_shell_is_told_the_deployment_and_nothing_else(calls: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert run(calls, "environment") == 0
    said = capfd.readouterr().out
    assert all(line.startswith("export COSTWIRE_") for line in said.splitlines())
    assert "export COSTWIRE_PROJECT=my-project\n" in said
    assert made(calls)[5:] == ["terraform init", "terraform output"]


@pytest.mark.parametrize(("name", "value"), [("FAKE_OUTPUT", "{}"), ("FAKE_FAILING", '["buckets describe"]')])
def test_where_nothing_is_deployed_a_shell_is_told_nothing(
    calls: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    assert run(calls, "environment") == 1
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err == "nothing is deployed in my-project; run: make deploy PROJECT=my-project\n"


def test_what_terraform_says_of_a_failure_becomes_one_line(
    calls: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FAKE_FAILING", '["init"]')
    monkeypatch.setenv("FAKE_ERROR", "Error: no access\n\n  to the bucket\n")
    assert run(calls, "environment") == 1
    error = capsys.readouterr().err
    assert error.endswith("...: Error: no access to the bucket\n")
    assert error.count("\n") == 1
