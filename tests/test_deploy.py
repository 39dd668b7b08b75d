"""What is built and deployed: the compose file, the image's recipe, the lock file, the commands of the Makefile."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from tests.processes import ROOT

COMPOSE = YAML(typ="safe").load(ROOT / "compose.yaml")
DOCKERFILE = (ROOT / "Dockerfile").read_text()
LOCK = (ROOT / "uv.lock").read_text()


def compose_errors(path: Path) -> str:
    """What the compose specification's own schema says against the file; empty when nothing."""
    line = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(path)]
    done = subprocess.run(line, capture_output=True, text=True)
    return "" if done.returncode == 0 else done.stdout + done.stderr


def test_the_compose_file_follows_the_compose_specification() -> None:
    assert compose_errors(ROOT / "compose.yaml") == ""


def test_a_slip_in_the_compose_file_would_be_seen(tmp_path: Path) -> None:
    slip = tmp_path / "compose.yaml"
    slip.write_text((ROOT / "compose.yaml").read_text().replace("replicas:", "replica:"))
    assert "replica" in compose_errors(slip)


def test_the_public_ci_follows_its_schema_and_runs_what_everybody_runs() -> None:
    workflow = ROOT / ".github" / "workflows" / "ci.yml"
    line = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.github-workflows", str(workflow)]
    assert subprocess.run(line, capture_output=True).returncode == 0
    assert "run: bash .ci/run" in workflow.read_text()
    assert (ROOT / ".ci" / "run").read_text().splitlines()[-1].startswith("exec make check")


def test_compose_starts_gateway_and_workers_on_a_migrated_database_that_is_healthy() -> None:
    services = COMPOSE["services"]
    assert set(services) == {"postgres", "valkey", "migrate", "gateway", "workers"}
    for name in ("gateway", "workers"):
        conditions = {on: how["condition"] for on, how in services[name]["depends_on"].items()}
        assert conditions == {
            "postgres": "service_healthy",
            "valkey": "service_healthy",
            "migrate": "service_completed_successfully",
        }
    assert services["workers"]["deploy"]["replicas"] >= 2
    assert "deploy" not in services["gateway"]


def test_compose_keeps_every_stateful_folder_in_a_declared_volume() -> None:
    used = {volume.partition(":")[0] for service in COMPOSE["services"].values() for volume in service["volumes"]}
    assert used == set(COMPOSE["volumes"]) == {"postgres", "valkey", "guichet"}


def test_compose_has_no_secret_of_its_own_and_publishes_to_this_host_alone() -> None:
    text = (ROOT / "compose.yaml").read_text()
    for secret in ("GUICHET_SECRET", "POSTGRES_PASSWORD"):
        assert re.findall(rf"\$\{{{secret}(.)", text), f"{secret} is not asked for"
        assert set(re.findall(rf"\$\{{{secret}(..)", text)) == {":?"}, f"{secret} must be required, without a default"
        assert re.search(rf"^{secret}=$", (ROOT / ".env.example").read_text(), re.MULTILINE)
    for service in COMPOSE["services"].values():
        for port in service.get("ports", []):
            assert port.startswith("${GUICHET_PUBLISH:-127.0.0.1}:")


def test_every_command_in_the_compose_file_and_the_image_exists() -> None:
    line = [sys.executable, "-m", "guichet", "--help"]
    said = subprocess.run(line, capture_output=True, text=True, cwd=ROOT, env=os.environ | {"COLUMNS": "200"}).stdout
    commands = {service["command"][0] for name, service in COMPOSE["services"].items() if "build" in service}
    commands |= set(re.findall(r'^CMD \["(\w+)"\]', DOCKERFILE, re.MULTILINE))
    assert commands == {"up", "migrate", "gateway", "workers"}
    for command in commands:
        assert re.search(rf"\b{command}\b", said), f"guichet has no command {command}"


def test_the_image_copies_what_exists_and_all_that_the_wheel_holds() -> None:
    copied = [
        source
        for line in re.findall(r"^COPY (?!--from)(.+)$", DOCKERFILE, re.MULTILINE)
        for source in line.split()[:-1]
    ]
    assert [source for source in copied if not (ROOT / source).exists()] == []
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert set(project["tool"]["hatch"]["build"]["targets"]["wheel"]["only-include"]) <= set(copied)
    let_through = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert set(copied) <= let_through | {"Makefile"}


def test_the_image_runs_as_an_ordinary_user_and_tells_its_health() -> None:
    last_stage = DOCKERFILE.rpartition("\nFROM ")[2]
    assert re.search(r"^USER guichet$", last_stage, re.MULTILINE)
    assert last_stage.index("USER guichet") < last_stage.index("ENTRYPOINT")
    assert "/readyz" in last_stage
    assert re.search(r"^HEALTHCHECK ", last_stage, re.MULTILINE)


def test_the_lock_file_records_the_public_index_alone_and_each_file_with_its_hash() -> None:
    assert set(re.findall(r'registry = "([^"]+)"', LOCK)) == {"https://pypi.org/simple"}
    hosts = set(re.findall(r'url = "(\w+://[^/"]+)', LOCK))
    assert hosts == {"https://files.pythonhosted.org"}
    assert len(re.findall(r'\burl = "', LOCK)) == len(re.findall(r'\bhash = "sha256:', LOCK))


def test_the_lock_file_is_in_step_with_the_project() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    own = next(package for package in tomllib.loads(LOCK)["package"] if package["name"] == "guichet-gateway")

    def names(requirements: list[str]) -> set[str]:
        return {re.split(r"[\[<>=!~; ]", requirement)[0].lower() for requirement in requirements}

    locked = {
        requirement["name"]: requirement.get("specifier", "")
        for requirement in own["metadata"]["requires-dist"]
        if "extra" not in requirement.get("marker", "")
    }
    assert set(locked) == names(project["project"]["dependencies"]), "run `make lock`"
    for requirement in project["project"]["dependencies"]:
        bound = re.sub(r"^[^<>=!~]*|;.*$", "", requirement)
        assert sorted(bound.split(",")) == sorted(locked[re.split(r"[\[<>=]", requirement)[0]].split(",")), "make lock"
    development = {requirement["name"] for requirement in own["metadata"]["requires-dev"]["dev"]}
    assert development == names(project["dependency-groups"]["dev"]), "run `make lock`"


def test_pip_is_held_to_the_versions_of_the_lock_file() -> None:
    line = [sys.executable, str(ROOT / ".ci" / "constraints.py"), str(ROOT / "uv.lock")]
    pinned = subprocess.run(line, capture_output=True, text=True, check=True).stdout.splitlines()
    names = [line.partition("==")[0] for line in pinned]
    assert len(names) == len(set(names)) > 50
    assert "guichet-gateway" not in names
    version = next(p["version"] for p in tomllib.loads(LOCK)["package"] if p["name"] == "aiosmtpd")
    assert f"aiosmtpd=={version}" in pinned


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
def test_make_alone_lists_every_command() -> None:
    said = subprocess.run(["make"], capture_output=True, text=True, cwd=ROOT, check=True).stdout
    commands = re.findall(r"^  make (\w+) +\S", said, re.MULTILINE)
    assert commands == ["help", "run", "test", "check", "bench", "chaos", "fmt", "lock", "clean"]


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
def test_check_ends_with_the_tests() -> None:
    planned = subprocess.run(
        ["make", "--dry-run", "--assume-old=.venv/.installed", "check"], capture_output=True, text=True, cwd=ROOT
    ).stdout.splitlines()
    assert planned[-1].startswith(".venv/bin/python -m pytest")


def test_set_up_says_when_no_python_is_new_enough(tmp_path: Path) -> None:
    old = tmp_path / "python-old"
    old.write_text("#!/bin/sh\nexit 1\n")
    old.chmod(0o755)
    line = ["sh", ".ci/setup", str(tmp_path / "venv")]
    done = subprocess.run(line, capture_output=True, text=True, cwd=ROOT, env=os.environ | {"PYTHON": str(old)})
    assert done.returncode == 1
    assert "Guichet needs Python 3.11 or newer" in done.stderr
    assert not (tmp_path / "venv").exists()


@pytest.mark.parametrize(("shell", "script"), [("bash", ".ci/run"), ("sh", ".ci/setup")])
def test_scripts_are_executable_and_well_formed(shell: str, script: str) -> None:
    assert os.access(ROOT / script, os.X_OK)
    assert subprocess.run([shell, "-n", script], cwd=ROOT).returncode == 0
