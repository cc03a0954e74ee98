"""What went wrong with a take, as it is kept on its row, shown and answered."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Self

from backend.domain.errors import ProviderError


class Charged(StrEnum):
    """Did it cost money?"""

    NO = "no"
    YES = "yes"
    MAYBE = "maybe"  #: nobody here can tell


@dataclass(frozen=True)
class Trouble:
    """The last thing that went wrong with a job."""

    code: str  #: a short stable word
    message: str  #: for a person
    charged: Charged
    next_step: str  #: what the system does now, or what a person can do
    at: datetime | None
    detail: Any = None  #: what came instead, as JSON (never a key)
    remedy: str = ""  #: what whoever runs Dailies does about it: for Operations alone

    @classmethod
    def from_error(cls, error: Exception, *, charged: Charged, next_step: str, at: datetime) -> Self:
        """An error, with what follows from it."""
        code = str(getattr(error, "code", type(error).__name__))
        detail = error.detail if isinstance(error, ProviderError) else None
        remedy = getattr(error, "remedy", "")
        return cls(code, str(error), charged, next_step, at, detail, remedy)

    @classmethod
    def of(cls, kept: Mapping[str, Any] | None) -> Self | None:
        """What a job's `error` says; None when nothing is wrong. What an older program left out is empty."""
        if not kept:
            return None
        at, charged = kept.get("at"), str(kept.get("charged"))
        return cls(
            code=str(kept.get("code") or ""),
            message=str(kept.get("message") or ""),
            charged=Charged(charged) if charged in set(Charged) else Charged.MAYBE,
            next_step=str(kept.get("next") or ""),
            at=datetime.fromisoformat(at) if at else None,
            detail=kept.get("detail"),
            remedy=str(kept.get("remedy") or ""),
        )

    def as_json(self) -> dict[str, Any]:
        """As it is kept on the row."""
        return self.as_told() | ({"remedy": self.remedy} if self.remedy else {})

    def as_told(self) -> dict[str, Any]:
        """As clients of the API see it."""
        return {
            "code": self.code,
            "message": self.message,
            "charged": self.charged.value,
            "next": self.next_step,
            "detail": self.detail,
            "at": self.at.isoformat() if self.at else None,
        }


def was_free(kept: Mapping[str, Any] | None) -> bool:
    """Does a job's `error` say that nothing was charged for it?"""
    trouble = Trouble.of(kept)
    return trouble is not None and trouble.charged == Charged.NO
