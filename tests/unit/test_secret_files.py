"""Secrets from files: NAME_FILE for NAME, read once, told of together, and never shown."""

import subprocess
import sys
from pathlib import Path

import pytest

from backend.domain.errors import SettingsError
from backend.secret_files import SECRET_MAX_BYTES, allows_file
from backend.settings import Settings, load_settings

ROOT = Path(__file__).parents[2]
CANARY = "canary-that-no-message-may-hold"


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A function that puts content into a file and its path into NAME_FILE."""

    def keep(name: str, content: str | bytes) -> Path:
        path = tmp_path / name.lower()
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        monkeypatch.setenv(f"{name}_FILE", str(path))
        return path

    return keep


def refused() -> str:
    with pytest.raises(SettingsError) as error:
        load_settings()
    return str(error.value)


def test_every_secret_may_come_from_a_file_and_loses_the_end_of_its_line(kept):
    kept("FAL_KEY", "id:of-the-file\n")
    kept("SECRET_KEY", "  signing-key-of-the-file \r\n\n")
    kept("BLACKBOX_API_KEY", "sk-of-the-file")
    kept("DATABASE_URL", "sqlite:////srv/of-the-file.db\n")

    settings = load_settings()

    assert settings.fal_key.get_secret_value() == "id:of-the-file"
    assert settings.secret_key.get_secret_value() == "signing-key-of-the-file"
    assert settings.blackbox_api_key.get_secret_value() == "sk-of-the-file"
    assert settings.resolved_database_url == "sqlite:////srv/of-the-file.db"
    assert not settings.is_demo


def test_all_settings_that_hold_secrets_may_come_from_files_and_no_others():
    named = {name for name, field in Settings.model_fields.items() if allows_file(name, field)}

    assert named >= {"fal_key", "secret_key", "blackbox_api_key", "database_url"}
    assert not named & {"data_dir", "port", "public_url", "fal_user_id", "storage_url"}


def test_a_secret_given_twice_is_refused_by_both_names(kept, monkeypatch):
    kept("FAL_KEY", CANARY)
    monkeypatch.setenv("FAL_KEY", f"id:{CANARY}")

    said = refused()

    assert "FAL_KEY: is given twice, as FAL_KEY and as FAL_KEY_FILE" in said
    assert CANARY not in said


def test_a_secret_in_the_env_file_and_in_a_file_is_given_twice_too(kept, monkeypatch, tmp_path):
    kept("FAL_KEY", CANARY)
    (tmp_path / ".env").write_text(f"FAL_KEY=id:{CANARY}\n")
    monkeypatch.setitem(Settings.model_config, "env_file", str(tmp_path / ".env"))

    assert "given twice" in refused()


def test_the_env_file_may_name_files_and_empty_names_count_as_not_given(monkeypatch, tmp_path):
    (tmp_path / "key").write_text("id:of-the-file\n")
    (tmp_path / ".env").write_text(f"FAL_KEY=\nFAL_KEY_FILE={tmp_path / 'key'}\nSECRET_KEY_FILE=\n")
    monkeypatch.setitem(Settings.model_config, "env_file", str(tmp_path / ".env"))

    assert load_settings().fal_key.get_secret_value() == "id:of-the-file"


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "is empty"),
        (b" \n\t\n", "is empty"),
        (f"{CANARY}\n{CANARY}\n".encode(), "more than one line"),
        (b"k" * (SECRET_MAX_BYTES + 1), "more than one line"),
        (f"{CANARY}\0".encode(), "more than one line"),
        (b"\xff\xfe", "holds no text"),
    ],
)
def test_a_file_that_holds_no_secret_is_named_without_what_it_holds(kept, content, why):
    path = kept("FAL_KEY", content)

    said = refused()

    assert f"FAL_KEY: FAL_KEY_FILE names {path}, which" in said
    assert why in said
    assert CANARY not in said


def test_files_that_cant_be_read_are_told_of_together_with_every_other_setting(monkeypatch, tmp_path):
    monkeypatch.setenv("FAL_KEY_FILE", str(tmp_path / "nowhere"))
    monkeypatch.setenv("DATABASE_URL_FILE", str(tmp_path))
    monkeypatch.setenv("PORT", "eighty")

    said = refused()

    assert f"FAL_KEY: FAL_KEY_FILE names {tmp_path / 'nowhere'}, which can't be read (No such file" in said
    assert f"DATABASE_URL: DATABASE_URL_FILE names {tmp_path}, which can't be read (Is a directory" in said
    assert "PORT: " in said


def test_what_a_file_holds_is_checked_like_any_other_value(kept):
    kept("SECRET_KEY", "short")
    kept("DATABASE_URL", f"mysql://user:{CANARY}@db/x")

    said = refused()

    assert "SECRET_KEY: is too short" in said
    assert "DATABASE_URL: must start with" in said
    assert CANARY not in said


def test_secrets_of_files_are_never_shown(kept):
    kept("FAL_KEY", CANARY)
    kept("SECRET_KEY", CANARY)
    kept("DATABASE_URL", f"sqlite:////srv/{CANARY}.db")

    settings = load_settings()

    assert CANARY in settings.resolved_database_url
    for shown in (repr(settings), str(settings), settings.model_dump_json()):
        assert CANARY not in shown


def test_a_process_started_with_a_bad_file_says_so_in_one_message(tmp_path):
    env = {"PATH": "", "DATA_DIR": str(tmp_path / "data"), "FAL_KEY_FILE": str(tmp_path / "nowhere")}
    done = subprocess.run(
        [sys.executable, "-m", "backend", "migrate"],
        env={**env, "PYTHONPATH": str(ROOT)}, cwd=tmp_path, capture_output=True, text=True, timeout=60,
    )  # fmt: skip

    assert done.returncode == 1
    assert done.stderr.splitlines()[0] == "These settings stop the start:"
    assert "FAL_KEY_FILE" in done.stderr
    assert "Traceback" not in done.stderr
