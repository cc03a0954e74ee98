"""Settings: read once, from the environment or `.env`, which nothing else reads; README, docs list them."""

from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from backend.addresses import (
    base_path,
    base_url,
    check_allow_entry,
    frame_sources,
    is_public_https,
    read_database_url,
)
from backend.addresses import is_loopback as is_loopback
from backend.domain.errors import SettingsError
from backend.domain.place import file_url, normalize_storage_url, sqlite_url
from backend.login_settings import LoginProvidersSource, gather_providers
from backend.named_settings import NamedSource
from backend.pasted_settings import KEYS, key_fault, unwrap_setting
from backend.secret_files import SecretFilesSource, UnreadableSecret, load_or_create_secret
from backend.team_settings import TeamSettings

#: What stands in for a key in demo mode; the simulator takes any.
DEMO_KEY = "demo:simulator"
#: A shorter secret could be found by trying.
SECRET_MIN_CHARS = 16

BaseUrl = Annotated[str, AfterValidator(base_url)]


class Settings(TeamSettings):
    """Everything that can be set, by its name in lower case."""

    model_config = SettingsConfigDict(
        env_file=".env",
        env_file_encoding="utf-8-sig",  # some editors put a mark of the encoding in front
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
    )

    data_dir: Path = Path("data")
    database_url: str = Field("", repr=False, exclude=True)  #: may hold a password
    storage_url: str = ""
    storage_public_url: BaseUrl = ""  #: the bucket's endpoint as browsers reach it; empty: as we do
    aws_endpoint_url: BaseUrl = ""
    aws_access_key_id: str = ""
    aws_secret_access_key: SecretStr = SecretStr("")
    aws_session_token: SecretStr = SecretStr("")
    aws_region: str = ""
    public_url: BaseUrl = ""  #: empty: this machine's loopback at PORT
    media_url: BaseUrl = ""
    host: str = "127.0.0.1"
    port: int = Field(8787, ge=1, le=65535)
    dashboard_port: int = Field(8501, ge=1, le=65535)
    simulator_port: int = Field(8788, ge=1, le=65535)
    open_dashboard: bool = False
    forwarded_allow_ips: str = "127.0.0.1"  #: proxies that are believed from where somebody comes; "*": any
    #: the path that the dashboard's pages lie below
    streamlit_server_base_url_path: Annotated[str, AfterValidator(base_path)] = Field(
        "", validate_default=True
    )
    #: who may show the dashboard in a frame
    frame_ancestors: Annotated[tuple[str, ...], NoDecode, BeforeValidator(frame_sources)] = ("'self'",)
    secret_key: SecretStr = SecretStr("")
    fal_key: SecretStr = SecretStr("")
    fal_admin_key: SecretStr = SecretStr("")
    fal_queue_url: BaseUrl = "https://queue.fal.run"
    fal_rest_url: BaseUrl = "https://rest.fal.ai"
    fal_api_url: BaseUrl = "https://api.fal.ai"
    fal_user_id: str = ""
    blackbox_api_key: SecretStr = SecretStr("")
    blackbox_url: BaseUrl = "https://api.blackbox.ai"
    blackbox_models: Annotated[tuple[str, ...], NoDecode] = ("blackboxai/google/veo-3-fast",)
    blackbox_timeout_s: float = Field(900.0, gt=0, le=3600)
    blackbox_calls: int = Field(8, ge=1, le=500)
    fetch_allow: Annotated[tuple[str, ...], NoDecode] = ()
    sweep_interval_s: float = Field(5.0, gt=0, le=3600)
    lease_s: float = Field(15.0, ge=3, le=3600)
    first_poll_s: float | None = Field(None, gt=0, le=86400)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """What is given in code wins, then files of secrets, the environment, `.env`."""
        read = [source for source in (env_settings, dotenv_settings) if isinstance(source, EnvSettingsSource)]
        given = [source.env_vars for source in read]
        files = SecretFilesSource(settings_cls, given), LoginProvidersSource(settings_cls, given)
        return init_settings, *files, *map(NamedSource, read)

    @field_validator("*", mode="before")
    @classmethod
    def _read(cls, value: Any) -> Any:
        if isinstance(value, UnreadableSecret):
            raise ValueError(value.why)
        return value

    @field_validator(*KEYS)
    @classmethod
    def _key(cls, value: str | SecretStr, info: ValidationInfo) -> str | SecretStr:
        secret = value if isinstance(value, str) else value.get_secret_value()
        if fault := key_fault(info.field_name or "", secret):
            raise ValueError(fault)
        return value

    @field_validator("fetch_allow", "blackbox_models", mode="before")
    @classmethod
    def _split(cls, value: Any, info: ValidationInfo) -> Any:
        if isinstance(value, str):
            value = tuple(part.strip() for part in value.split(",") if part.strip())
        if info.field_name == "blackbox_models" and not value:
            raise ValueError("names no model")
        for part in value if info.field_name == "fetch_allow" else ():
            check_allow_entry(part)
        return value

    @field_validator("streamlit_server_base_url_path")
    @classmethod
    def _below(cls, value: str, info: ValidationInfo) -> str:
        """The dashboard's own address ends in the path that it lies below."""
        base = info.data.get("login_base_url")
        if base and urlsplit(base).path.strip("/") != value:
            raise ValueError("must be the path in which LOGIN_BASE_URL ends, and is another one")
        return value

    @field_validator("secret_key")
    @classmethod
    def _strong(cls, value: SecretStr) -> SecretStr:
        if 0 < len(value.get_secret_value()) < SECRET_MIN_CHARS:
            raise ValueError(
                f"is too short to sign with; use at least {SECRET_MIN_CHARS} characters, or leave it out"
            )
        return value

    @field_validator("database_url")
    @classmethod
    def _database(cls, value: str) -> str:
        return read_database_url(value) if value else value

    @field_validator("storage_url")
    @classmethod
    def _storage(cls, value: str) -> str:
        return normalize_storage_url(value) if value else value

    @model_validator(mode="before")
    @classmethod
    def _pasted(cls, values: dict[str, Any]) -> dict[str, Any]:
        """Without what was pasted around values; one of which nothing is left counts as not given."""
        bare = {name: unwrap_setting(name, value) for name, value in values.items()}
        kept = {name: value for name, value in bare.items() if value != "" or not values[name]}
        return cls._demo(gather_providers(kept))

    @classmethod
    def _demo(cls, values: dict[str, Any]) -> dict[str, Any]:
        """Without a key, everything that would go to fal goes to the simulator instead."""
        if values.get("fal_key"):
            return values
        values = dict(values, fal_key=DEMO_KEY)
        usual = cls.model_fields["simulator_port"].default
        here = f"127.0.0.1:{_port_or(usual, values.get('simulator_port'))}"
        for name in ("fal_queue_url", "fal_rest_url", "fal_api_url"):
            values.setdefault(name, f"http://{here}")
        if not values.get("blackbox_api_key"):
            values["blackbox_api_key"] = DEMO_KEY
            values.setdefault("blackbox_url", f"http://{here}/blackbox")
        allow = values.get("fetch_allow") or ""
        values["fetch_allow"] = f"{allow},{here}" if isinstance(allow, str) else (*allow, here)
        return values

    @model_validator(mode="after")
    def _here(self) -> "Settings":
        if not self.public_url:
            object.__setattr__(self, "public_url", f"http://127.0.0.1:{self.port}")
        return self

    @property
    def is_demo(self) -> bool:
        """No FAL_KEY was given: the simulator stands in for fal."""
        return self.fal_key.get_secret_value() == DEMO_KEY

    @property
    def reads_bills(self) -> bool:
        """Are the provider's billing events read? They tell what no header does."""
        return bool(self.fal_admin_key.get_secret_value())

    @property
    def resolved_database_url(self) -> str:
        """The database's URL, the embedded one made absolute."""
        return self.database_url or sqlite_url(self.data_dir.resolve() / "dailies.db")

    @property
    def resolved_storage_url(self) -> str:
        """Where whole files lie: `file:///folder` or `s3://bucket/prefix`."""
        return self.storage_url or file_url(self.data_dir.resolve() / "media")

    @property
    def parts_dir(self) -> Path:
        """Where files lie while they are still on their way."""
        return self.data_dir.resolve() / "parts"

    @property
    def webhooks_reach_us(self) -> bool:
        """Can the provider be given our webhook URL? fal refuses private targets.

        A provider on loopback (the simulator, a test) reaches whatever this machine reaches.
        """
        return is_loopback(urlsplit(self.fal_queue_url).hostname) or is_public_https(self.public_url)

    @property
    def first_poll_delay_s(self) -> float:
        """Seconds after submission until the provider is first asked."""
        if self.first_poll_s is not None:
            return self.first_poll_s
        return 60.0 if self.webhooks_reach_us else 5.0


def load_settings(**given: Any) -> Settings:
    """Read all settings and make what is made on first start (data folder, secret key).

    given: settings that win over the environment, by their lower-case names.

    Raises:
        SettingsError: names every setting at fault, or says why the data folder can't be used.
    """
    settings = read_settings(**given)
    try:
        settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o750)
        key = settings.secret_key.get_secret_value()
        key = key or load_or_create_secret(settings.data_dir / "secret_key")
    except OSError as error:
        raise SettingsError(
            f"These settings stop the start:\n  DATA_DIR: {settings.data_dir} can't be used "
            f"({error.strerror or error}); name a folder that this user may write to"
        ) from error
    if len(key) < SECRET_MIN_CHARS:
        raise SettingsError(
            f"These settings stop the start:\n  SECRET_KEY: {settings.data_dir / 'secret_key'} holds no "
            "whole secret; restore it, or remove it (links and webhooks given out before then stop working)"
        )
    return settings.model_copy(update={"secret_key": SecretStr(key)})


def read_settings(**given: Any) -> Settings:
    """All settings, read and checked; nothing is made. SettingsError names every one at fault."""
    try:
        return Settings(**given)
    except ValidationError as error:
        lines = [f"  {_name(item['loc'])}: {_reason(item)}" for item in error.errors(include_url=False)]
        raise SettingsError("These settings stop the start:\n" + "\n".join(lines)) from None
    except (OSError, UnicodeDecodeError) as error:  # the secrets' own files are told of by their settings
        why = error.strerror if isinstance(error, OSError) else "it is no UTF-8 text"
        raise SettingsError(
            f"These settings stop the start:\n  .env: can't be read here ({why}); "
            "put it right, or start in another folder"
        ) from None


def _port_or(usual: int, value: Any) -> str:
    """The port as given; the usual one where it is none, which is told of by its own name."""
    text = str(value or "")
    return text if text.isascii() and text.isdigit() and 0 < int(text[:6]) < 65536 else str(usual)


def _name(loc: tuple[int | str, ...]) -> str:
    if loc[:1] == ("login_provider_settings",):
        return "_".join(("login", *map(str, loc[1:]))).upper()
    return ".".join(str(part) for part in loc).upper() or "settings"


def _reason(item: Any) -> str:
    return str(item["msg"]).removeprefix("Value error, ")
