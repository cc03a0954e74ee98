"""The whole path, by itself."""

from tests import databases

pytestmark = databases.BOTH


def test_a_take_goes_from_the_form_to_a_stored_video_by_polling_alone(world):
    job = world.ask()
    stored = world.until(job, "stored")
    assert world.history(job) == ["created", "submitting", "queued", "running", "rendered", "stored"]
    take = world.take(stored)
    assert take.video.size_bytes == world.deps.storage.size(take.video.key)
    assert len(world.ledger()["posts"]) == 1
