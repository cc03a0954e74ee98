"""Settings: read together, refused together, with a demo for who has no key and a secret made once."""

import os
import re
import stat
import threading
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import make_url

from backend.domain.errors import SettingsError
from backend.domain.place import file_url, normalize_storage_url, path_of
from backend.settings import DEMO_KEY, Settings, is_loopback, load_settings
from tests.waiting import PATIENCE_S
from tests.world import at_once

#: name -> (a value that is refused, a word of what is said about it)
WRONG = {
    "DATABASE_URL": ("mysql://x", "sqlite:///"),
    "STORAGE_URL": ("ftp://x", "file:///"),
    "PUBLIC_URL": ("example.com", "http://"),
    "MEDIA_URL": ("javascript:alert(1)", "http://"),
    "PORT": ("eighty", "integer"),
    "DASHBOARD_PORT": ("65536", "65535"),
    "OPEN_DASHBOARD": ("perhaps", "boolean"),
    "SECRET_KEY": ("hunter2", "16"),
    "FAL_QUEUE_URL": ("https://", "http://"),
    "FAL_REST_URL": ("https://user:hunter2@rest.fal.ai", "base URL"),
    "FAL_API_URL": ("https://api.fal.ai?x=1", "base URL"),
    "FETCH_ALLOW": ("good.example, bad host", "bad host"),
    "SWEEP_INTERVAL_S": ("0", "greater than 0"),
    "LEASE_S": ("2", "greater than or equal to 3"),
    "FIRST_POLL_S": ("-1", "greater than 0"),
    "BUDGET_UNKNOWN_USD": ("-1", "greater than or equal to 0"),
    "TIME_ZONE": ("Europe/Berlyn", "IANA name"),
}


def given(monkeypatch: pytest.MonkeyPatch, **values: str) -> Settings:
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    return load_settings()


def faults(monkeypatch: pytest.MonkeyPatch, **values: str) -> dict[str, str]:
    """name -> the line that says what is wrong with it; none repeats what may be secret."""
    with pytest.raises(SettingsError) as refused:
        given(monkeypatch, **values)
    assert "hunter2" not in str(refused.value)
    return {line.split(":")[0].strip(): line for line in str(refused.value).splitlines()[1:]}


def test_one_message_names_every_setting_at_fault_and_what_is_wrong(monkeypatch):
    lines = faults(monkeypatch, **{name: value for name, (value, _) in WRONG.items()})
    assert set(lines) == set(WRONG)
    for name, (_, word) in WRONG.items():
        assert word in lines[name], lines[name]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *((name, value) for name, (value, _) in WRONG.items()),
        *(("PUBLIC_URL", value)
          for value in ("http://[::1", "http://x:99999", "http://x:port", "//x", "http:///x")),
        *(("FETCH_ALLOW", f"good.example,{value}")
          for value in ("a/b", "10.0.0.0/99", "host:port", "-x", "x:123456", "http://x", "a b")),
        *(("STREAMLIT_SERVER_BASE_URL_PATH", value) for value in ("https://x", "a b", "a//b", "ä", "a?b")),
        *(("FRAME_ANCESTORS", value)
          for value in ("none self", "https://a.example;script-src", "javascript:", "*", "a b://c", ",")),
        ("DATA_DIR", "/dev/null/data"),
        *(("SIMULATOR_PORT", value) for value in ("abc", "0", "65536", "８７", "-1")),
        # These would forget everything.
        *(("DATABASE_URL", value)
          for value in ("sqlite:///", "sqlite:///:memory:", "sqlite:///?x=1", "sqlite://", "x",
                        "sqlite:///file::memory:?uri=true", "sqlite:///file:dailies?mode=memory&uri=true",
                        "sqlite:///%3Amemory%3A", "sqlite:////srv/what?/x.db", "mysql+pymysql://h/n")),
    ],
)  # fmt: skip
def test_what_can_not_be_used_is_refused_by_the_name_of_its_setting_alone(monkeypatch, name, value):
    assert list(faults(monkeypatch, **{name: value})) == [name]


@pytest.mark.parametrize(
    ("url", "says"),
    [("+psycopg://u:hunter2@host", "must name a database"), ("://u:hunter2@host", "must name a database"),
     ("+psycopg://u:hunter2@host:port/x", "is the port a number"),
     ("+psycopg://u:hunter2/more@host/x", "%40 and so on|%2F|is no URL"),
     ("+psycopg://u:hunter2@host/x#y", "%23"), ("+psycopg://u:first@hunter2@host/x", "%40")],
)  # fmt: skip
def test_a_malformed_url_of_a_server_is_told_without_its_password(monkeypatch, url, says):
    assert re.search(says, faults(monkeypatch, DATABASE_URL=f"postgresql{url}")["DATABASE_URL"])


@pytest.mark.parametrize("name", ["FAL_KEY", "BLACKBOX_API_KEY"])
@pytest.mark.parametrize(
    "pasted",
    ["{}", " {}\n", "\u00a0{}\u3000\r\n", '"{}"', "'{}'\n", "“{}”", "`{}`", "«{}»", '"{}', "{}'",
     "Key {}", "Bearer {}", "bearer\t{}\n", '"Key {}"', "Key '{}'", "Authorization: Key {}\n", '" Key  {} "'],
)  # fmt: skip
def test_a_key_is_read_without_what_was_pasted_around_it(monkeypatch, name, pasted):
    settings = given(monkeypatch, **{"FAL_KEY": "id:other", name: pasted.format("Key1d:s3cr'et/=")})
    assert getattr(settings, name.lower()).get_secret_value() == "Key1d:s3cr'et/="
    assert not settings.is_demo


@pytest.mark.parametrize("nothing", [" ", '""', "''\n", '" "', "“”"])
def test_a_key_of_which_nothing_is_left_is_none(monkeypatch, nothing):
    settings = given(monkeypatch, FAL_KEY=nothing, PORT=nothing)
    assert (settings.is_demo, settings.port) == (True, 8787)


@pytest.mark.parametrize(
    ("names", "pasted", "said"),
    [(("FAL_KEY", "BLACKBOX_API_KEY", "AWS_ACCESS_KEY_ID", "AWS_SESSION_TOKEN"), f"hun{char}ter2", what)
     for char, what in (
        ("\u200b", "no header may hold (U+200B, zero width space, at character 4)"),
        ("\ufeff", "no header may hold (U+FEFF, zero width no-break space, at character 4)"),
        ("é", "no header may hold (U+00E9"), ("\n", "no header may hold (U+000A, a control character"),
        ("\x7f", "no header may hold (U+007F"), ("🗝", "no header may hold (U+1F5DD"))]
    + [(("AWS_SECRET_ACCESS_KEY",), "hun\u200bter2", "that nobody sees (U+200B")],
)  # fmt: skip
def test_a_key_that_no_header_can_hold_stops_the_start_by_its_name_alone(monkeypatch, names, pasted, said):
    lines = faults(monkeypatch, **dict.fromkeys(names, pasted))
    assert list(lines) == sorted(names, key=[name.upper() for name in Settings.model_fields].index)
    for line in lines.values():
        assert said in line
        assert not {"hun", "ter2"} & set(re.findall(r"\w+", line))


def test_every_other_setting_is_read_without_quotes_blanks_and_what_nobody_sees(monkeypatch, tmp_path):
    settings = given(
        monkeypatch, PORT='"9001"', PUBLIC_URL=" 'https://a.example/\u200b'\n", FAL_USER_ID="\ufeff“me”\n",
        SECRET_KEY='"given-by-the-operator"\n', FETCH_ALLOW='"a.example, b.example"', LEASE_S="\t20\n",
        DATA_DIR=f'"{tmp_path}/my films"\n', AWS_SECRET_ACCESS_KEY="'schön'", OPEN_DASHBOARD="'1'",
    )  # fmt: skip
    assert (settings.port, settings.public_url, settings.fal_user_id, settings.open_dashboard) == (
        9001, "https://a.example", "me", True,
    )  # fmt: skip
    assert settings.secret_key.get_secret_value() == "given-by-the-operator"
    assert (settings.fetch_allow[:2], settings.lease_s) == (("a.example", "b.example"), 20)
    assert settings.data_dir == tmp_path / "my films"
    assert settings.aws_secret_access_key.get_secret_value() == "schön"


@pytest.mark.parametrize(
    "scheme", ["postgres", "postgresql", "postgresql+psycopg", "postgresql+psycopg2", "Postgres"]
)
def test_a_server_is_meant_by_every_name_that_people_have_for_it(monkeypatch, scheme):
    settings = given(
        monkeypatch, DATABASE_URL=f" '{scheme}://u:p%40w@db.example:5433/takes?sslmode=require'\n"
    )
    read = make_url(settings.resolved_database_url)
    assert (read.drivername, read.username, read.password) == ("postgresql+psycopg", "u", "p@w")
    assert (read.host, read.port, read.database) == ("db.example", 5433, "takes")
    assert dict(read.query) == {"sslmode": "require"}


@pytest.mark.parametrize(
    "name",
    ["a%2Fb", "a%20b", "two words ", "Früh", "what?x=1", "a#b", "100%", "+", "%", "a%3Fb", ":memory:", "x@y"],
)
def test_a_data_folder_may_have_any_name_and_holds_all_that_nobody_puts_elsewhere(
    monkeypatch, tmp_path, name
):
    settings = given(monkeypatch, DATA_DIR=str(tmp_path / name))
    assert make_url(settings.resolved_database_url).database == str(tmp_path / name / "dailies.db")
    assert path_of(settings.resolved_storage_url) == tmp_path / name / "media"
    assert settings.parts_dir == tmp_path / name / "parts"
    assert normalize_storage_url(f"{settings.resolved_storage_url}/ ") == settings.resolved_storage_url
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_storage_url_is_read_as_a_url_and_has_one_spelling(monkeypatch):
    for given_url, folder in (
        ("file:///srv/my films/", "/srv/my films"), ("file:///srv/my%20films", "/srv/my films"),
        ("file:///srv/a%2525", "/srv/a%25"), ("'file:///srv/was%3F'", "/srv/was?"),
    ):  # fmt: skip
        url = given(monkeypatch, STORAGE_URL=given_url).resolved_storage_url
        assert (path_of(url), file_url(path_of(url))) == (Path(folder), url)


SIMULATED = dict.fromkeys(("fal_queue_url", "fal_rest_url", "fal_api_url"), "http://127.0.0.1:8788")
DEMO = {**SIMULATED, "is_demo": True, "first_poll_delay_s": 60.0, "fetch_allow": ("127.0.0.1:8788",)}


@pytest.mark.parametrize(
    ("variables", "read"),
    [
        (dict.fromkeys(("PORT", "FETCH_ALLOW", "FAL_KEY", "PUBLIC_URL", "LEASE_S"), ""),
         {"port": 8787, "public_url": "http://127.0.0.1:8787", "lease_s": 15.0, **DEMO}),
        ({"PUBLIC_URL": " https://studio.example/dailies/ "}, {"public_url": "https://studio.example/dailies"}),
        ({"DATABASE_URL": "sqlite:////srv/x.db", "STORAGE_URL": "file:///srv/films"},
         {"resolved_database_url": "sqlite:////srv/x.db", "resolved_storage_url": "file:///srv/films"}),
        ({"FAL_KEY": "id:key", "FETCH_ALLOW": " cdn.example , 10.0.0.0/8,[::1]:9000, 127.0.0.1:80,"},
         {"fetch_allow": ("cdn.example", "10.0.0.0/8", "[::1]:9000", "127.0.0.1:80")}),
        ({"STREAMLIT_SERVER_BASE_URL_PATH": " /studio/dailies/ "},
         {"streamlit_server_base_url_path": "studio/dailies"}),
        ({}, {"frame_ancestors": ("'self'",)}),
        ({"FRAME_ANCESTORS": "none"}, {"frame_ancestors": ("'none'",)}),
        ({"FRAME_ANCESTORS": " 'self', https://Intranet.example/home *.example.org:8443 self "},
         {"frame_ancestors": ("'self'", "https://intranet.example", "*.example.org:8443")}),
        # Without a key everything goes to the simulator, wherever it listens.
        ({}, DEMO), ({"FAL_KEY": "  "}, DEMO),
        ({"FETCH_ALLOW": "cdn.example"}, {**DEMO, "fetch_allow": ("cdn.example", "127.0.0.1:8788")}),
        ({"SIMULATOR_PORT": "9999"},
         {"fal_queue_url": "http://127.0.0.1:9999", "fetch_allow": ("127.0.0.1:9999",)}),
        # With a key everything goes to fal, and no private address is fetched.
        ({"FAL_KEY": "id:secret"},
         {"fal_queue_url": "https://queue.fal.run", "fal_rest_url": "https://rest.fal.ai",
          "fal_api_url": "https://api.fal.ai", "is_demo": False, "fetch_allow": ()}),
    ],
)  # fmt: skip
def test_settings_are_what_the_environment_says(monkeypatch, variables, read):
    settings = given(monkeypatch, **variables)
    assert {name: getattr(settings, name) for name in read} == read
    assert (settings.fal_key.get_secret_value() == DEMO_KEY) is settings.is_demo


def test_settings_come_from_the_env_file_and_the_environment_wins(monkeypatch, tmp_path):
    env_file = tmp_path / ".env"
    monkeypatch.setitem(Settings.model_config, "env_file", str(env_file))
    env_file.write_text("PORT=9001\nDASHBOARD_PORT=9002\nUNKNOWN=1\nFAL_KEY=\n")
    settings = given(monkeypatch, PORT="9003")
    assert (settings.port, settings.dashboard_port, settings.is_demo) == (9003, 9002, True)

    env_file.write_text("\ufeffFAL_KEY=Key id:of-a-notepad\r\nPORT='9004'\r\n", "utf-8")
    monkeypatch.delenv("PORT")
    settings = load_settings()
    assert (settings.fal_key.get_secret_value(), settings.port) == ("id:of-a-notepad", 9004)

    env_file.write_bytes("FAL_KEY=hunter2\xe9".encode("latin-1"))
    with pytest.raises(SettingsError, match=r"(?s)stop the start.*\.env: can't be read") as told:
        load_settings()
    assert "hunter2" not in str(told.value)


@pytest.mark.parametrize(
    ("public_url", "reached"),
    [*((f"https://{host}", True) for host in ("studio.example.com", "8.8.8.8")),
     *((f"https://{host}", False) for host in ("127.0.0.1", "localhost", "192.168.1.5", "[::1]", "studio",
                                               "studio.local", "studio.internal")),
     ("http://studio.example.com", False), ("http://127.0.0.1:8787", False)],
)  # fmt: skip
def test_fal_is_polled_early_where_it_refuses_our_webhook_address(monkeypatch, public_url, reached):
    settings = given(monkeypatch, FAL_KEY="id:secret", PUBLIC_URL=public_url)
    assert settings.webhooks_reach_us is reached
    assert settings.first_poll_delay_s == (60.0 if reached else 5.0)
    assert given(monkeypatch, FIRST_POLL_S="7").first_poll_delay_s == 7.0


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "[::1]", "localhost"])
def test_loopback_is_told_from_what_only_looks_like_it(host):
    assert is_loopback(host)
    for other in ("0.0.0.0", "::", "", None, "10.0.0.1", f"{host}.example.com"):
        assert not is_loopback(other), other


def test_the_secret_is_made_on_the_first_start_and_kept_for_its_owner_alone(monkeypatch, tmp_path):
    kept = tmp_path / "data" / "secret_key"
    assert given(monkeypatch, SECRET_KEY="given-by-the-operator").secret_key.get_secret_value() == (
        "given-by-the-operator"
    )
    assert not kept.exists()

    monkeypatch.delenv("SECRET_KEY")
    first, again = load_settings(), load_settings()
    assert first.secret_key.get_secret_value() == again.secret_key.get_secret_value() == kept.read_text()
    assert len(kept.read_text()) >= 64
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert [path.name for path in kept.parent.iterdir()] == ["secret_key"]


@pytest.mark.parametrize("kept", [b"", b"\n", b"short", b"\xff", None])
def test_a_secret_file_that_is_damaged_or_a_link_to_nothing_signs_nothing(tmp_path, kept):
    path = tmp_path / "data" / "secret_key"
    path.parent.mkdir()
    path.symlink_to(tmp_path / "not-mounted") if kept is None else path.write_bytes(kept)
    said = "in it is a link to nothing" if kept is None else "holds no whole secret"
    with pytest.raises(SettingsError, match=f"secret_key {said}"):
        load_settings()


def test_eight_that_start_at_once_agree_on_one_secret(tmp_path, monkeypatch):
    """Each has found none before any of them makes one; then they do, one after the other."""
    all_here, alone, real = threading.Barrier(8), threading.Lock(), os.open

    def open_alone(*asked: Any) -> int:
        all_here.wait(PATIENCE_S)
        alone.acquire()
        return real(*asked)

    def start(_: int) -> str:
        secret = load_settings(data_dir=tmp_path).secret_key.get_secret_value()
        alone.release()
        return secret

    monkeypatch.setattr(os, "open", open_alone)
    assert at_once(8, start) == [(tmp_path / "secret_key").read_text()] * 8
