"""The settings that say how calls leave the program, under the names that other programs know as well."""

from pathlib import Path
from ssl import PROTOCOL_TLS_CLIENT, SSLContext, SSLError
from typing import Any

from pydantic import SecretStr, ValidationInfo, field_validator
from pydantic_settings import BaseSettings

from backend.http.outbound import Outbound, Proxy, add_authorities, check_proxy

#: `OUTBOUND_PROXY` in the place of a proxy: whatever the environment names is not asked.
NONE = "none"


class OutboundSettings(BaseSettings):
    """A part of `Settings`. Proxies are secrets: their URLs may hold a password."""

    outbound_proxy: SecretStr = SecretStr("")  #: `none`, or for http and https in the place of the next two
    https_proxy: SecretStr = SecretStr("")
    http_proxy: SecretStr = SecretStr("")
    no_proxy: str = ""
    ssl_cert_file: Path | None = None
    requests_ca_bundle: Path | None = None

    @field_validator("outbound_proxy", "https_proxy", "http_proxy")
    @classmethod
    def _proxy(cls, value: SecretStr, info: ValidationInfo) -> SecretStr:
        """The environment's own are not judged where they don't count."""
        text = value.get_secret_value().strip()
        chosen = info.data.get("outbound_proxy")
        if not text or (chosen is not None and chosen.get_secret_value()):
            return SecretStr("")
        if info.field_name == "outbound_proxy" and text.lower() == NONE:
            return SecretStr(NONE)
        try:
            return SecretStr(check_proxy(text))
        except ValueError as error:
            hint = "" if info.field_name == "outbound_proxy" else f" (OUTBOUND_PROXY={NONE} ignores it)"
            raise ValueError(f"{error}{hint}") from None

    @field_validator("ssl_cert_file", "requests_ca_bundle", mode="before")
    @classmethod
    def _authorities(cls, value: Any) -> Any:
        if not str(value or "").strip():
            return None
        try:
            add_authorities(SSLContext(PROTOCOL_TLS_CLIENT), Path(value))
        except OSError as error:
            why = "it holds no certificate" if isinstance(error, SSLError) else error.strerror
            raise ValueError(f"names {value}, which is no file of authorities (PEM): {why}") from None
        return value

    @property
    def outbound(self) -> Outbound:
        """The rule that every call obeys."""
        chosen = self.outbound_proxy.get_secret_value()
        http, https = (
            (chosen, chosen)
            if chosen
            else (self.http_proxy.get_secret_value(), self.https_proxy.get_secret_value())
        )
        files = (self.ssl_cert_file, self.requests_ca_bundle)
        return Outbound(
            http_proxy=_proxy_or_none(http),
            https_proxy=_proxy_or_none(https),
            no_proxy=self.no_proxy,
            authorities=tuple(dict.fromkeys(path for path in files if path)),
        )


def _proxy_or_none(url: str) -> Proxy | None:
    return Proxy(url) if url and url != NONE else None
