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

from backend.domain.access.roles import Role
from backend.login_settings import FIELDS
from backend.settings import Settings, read_settings
from tests.e2e.installation import ROOT

DEPLOY = ROOT / "deploy"
BIN = Path(sys.executable).parent
UNITS = [path.name for path in sorted((DEPLOY / "systemd").glob("*.service"))]
PROCESSES = ("dashboard", "sidecar", "worker")
#: Settings of systemd units are the same for all of them; what a process is differs in two lines.
OWN_LINES = ("Description=", "ExecStart=")
SLIM = ":3.11-slim-bookworm"


def run(*command: Any) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=60)


@pytest.fixture
def changed(tmp_path):
    """A function: the copy of a file of deploy/, in which a text that must be there is another."""

    def change(name: str, old: str, new: str) -> Path:
        text = (DEPLOY / name).read_text()
        assert old in text
        (tmp_path / name).write_text(text.replace(old, new))
        return tmp_path / name

    return change


@pytest.fixture
def services() -> dict[str, Any]:
    """Those of the compose file."""
    read: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]
    return read


# -- containers -------------------------------------------------------------------------------


@pytest.mark.parametrize(("version", "said"), [(SLIM, ""), (":latest", "DL3007")], ids=["shipped", "control"])
def test_the_container_file_passes_its_linter_and_a_careless_one_does_not(changed, version, said):
    file = changed("Containerfile", SLIM, version)
    linted = run(BIN / "hadolint", "--failure-threshold", "style", file)

    assert linted.returncode == bool(said), linted.stdout
    assert said in linted.stdout


def test_the_image_runs_as_nobody_special_and_holds_the_program_alone():
    text = (DEPLOY / "Containerfile").read_text()
    copied = " ".join(re.findall(r"^COPY (?!--from)(.+) \S+$", text, re.MULTILINE)).split()
    ignored = (ROOT / ".dockerignore").read_text()

    assert "USER 10001:10001" in text
    assert not re.search(r"(?i)(key|secret|password|token)\s*=", text)
    programs = {"app.py", "webhook_server.py", "backend", "pages", "simulator"}
    assert set(copied) == programs | {"requirements.lock", "LICENSE", ".streamlit"}
    assert ignored.splitlines()[1] == "*"
    assert set(re.findall(r"^!(.+)", ignored, re.MULTILINE)) == set(copied)
    assert (ROOT / ".containerignore").read_text() == ignored


@pytest.mark.parametrize(
    ("name", "new", "faults"),
    [
        ("compose.yaml", "services:", 0),
        ("compose.bucket.yaml", "services:", 0),
        ("compose.oauth2-proxy.yaml", "services:", 0),
        ("compose.yaml", "servcies:", 1),
    ],
    ids=["shipped", "bucket", "oauth2-proxy", "control"],
)
def test_a_compose_file_fits_the_compose_specification_and_a_misspelt_one_does_not(
    changed, name, new, faults
):
    file = changed(name, "services:", new)
    checked = run(BIN / "check-jsonschema", "--builtin-schema", "vendor.compose-spec", file)

    assert checked.returncode == faults, checked.stdout


def secrets_as_files(environment: dict[str, str]) -> set[str]:
    """The secrets that these settings name, each as the file of its own that it is to be."""
    for key, value in environment.items():
        secret = re.search(r"SECRET|PASSWORD|KEY|DATABASE_URL", key)
        assert not secret or (key.endswith("_FILE") and value.startswith("/run/secrets/")), key
    return {Path(value).name for key, value in environment.items() if key.endswith("_FILE")}


def assert_read_by_the_program(names: Iterable[str]) -> None:
    known = {name.upper() for name in Settings.model_fields}
    known |= {f"LOGIN_COMPANY_{name.upper()}" for name in FIELDS}
    known |= {"STREAMLIT_SERVER_ADDRESS"}  # read by what the dashboard is served with
    assert {name.removesuffix("_FILE") for name in names} <= known


def test_every_process_has_its_secrets_as_files_and_settings_that_it_reads(services):
    for service in services.values():
        assert secrets_as_files(service.get("environment", {})) <= set(service.get("secrets", []))
    for name in PROCESSES:
        asked = {"database_url", "secret_key", "fal_key", "login_client_secret"}
        assert secrets_as_files(services[name]["environment"]) == asked
        assert_read_by_the_program(services[name]["environment"])
    in_units = (DEPLOY / "systemd/dailies.env").read_text()
    assert_read_by_the_program(re.findall(r"^#?([A-Z_]+)=", in_units, re.MULTILINE))


def test_a_bucket_is_one_more_compose_file_with_its_keys_as_secrets():
    added = yaml.safe_load((DEPLOY / "compose.bucket.yaml").read_text())

    assert set(added["services"]) == set(PROCESSES)
    for service in added["services"].values():
        assert_read_by_the_program(service["environment"])
        assert secrets_as_files(service["environment"]) == set(service["secrets"]) == set(added["secrets"])


def test_oauth2_proxy_is_one_more_compose_file_and_new_enough_not_to_be_passed_by(services):
    added = yaml.safe_load((DEPLOY / "compose.oauth2-proxy.yaml").read_text())

    assert set(added["services"]) == {*PROCESSES, "who", "nginx"}
    for name in PROCESSES:
        given = added["services"][name]["environment"]
        assert_read_by_the_program(given)
        assert (given["LOGIN_PROXY"], given["LOGIN_PROVIDERS"]) == ("header", "")
        assert secrets_as_files(given) == set(added["services"][name]["secrets"])
    who = added["services"]["who"]
    assert secrets_as_files(who["environment"]) == set(who["secrets"])
    version = re.search(r":v(\d+)\.(\d+)\.(\d+)$", who["image"])
    assert version
    assert tuple(map(int, version.groups())) >= (7, 15, 2)
    mounts = [volume.split(":")[1] for volume in added["services"]["nginx"]["volumes"]]
    assert "/etc/nginx/dailies/who.conf" in mounts
    assert "./nginx/dailies/who-logins.conf:/etc/nginx/dailies/who.conf:ro" in services["nginx"]["volumes"]


@pytest.mark.parametrize(
    ("files", "providers", "proxy"),
    [(["compose.yaml"], ("company",), None), (["compose.yaml", "compose.oauth2-proxy.yaml"], (), "header")],
    ids=["own logins", "oauth2-proxy"],
)
def test_the_program_reads_what_compose_sets_for_logins(monkeypatch, tmp_path, files, providers, proxy):
    """As compose would fill it in, with a file for every secret."""
    outside = {
        "DAILIES_HOST": "dailies.example.com", "HOOKS_HOST": "hooks.example.com", "OIDC_CLIENT_ID": "dailies",
        "OIDC_ISSUER_URL": "https://accounts.google.com", "LOGIN_ROLES": "admin: ana@example.com",
    }  # fmt: skip
    given = dict[str, str]()
    for name in files:
        given |= yaml.safe_load((DEPLOY / name).read_text())["services"]["dashboard"]["environment"]
    for name, value in given.items():
        filled = re.sub(
            r"\$\{(\w+):(?:\?[^}]*|-([^}]*))\}", lambda one: outside.get(one[1], one[2] or ""), value
        )
        if name.endswith("_FILE"):
            (tmp_path / name).write_text("sqlite:////x.db" if name.startswith("DATABASE") else "s" * 32)
            filled = str(tmp_path / name)
        monkeypatch.setenv(name, filled)

    settings = read_settings()

    assert (settings.login_providers, settings.login_proxy) == (providers, proxy)
    assert settings.login_base_url == "https://dailies.example.com"
    assert settings.has_logins
    assert settings.role_rules.can_make(Role.ADMIN)


def test_only_nginx_is_published_and_everything_comes_back_after_a_death(services):
    assert [name for name, service in services.items() if "ports" in service] == ["nginx"]
    assert {service["restart"] for service in services.values()} == {"unless-stopped"}
    assert {"database", "nginx", *PROCESSES} <= {
        name for name, service in services.items() if "healthcheck" in service
    }
    assert services["worker"]["deploy"]["replicas"] == 2
    for name in PROCESSES:
        assert (services[name]["read_only"], services[name]["cap_drop"]) == (True, ["ALL"])


def test_every_file_that_is_mounted_is_here_or_a_secret_that_is_told_of(services):
    names = ("compose.yaml", "compose.bucket.yaml", "compose.oauth2-proxy.yaml")
    every = [
        one for name in names for one in yaml.safe_load((DEPLOY / name).read_text())["services"].values()
    ]
    mounted = {str(volume).split(":")[0] for one in every for volume in one.get("volumes", [])}
    told = (DEPLOY / "secrets/README.md").read_text()

    for source in mounted:
        secret = source.startswith("./secrets/") and f"`{Path(source).name}`" in told
        assert not source.startswith(".") or secret or (DEPLOY / source).exists(), source
    for name in names:
        for secret in yaml.safe_load((DEPLOY / name).read_text())["secrets"].values():
            assert f"`{Path(secret['file']).name}`" in told


# -- systemd ----------------------------------------------------------------------------------


@pytest.fixture
def units(tmp_path: Path) -> Path:
    """The units, with programs of this machine in the place of those of an installed one."""
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not here")
    for unit in (DEPLOY / "systemd").iterdir():
        text = unit.read_text().replace("/opt/dailies/.venv/bin", str(BIN))
        text = text.replace("User=dailies", "User=daemon").replace("Group=dailies", "")
        (tmp_path / unit.name).write_text(text)
    return tmp_path


def verify(unit: Path) -> "subprocess.CompletedProcess[str]":
    return run("systemd-analyze", "--man=no", "--recursive-errors=no", "verify", unit)


@pytest.mark.parametrize("name", UNITS)
def test_systemd_finds_nothing_wrong_in_a_unit_that_is_hardly_exposed(units, name):
    """systemd's own scale of exposure goes from 0 (nothing to reach) to 10."""
    checked = verify(units / name)
    judged = run("systemd-analyze", "security", "--offline=true", "--threshold=20", units / name)

    assert checked.returncode == 0, checked.stderr
    assert name.split("@")[0].removesuffix(".service") not in checked.stderr
    assert judged.returncode == 0, judged.stdout


def test_the_control_systemd_finds_a_misspelt_line(units):
    unit = units / "dailies-sidecar.service"
    unit.write_text(unit.read_text().replace("ProtectHome=", "ProtectHouse="))

    assert "ProtectHouse" in verify(unit).stderr


def test_units_differ_in_what_they_run_alone_and_the_target_starts_them():
    texts = [(DEPLOY / "systemd" / name).read_text() for name in UNITS]
    common = {tuple(line for line in text.splitlines() if not line.startswith(OWN_LINES)) for text in texts}
    wanted = re.search(r"^Wants=(.*)$", (DEPLOY / "systemd/dailies.target").read_text(), re.MULTILINE)

    assert len(UNITS) == 3
    assert ["TimeoutStopSec=15" in lines for lines in common] == [True]
    assert {re.sub(r"@\d", "@", name) for name in wanted[1].split()} == set(UNITS)
