"""The settings of money: limits a day and a month, what an unknown price counts for, whose days they are."""

from zoneinfo import ZoneInfo

from pydantic import Field, field_validator

from backend.http.outbound_settings import OutboundSettings


class BudgetSettings(OutboundSettings):
    """A part of `Settings`."""

    budget_day_usd: float | None = Field(None, ge=0, le=1e9)
    budget_user_day_usd: float | None = Field(None, ge=0, le=1e9)
    budget_month_usd: float | None = Field(None, ge=0, le=1e9)
    budget_user_month_usd: float | None = Field(None, ge=0, le=1e9)
    budget_warn_day_usd: float | None = Field(None, ge=0, le=1e9)
    budget_warn_user_day_usd: float | None = Field(None, ge=0, le=1e9)
    budget_warn_month_usd: float | None = Field(None, ge=0, le=1e9)
    budget_warn_user_month_usd: float | None = Field(None, ge=0, le=1e9)
    #: what a take without a price counts for while a hard limit concerns it
    budget_unknown_usd: float = Field(5.0, ge=0, le=1e9)
    time_zone: str = "UTC"  #: days and months of budgets are this zone's

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (KeyError, ValueError, OSError) as error:  # OSError: a folder of zones, such as "Europe"
            raise ValueError(
                "is no time zone that is known here; use an IANA name, such as Europe/Berlin, or UTC"
            ) from error
        return value

    @property
    def zone(self) -> ZoneInfo:
        """The team's time zone."""
        return ZoneInfo(self.time_zone)
