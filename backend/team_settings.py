"""The settings of the team: who comes, by which way, for how long, and what they see."""

import getpass
import re
from collections.abc import Mapping
from enum import StrEnum
from functools import partial
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationInfo, field_validator
from pydantic_settings import NoDecode

from backend.addresses import base_url
from backend.budget_settings import BudgetSettings
from backend.domain.access.role_rules import RoleRules, parse_rules
from backend.login_settings import LoginProvider, name_fault, split_names

#: Who sits at a machine whose account has no name.
NAMELESS = "local"
#: A shorter secret is found by trying; doctor wants twice as many.
PROXY_SECRET_MIN_CHARS = 8
#: The header in which a proxy says who comes, unless another one is named. Source: oauth2-proxy.
USUAL_PROXY_HEADER = "X-Forwarded-Email"
#: Headers that mean something else, in lower case.
_OTHER_HEADERS = frozenset({"x-dailies-proxy", "x-dailies-viewer", "authorization", "cookie", "host"})
_HEADER = re.compile(r"[A-Za-z0-9-]{1,100}")


class TakesVisible(StrEnum):
    """Whose takes a creator sees."""

    TEAM = "team"
    OWN = "own"


class LoginProxy(StrEnum):
    """A proxy in front that knows who comes, by the way in which it says so."""

    HEADER = "header"
    CLOUDFLARE = "cloudflare"
    IAP = "iap"


#: Who signs the assertions of Google IAP. Source: Google Cloud, "Securing your app with signed headers".
IAP_ISSUER = "https://cloud.google.com/iap"


def account_name() -> str:
    """The name of the account that runs this; `NAMELESS` where it has none, as in some containers."""
    try:
        return getpass.getuser().strip() or NAMELESS
    except (KeyError, OSError, ImportError):
        return NAMELESS


def _names(value: str | tuple[str, ...]) -> tuple[str, ...]:
    return split_names(value) if isinstance(value, str) else value


class TeamSettings(BudgetSettings):
    """A part of `Settings`. Each is checked by what stands before it."""

    local_name: str = Field(default_factory=account_name, max_length=64)  #: who sits here, without logins
    takes_visible: TakesVisible = TakesVisible.TEAM
    session_hours: float = Field(12.0, gt=0, le=24 * 31)
    session_idle_hours: float = Field(4.0, gt=0, le=24 * 31)
    #: the dashboard's own address; empty: nobody signs in here
    login_base_url: Annotated[str, AfterValidator(partial(base_url, secure=True))] = ""
    login_roles: str = ""
    login_proxy: LoginProxy | None = None
    login_providers: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_names)] = Field(
        (), validate_default=True
    )
    #: by their names, all of `login_providers`
    login_provider_settings: Annotated[Mapping[str, LoginProvider], NoDecode] = {}
    login_proxy_secret: SecretStr = Field(SecretStr(""), validate_default=True)
    login_proxy_header: str = USUAL_PROXY_HEADER
    login_proxy_audience: str = Field("", validate_default=True)
    login_proxy_issuer: str = Field("", validate_default=True)
    trash_days: float = Field(30.0, ge=0, le=36500)  #: so long a take in the trash keeps its files
    audit_keep_days: int | None = Field(None, ge=1, le=36500)  #: None: for ever
    rate_calls_a_minute: int = Field(30_000, ge=0)  #: of one token, in each process of the sidecar; 0: any
    rate_starts_a_minute: int = Field(20_000, ge=0)  #: the same of starts alone

    @property
    def has_logins(self) -> bool:
        """Must whoever comes to the dashboard be somebody? Else it is this machine's own."""
        return bool(self.login_providers or self.login_proxy)

    @property
    def role_rules(self) -> RoleRules:
        """`LOGIN_ROLES`, read."""
        return parse_rules(self.login_roles)

    @field_validator("login_providers")
    @classmethod
    def _providers(cls, value: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        faults = [fault for fault in map(name_fault, value) if fault]
        faults += [f"{name} is named twice" for name in dict.fromkeys(value) if value.count(name) > 1]
        if value and info.data.get("login_base_url") == "":
            faults.append("LOGIN_BASE_URL must say the dashboard's own address, to which people come back")
        proxy = info.data.get("login_proxy")
        if not value and info.data.get("login_base_url") and "login_proxy" in info.data and not proxy:
            faults.append("names nobody who could sign people in, although LOGIN_BASE_URL is set")
        if faults:
            raise ValueError("; ".join(faults))
        return value

    @field_validator("login_roles")
    @classmethod
    def _roles(cls, value: str) -> str:
        parse_rules(value)
        return value

    @field_validator("login_proxy", mode="before")
    @classmethod
    def _which_proxy(cls, value: Any) -> Any:
        return value.strip().lower() if isinstance(value, str) else value

    @field_validator("login_proxy_secret")
    @classmethod
    def _proxy_secret(cls, value: SecretStr, info: ValidationInfo) -> SecretStr:
        secret = value.get_secret_value()
        _check_needed(bool(secret), info, LoginProxy.HEADER)
        if secret and (
            len(secret) < PROXY_SECRET_MIN_CHARS or not secret.isascii() or not secret.isprintable()
        ):
            raise ValueError(
                f"must be at least {PROXY_SECRET_MIN_CHARS} characters of ASCII, as a header can hold them"
            )
        return value

    @field_validator("login_proxy_header")
    @classmethod
    def _proxy_header(cls, value: str) -> str:
        if not _HEADER.fullmatch(value) or value.lower() in _OTHER_HEADERS:
            raise ValueError(f"must be the name of a header of its own, like {USUAL_PROXY_HEADER}")
        return value

    @field_validator("login_proxy_audience")
    @classmethod
    def _proxy_audience(cls, value: str, info: ValidationInfo) -> str:
        _check_needed(bool(value), info, LoginProxy.CLOUDFLARE, LoginProxy.IAP)
        return value

    @field_validator("login_proxy_issuer")
    @classmethod
    def _proxy_issuer(cls, value: str, info: ValidationInfo) -> str:
        value = value.rstrip("/")
        if not value and info.data.get("login_proxy") is LoginProxy.IAP:
            return IAP_ISSUER
        _check_needed(bool(value), info, LoginProxy.CLOUDFLARE, LoginProxy.IAP)
        return base_url(value, secure=True)


def _check_needed(given: bool, info: ValidationInfo, *ways: LoginProxy) -> None:
    """Refuse what is missing by LOGIN_PROXY's way, and what says something although there is no such way."""
    if "login_proxy" not in info.data:
        return  # it is told of itself
    proxy = info.data["login_proxy"]
    if proxy in ways and not given:
        raise ValueError(f"is missing: LOGIN_PROXY={proxy} needs it")
    if given and proxy is None:
        raise ValueError(f"says nothing without LOGIN_PROXY ({' or '.join(ways)})")
