"""Rows of a plan out of the files that people have: what programs write, and what goes wrong with it."""

import io
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet

from backend.catalogue.models import load_seed
from backend.domain.errors import InvalidRequest
from backend.services.experiments.doors.files import read_rows

MODELS = {model.id: model for model in load_seed()}
#: Its duration is one of texts, "3" to "15"; it has a flag and a number.
KLING = MODELS["fal-ai/kling-video/v3/pro/text-to-video"]


def read(content: str | bytes, name: str = "rows.csv", **more: Any) -> list[dict[str, Any]]:
    return read_rows(name, content.encode() if isinstance(content, str) else content, **more).rows


def packed(**columns: Any) -> bytes:
    written = io.BytesIO()
    parquet.write_table(pa.table(columns), written)
    return written.getvalue()


def faults(content: str | bytes, name: str = "rows.csv", **more: Any) -> dict[str, str]:
    with pytest.raises(InvalidRequest) as refused:
        read(content, name, **more)
    return refused.value.fields


TWO = [
    {"prompt": "A red dress", "style.camera": "Pan"},
    {"prompt": "Ein grünes Kleid", "style.camera": "Macro"},
]
COLUMNS = {name: [row[name] for row in TWO] for name in TWO[0]}
TEXT = "prompt,style.camera\nA red dress,Pan\nEin grünes Kleid,Macro\n"


@pytest.mark.parametrize(
    "content",
    [
        TEXT.encode(),
        TEXT.encode("utf-8-sig"),
        TEXT.encode("utf-16"),
        TEXT.encode("latin-1"),
        TEXT.replace("\n", "\r\n").encode(),
        TEXT.replace("\n", "\r").encode(),
        TEXT.replace(",", ";").encode(),
        TEXT.replace(",", "\t").encode(),
        ("sep=;\r\n" + TEXT.replace(",", ";")).encode(),
        ("\n" + TEXT.replace("\n", "\n\n,,\n")).encode(),
        TEXT.replace("\n", ",\n").encode(),
        ("," + TEXT.replace("\nA", "\n0,A").replace("\nE", "\n1,E")).encode(),
        TEXT.replace("prompt,style.camera", ' prompt ,"style.camera"').strip().encode(),
        packed(**COLUMNS, __index_level_0__=[7, 9]),
        packed(**COLUMNS | {"style.camera": pa.array(COLUMNS["style.camera"]).dictionary_encode()}),
    ],
    ids=["utf-8", "bom", "utf-16", "latin-1", "crlf", "cr", "semicolons", "tabs", "sep", "blank lines",
         "comma at the end", "rows counted", "quoted", "parquet", "categories"],
)  # fmt: skip
def test_a_table_is_read_as_programs_write_it(content):
    assert read(content) == TWO


def test_what_was_done_to_a_file_is_said():
    assert read_rows("a.csv", TEXT.encode()).notes == ()
    (latin,) = read_rows("a.csv", TEXT.encode("latin-1")).notes
    assert "not in UTF-8" in latin
    left, empty = read_rows("a.csv", b",prompt,style.camera\n0,a,\n1,b,Pan\n").notes
    assert left.startswith("Column 1 is left out")
    assert empty == "1 empty cell is left out: there the plan's own value holds."


def test_a_cell_with_lines_commas_and_quotes_is_one_cell():
    (row,) = read('prompt;style.camera\r\n"She said ""go"";\r\nthen, wind";Pan\r\n')
    assert row["prompt"] == 'She said "go";\r\nthen, wind'


def test_numbers_stay_numbers_and_text_becomes_what_the_model_takes():
    names = "prompt,param.duration,params.cfg_scale,param.generate_audio,count"
    csv = f"{names}\n{{{{ count }}}} dresses,5,0.5,TRUE,007\n"
    (row,) = read(csv, model=KLING.id, find=MODELS.get)
    assert row == {
        "prompt": "{{ count }} dresses", "count": "007",
        "params.duration": "5", "params.cfg_scale": 0.5, "params.generate_audio": True,
    }  # fmt: skip
    (row,) = read(csv)
    assert (row["params.duration"], row["params.cfg_scale"], row["params.generate_audio"]) == (5, 0.5, True)
    (row,) = read("prompt;param.cfg_scale;param.list\na;0,5;[1, 2]\n")
    assert (row["params.cfg_scale"], row["params.list"]) == (0.5, [1, 2])
    (row,) = read(
        packed(
            prompt=["{{ n }}"], n=[3], **{"param.a": [5.0], "param.b": [True], "param.c": [Decimal("0.25")]}
        )
    )
    assert row == {"prompt": "{{ n }}", "n": 3, "params.a": 5, "params.b": True, "params.c": 0.25}
    assert type(row["params.a"]) is int


def test_empty_cells_are_left_to_the_plan_and_a_prompt_with_a_hole_is_named():
    assert read("garment,style.camera\ndress,\ncoat,Pan\n", prompt="A {{ garment }}") == [
        {"garment": "dress"}, {"garment": "coat", "style.camera": "Pan"},
    ]  # fmt: skip
    assert faults("prompt,garment\nA {{ garment }},\n,coat\nA dress,\n") == {
        "row 2, garment": "is empty, and the prompt of this row needs it",
        "row 3, prompt": "is empty",
    }


@pytest.mark.parametrize(
    ("content", "field", "words"),
    [
        ("promt,style.camera\na,b\n", "promt", "did you mean prompt?"),
        ("promt,style.camera\na,b\n", "prompt", "is missing: add a column"),
        ("prompt,style.kamera\na,b\n", "style.kamera", "did you mean style.camera?"),
        ("prompt,garmet\nA {{ garment }},b\n", "garmet", "did you mean garment?"),
        ("prompt,duration\na,5\n", "duration", "did you mean params.duration?"),
        ("prompt,fabric\na,silk\n", "fabric", "write {{ fabric }} in the prompt"),
        ("prompt,params.\na,5\n", "params.", "names no parameter"),
        ("prompt,param.durration,garmet\na,5,b\n", "param.durration", "did you mean params.duration?"),
        ("prompt,param.durration,garmet\na,5,b\n", "garmet", "is not known here"),
        ("prompt,prompt,garmet\na,b,c\n", "prompt", "more than one column"),
        ("prompt,prompt,garmet\na,b,c\n", "garmet", "is not known here"),
        ("prompt,param.a,params.a\na,1,2\n", "params.a", "more than one column"),
        ("prompt,\na,x\n", "column 2", "has no name"),
        ("prompt,style.camera\nA dress, slow,Pan\n", "row 2", "has 3 cells for 2 columns; put quotes round"),
        ('prompt,style.camera\na,Pan\n"b,Pan\n', "row 3", "a quote is opened and never closed"),
        ("", "file", "is empty"),
        ("\r\n \r\n", "file", "is empty"),
        ("prompt,style.camera\n", "file", "no rows below it"),
        ("prompt\n" + "a dress\n" * 6_000, "file", "has 6,000 rows; at most 5,000 are taken"),
        (packed(prompt=["a"] * 6_000), "file", "has 6,000 rows; at most 5,000 are taken"),
        (packed(prompt=pa.array([], pa.string())), "file", "has columns, and no rows"),
        (packed(prompt=["a"], list=[["b"]]), "list", "holds lists or objects"),
        (packed(prompt=["a"], at=[datetime(2026, 11, 1, tzinfo=UTC)]), "at", "holds timestamp"),
        (packed(prompt=["a"])[:-9], "file", "is a broken Parquet file"),
        (packed(prompt=["a"])[:8] + bytes(40) + packed(prompt=["a"])[48:], "file", "is a broken Parquet"),
        (b"PK\x03\x04 a workbook", "file", "save its sheet as CSV"),
        (b"\x00\x01\x02prompt", "file", "neither CSV nor Parquet"),
        ('{"name": "x"}', "file", "is JSON, and no table"),
    ],
)
def test_what_is_wrong_with_a_file_is_named_with_the_way_out(content, field, words):
    assert words in faults(content, model=KLING.id, find=MODELS.get)[field]


def test_parameters_of_a_model_that_is_not_known_here_are_left_to_the_plan():
    assert read("prompt,model,params.zest\na,nobody/knows,5\n", find=MODELS.get) == [
        {"prompt": "a", "model": "nobody/knows", "params.zest": 5}
    ]


def test_a_file_that_is_called_parquet_and_is_none_is_refused():
    assert faults(TEXT, "rows.parquet") == {"file": "is no Parquet file: it doesn't begin like one"}


def test_of_very_many_faults_the_first_are_named():
    named = faults("prompt\n" + "a,b\n" * 200)
    assert len(named) == 51
    assert named["…"] == "150 more faults are like these"
