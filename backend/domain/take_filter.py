"""Which takes somebody wants to see."""

from collections.abc import Collection
from dataclasses import dataclass


@dataclass(frozen=True)
class TakeFilter:
    """Which takes to show; None: any. `text`: words that stand in prompts, the last may be unfinished.

    owners: those of any of these people; never an empty list.
    """

    owners: tuple[str, ...] | None = None
    states: Collection[str] | None = None
    model: str | None = None
    provider: str | None = None
    text: str | None = None

    @property
    def crosses_indexes(self) -> bool:
        """Does it take more than one index of `job` to answer this?"""
        others = (self.owners, self.model, self.provider, self.states)
        keyed = self.owners is not None or self.model is not None
        return bool(self.text) or (keyed and sum(value is not None for value in others) > 1)
