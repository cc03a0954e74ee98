"""A studio in the middle of its day: dashboard, sidecar, worker and simulator, and takes of all kinds."""

from contextlib import ExitStack
from pathlib import Path

from backend.bootstrap import open_deps
from backend.domain.library.review import ReviewState
from backend.domain.states import JobState
from backend.models import Job
from backend.services import access
from backend.services.gallery import takes as gallery
from backend.services.library import groups
from backend.services.library.bulk import edit_many
from backend.services.library.changes import BulkChanges, TakeChanges
from backend.services.library.groups import GroupKind
from backend.services.takes import create
from backend.services.takes.request import parse_request
from backend.settings import load_settings
from benchmarks.common import free_port, process
from benchmarks.fetching import studio as processes
from tests.waiting import eventually

MODEL = "fal-ai/kling-video/v3/turbo/pro/text-to-video"
PROMPTS = (
    "A red silk dress in the wind on a rooftop at dusk",
    "Linen trousers, slow walk through a white gallery",
    "Pleated skirt turning, low camera, hard sun",
    "Wool coat in falling snow, close on the collar",
    "Denim jacket by the sea, handheld",
    "Evening gown on marble stairs, slow dolly in",
)
RATIOS = ("16:9", "9:16", "1:1", "16:9")
TAKES = 24
#: Who sits there.
NAME = "ana"


class Studio:
    """Its processes run until the stack ends. address: of the dashboard. best: a take that is shown alone."""

    def __init__(self, stack: ExitStack, folder: Path) -> None:
        port = free_port()
        _, self.env = processes(
            stack, str(folder), DASHBOARD_PORT=str(port), LOCAL_NAME=NAME, FIRST_POLL_S="1"
        )
        stack.enter_context(process("-m", "streamlit", "run", "app.py", port=port, env=self.env))
        self.address = f"http://127.0.0.1:{port}"
        self.deps = open_deps(load_settings(data_dir=Path(self.env["DATA_DIR"]), local_name=NAME))
        stack.callback(self.deps.store.close)
        self.viewer = access.local_viewer(self.deps)
        self.best = ""

    def fill(self) -> None:
        """Two dozen takes that are ready, one that failed; projects, collections, stars and reviews."""
        made = [self.ask(f"{PROMPTS[0]} [sim:error=422]")]
        made += [
            self.ask(
                PROMPTS[number % len(PROMPTS)], aspect_ratio=RATIOS[(number + number // 12) % len(RATIOS)]
            )
            for number in range(TAKES)
        ]
        eventually(lambda: all(self._ended(job) for job in made), within_s=600)
        ids = [job.id for job in made]
        self.best = ids[1]
        project = groups.create_group(self.deps, self.viewer, GroupKind.PROJECT, "Spring campaign")
        finals = groups.create_group(self.deps, self.viewer, GroupKind.COLLECTION, "Finals")
        self._change(ids, set=TakeChanges(project=project.id))
        self._change(ids[1::5], set=TakeChanges(favourite=True, rating=5), add_tags=("hero",))
        self._change(ids[2::4], set=TakeChanges(rating=3))
        self._change(ids[1:4], set=TakeChanges(review=ReviewState.SELECTED), collect=(finals.id,))
        self._change(ids[5:6], set=TakeChanges(review=ReviewState.APPROVED))
        self._change(ids[9:11], set=TakeChanges(review=ReviewState.REJECTED))

    def ask(self, prompt: str, **params: str) -> Job:
        """A take that was just asked for."""
        asked = parse_request({"model": MODEL, "prompt": prompt, "params": params})
        return create.create_job(self.deps, self.viewer, asked, idempotency_key=None)

    def _change(self, ids: list[str], **changes: object) -> None:
        edit_many(self.deps, self.viewer, ids, BulkChanges(**changes))

    def _ended(self, job: Job) -> bool:
        state = gallery.get_take(self.deps, self.viewer, job.id).job.state
        return state in (JobState.STORED, JobState.FAILED, JobState.HELD)
