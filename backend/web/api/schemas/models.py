"""Models on offer."""

from typing import Any, Literal

from pydantic import Field

from backend.web.api.schemas.base import Asked, Told


class ModelsQuery(Asked):
    """Which models are listed."""

    q: str = Field(default="", description="Words of its id, title or description.")
    provider: str | None = Field(default=None, description="Its provider.")


class UnitPrice(Told):
    """What the provider lists."""

    unit: str
    unit_usd: float


class PriceRangeAnswer(Told):
    """From where to where its takes go."""

    from_usd: float
    to_usd: float = Field(description="What is held of the dearest of them; after a drift, the dearer price.")
    moved_by: list[str] = Field(description="The parameters that decide between them.")


class ModelAnswer(Told):
    """A model."""

    id: str
    provider: str
    title: str
    category: str
    description: str
    params_schema: dict[str, Any] = Field(alias="schema", description="The JSON Schema of `params`.")
    image: Literal["required", "optional"] | None = Field(description="Does it take a first photo?")
    photo_limits: dict[str, dict[str, Any]]
    prompt_max_chars: int
    price: UnitPrice | None
    price_range: PriceRangeAnswer | None
    usable: bool
    reason: str | None = Field(description="Why it can't be used.")


class ModelList(Told):
    """All models that fit, also those that can't be used."""

    items: list[ModelAnswer]
