"""The files of deploy/ are read by the tools that know their formats. Nothing here can run a container."""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
import yaml

from backend.settings import Settings
from backend.web.app import BODY_MAX_BYTES
from tests.e2e.installation import ROOT

DEPLOY = ROOT / "deploy"
BIN = Path(sys.executable).parent
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
PROCESSES = ("dashboard", "sidecar", "worker")
#: Settings of systemd units that are the same for all of them; what a process is differs in two lines.
OWN_LINES = ("Description=", "ExecStart=")


def run(*command: Any) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=60)


@pytest.fixture
def compose() -> dict[str, Any]:
    read: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    return read


# -- containers -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("version", "said"), [(":3.11-slim-bookworm", ""), (":latest", "DL3007")], ids=["shipped", "control"]
)
def test_the_container_file_passes_its_linter_and_a_careless_one_does_not(tmp_path, version, said):
    text = (DEPLOY / "Containerfile").read_text()
    assert ":3.11-slim-bookworm" in text
    (tmp_path / "Containerfile").write_text(text.replace(":3.11-slim-bookworm", version))

    linted = run(BIN / "hadolint", "--failure-threshold", "style", tmp_path / "Containerfile")

    assert linted.returncode == bool(said), linted.stdout
    assert said in linted.stdout


def test_the_image_runs_as_nobody_special_and_holds_the_program_alone():
    text = (DEPLOY / "Containerfile").read_text()
    copied = set(re.findall(r"^COPY (?!--from)(.+) \S+$", text, re.MULTILINE))
    ignored = (ROOT / ".dockerignore").read_text().splitlines()

    assert "USER 10001:10001" in text
    assert not re.search(r"(?i)(key|secret|password|token)\s*=", text)
    names = {name for line in copied for name in line.split()}
    programs = {"app.py", "webhook_server.py", "backend", "pages", "simulator"}
    assert names == programs | {"requirements.lock", "LICENSE", ".streamlit"}
    assert ignored[1] == "*"
    assert {line.removeprefix("!") for line in ignored if line.startswith("!")} == names
    assert (ROOT / ".containerignore").read_text() == (ROOT / ".dockerignore").read_text()


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("compose.yaml", "", ""),
        ("compose.bucket.yaml", "", ""),
        ("compose.yaml", "healthcheck:", "healthchek:"),
    ],
    ids=["shipped", "bucket", "control"],
)
def test_a_compose_file_fits_the_compose_specification_and_a_misspelt_one_does_not(tmp_path, name, old, new):
    (tmp_path / name).write_text((DEPLOY / name).read_text().replace(old, new))

    checked = run(BIN / "check-jsonschema", "--builtin-schema", "vendor.compose-spec", tmp_path / name)

    assert checked.returncode == bool(old), checked.stdout


def test_every_process_has_its_secrets_as_files_and_none_in_its_environment(compose):
    for name in PROCESSES:
        service = compose["services"][name]
        files = {key for key in service["environment"] if key.endswith("_FILE")}
        assert files == {"DATABASE_URL_FILE", "SECRET_KEY_FILE", "FAL_KEY_FILE"}
        assert {Path(service["environment"][key]).name for key in files} <= set(service["secrets"])
    for service in compose["services"].values():
        for key, value in service.get("environment", {}).items():
            secret = re.search(r"SECRET|PASSWORD|KEY|DATABASE_URL", key)
            assert not secret or (key.endswith("_FILE") and value.startswith("/run/secrets/")), key


def test_a_bucket_is_one_more_compose_file_with_its_keys_as_secrets():
    added = yaml.safe_load((DEPLOY / "compose.bucket.yaml").read_text())
    told = (DEPLOY / "secrets/README.md").read_text()

    assert set(added["services"]) == set(PROCESSES)
    for service in added["services"].values():
        assert read_by_the_program(service["environment"])
        files = {Path(value).name for key, value in service["environment"].items() if key.endswith("_FILE")}
        assert files == set(service["secrets"]) == set(added["secrets"])
        assert all(f"`{name}`" in told for name in files)


def read_by_the_program(names: Iterable[str]) -> bool:
    known = {name.upper() for name in Settings.model_fields}
    return {name.removesuffix("_FILE") for name in names} - {"STREAMLIT_SERVER_ADDRESS"} <= known


def test_every_setting_that_is_given_is_read_by_the_program_or_by_streamlit(compose):
    lines = (DEPLOY / "systemd/dailies.env").read_text().splitlines()

    assert read_by_the_program(match[1] for line in lines if (match := re.match(r"#?([A-Z_]+)=", line)))
    for name in PROCESSES:
        assert read_by_the_program(compose["services"][name]["environment"])


def test_only_nginx_is_published_and_everything_comes_back_after_a_death(compose):
    services = compose["services"]

    assert [name for name, service in services.items() if "ports" in service] == ["nginx"]
    assert {service["restart"] for service in services.values()} == {"unless-stopped"}
    assert all(
        "healthcheck" in services[name] for name in ("database", "sidecar", "worker", "dashboard", "nginx")
    )
    assert services["worker"]["deploy"]["replicas"] == 2
    for name in PROCESSES:
        assert services[name]["read_only"]
        assert services[name]["cap_drop"] == ["ALL"]


def test_every_file_that_the_compose_file_mounts_is_here(compose):
    for service in compose["services"].values():
        for volume in service.get("volumes", []):
            source = str(volume).split(":")[0]
            assert not source.startswith(".") or (DEPLOY / source).exists(), source
    named = {Path(secret["file"]).name for secret in compose["secrets"].values()}
    told = set(re.findall(r"`([a-z0-9_]+(?:\.pem)?)`", (DEPLOY / "secrets/README.md").read_text()))
    assert named <= told


# -- systemd ----------------------------------------------------------------------------------


@pytest.fixture
def units(tmp_path: Path) -> Path:
    """The units, with programs of this machine in the place of those of an installed one."""
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not here")
    for unit in (DEPLOY / "systemd").iterdir():
        text = unit.read_text().replace("/opt/dailies/.venv/bin", str(BIN))
        (tmp_path / unit.name).write_text(
            text.replace("User=dailies", "User=daemon").replace("Group=dailies", "")
        )
    return tmp_path


@pytest.mark.parametrize("unit", [unit.name for unit in UNITS])
def test_systemd_finds_nothing_wrong_in_a_unit(units, unit):
    checked = run("systemd-analyze", "--man=no", "--recursive-errors=no", "verify", units / unit)

    assert checked.returncode == 0, checked.stderr
    assert unit.split("@")[0].removesuffix(".service") not in checked.stderr


def test_the_control_systemd_finds_a_misspelt_line(units):
    unit = units / "dailies-sidecar.service"
    unit.write_text(unit.read_text().replace("ProtectHome=", "ProtectHouse="))

    checked = run("systemd-analyze", "--man=no", "--recursive-errors=no", "verify", unit)

    assert "ProtectHouse" in checked.stderr


@pytest.mark.parametrize("unit", [unit.name for unit in UNITS])
def test_a_unit_is_hardly_exposed(units, unit):
    """systemd's own scale goes from 0 (nothing to reach) to 10."""
    judged = run("systemd-analyze", "security", "--offline=true", "--threshold=20", units / unit)

    assert judged.returncode == 0, judged.stdout


def test_units_differ_in_what_they_run_alone():
    common = {
        tuple(line for line in unit.read_text().splitlines() if not line.startswith(OWN_LINES))
        for unit in UNITS
    }

    assert len(UNITS) == 3
    assert len(common) == 1
    assert "TimeoutStopSec=15" in next(iter(common))


def test_the_target_starts_every_process():
    wanted = re.search(r"^Wants=(.*)$", (DEPLOY / "systemd/dailies.target").read_text(), re.MULTILINE)

    assert wanted
    assert {re.sub(r"@\d", "@", name) for name in wanted[1].split()} == {unit.name for unit in UNITS}


# -- limits agree -----------------------------------------------------------------------------


def test_the_limits_of_nginx_are_those_of_the_program():
    text = (DEPLOY / "nginx/dailies.conf").read_text()
    sizes = {int(size) for size in re.findall(r"client_max_body_size (\d+)m;", text)}

    assert sizes == {1, 34}
    assert BODY_MAX_BYTES < 34 * 1024 * 1024
