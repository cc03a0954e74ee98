"""What can be set about the simulator."""

from dataclasses import dataclass
from pathlib import Path

#: Pauses between the tries of one webhook, in seconds: quick ones first, then further apart; the last
#: one repeats until the result expires. Much quicker than fal's, so that a demo shows a repair.
WEBHOOK_RETRIES_S = (2.0, 5.0, 10.0, 20.0, 40.0, 80.0, 120.0)


@dataclass(frozen=True)
class SimulatorConfig:
    """Where the simulator keeps its state, how it is reached, and how fast its time runs."""

    data_dir: Path  #: ledger, media, uploads and the signing key; survives restarts
    public_url: str = ""  #: as clients reach it, without a slash at the end; empty: the bound address
    pace: float = 1.0  #: queue, run and retry times are multiplied by this; tests use 0.05
    small: bool = False  #: videos of 1 s, 320 × 180 and 6 fps, made in this process: for tests
    seed: int | None = None  #: makes the seeds that the simulator chooses the same in every run
    at_once: int = 4  #: requests in progress at the same time; the others wait in the queue
    result_ttl_s: float = 3600.0  #: a request is forgotten (404) this long after it completed
    webhook_retries_s: tuple[float, ...] = WEBHOOK_RETRIES_S
    webhook_timeout_s: float = 15.0  #: how long a receiver may take to answer; fal's first one, too
    webhook_ca: Path | None = None  #: certificates that receivers may show; None: those of public authorities
    synthetic: int = 0  #: so many endpoints besides, in the shapes of those: how a long catalogue behaves

    @property
    def media_dir(self) -> Path:
        """Where the finished videos lie."""
        return self.data_dir / "media"

    @property
    def inputs_dir(self) -> Path:
        """Where the photos lie that videos are made of."""
        return self.data_dir / "inputs"

    @property
    def uploads_dir(self) -> Path:
        """Where clients' uploads lie."""
        return self.data_dir / "uploads"

    @property
    def files_dir(self) -> Path:
        """Where files lie that a test laid down."""
        return self.data_dir / "files"

    @property
    def folders(self) -> tuple[Path, ...]:
        """All of these; a reset empties them."""
        return self.media_dir, self.inputs_dir, self.uploads_dir, self.files_dir
