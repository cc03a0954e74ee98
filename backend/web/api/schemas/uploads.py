"""Photos that clients send."""

from pydantic import Field

from backend.web.api.schemas.base import Moment, Told


class Size(Told):
    """Of a picture, in pixels."""

    width: int
    height: int


class UploadAnswer(Told):
    """A photo that can be named in starts by its id."""

    id: str
    sha256: str
    width: int
    height: int
    scaled_from: Size | None = Field(description="Its size as it came, where it was made smaller.")
    notes: list[str] = Field(description="What was done to it, for people.")
    size_bytes: int
    content_type: str
    file_name: str
    url: str
    created_at: Moment
