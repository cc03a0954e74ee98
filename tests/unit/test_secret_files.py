"""Secrets from files: NAME_FILE for NAME, read once, told of together, and never shown."""

from pathlib import Path

import pytest

from backend.domain.errors import SettingsError
from backend.secret_files import SECRET_MAX_BYTES, allows_file
from backend.settings import Settings, load_settings

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
    assert CANARY not in str(error.value)
    return str(error.value)


def test_every_secret_and_nothing_else_may_come_from_a_file_and_loses_the_end_of_its_line(kept):
    kept("FAL_KEY", "\ufeff'Key id:of-the-file'\r\n")
    kept("SECRET_KEY", "  signing-key-of-the-file \r\n\n")
    kept("BLACKBOX_API_KEY", "Bearer sk-of-the-file\n")
    kept("DATABASE_URL", "sqlite:////srv/of-the-file.db\n")

    settings = load_settings()

    secrets = [settings.fal_key, settings.secret_key, settings.blackbox_api_key]
    read = ["id:of-the-file", "signing-key-of-the-file", "sk-of-the-file"]
    assert [secret.get_secret_value() for secret in secrets] == read
    assert settings.resolved_database_url == "sqlite:////srv/of-the-file.db"
    assert not settings.is_demo
    named = {name for name, field in Settings.model_fields.items() if allows_file(name, field)}
    assert named >= {"fal_key", "secret_key", "blackbox_api_key", "database_url"}
    assert not named & {"data_dir", "port", "public_url", "fal_user_id", "storage_url"}


def test_a_secret_given_twice_is_refused_by_both_names_and_an_empty_name_gives_nothing(
    kept, monkeypatch, tmp_path
):
    path, env_file = kept("FAL_KEY", CANARY), tmp_path / ".env"
    twice = "FAL_KEY: is given twice, as FAL_KEY and as FAL_KEY_FILE"
    with monkeypatch.context() as besides:
        besides.setenv("FAL_KEY", f"id:{CANARY}")
        assert twice in refused()

    monkeypatch.setitem(Settings.model_config, "env_file", str(env_file))
    env_file.write_text(f"FAL_KEY=id:{CANARY}\n")
    assert twice in refused()
    monkeypatch.delenv("FAL_KEY_FILE")
    env_file.write_text(f"FAL_KEY=\nFAL_KEY_FILE={path}\nSECRET_KEY_FILE=\n")
    assert load_settings().fal_key.get_secret_value() == CANARY


def test_a_file_that_holds_no_secret_is_named_without_what_it_holds(kept):
    for content, why in (
        (b"", "is empty"), (b" \n\t\n", "is empty"), (b"\xff\xfe", "holds no text"),
        (f"{CANARY}\n{CANARY}\n", "more than one line"), (f"{CANARY}\0", "more than one line"),
        ("k" * (SECRET_MAX_BYTES + 1), "more than one line"),
    ):  # fmt: skip
        path = kept("FAL_KEY", content)
        assert f"FAL_KEY: FAL_KEY_FILE names {path}, which" in refused()
        assert why in refused()


def test_files_are_told_of_together_with_every_other_setting_and_checked_like_any_value(
    kept, monkeypatch, tmp_path
):
    monkeypatch.setenv("FAL_KEY_FILE", str(tmp_path / "nowhere"))
    monkeypatch.setenv("BLACKBOX_API_KEY_FILE", str(tmp_path))
    monkeypatch.setenv("PORT", "eighty")
    kept("SECRET_KEY", "short")
    kept("DATABASE_URL", f"mysql://user:{CANARY}@db/x")

    said = refused()

    for line in (
        f"FAL_KEY: FAL_KEY_FILE names {tmp_path / 'nowhere'}, which can't be read (No such file",
        f"BLACKBOX_API_KEY: BLACKBOX_API_KEY_FILE names {tmp_path}, which can't be read (Is a directory",
        "PORT: ",
        "SECRET_KEY: is too short",
        "DATABASE_URL: must start with",
    ):
        assert line in said


@pytest.mark.parametrize("by_file", [False, True], ids=["variables", "files"])
def test_secrets_are_never_shown(kept, monkeypatch, by_file):
    given = {"FAL_KEY": f"id:{CANARY}", "SECRET_KEY": CANARY, "DATABASE_URL": f"sqlite:////srv/{CANARY}.db"}
    for name, value in given.items():
        (kept if by_file else monkeypatch.setenv)(name, value)
    settings = load_settings()
    assert CANARY in settings.resolved_database_url
    for shown in (repr(settings), str(settings), settings.model_dump_json()):
        assert CANARY not in shown
