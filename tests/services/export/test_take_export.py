"""Takes that are taken along: their files under names that every system takes, tables of what is known."""

import asyncio
import csv
import io
import json
import shutil
import subprocess
import zipfile
from typing import Any

import httpx
import pypdfium2
import pytest
from PIL import Image
from pyarrow import parquet
from starlette.applications import Starlette
from typer.testing import CliRunner

from backend import cli
from backend.domain.errors import MediaBroken
from backend.services.export.rows import COLUMNS
from backend.web.wall.routes import routes as wall_routes
from tests.services.client import MODEL, SidecarClient, at_fault, said
from tests.services.receiving import WAY
from tests.world import picture, run_sql

EXPORT = "/api/video/export"
PROMPTS = ["A red dress in the wind", "شال أحمر 🎬", "=cmd|'/c calc'!A1", "x" * 200]


@pytest.fixture
def takes(sidecar: SidecarClient) -> list[str]:
    """Four takes with a file each; the first one has a poster that is a picture."""
    made = []
    for number, prompt in enumerate(PROMPTS):
        job_id = sidecar.started(body={"model": MODEL, "prompt": prompt})
        video = sidecar.stored(job_id, bytes([65 + number]) * 1000)
        if number == 0:
            poster = sidecar.media / str(video.poster_key)
            poster.chmod(0o600)
            poster.write_bytes(picture("WEBP"))
        made.append(job_id)
    return made


def exported(sidecar: SidecarClient, query: str = "", **more: Any) -> bytes:
    answer = sidecar.get(f"{EXPORT}?{query}", **more)
    assert answer.status_code == 200, answer.get_data(as_text=True)
    return answer.get_data()


def unpacked(content: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.testzip() is None
        assert {entry.compress_type for entry in archive.infolist()} <= {zipfile.ZIP_STORED}
        return {entry.filename: archive.read(entry) for entry in archive.infolist()}


def rows_of(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode(), newline="")))


def test_a_clean_zip_has_the_files_alone_by_the_naming_template(sidecar, takes, tmp_path):
    answer = sidecar.get(EXPORT)
    content = answer.get_data()
    assert int(answer.headers["Content-Length"]) == len(content)
    files = unpacked(content)
    day, model = sidecar.clock.now().date(), MODEL.replace("/", "-")
    assert files == {
        f"{day}_{model}_A-red-dress-in-the-wind_{takes[0][-6:]}.mp4": b"A" * 1000,
        f"{day}_{model}_شال-أحمر-🎬_{takes[1][-6:]}.mp4": b"B" * 1000,
        f"{day}_{model}_cmd-c-calc-A1_{takes[2][-6:]}.mp4": b"C" * 1000,
        f"{day}_{model}_{'x' * 30}_{takes[3][-6:]}.mp4": b"D" * 1000,
    }
    assert list(files) == sorted(files, key=lambda name: takes.index(_whose(takes, name)), reverse=True)
    if unzip := shutil.which("unzip"):
        (tmp_path / "all.zip").write_bytes(content)
        subprocess.run([unzip, "-tqq", tmp_path / "all.zip"], check=True)


def _whose(takes: list[str], name: str) -> str:
    return next(take for take in takes if take[-6:] in name)


def test_a_rich_zip_has_sidecars_a_contact_sheet_and_a_manifest_of_all_that_was_asked_for(sidecar, takes):
    failed = sidecar.started()
    sidecar.advance(failed, *WAY["failed"])
    files = unpacked(exported(sidecar, "rich=1&name={id}"))
    named = {f"{take}.{ending}" for take in takes for ending in ("mp4", "json")}
    assert set(files) == named | {"manifest.csv", "contact-sheet.pdf", "contact-sheet-001.png"}
    sidecar_of = json.loads(files[f"{takes[1]}.json"])
    assert (sidecar_of["id"], sidecar_of["prompt"], sidecar_of["params"]) == (takes[1], PROMPTS[1], {})
    assert sidecar_of["files"][0]["name"] == f"{takes[1]}.mp4"
    manifest = {row["id"]: row for row in rows_of(files["manifest.csv"])}
    assert {row["file"] for row in manifest.values()} == {f"{take}.mp4" for take in takes} | {""}
    assert manifest[failed]["problem"] == "It has no file. The take is failed."
    assert manifest[takes[2]]["prompt"] == f"'{PROMPTS[2]}"

    sheet = pypdfium2.PdfDocument(files["contact-sheet.pdf"])
    said_there = sheet[0].get_textpage().get_text_range()
    assert len(sheet) == 1
    assert all(f"{take[-6:]} · Kling" in said_there for take in takes)
    assert "A red dress in the wind" in said_there
    drawn = Image.open(io.BytesIO(files["contact-sheet-001.png"])).convert("RGB")
    navy = sum(1 for red, _, blue in drawn.get_flattened_data() if red < 20 and 100 < blue < 150)
    assert navy > 10_000, "the poster is not on the sheet"


def test_tables_have_the_same_takes_and_fields_in_every_format(sidecar, takes):
    told = [json.loads(line) for line in exported(sidecar, "format=jsonl").decode().splitlines()]
    rows = rows_of(exported(sidecar, "format=csv"))
    table = parquet.read_table(io.BytesIO(exported(sidecar, "format=parquet"))).to_pylist()
    names = [column.name for column in COLUMNS]
    assert [row["id"] for row in told] == takes[::-1]
    for other in (rows, table):
        assert [row["id"] for row in other] == takes[::-1]
        assert all(list(row) == names for row in other)
    assert [row["prompt"] for row in told] == PROMPTS[::-1] == [row["prompt"] for row in table]
    assert rows[1]["prompt"] == f"'{PROMPTS[2]}", "a spreadsheet takes this for a formula"
    assert (table[0]["size_bytes"], rows[0]["size_bytes"], told[0]["size_bytes"]) == (1000, "1000", 1000)
    assert table[0]["created_at"].isoformat() == told[0]["created_at"] == rows[0]["created_at"]
    assert (table[0]["tags"], told[0]["tags"], rows[0]["tags"]) == ([], [], "[]")


def test_named_takes_come_in_the_order_of_their_names_and_filters_hold_besides(sidecar, takes):
    def ids(query: str, **more: Any) -> list[str]:
        return [row["id"] for row in rows_of(exported(sidecar, f"format=csv&{query}", **more))]

    wanted = [takes[2], takes[0], takes[3]]
    assert ids(f"ids={','.join([*wanted, 'nobody', wanted[0]])}") == wanted
    assert ids(f"ids={','.join(wanted)}&q=red") == [takes[0]]
    assert ids("status=failed") == []
    assert ids(f"ids={','.join(wanted)}", who="ben") == [], "what others made is none of ben's affair"
    assert ids(f"ids={','.join(wanted)}", who="root") == wanted
    assert unpacked(exported(sidecar, "status=failed")) == {"manifest.csv": b"file,role,problem,id\r\n"}


@pytest.mark.parametrize("how", ["gone", "known to be missing", "shorter"])
def test_a_file_that_is_not_here_any_more_is_named_in_the_manifest_also_of_a_clean_zip(sidecar, takes, how):
    lost = sidecar.take(sidecar.job(takes[1])).video
    file = sidecar.media / lost.key
    file.chmod(0o600)
    if how == "gone":
        file.unlink()
    elif how == "shorter":
        file.write_bytes(b"B" * 999)
    else:
        run_sql(sidecar.deps, "UPDATE video SET missing_at = created_at WHERE id = :id", id=lost.id)
    for query in ("", "rich=1"):
        files = unpacked(exported(sidecar, query))
        assert sum(name.endswith(".mp4") for name in files) == 3
        (noted,) = (row for row in rows_of(files["manifest.csv"]) if not row["file"])
        assert noted["id"] == takes[1]
        assert "missing from our storage, or altered" in noted["problem"]


def test_a_zip_breaks_off_where_a_file_changes_while_it_is_sent(sidecar, takes):
    class Shorter(io.BytesIO):
        """What a bucket gives when an object was replaced by a shorter one: nobody can look ahead."""

        def seekable(self) -> bool:
            return False

    storage = sidecar.deps.storage
    kept, storage.open = storage.open, lambda key: Shorter(b"short")
    with pytest.raises(MediaBroken, match="not as long as it should be"):
        sidecar.get(EXPORT)

    def vanishing(key: str) -> Any:
        file = kept(key)
        for lost in sidecar.media.glob("*.mp4"):
            lost.unlink()
        return file

    storage.open = vanishing
    with pytest.raises(MediaBroken, match="went away while a ZIP was sent"):
        sidecar.get(EXPORT)


@pytest.mark.parametrize(
    ("query", "field", "words"),
    [
        ("format=xml", "format", "is none of zip, csv, jsonl, parquet"),
        ("formt=zip", "formt", "is not known here; did you mean format?"),
        ("rich=yes", "rich", "must be 0 or 1"),
        ("stauts=failed", "stauts", "is not known here; did you mean status?"),
        ("limit=3", "limit", "is not known here"),
        ("rich=1&rich=1", "rich", "is given more than once"),
        ("review=great", "review", "is none of"),
        ("name={promt:30}", "name", "{promt} is not known here; did you mean prompt?"),
        ("name={prompt:many}", "name", "{prompt:many} needs a whole number of characters from 1 to 200"),
        ("name={prompt:0}", "name", "needs a whole number"),
        ("name={prompt.__class__}", "name", "{prompt.__class__} is not known here"),
        ("name={prompt!r}", "name", "{prompt!r} can't be read"),
        ("name={}", "name", "is not known here"),
        ("name={prompt", "name", "has a brace without its other one"),
        (f"name={'x' * 301}", "name", "has 301 characters; at most 300 are taken"),
        (f"ids={'x,' * 10_001}", "ids", "are 10,001; at most 10,000 takes"),
        ("ids=, ,", "ids", "ids of takes with commas between"),
    ],
)
def test_what_is_not_known_in_a_query_or_a_template_is_named(sidecar, query, field, words):
    assert words in at_fault(sidecar.get(f"{EXPORT}?{query}"))[field]


def test_that_takes_were_taken_along_stands_in_the_audit(sidecar, takes):
    exported(sidecar, "rich=1&q=red")
    exported(sidecar, "format=csv", who="eve")
    rows = run_sql(
        sidecar.deps, "SELECT actor, changed FROM audit WHERE action = 'takes.exported' ORDER BY id"
    )
    told = [(actor, json.loads(one) if isinstance(one, str) else one) for actor, one in rows]
    assert told == [
        ("ana", {"format": [None, "zip, rich"], "number": [None, 1]}),
        ("eve", {"format": [None, "csv"], "number": [None, 4]}),
    ]


def test_slow_readers_of_exports_leave_threads_for_deliveries(sidecar, takes):
    client = sidecar.app.test_client()
    headers = {"Authorization": f"Bearer {sidecar.tokens['ana']}"}
    slow = [client.get(EXPORT, headers=headers) for _ in range(4)]
    assert {answer.status_code for answer in slow} == {200}
    refused = client.get(EXPORT, headers=headers)
    assert (said(refused, 503)["code"], refused.headers["Retry-After"]) == ("busy", "10")
    slow.pop().close()
    assert client.get(EXPORT, headers=headers).status_code == 200


def browsed(sidecar: SidecarClient, method: str, path: str, **more: Any) -> httpx.Response:
    """What a page of the dashboard gets there, where there are no logins."""
    app = Starlette(routes=wall_routes(lambda: sidecar.deps, base_path="below"))

    async def answer() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://here") as browser:
            return await browser.request(method, f"/below/wall/export{path}", **more)

    return asyncio.run(answer())


def test_the_wall_saves_the_same_files_by_a_link_and_by_a_form(sidecar, takes):
    some = f"{takes[3]},{takes[0]}"
    answer = browsed(sidecar, "GET", f"?format=zip&ids={some}&name={{id}}")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/zip")
    assert answer.headers["content-disposition"].startswith('attachment; filename="takes-')
    assert list(unpacked(answer.content)) == [f"{takes[3]}.mp4", f"{takes[0]}.mp4"]
    form = {"data": {"format": "jsonl", "ids": some}, "headers": {"origin": "http://here"}}
    lines = browsed(sidecar, "POST", "", **form).text.splitlines()
    assert [json.loads(line)["id"] for line in lines] == [takes[3], takes[0]]
    form["headers"] = {"origin": "http://elsewhere"}
    assert browsed(sidecar, "POST", "", **form).status_code == 403
    assert browsed(sidecar, "GET", "?name={nope}").json()["error"]["fields"][0]["field"] == "name"
    head = browsed(sidecar, "HEAD", f"?ids={some}")
    assert (head.status_code, head.content) == (200, b"")


def test_a_command_writes_the_same_and_names_what_it_does_not_know(sidecar, takes, tmp_path, monkeypatch):
    monkeypatch.setattr(cli, "open_deps", lambda: sidecar.deps)
    file = tmp_path / "all.zip"
    told = CliRunner().invoke(cli.app, ["export", str(file), "q=red", "name={id}"])
    assert (told.exit_code, told.stdout) == (0, f"{file} has {file.stat().st_size:,} bytes.\n")
    assert unpacked(file.read_bytes()) == {f"{takes[0]}.mp4": b"A" * 1000}
    refused = CliRunner().invoke(cli.app, ["export", str(tmp_path / "all.doc"), "stauts=failed"])
    assert {"format", "stauts"} == set(refused.exception.fields)
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["all.zip"]
