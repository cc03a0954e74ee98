"""Why the next take of an experiment is not made: its class says what the experiment does."""

from backend.domain.errors import DailiesError


class CapReached(DailiesError):
    """The next take could pass the experiment's cap; no job was made. The experiment pauses."""

    #: How its words begin, by which an experiment that paused tells that it was its cap.
    BEGINS = "The cap of $"

    def __init__(self, cap_usd: float, spent_usd: float, counts_usd: float) -> None:
        super().__init__(
            f"{self.BEGINS}{cap_usd:,.2f} is near: its takes count for ${spent_usd:,.2f}, and the next one "
            f"may cost up to ${counts_usd:,.2f}. Nothing more is made, and what was sent comes home. Raise "
            "the cap to go on, or close the experiment."
        )


class PriceNotKnown(DailiesError):
    """Nobody knows what the take costs, and the experiment has a cap; no job was made. Its place waits."""

    def __init__(self) -> None:
        super().__init__(
            "Nobody knows what this take costs, and the experiment has a cap. Nothing was sent or charged. "
            "It waits until somebody sets a price for its model, or takes the cap away; then retry it."
        )
