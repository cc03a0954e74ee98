"""What a folder and a bucket promise alike: whole files under their keys, and nothing else."""

from pathlib import Path
from typing import Any

import pytest

from backend.domain.errors import StorageFull
from backend.media.storage.base import valid_key
from backend.media.storage.local import LocalStorage
from tests import bucket
from tests.adapters.storages import CONTENT, POSTER, PREVIEW, SHA, VIDEO, bucket_storage, part, share_clients

#: Neither of them has anything, and the bucket's server is not there.
UNTOUCHED = LocalStorage(Path("/no/such/folder")), bucket_storage("http://127.0.0.1:1", "films")


class Place:
    """A storage, and a way to put things there that are none of its own."""

    def __init__(self, kind: str, folder: Path) -> None:
        self.storage: Any = LocalStorage(folder)
        self._folder, self._bucket = folder, ""
        if kind == "bucket":
            server = bucket.server()
            self._bucket, self._client = server.new_bucket(), server.client()
            self.storage = bucket_storage(server.url, self._bucket)

    def plant(self, name: str) -> None:
        if self._bucket:
            self._client.put_object(Bucket=self._bucket, Key=name, Body=b"")
        else:
            path = self._folder.parent / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"")


@pytest.fixture(params=["folder", "bucket"])
def place(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    share_clients(monkeypatch)
    (tmp_path / "media").mkdir()
    return Place(request.param, tmp_path / "media" / "films")


@pytest.mark.parametrize("key", [VIDEO, POSTER])
def test_a_placed_file_is_there_whole_and_the_part_is_gone(place, tmp_path, key):
    source = part(tmp_path)
    place.storage.put_file(source, key)
    assert not source.exists()
    assert place.storage.size(key) == len(CONTENT)
    with place.storage.open(key) as file:
        assert file.read() == CONTENT
    assert list(place.storage.list_keys()) == [key]
    place.storage.put_file(source, key)  # after a crash right behind the first time
    with pytest.raises(StorageFull):
        place.storage.put_file(source, PREVIEW)


def test_a_poster_of_another_size_is_replaced(place, tmp_path):
    place.storage.put_file(part(tmp_path, b"vid"), POSTER)
    place.storage.put_file(part(tmp_path), POSTER)
    assert place.storage.size(POSTER) == len(CONTENT)


def test_keys_are_listed_by_prefix_and_nothing_else_is(place, tmp_path):
    for key in (VIDEO, POSTER, PREVIEW):
        place.storage.put_file(part(tmp_path), key)
    for foreign in (
        "films/README",
        "films/.hidden.mp4",
        "films/posters/b/c.mp4",
        "other/x.mp4",
        "filmsx.mp4",
    ):
        place.plant(foreign)

    listed = {
        prefix: sorted(place.storage.list_keys(prefix)) for prefix in ("", "posters/ab", "p", VIDEO[:9], "x")
    }

    assert listed == {
        "": sorted([VIDEO, POSTER, PREVIEW]), "posters/ab": [POSTER], "p": [POSTER, PREVIEW],
        VIDEO[:9]: [VIDEO], "x": [],
    }  # fmt: skip


def test_a_removed_file_is_gone_and_removing_it_again_is_no_fault(place, tmp_path):
    place.storage.put_file(part(tmp_path), POSTER)
    for key in (POSTER, POSTER, VIDEO):
        place.storage.remove(key)
    assert place.storage.size(POSTER) is None
    assert list(place.storage.list_keys()) == []
    with pytest.raises(FileNotFoundError):
        place.storage.open(POSTER)


@pytest.mark.parametrize("key", [VIDEO, f"{SHA}.webm", POSTER, PREVIEW, f"uploads/{SHA}.jpg", "a.mp4"])
def test_our_own_keys_are_keys(key):
    assert valid_key(key)


@pytest.mark.parametrize(
    "key",
    [
        "", ".", "..", "../x.mp4", "posters/../x.mp4", "posters/..", "/etc/passwd", "/x.mp4",
        "posters//x.mp4", "a/b/x.mp4", "./x.mp4", ".hidden.mp4", "posters/.hidden.mp4", ".posters/x.mp4",
        "-x.mp4", "x.mp4\n", "x.mp4\0", "x\0.mp4", "x\\y.mp4", "..\\x.mp4", "C:x.mp4", "x y.mp4", "x.mp4/",
        "x", "x.", "x.MP4", "x.tar.gz", "%2e%2e/x.mp4", "ü.mp4", "x" * 200 + ".mp4", "posters/" * 3 + "x.mp4",
    ],
)  # fmt: skip
def test_what_could_lead_elsewhere_is_no_key_and_never_asked_for(key, tmp_path):
    assert not valid_key(key)
    for storage in UNTOUCHED:
        for use in (
            storage.local_path, storage.open, storage.size, storage.remove,
            lambda key, to=storage: to.put_file(part(tmp_path), key),
        ):  # fmt: skip
            with pytest.raises(ValueError, match="no key"):
                use(key)
    with pytest.raises(ValueError, match="no key"):
        UNTOUCHED[1].direct_link(key, expires_s=60)
