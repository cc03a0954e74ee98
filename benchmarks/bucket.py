"""A film into a bucket: our loop against the library's own, and the memory that ours takes.

The server is moto on this machine, so both loops wait for the same slow thing; what counts is the ratio.
Moto compares no bytes with their checksum, so both read the film back.
"""

import hashlib
import io
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, cast

from benchmarks.common import ROOT, Result, at_least, at_most, free_port, process

if TYPE_CHECKING:
    from backend.media.storage.s3 import S3Storage

ROUNDS = 3
MEGABYTES = 128
#: The file whose upload must not show in memory.
LARGE_MEGABYTES = 512


def run() -> list[Result]:
    port = free_port()
    with (
        tempfile.TemporaryDirectory(prefix="bench-") as folder,
        process("-m", "moto.server", "-H", "127.0.0.1", "-p", str(port), port=port),
    ):
        told = _child("speeds", port, folder)
        ours, library = (statistics.median(told[name]) for name in ("ours", "library"))
        [grown] = _child("memory", port, folder)["grown_mb"]
    return [
        at_least(
            f"upload of {MEGABYTES} MB to a bucket / upload_fileobj",
            library / ours,
            0.8,
            "×",
            f"{MEGABYTES / ours:.0f} MB/s against {MEGABYTES / library:.0f} MB/s",
        ),
        at_most(f"memory that an upload of {LARGE_MEGABYTES} MB takes", grown, 50, "MB"),
    ]


def _child(what: str, port: int, folder: str) -> dict[str, list[float]]:
    """Measured in a process of its own, so that nothing else is in its memory."""
    command = [sys.executable, "-m", "benchmarks.bucket", what, str(port), folder]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=600)
    told: dict[str, list[float]] = json.loads(done.stdout)
    return told


def _storage(port: int) -> "S3Storage":
    from backend.media.storage.s3 import S3Storage
    from backend.media.storage.s3_client import Bucket

    bucket = Bucket(
        "bench", endpoint=f"http://127.0.0.1:{port}", region="us-east-1", access_key="a", secret_key="b"
    )
    storage = S3Storage(bucket)
    storage.client.create_bucket(Bucket="bench")
    return storage


def _made(folder: Path, megabytes: int, number: int) -> Path:
    path = folder / f"{number}.part"
    with path.open("wb") as file:
        for _ in range(megabytes):
            file.write(os.urandom(1024 * 1024))
    return path


def speeds(port: int, folder: Path) -> dict[str, list[float]]:
    """Seconds of each round, ours and the library's in turns."""
    from boto3.s3.transfer import TransferConfig

    from backend.media.storage.s3_upload import PART_BYTES

    storage = _storage(port)
    took: dict[str, list[float]] = {"ours": [], "library": []}
    config = TransferConfig(multipart_chunksize=PART_BYTES, multipart_threshold=PART_BYTES)
    for number in range(ROUNDS + 1):  # the first one warms everybody up
        path = _made(folder, MEGABYTES, number)
        begun = time.perf_counter()
        with path.open("rb") as file:
            storage.client.upload_fileobj(file, "bench", "library.mp4", Config=config)
        with storage.open("library.mp4") as body:  # as ours does where a store compares no checksums
            hashlib.file_digest(cast(io.BufferedReader, body), "sha256")
        took["library"].append(time.perf_counter() - begun)
        begun = time.perf_counter()
        storage.put_file(path, "ours.mp4")
        took["ours"].append(time.perf_counter() - begun)
        storage.remove("library.mp4")
        storage.remove("ours.mp4")
    return {name: values[1:] for name, values in took.items()}


def memory(port: int, folder: Path) -> dict[str, list[float]]:
    """How much the peak of our memory grows with a large file."""
    import resource

    storage = _storage(port)
    storage.put_file(_made(folder, 1, 0), "warm.mp4")
    path = _made(folder, LARGE_MEGABYTES, 1)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    storage.put_file(path, "large.mp4")
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    storage.remove("large.mp4")
    return {"grown_mb": [(after - before) / 1024]}


if __name__ == "__main__":
    work = {"speeds": speeds, "memory": memory}[sys.argv[1]]
    print(json.dumps(work(int(sys.argv[2]), Path(sys.argv[3]))))
