"""Single fields of a body, read with every fault named: what can't be read gives what stands in its place."""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any, TypeVar

from backend.domain.text import describe_kind, fault_in

W = TypeVar("W", bound=StrEnum)


class FieldReader:
    """Reads fields of one body. faults: field -> what is wrong with it; added to."""

    def __init__(self, given: Mapping[str, Any], faults: dict[str, str], *, within: str = "") -> None:
        self.given, self.faults, self.within = given, faults, within

    def text(self, name: str, most: int, otherwise: str | None = None) -> str:
        """A line of text, its blanks single. otherwise: where there is none; None: there must be one."""
        value = self.given.get(name)
        text = " ".join(value.split()) if isinstance(value, str) else ""
        if value is not None and not isinstance(value, str):
            self._fault(name, f"must be text, not {describe_kind(value)}")
        elif not text and otherwise is None:
            self._fault(name, "is missing; say what it is called")
        elif len(text) > most:
            self._fault(name, f"has {len(text):,} characters; at most {most} fit")
        elif fault := fault_in(text):
            self._fault(name, fault)
        return text or otherwise or ""

    def whole(self, name: str, low: int, high: int) -> int | None:
        """A whole number; None: there is none."""
        value = self.given.get(name)
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if value is None or (isinstance(value, int) and not isinstance(value, bool) and low <= value <= high):
            return value
        self._fault(name, f"must be a whole number from {low:,} to {high:,}")
        return None

    def number(self, name: str, high: float, what: str) -> float | None:
        """A number above 0, up to `high`; None: there is none. what: what it must be, in words."""
        value = self.given.get(name)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= high:
            self._fault(name, f"must be {what}")
            return None
        return float(value)

    def flag(self, name: str, *, otherwise: bool = False) -> bool:
        """True or false."""
        value = self.given.get(name)
        if value is not None and not isinstance(value, bool):
            self._fault(name, f"must be true or false, not {describe_kind(value)}")
        return value if isinstance(value, bool) else otherwise

    def word(self, name: str, words: Iterable[W], otherwise: W) -> W:
        """One of these words of an enum."""
        value = self.given.get(name)
        found = next((one for one in words if one == value), otherwise)
        if value is not None and found != value:
            self._fault(name, f"must be one of {', '.join(words)}")
        return found

    def _fault(self, name: str, why: str) -> None:
        self.faults[f"{self.within}{name}"] = why
