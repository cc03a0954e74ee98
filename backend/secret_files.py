"""Secrets from files: `NAME_FILE=/path` stands for `NAME=…`, and a secret of our own is made on first start.

Container secrets and systemd credentials come as files.

A file that can't be used becomes an `UnreadableSecret` in the place of the value, so that it is told of
together with every other setting at fault. No message holds what a file holds.
"""

import errno
import os
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import SecretStr
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource

from backend.pasted_settings import unwrap_path

#: Settings that may come from a file although they are no `SecretStr`: an address may hold a password,
#: and half a pair of keys belongs beside its other half.
ALSO_FROM_FILE = frozenset({"database_url", "aws_access_key_id"})
#: No secret is longer, in bytes; what is, is some other file.
SECRET_MAX_BYTES = 64 * 1024


@dataclass(frozen=True)
class UnreadableSecret:
    """Why there is no value. A validator turns it into the setting's own error."""

    why: str


class SecretFilesSource(PydanticBaseSettingsSource):
    """The values of every `NAME_FILE` that is given, for settings that may be secret."""

    def __init__(self, settings_cls: type[BaseSettings], given: Iterable[Mapping[str, str | None]]) -> None:
        super().__init__(settings_cls)
        #: The first that has a name wins, and an empty value counts as not given.
        self._given = [{name.lower(): value for name, value in part.items() if value} for part in given]

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """(the value or None, the setting's name, False: it is plain text)."""
        value = self.find_file(field_name) if allows_file(field_name, field) else None
        return value, field_name, False

    def __call__(self) -> dict[str, Any]:
        """Setting -> its value, for those that are given by a file."""
        fields = self.settings_cls.model_fields.items()
        values = {name: self.get_field_value(field, name)[0] for name, field in fields}
        return {name: value for name, value in values.items() if value is not None}

    def find_file(self, name: str) -> str | UnreadableSecret | None:
        """What the file of this setting holds; None: no file is named."""
        path = self.find_value(f"{name}_file")
        if path is None:
            return None
        upper = name.upper()
        if self.find_value(name) is not None:
            return UnreadableSecret(f"is given twice, as {upper} and as {upper}_FILE; remove one")
        return _secret_in(f"{upper}_FILE", Path(unwrap_path(path)))

    def find_value(self, name: str) -> str | None:
        """This setting's own text, where it has one."""
        return next((part[name] for part in self._given if name in part), None)


def allows_file(name: str, field: FieldInfo) -> bool:
    """May this setting be given as `NAME_FILE`?"""
    return field.annotation in (SecretStr, SecretStr | None) or name in ALSO_FROM_FILE


def _secret_in(name: str, path: Path) -> str | UnreadableSecret:
    """The one line of a file, without white space around it."""
    try:
        with path.open("rb") as file:
            content = file.read(SECRET_MAX_BYTES + 1)
        text = content.decode("utf-8-sig").strip()  # some editors put a mark of the encoding in front
    except OSError as error:
        return UnreadableSecret(f"{name} names {path}, which can't be read ({error.strerror or error})")
    except UnicodeDecodeError:
        return UnreadableSecret(f"{name} names {path}, which holds no text")
    if len(content) > SECRET_MAX_BYTES or len(text.splitlines()) > 1 or "\0" in text:
        why = f"{name} names {path}, which holds more than one line: it must hold the secret alone"
        return UnreadableSecret(why)
    return text or UnreadableSecret(f"{name} names {path}, which is empty")


def load_or_create_secret(path: Path) -> str:
    """The secret in this file; made on first use, so that several processes agree on one.

    The content is written to a file of its own and linked into place: whoever links first wins,
    and nobody ever reads a half-written secret.

    Raises:
        OSError: it can't be read or made.
    """
    if path.is_symlink() and not path.exists():  # nothing can be linked into its place
        raise FileNotFoundError(errno.ENOENT, f"{path.name} in it is a link to nothing", str(path))
    while not path.exists():
        draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w") as file:
            file.write(secrets.token_urlsafe(48))
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(draft, path)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return path.read_text(errors="replace").strip()
