"""The small moving picture of a take: made when there is room for it, however long that takes."""

from pathlib import Path

import pytest

from backend.domain.errors import StorageDown
from backend.services.lifecycle import preview
from tests.programs import small_disk
from tests.world import World


@pytest.mark.parametrize("where", ["on the way", "in storage"])
def test_a_preview_waits_for_a_full_disk_and_no_try_is_counted(world: World, where: str) -> None:
    job = world.until(world.ask("A calm sea [sim:never]"), "stored")
    media = Path(world.deps.settings.resolved_storage_url.removeprefix("file://"))
    folder = world.deps.settings.parts_dir if where == "on the way" else media / "previews"
    with small_disk(folder, "64k"):
        (folder / "other").write_bytes(bytes(64 * 1024))
        waiting = world.looks(job, preview.PREVIEW_TRIES_MAX + 1)[-1]
        video = world.take(job).video
        assert (waiting.state, video.preview_key, video.preview_tries) == ("stored", None, 0)
        assert waiting.due_at > world.deps.clock.now()
        assert [path.name for path in folder.iterdir()] == ["other"]
    world.looks(job, 1)
    assert world.take(job).video.preview_key is not None


def test_control_a_build_that_counts_a_full_disk_as_a_failure_would_be_caught(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preview, "StorageFull", StorageDown)
    with pytest.raises(AssertionError):
        test_a_preview_waits_for_a_full_disk_and_no_try_is_counted(world, "in storage")
