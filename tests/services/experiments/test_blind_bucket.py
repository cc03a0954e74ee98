"""Files of a pair that lie in a bucket: its own links would name them, so their bytes come through here."""

import hashlib
from urllib.parse import urlsplit

from starlette.applications import Starlette

from backend.models import Pair
from backend.services.gallery.blind_links import pair_keys
from backend.services.gallery.signed_links import api_link, own_link
from backend.store.experiments import pairs
from backend.web import dashboard
from backend.web.app import create_app
from tests.services.client import visit
from tests.services.operations.test_bucket import job as job
from tests.services.operations.test_bucket import place as place


def test_a_bucket_does_not_tell_which_file_a_pair_shows(world, place, job):
    deps, video = world.deps, world.take(job).video
    shown = Pair(
        id="ab" * 16, experiment_id="x", criterion_id="x", left_job=job.id, right_job=job.id, rater="eve",
        why="random", shown_at=deps.clock.now(),
    )  # fmt: skip
    with deps.store.begin() as session:
        pairs.insert_pair(session, shown)
    key = pair_keys(shown.id, "left")[0]
    page, client = Starlette(routes=dashboard.routes(lambda: deps)), create_app(deps).test_client()
    parts = urlsplit(api_link(deps, key))
    whole = visit(page, own_link(deps, key))
    assert (whole.status_code, hashlib.sha256(whole.content).hexdigest()) == (200, video.sha256)
    size, links = len(whole.content), (own_link(deps, key), f"{parts.path}?{parts.query}")
    for asked, status, told, content in (
        ("bytes=10-19", 206, f"bytes 10-19/{size}", whole.content[10:20]),
        ("bytes=-5", 206, f"bytes {size - 5}-{size - 1}/{size}", whole.content[-5:]),
        ("bytes=0-", 206, f"bytes 0-{size - 1}/{size}", whole.content),
        (f"bytes={size}-", 416, f"bytes */{size}", b""),
        ("all of it", 200, None, whole.content),
    ):
        seen = visit(page, links[0], Range=asked)
        api = client.get(links[1], headers={"Range": asked}, buffered=True)
        assert (seen.status_code, seen.headers.get("content-range"), seen.content) == (status, told, content)
        assert (api.status_code, api.headers.get("Content-Range"), api.data) == (status, told, content)
        for head in (str(seen.headers), str(api.headers)):
            assert video.sha256 not in head
            assert "ocation" not in head
    head = visit(page, links[0], "HEAD")
    assert (head.status_code, head.headers["content-length"]) == (200, str(size))
    place.drop(video.key)
    assert visit(page, links[0]).status_code == 404
