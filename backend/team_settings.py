"""The settings of the team: who comes, by which way, for how long, and what they see."""

import getpass
from enum import StrEnum
from typing import Annotated

from pydantic import BeforeValidator, Field, SecretStr
from pydantic_settings import NoDecode

from backend.budget_settings import BudgetSettings

#: Who sits at a machine whose account has no name.
NAMELESS = "local"


def _split(value: str | tuple[str, ...]) -> tuple[str, ...]:
    """What is set as "google, okta"."""
    return (
        tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value
    )


class TakesVisible(StrEnum):
    """Whose takes a creator sees."""

    TEAM = "team"
    OWN = "own"


def account_name() -> str:
    """The name of the account that runs this; `NAMELESS` where it has none, as in some containers."""
    try:
        return getpass.getuser().strip() or NAMELESS
    except (KeyError, OSError, ImportError):
        return NAMELESS


class TeamSettings(BudgetSettings):
    """A part of `Settings`."""

    local_name: str = Field(default_factory=account_name, max_length=64)  #: who sits here, without logins
    takes_visible: TakesVisible = TakesVisible.TEAM
    session_hours: float = Field(12.0, gt=0, le=24 * 31)
    session_idle_hours: float = Field(4.0, gt=0, le=24 * 31)
    login_base_url: str = ""  #: the dashboard's own address; empty: no logins
    login_roles: str = ""
    login_proxy: str = ""
    login_proxy_secret: SecretStr = SecretStr("")
    login_proxy_header: str = ""
    login_proxy_audience: str = ""
    login_proxy_issuer: str = ""
    login_providers: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split)] = ()
    audit_keep_days: int | None = Field(None, ge=1, le=36500)  #: None: for ever
