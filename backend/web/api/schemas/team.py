"""Who one is, and tokens."""

from typing import Annotated, Literal

from pydantic import Field

from backend.domain.access.roles import Role
from backend.domain.access.scopes import Scope
from backend.web.api.schemas.base import Asked, Moment, Told


class MeAnswer(Told):
    """Whom the token acts as."""

    name: str = Field(description="Takes are filed under this name.")
    role: Role
    kind: Literal["person", "token"] = Field(description="A person's token acts as them.")
    scopes: list[Scope] | None = Field(description="What the token is limited to; null: all its role allows.")


class TokenBody(Asked):
    """A token to be made."""

    name: str = Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9 ._@-]{0,63}$",
        description="Of a service also the name that its takes are filed under.",
    )
    role: Role = Field(description="Not above one's own.")
    scopes: Annotated[list[Scope], Field(min_length=1)] | None = Field(
        default=None, description="What it is limited to; unless given, all that its role allows."
    )
    expires_at: str | None = Field(
        default=None,
        description="A moment (RFC 3339) or a day; unless given, in 90 days; null: never, for admins alone.",
    )
    service: bool = Field(
        default=False, description="Of a person who is an admin: a token of its own name. Services make such."
    )


class TokenAnswer(Told):
    """A token, without its secret."""

    id: str
    name: str
    role: Role
    scopes: list[Scope] | None = Field(description="Null: all that its role allows.")
    expires_at: Moment | None = Field(description="Null: never.")
    person: str | None = Field(description="Whom it acts as; null: a service.")
    hint: str = Field(description="What of the secret may be shown.")
    created_at: Moment
    created_by: str | None
    last_used_at: Moment | None = Field(description="To ten minutes.")
    expired: bool


class NewTokenAnswer(TokenAnswer):
    """A token that was just made."""

    token: str = Field(description="The secret, which is told only now: Authorization: Bearer …")


class TokenList(Told):
    """Tokens that aren't revoked, newest first: one's own; of an admin, everybody's."""

    items: list[TokenAnswer]
