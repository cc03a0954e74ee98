"""The files of deploy/ are read by the tools that know their formats. Nothing here can run a container."""

import re
import shutil
import subprocess
import sys
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
#: Settings of systemd units that are the same for all of them; what a process is differs in two lines.
OWN_LINES = ("Description=", "ExecStart=")


def run(*command: Any) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=60)


@pytest.fixture
def compose() -> dict[str, Any]:
    read: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    return read


# -- containers -------------------------------------------------------------------------------


def test_the_container_file_passes_its_linter():
    linted = run(BIN / "hadolint", "--failure-threshold", "style", DEPLOY / "Containerfile")

    assert linted.returncode == 0, linted.stdout


def test_the_control_the_linter_finds_what_is_careless(tmp_path):
    careless = (DEPLOY / "Containerfile").read_text().replace(":3.11-slim-bookworm", ":latest")
    (tmp_path / "Containerfile").write_text(careless)

    linted = run(BIN / "hadolint", tmp_path / "Containerfile")

    assert linted.returncode == 1
    assert "DL3007" in linted.stdout


def test_the_image_runs_as_nobody_special_and_holds_the_program_alone():
    text = (DEPLOY / "Containerfile").read_text()
    copied = set(re.findall(r"^COPY (?!--from)(.+) \S+$", text, re.MULTILINE))
    ignored = (ROOT / ".dockerignore").read_text().splitlines()

    assert "USER 10001:10001" in text
    assert not re.search(r"(?i)(key|secret|password|token)\s*=", text)
    names = {name for line in copied for name in line.split()}
    assert names == {
        "requirements.lock",
        "LICENSE",
        "app.py",
        "webhook_server.py",
        ".streamlit",
        "backend",
        "pages",
        "simulator",
    }
    assert ignored[1] == "*"
    assert {line.removeprefix("!") for line in ignored if line.startswith("!")} == names
    assert (ROOT / ".containerignore").read_text() == (ROOT / ".dockerignore").read_text()


def test_the_compose_file_fits_the_compose_specification():
    checked = run(
        BIN / "check-jsonschema", "--builtin-schema", "vendor.compose-spec", DEPLOY / "compose.yaml"
    )

    assert checked.returncode == 0, checked.stdout


def test_the_control_a_misspelt_compose_file_does_not_fit(tmp_path):
    wrong = (DEPLOY / "compose.yaml").read_text().replace("healthcheck:", "healthchek:")
    (tmp_path / "compose.yaml").write_text(wrong)

    checked = run(
        BIN / "check-jsonschema", "--builtin-schema", "vendor.compose-spec", tmp_path / "compose.yaml"
    )

    assert checked.returncode == 1


def test_every_process_has_its_secrets_as_files_and_none_in_its_environment(compose):
    for name in ("dashboard", "sidecar", "worker"):
        service = compose["services"][name]
        files = {key for key in service["environment"] if key.endswith("_FILE")}
        assert files == {"DATABASE_URL_FILE", "SECRET_KEY_FILE", "FAL_KEY_FILE"}
        assert {Path(service["environment"][key]).name for key in files} <= set(service["secrets"])
    for service in compose["services"].values():
        for key, value in service.get("environment", {}).items():
            secret = re.search(r"SECRET|PASSWORD|KEY|DATABASE_URL", key)
            assert not secret or (key.endswith("_FILE") and value.startswith("/run/secrets/")), key


def test_a_bucket_is_one_more_compose_file_with_its_keys_as_secrets():
    path = DEPLOY / "compose.bucket.yaml"
    checked = run(BIN / "check-jsonschema", "--builtin-schema", "vendor.compose-spec", path)
    assert checked.returncode == 0, checked.stdout
    added = yaml.safe_load(path.read_text())
    told = (DEPLOY / "secrets/README.md").read_text()

    assert set(added["services"]) == {"dashboard", "sidecar", "worker"}
    for service in added["services"].values():
        names = {key.removesuffix("_FILE") for key in service["environment"]}
        assert names <= {name.upper() for name in Settings.model_fields}
        files = {Path(value).name for key, value in service["environment"].items() if key.endswith("_FILE")}
        assert files == set(service["secrets"]) == set(added["secrets"])
        assert all(f"`{name}`" in told for name in files)


def test_every_setting_of_the_compose_file_is_one_that_the_program_reads(compose):
    known = {name.upper() for name in Settings.model_fields}
    for name in ("dashboard", "sidecar", "worker"):
        given = {key.removesuffix("_FILE") for key in compose["services"][name]["environment"]}
        assert given <= known


def test_only_nginx_is_published_and_everything_comes_back_after_a_death(compose):
    services = compose["services"]

    assert [name for name, service in services.items() if "ports" in service] == ["nginx"]
    assert {service["restart"] for service in services.values()} == {"unless-stopped"}
    assert all(
        "healthcheck" in services[name] for name in ("database", "sidecar", "worker", "dashboard", "nginx")
    )
    assert services["worker"]["deploy"]["replicas"] == 2
    for name in ("dashboard", "sidecar", "worker"):
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


def test_every_setting_in_the_environment_file_is_known_to_the_program_or_to_streamlit():
    lines = (DEPLOY / "systemd/dailies.env").read_text().splitlines()
    names = {match[1] for line in lines if (match := re.match(r"#?([A-Z_]+)=", line))}

    assert names - {"STREAMLIT_SERVER_ADDRESS"} <= {name.upper() for name in Settings.model_fields}


# -- limits agree -----------------------------------------------------------------------------


def test_the_limits_of_nginx_are_those_of_the_program():
    text = (DEPLOY / "nginx/dailies.conf").read_text()
    sizes = {int(size) for size in re.findall(r"client_max_body_size (\d+)m;", text)}

    assert sizes == {1, 34}
    assert BODY_MAX_BYTES < 34 * 1024 * 1024
