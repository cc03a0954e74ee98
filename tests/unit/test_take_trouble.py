"""What went wrong with a take: kept and answered under the same keys, whoever wrote it."""

from datetime import UTC, datetime

from backend.domain.errors import ProviderBusy, StorageFull
from backend.domain.trouble import Charged, Trouble, was_free

NOW = datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC)


def test_what_is_kept_is_read_as_it_was():
    error = ProviderBusy("fal did not answer.", code="http_503", detail={"a": 1})
    trouble = Trouble.from_error(error, charged=Charged.MAYBE, next_step="It is asked again.", at=NOW)
    assert trouble.as_json() == {
        "code": "http_503", "message": "fal did not answer.", "charged": "maybe",
        "next": "It is asked again.", "detail": {"a": 1}, "at": NOW.isoformat(),
    }  # fmt: skip
    assert Trouble.of(trouble.as_json()) == trouble


def test_what_nobody_said_is_not_made_up():
    """Of no provider's error a detail, of an unknown cost that there was none, of nothing a trouble."""
    full = Trouble.from_error(StorageFull("Full."), charged=Charged.NO, next_step="", at=NOW)
    assert (full.code, full.detail) == ("storage_full", None)
    assert Trouble.of({"message": "An older program's.", "charged": "perhaps"}).charged == Charged.MAYBE
    assert [was_free(kept) for kept in ({"message": "x"}, {"charged": "no"}, None)] == [False, True, False]
    assert Trouble.of(None) is None
