"""What is written of a row, and what is read of it in short, has the columns' own names and types."""

from typing import get_type_hints

import pytest

from backend.models import Job, JobColumns, JobHead, Video, VocabularyEntry
from backend.store.records.videos import VideoColumns
from backend.store.records.vocabulary import WordColumns

#: What was asked for, and for what price, never changes; the last line is what transitions alone write.
KEPT = {
    "id", "owner", "form_key", "form_hash", "parent_id", "provider", "model", "prompt", "sent_prompt",
    "template_version", "style", "params", "image", "payload", "image_field", "images", "estimate_usd",
    "price", "created_at",
    "state", "state_at", "version", "ended_at",
}  # fmt: skip


def test_what_may_be_written_of_a_job_is_every_column_that_may_change():
    columns = {name: field.annotation for name, field in Job.model_fields.items()}
    assert columns.keys() >= KEPT
    assert get_type_hints(JobColumns) == {name: kind for name, kind in columns.items() if name not in KEPT}


@pytest.mark.parametrize(
    ("part", "table"), [(JobHead, Job), (VideoColumns, Video), (WordColumns, VocabularyEntry)]
)
def test_a_part_of_a_row_has_the_types_of_its_columns(part, table):
    named = get_type_hints(part)
    assert named == {name: table.model_fields[name].annotation for name in named}
