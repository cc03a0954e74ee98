"""What is taken along is made piece by piece: nothing of it waits in memory for the rest."""

import io
import tracemalloc
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, BinaryIO, cast

import pytest

from backend.media.archive import CHUNK_BYTES, Packed, stream_files
from backend.services.export.rows import COLUMNS, Kind
from backend.services.export.tables import GROUP_ROWS, WRITERS
from tests.services.client import SidecarClient

NOTHING = bytes(CHUNK_BYTES)
VALUES = {
    Kind.TEXT: "x", Kind.WHOLE: 1, Kind.NUMBER: 1.5, Kind.MOMENT: datetime(2026, 11, 30, tzinfo=UTC),
    Kind.FLAG: True, Kind.TEXTS: ["a"], Kind.VALUE: {"a": 1},
}  # fmt: skip
ROW = {column.name: VALUES[column.kind] for column in COLUMNS}
BATCH = 200


class Zeros:
    """A long file that nobody wrote: the same piece, again and again."""

    def __init__(self, chunks: int) -> None:
        self._left = chunks

    def __enter__(self) -> "Zeros":
        return self

    def __exit__(self, *_: object) -> None: ...

    def read(self, _: int) -> bytes:
        self._left -= 1
        return NOTHING if self._left >= 0 else b""


def zeros(name: str, chunks: int) -> Packed:
    return Packed(name, chunks * CHUNK_BYTES, lambda: cast(BinaryIO, Zeros(chunks)))


def test_a_zip_past_four_gigabytes_takes_no_memory_and_is_read_back(tmp_path):
    path, large = tmp_path / "large.zip", 4200
    tracemalloc.start()
    with path.open("wb") as file:  # of zeros only the place is kept
        for chunk in stream_files([zeros("a", large), Packed.of_bytes("b", b"behind it"), zeros("c", 3)]):
            file.seek(len(chunk), io.SEEK_CUR) if chunk is NOTHING else file.write(chunk)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 5 * CHUNK_BYTES
    with zipfile.ZipFile(path) as archive:
        assert [entry.file_size for entry in archive.infolist()] == [large * CHUNK_BYTES, 9, 3 * CHUNK_BYTES]
        assert archive.read("b") == b"behind it"
        assert archive.read("c") == NOTHING * 3


@pytest.mark.parametrize(("kind", "ahead"), [("csv", BATCH), ("jsonl", BATCH), ("parquet", GROUP_ROWS)])
def test_a_table_asks_for_no_more_takes_than_it_has_sent(kind, ahead):
    asked = sent = 0

    def batches() -> Iterator[list[Any]]:
        nonlocal asked
        for _ in range(ahead // BATCH + 2):
            asked += BATCH
            yield [ROW] * BATCH

    for chunk in WRITERS[kind](batches()):
        assert asked - sent <= ahead
        sent = asked if chunk else sent
    assert sent == ahead + 2 * BATCH


def test_one_file_is_open_at_a_time_and_none_once_the_reader_has_gone(sidecar: SidecarClient):
    for letter in b"abc":
        sidecar.stored(sidecar.started(), bytes([letter]) * 3 * CHUNK_BYTES)
    opened: list[BinaryIO] = []
    kept = sidecar.deps.storage.open

    def watched(key: str) -> BinaryIO:
        assert all(file.closed for file in opened)
        opened.append(kept(key))
        return opened[-1]

    sidecar.deps.storage.open = watched
    assert sidecar.get("/api/video/export").status_code == 200
    assert len(opened) == 3
    client, headers = sidecar.app.test_client(), {"Authorization": f"Bearer {sidecar.tokens['ana']}"}
    answer = client.get("/api/video/export", headers=headers)
    assert not opened[-1].closed, "it has begun"
    answer.close()
    assert opened[-1].closed
