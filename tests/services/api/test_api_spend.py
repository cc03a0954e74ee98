"""GET /api/spend: what was spent, as JSON, CSV or Parquet, of everybody or one's own."""

import csv
import io

import pyarrow as pa
import pytest
from pyarrow import parquet

from backend.services.access import Role, Viewer
from backend.services.money import spend_files
from tests.services.client import at_fault, said
from tests.world import ANA, BEN, MODEL, make_unpriced


def test_spending_is_told_by_model_and_person_with_its_total(sidecar):
    for viewer in (ANA, BEN, BEN):
        sidecar.ask(viewer=viewer)
    day = f"{sidecar.clock.now():%Y-%m-%d}"
    answer = sidecar.get(f"/api/spend?by=model&and=person&since={day}&until={day}", who="root")

    assert answer.status_code == 200
    amounts = {"billed_usd": 0.0, "wasted_usd": 0.0, "unpriced": 0}
    assert answer.get_json() == {
        "items": [
            {"model": MODEL, "person": "ben", "takes": 2, "estimated_usd": 1.4, "open_usd": 1.4, **amounts},
            {"model": MODEL, "person": "ana", "takes": 1, "estimated_usd": 0.7, "open_usd": 0.7, **amounts},
        ],
        "total": {"takes": 3, "estimated_usd": 2.1, "open_usd": 2.1, **amounts},
    }


def test_a_creator_is_told_of_their_own_spending_and_a_stranger_of_none(sidecar):
    sidecar.ask(viewer=BEN)
    assert sidecar.get("/api/spend", who="ana").get_json()["total"]["takes"] == 0
    assert sidecar.get("/api/spend", who="ben").get_json()["total"]["takes"] == 1
    assert sidecar.get("/api/spend", who="eve").get_json()["total"]["takes"] == 1, "reads all takes"
    said(sidecar.get("/api/spend", who=None), 401)


@pytest.mark.parametrize(
    ("query", "faults"),
    [
        ("by=colour&and=day&since=soon&format=xml", {"by", "since", "format"}),
        ("by=day&and=day", {"and"}),
        ("format=pdf", {"format"}),
        ("from=2026-11-01", {"from"}),
        ("by=day&by=model", {"by"}),
    ],
)
def test_every_parameter_at_fault_is_named(sidecar, query, faults):
    assert set(at_fault(sidecar.get(f"/api/spend?{query}"))) == faults


def test_as_csv_no_name_is_taken_for_a_formula_and_what_nobody_knows_is_empty(sidecar):
    evil = Viewer('=HYPERLINK("http://x")', Role.CREATOR)
    sidecar.ask(viewer=evil)
    make_unpriced(sidecar.deps, sidecar.ask())
    answer = sidecar.get("/api/spend?by=person&format=csv", who="root")

    assert answer.content_type == "text/csv; charset=utf-8"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="spend-by-person.csv"'
    rows = {row["person"]: row for row in csv.DictReader(io.StringIO(answer.get_data(as_text=True)))}
    assert rows.keys() == {"'" + evil.name, "ana"}
    assert rows["'" + evil.name]["estimated_usd"] == "0.7"
    assert (rows["ana"]["estimated_usd"], rows["ana"]["unpriced"]) == ("", "1")


def test_as_parquet_amounts_are_numbers_and_what_nobody_knows_is_null(sidecar):
    sidecar.ask(viewer=BEN)
    make_unpriced(sidecar.deps, sidecar.ask())
    query = "by=person&since=2026-01-01&until=2027-01-01&format=parquet"
    answer = sidecar.get(f"/api/spend?{query}", who="root")

    name = "spend-by-person-from-2026-01-01-to-2027-01-01.parquet"
    assert name in answer.headers["Content-Disposition"]
    table = parquet.read_table(io.BytesIO(answer.get_data()))
    assert table.schema.field("estimated_usd").type == pa.float64()
    rows = {row["person"]: row for row in table.to_pylist()}
    assert (rows["ben"]["estimated_usd"], rows["ana"]["estimated_usd"]) == (0.7, None)


@pytest.mark.parametrize("begins", ["=1+1", "+1", "-1", "@x", "\tx", "\rx", "\nx"])
def test_what_a_spreadsheet_takes_for_a_formula_becomes_a_text(begins):
    content = spend_files.write_csv(["name", "usd"], [[begins, -0.5], ["ana", None]])
    first, second = list(csv.reader(io.StringIO(content.decode(), newline="")))[1:]
    assert (first, second) == (["'" + begins, "-0.5"], ["ana", ""])
