"""The query of an export: the history's filters, and as what."""

from typing import Annotated, Any

from pydantic import Field, create_model

from backend.services.export.naming import DEFAULT_TEMPLATE
from backend.services.export.take_export import FORMATS
from backend.services.gallery.filter_query import FILTER_NAMES
from backend.web.api.schemas.base import Asked, OneOf
from backend.web.api.schemas.history import HistoryQuery


class _Export(Asked):
    """Which takes, and as what."""

    format: Annotated[str | None, OneOf(FORMATS)] = Field(default=None, description="Unless given: zip.")
    ids: str | None = Field(default=None, description="Of these takes alone: ids with commas between.")
    rich: Annotated[str | None, OneOf(("0", "1"))] = Field(
        default=None, description="1: a ZIP has sidecars in JSON, manifest.csv and the contact sheet as well."
    )
    name: str | None = Field(
        default=None,
        description=f"What files in a ZIP are called; unless given, {DEFAULT_TEMPLATE}.",
        examples=["{date}_{prompt:30}_{id:6}"],
    )


def _filters() -> dict[str, Any]:
    """The filters of the history, without its pages."""
    known = {field.alias or name: (name, field) for name, field in HistoryQuery.model_fields.items()}
    return {known[name][0]: (known[name][1].annotation, known[name][1]) for name in FILTER_NAMES}


ExportParams = create_model("ExportParams", __base__=_Export, **_filters())
