"""Settings: read together, refused together, with a demo for who has no key and a secret made once."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from backend.domain.errors import SettingsError
from backend.settings import DEMO_KEY, Settings, is_loopback, load_settings

ROOT = Path(__file__).parents[2]

#: name -> (a value that is refused, a word of what is said about it)
WRONG = {
    "DATABASE_URL": ("mysql://x", "sqlite:///"),
    "STORAGE_URL": ("ftp://x", "file:///"),
    "PUBLIC_URL": ("example.com", "http://"),
    "MEDIA_URL": ("javascript:alert(1)", "http://"),
    "PORT": ("eighty", "integer"),
    "DASHBOARD_PORT": ("65536", "65535"),
    "OPEN_DASHBOARD": ("perhaps", "boolean"),
    "SECRET_KEY": ("short", "16"),
    "FAL_QUEUE_URL": ("https://", "http://"),
    "FAL_REST_URL": ("https://user:pass@rest.fal.ai", "base URL"),
    "FAL_API_URL": ("https://api.fal.ai?x=1", "base URL"),
    "FETCH_ALLOW": ("good.example, bad host", "bad host"),
    "SWEEP_INTERVAL_S": ("0", "greater than 0"),
    "LEASE_S": ("2", "greater than or equal to 3"),
    "FIRST_POLL_S": ("-1", "greater than 0"),
}


def given(monkeypatch: pytest.MonkeyPatch, **values: str) -> Settings:
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    return load_settings()


# -- at fault ---------------------------------------------------------------------------------


def test_one_message_names_every_setting_at_fault_and_what_is_wrong(monkeypatch):
    with pytest.raises(SettingsError) as refused:
        given(monkeypatch, **{name: value for name, (value, _) in WRONG.items()})

    lines = {line.split(":")[0].strip(): line for line in str(refused.value).splitlines()[1:]}
    assert set(lines) == set(WRONG)
    for name, (_, word) in WRONG.items():
        assert word in lines[name], lines[name]


@pytest.mark.parametrize("name", sorted(WRONG))
def test_a_setting_at_fault_stops_the_start_by_itself(monkeypatch, name):
    with pytest.raises(SettingsError, match=name):
        given(monkeypatch, **{name: WRONG[name][0]})


def test_no_message_repeats_a_secret(monkeypatch):
    with pytest.raises(SettingsError) as refused:
        given(monkeypatch, SECRET_KEY="hunter2", FAL_KEY="id:hunter2", FAL_REST_URL="https://u:hunter2@x.y")

    assert "hunter2" not in str(refused.value)


def test_settings_never_show_their_secrets(monkeypatch):
    settings = given(monkeypatch, SECRET_KEY="c" * 40, FAL_KEY="id:canary-of-this-test")

    for shown in (repr(settings), str(settings), settings.model_dump_json()):
        assert "canary" not in shown
        assert "cccc" not in shown


@pytest.mark.parametrize("value", ["http://[::1", "http://x:99999", "http://x:port", "//x", "http:///x"])
def test_an_address_that_can_not_be_one_is_refused(monkeypatch, value):
    with pytest.raises(SettingsError, match="PUBLIC_URL"):
        given(monkeypatch, PUBLIC_URL=value)


@pytest.mark.parametrize("part", ["a/b", "10.0.0.0/99", "host:port", "-x", "x:123456", "http://x", "a b"])
def test_what_is_no_host_or_network_can_not_be_allowed_for_fetching(monkeypatch, part):
    with pytest.raises(SettingsError, match="FETCH_ALLOW"):
        given(monkeypatch, FETCH_ALLOW=f"good.example,{part}")


def test_a_data_folder_that_can_not_be_made_is_named(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("not a folder")

    with pytest.raises(SettingsError, match=r"DATA_DIR: .*file"):
        given(monkeypatch, DATA_DIR=str(tmp_path / "file" / "data"))


@pytest.mark.parametrize("port", ["abc", "0", "65536", "８７", "-1"])
def test_a_port_of_the_simulator_at_fault_is_named_alone(monkeypatch, port):
    with pytest.raises(SettingsError) as refused:
        given(monkeypatch, SIMULATOR_PORT=port)

    assert [line.split(":")[0].strip() for line in str(refused.value).splitlines()[1:]] == ["SIMULATOR_PORT"]


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("postgresql://u:hidden-word@host/x", "postgresql\\+psycopg://"),
        ("postgresql+psycopg://u:hidden-word@host", "must name a database"),
        ("postgresql+psycopg://u:hidden-word@host:port/x", "is the port a number"),
        ("postgresql+psycopg://u:hidden-word/more@host/x", "%40 and so on|%2F|is no URL"),
        ("postgresql+psycopg://u:hidden-word@host/x#y", "%23"),
        ("postgresql+psycopg://u:first@hidden-word@host/x", "%40"),
    ],
)
def test_a_malformed_url_of_a_server_is_told_without_its_password(monkeypatch, url, says):
    with pytest.raises(SettingsError, match=says) as refused:
        given(monkeypatch, DATABASE_URL=url)

    assert "hidden-word" not in str(refused.value)


@pytest.mark.parametrize(
    "url",
    [
        "sqlite:///", "sqlite:///:memory:", "sqlite:///?x=1", "sqlite://", "x",
        "sqlite:///file::memory:?uri=true", "sqlite:///file:dailies?mode=memory&uri=true",
    ],
)  # fmt: skip
def test_a_database_that_would_forget_everything_is_refused(monkeypatch, url):
    with pytest.raises(SettingsError, match="DATABASE_URL"):
        given(monkeypatch, DATABASE_URL=url)


# -- read -------------------------------------------------------------------------------------


def test_an_empty_variable_counts_as_not_given(monkeypatch):
    settings = given(monkeypatch, PORT="", FETCH_ALLOW="", FAL_KEY="", PUBLIC_URL="", LEASE_S="")

    assert (settings.port, settings.public_url, settings.lease_s) == (8787, "http://127.0.0.1:8787", 15.0)


def test_addresses_lose_the_slash_at_their_end(monkeypatch):
    assert given(monkeypatch, PUBLIC_URL=" https://studio.example/dailies/ ").public_url == (
        "https://studio.example/dailies"
    )


def test_hosts_and_networks_may_be_allowed_for_fetching(monkeypatch):
    settings = given(
        monkeypatch, FAL_KEY="id:key", FETCH_ALLOW=" cdn.example , 10.0.0.0/8,[::1]:9000, 127.0.0.1:80,"
    )

    assert settings.fetch_allow == ("cdn.example", "10.0.0.0/8", "[::1]:9000", "127.0.0.1:80")


def test_database_files_and_parts_lie_in_the_data_folder_unless_said_otherwise(monkeypatch, tmp_path):
    settings = given(monkeypatch, DATA_DIR=str(tmp_path / "here"))

    assert settings.resolved_database_url == f"sqlite:///{tmp_path}/here/dailies.db"
    assert settings.resolved_storage_url == f"file://{tmp_path}/here/media"
    assert settings.parts_dir == tmp_path / "here" / "parts"

    moved = given(monkeypatch, DATABASE_URL="sqlite:////srv/x.db", STORAGE_URL="file:///srv/films")
    assert moved.resolved_database_url == "sqlite:////srv/x.db"
    assert moved.resolved_storage_url == "file:///srv/films"


def test_settings_come_from_the_env_file_and_the_environment_wins(monkeypatch, tmp_path):
    (tmp_path / ".env").write_text("PORT=9001\nDASHBOARD_PORT=9002\nUNKNOWN=1\nFAL_KEY=\n")
    monkeypatch.setitem(Settings.model_config, "env_file", str(tmp_path / ".env"))
    monkeypatch.setenv("PORT", "9003")

    settings = load_settings()

    assert (settings.port, settings.dashboard_port, settings.is_demo) == (9003, 9002, True)


def test_an_env_file_that_is_no_text_stops_the_start_with_one_message(monkeypatch, tmp_path):
    monkeypatch.setitem(Settings.model_config, "env_file", str(tmp_path / ".env"))
    (tmp_path / ".env").write_bytes("FAL_KEY=caf\xe9".encode("latin-1"))
    with pytest.raises(SettingsError, match=r"(?s)stop the start.*\.env: can't be read") as told:
        load_settings()
    assert "caf" not in str(told.value)


# -- demo -------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", [None, "", "  "])
def test_without_a_key_everything_goes_to_the_simulator(monkeypatch, key):
    if key is not None:
        monkeypatch.setenv("FAL_KEY", key)
    settings = given(monkeypatch, FETCH_ALLOW="cdn.example")

    assert settings.is_demo
    assert settings.fal_key.get_secret_value() == DEMO_KEY
    assert {settings.fal_queue_url, settings.fal_rest_url, settings.fal_api_url} == {"http://127.0.0.1:8788"}
    assert settings.fetch_allow == ("cdn.example", "127.0.0.1:8788")
    assert settings.first_poll_delay_s == 60.0


def test_the_simulator_may_listen_elsewhere(monkeypatch):
    settings = given(monkeypatch, SIMULATOR_PORT="9999")

    assert settings.fal_queue_url == "http://127.0.0.1:9999"
    assert settings.fetch_allow == ("127.0.0.1:9999",)


def test_with_a_key_everything_goes_to_fal_and_no_private_address_is_fetched(monkeypatch):
    settings = given(monkeypatch, FAL_KEY="id:secret")

    assert not settings.is_demo
    assert settings.fal_queue_url == "https://queue.fal.run"
    assert settings.fal_rest_url == "https://rest.fal.ai"
    assert settings.fal_api_url == "https://api.fal.ai"
    assert settings.fetch_allow == ()


@pytest.mark.parametrize(
    ("public_url", "reached"),
    [
        ("https://studio.example.com", True), ("https://8.8.8.8", True), ("http://studio.example.com", False),
        ("https://127.0.0.1", False), ("https://localhost", False), ("https://192.168.1.5", False),
        ("https://studio", False), ("https://studio.local", False), ("https://[::1]", False),
        ("https://studio.internal", False), ("http://127.0.0.1:8787", False),
    ],
)  # fmt: skip
def test_fal_is_polled_early_where_it_refuses_our_webhook_address(monkeypatch, public_url, reached):
    settings = given(monkeypatch, FAL_KEY="id:secret", PUBLIC_URL=public_url)

    assert settings.webhooks_reach_us is reached
    assert settings.first_poll_delay_s == (60.0 if reached else 5.0)
    assert given(monkeypatch, FIRST_POLL_S="7").first_poll_delay_s == 7.0


@pytest.mark.parametrize(
    ("host", "here"),
    [
        ("127.0.0.1", True), ("127.8.8.8", True), ("::1", True), ("[::1]", True), ("localhost", True),
        ("0.0.0.0", False), ("::", False), ("", False), (None, False), ("10.0.0.1", False),
        ("localhost.example.com", False), ("127.0.0.1.example.com", False),
    ],
)  # fmt: skip
def test_loopback_is_told_from_what_only_looks_like_it(host, here):
    assert is_loopback(host) is here


# -- the secret -------------------------------------------------------------------------------


def test_the_secret_is_made_on_the_first_start_and_kept_for_its_owner_alone(tmp_path):
    first, again = load_settings(), load_settings()

    kept = tmp_path / "data" / "secret_key"
    assert first.secret_key.get_secret_value() == again.secret_key.get_secret_value() == kept.read_text()
    assert len(kept.read_text()) >= 64
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert [path.name for path in kept.parent.iterdir()] == ["secret_key"]


def test_a_secret_that_was_given_is_not_kept(monkeypatch, tmp_path):
    settings = given(monkeypatch, SECRET_KEY="given-by-the-operator")

    assert settings.secret_key.get_secret_value() == "given-by-the-operator"
    assert not (tmp_path / "data" / "secret_key").exists()


@pytest.mark.parametrize("kept", [b"", b"\n", b"short", b"\xff"])
def test_a_damaged_secret_file_signs_nothing(tmp_path, kept):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "secret_key").write_bytes(kept)

    with pytest.raises(SettingsError, match=r"SECRET_KEY: .*secret_key holds no whole secret"):
        load_settings()


def test_a_secret_file_that_is_a_link_to_nothing_stops_the_start(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "secret_key").symlink_to(tmp_path / "not-mounted")

    with pytest.raises(SettingsError, match="secret_key in it is a link to nothing"):
        load_settings()


def test_eight_processes_that_start_at_once_agree_on_one_secret(tmp_path):
    program = (
        "import sys; from backend.settings import load_settings; print('ready', flush=True);"
        "sys.stdin.readline();"
        "print(load_settings().secret_key.get_secret_value())"
    )
    environment = {**os.environ, "DATA_DIR": str(tmp_path / "data")}
    started = [
        subprocess.Popen(
            [sys.executable, "-c", program],
            cwd=ROOT, env=environment, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )
        for _ in range(8)
    ]  # fmt: skip
    assert all(process.stdout and process.stdout.readline() == "ready\n" for process in started)

    for process in started:
        assert process.stdin
        process.stdin.write("\n")
        process.stdin.flush()
    said = {process.communicate(timeout=30)[0].strip() for process in started}

    assert len(said) == 1
    assert said == {(tmp_path / "data" / "secret_key").read_text()}
