"""What went wrong with a take: kept and answered under the same keys, whoever wrote it."""

from datetime import UTC, datetime

from backend.domain.errors import ProviderBusy, StorageFull
from backend.domain.trouble import Charged, Trouble, was_free

NOW = datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC)


def test_what_is_kept_is_read_as_it_was():
    error = ProviderBusy("fal did not answer.", code="http_503", detail={"a": 1})
    trouble = Trouble.from_error(error, charged=Charged.MAYBE, next_step="It is asked again.", at=NOW)
    kept = trouble.as_json()
    assert kept == {
        "code": "http_503",
        "message": "fal did not answer.",
        "charged": "maybe",
        "next": "It is asked again.",
        "detail": {"a": 1},
        "at": NOW.isoformat(),
    }
    assert Trouble.of(kept) == trouble


def test_an_error_that_is_no_provider_s_has_its_code_and_no_detail():
    trouble = Trouble.from_error(StorageFull("Full."), charged=Charged.NO, next_step="", at=NOW)
    assert (trouble.code, trouble.detail) == ("storage_full", None)


def test_where_nobody_said_what_it_cost_it_may_have_been_charged_and_nothing_wrong_is_no_trouble():
    assert Trouble.of({"message": "An older program's.", "charged": "perhaps"}).charged == Charged.MAYBE
    assert [was_free(kept) for kept in ({"message": "x"}, {"charged": "no"}, None)] == [False, True, False]
    assert Trouble.of(None) is None
