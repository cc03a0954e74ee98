"""The settings of one provider of logins: `LOGIN_<NAME>_ISSUER` and the others, for every name given.

Their names are made of names, so a source of their own reads them, files of secrets included.
"""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator
from pydantic_settings import BaseSettings

from backend.addresses import base_url
from backend.pasted_settings import unwrap_value
from backend.secret_files import SecretFilesSource, UnreadableSecret

#: What every sign-in asks for: who it is, under which name and address.
USUAL_SCOPES = "openid profile email"
#: Names that mean something else: `LOGIN_PROXY_…` are other settings, `/sign-in/back` is where people return.
TAKEN_NAMES = frozenset({"proxy", "back"})

_NAME = re.compile(r"[a-z][a-z0-9_]{0,31}")
#: Issuers of Microsoft's that are everybody's, not one tenant's: anybody could name any address.
_NO_TENANT = frozenset({"common", "organizations", "consumers", "{tenantid}"})


class LoginProvider(BaseModel):
    """A provider of OpenID Connect that people sign in with."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True, extra="forbid")

    name: str
    issuer: str = Field("", validate_default=True)  #: as its tokens name it, to the letter
    client_id: str = Field("", validate_default=True)
    client_secret: SecretStr = Field(SecretStr(""), validate_default=True)
    scopes: str = USUAL_SCOPES  #: with blanks between them
    title: str = ""  #: as the sign-in page calls it
    #: addresses count also where the provider never says whether they are verified
    trust_email: bool = False

    def speaks_for(self, issuer: object) -> bool:
        """Is this its issuer? What another one said under the same name no longer counts."""
        return isinstance(issuer, str) and issuer.rstrip("/") == self.issuer.rstrip("/")

    def model_post_init(self, _: Any) -> None:
        """Without a title, its name is one."""
        if not self.title:
            object.__setattr__(self, "title", self.name.replace("_", " ").title())

    @field_validator("issuer", "client_id", "client_secret", mode="before")
    @classmethod
    def _given(cls, value: Any) -> Any:
        if isinstance(value, UnreadableSecret):
            raise ValueError(value.why)
        if not (value.get_secret_value() if isinstance(value, SecretStr) else value):
            raise ValueError("is missing: LOGIN_PROVIDERS names this provider")
        return value

    @field_validator("issuer")
    @classmethod
    def _issuer(cls, value: str) -> str:
        base_url(value, secure=True)  # kept as it is: its tokens name it to the letter
        parts = urlsplit(value)
        tenant = parts.path.strip("/").partition("/")[0].lower()
        if (parts.hostname or "").endswith("login.microsoftonline.com") and tenant in _NO_TENANT:
            raise ValueError(
                f"must be your own tenant's, https://login.microsoftonline.com/<tenant id>/v2.0: under "
                f"{tenant} anybody's organisation could name any address"
            )
        return value

    @field_validator("scopes")
    @classmethod
    def _scopes(cls, value: str) -> str:
        scopes = value.replace(",", " ").split()
        if "openid" not in scopes:
            raise ValueError(f"must hold openid, as in {USUAL_SCOPES}")
        return " ".join(dict.fromkeys(scopes))


#: The settings of a provider, in lower case, longest first.
FIELDS = tuple(sorted(set(LoginProvider.model_fields) - {"name"}, key=len, reverse=True))
_SETTING = re.compile(rf"login_({_NAME.pattern})_({'|'.join(FIELDS)})")


class LoginProvidersSource(SecretFilesSource):
    """Every `LOGIN_<NAME>_…` of the environment and `.env`, by its name in lower case."""

    def __init__(self, settings_cls: type[BaseSettings], given: list[Mapping[str, str | None]]) -> None:
        super().__init__(settings_cls, given)
        self._names = {name.lower() for part in given for name in part}

    def __call__(self) -> dict[str, Any]:
        """Setting -> its value, whatever providers are named."""
        names = {name for name in self._names if _is_providers(name)}
        secrets = {name[:-5] for name in self._names if name.endswith("_client_secret_file")}
        read = {name: self.find_value(name) for name in names}
        files = {name: self.find_file(name) for name in secrets if _is_providers(name)}
        return {name: value for name, value in {**read, **files}.items() if value is not None}


def gather_providers(values: Mapping[str, Any]) -> dict[str, Any]:
    """The same values; those of the providers that are named in one, `login_provider_settings`.

    What is given of others is left out. A text in `login_providers` that names none is judged by its setting.
    """
    rest = {name: value for name, value in values.items() if not _is_providers(name)}
    named = rest.get("login_providers") or ()
    names = split_names(named) if isinstance(named, str) else named
    found: dict[str, dict[str, Any]] = {name: {"name": name} for name in names if not name_fault(name)}
    for name, provider in found.items():
        for field in FIELDS:
            value = values.get(f"login_{name}_{field}")
            if value not in (None, ""):
                provider[field] = unwrap_value(value) if isinstance(value, str) else value
    return {**rest, "login_provider_settings": found}


def _is_providers(name: str) -> bool:
    """Is this setting, in lower case, one of a provider's? `LOGIN_PROXY_ISSUER` is none."""
    found = _SETTING.fullmatch(name)
    return found is not None and found[1] not in TAKEN_NAMES


def split_names(text: str) -> tuple[str, ...]:
    """What is set as "google, okta", in lower case."""
    return tuple(part.strip().lower() for part in text.split(",") if part.strip())


def name_fault(name: str) -> str | None:
    """Why this can't be the name of a provider; None: it can."""
    if name in TAKEN_NAMES:
        return f"{name} means something else here; choose another name for that provider"
    if not _NAME.fullmatch(name):
        return f"{name[:40]!r} is no name: use 1 to 32 letters, digits and _, with a letter in front"
    return None
