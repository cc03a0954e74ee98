"""Names of files that are taken along: such as Windows takes as well, each of them once."""

import unicodedata
from datetime import UTC, datetime

import pytest

from backend.media.file_names import FreeNames, safe_stem
from backend.services.export.naming import DEFAULT_TEMPLATE, parse_template

ROW = {
    "id": "0195f8a2-7c1e-7abc-8def-0123456789ab", "created_at": datetime(2026, 11, 30, 23, 30, tzinfo=UTC),
    "project": None, "model": "fal-ai/kling/v1.6", "provider": "fal", "prompt": "", "owner": "ana",
    "seed": "7", "ratio": "9:16", "review": "none", "rating_mean": 4.25,
}  # fmt: skip


def named(template: str, **row: object) -> str:
    return parse_template(template).fill({**ROW, **row}, UTC)


@pytest.mark.parametrize(
    ("template", "row", "expected"),
    [
        (DEFAULT_TEMPLATE, {}, "2026-11-30_fal-ai-kling-v1.6_6789ab"),
        (DEFAULT_TEMPLATE, {"project": "Spring / 27 🌷"}, "Spring-27-🌷_2026-11-30_fal-ai-kling-v1.6_6789ab"),
        ("{prompt:7}", {"prompt": "A red dress"}, "A-red-d"),
        ("{prompt:6}", {"prompt": "A red dress"}, "A-red"),
        ("{prompt}", {"prompt": "شال أحمر\u202egpj.exe"}, "شال-أحمر-gpj.exe"),
        ("{prompt}", {"prompt": "../../etc/passwd"}, "etc-passwd"),
        ("{prompt}", {"prompt": "con"}, "_con"),
        ("{prompt}", {"prompt": "Com1.tar"}, "_Com1.tar"),
        ("{prompt}", {"prompt": "…"}, "take-0195f8a2-7c1e-7abc-8def-0123456789ab"),
        ("{prompt}. ", {"prompt": "dots..."}, "dots"),
        ("a<b>:{owner}|?*", {}, "a b ana"),
        ("{{x}}-{ratio}-{rating}-{seed}", {}, "{x}-9x16-4.2-7"),
        ("{id}", {}, "0195f8a2-7c1e-7abc-8def-0123456789ab"),
        ("{id:4}", {}, "89ab"),
        ("   ", {}, "2026-11-30_fal-ai-kling-v1.6_6789ab"),
        ("{prompt}", {"prompt": "👩‍👩‍👧 ❤️"}, "👩‍👩‍👧-❤️"),
    ],
)
def test_a_template_is_filled_with_what_every_file_system_takes(template, row, expected):
    assert named(template, **row) == expected


@pytest.mark.parametrize("text", ["x" * 200, "é" * 200, "🎬" * 200, "ش" * 200, "e\u0301" * 300])
def test_a_name_is_never_longer_than_file_systems_hold(text):
    name = named("{project}_{prompt}_{id}", project=text, prompt=text)
    assert len(name.encode()) <= 180
    assert len(name.encode("utf-16-le")) // 2 <= 255 - len("-123456.mp4")
    assert name == unicodedata.normalize("NFC", name).strip(". ")
    assert name.endswith(ROW["id"])
    name = named(
        DEFAULT_TEMPLATE, project=text, prompt=text, model="fal-ai/kling-video/v3/turbo/pro/" + "x" * 90
    )
    assert "_2026-11-30_fal-ai-kling-video" in name
    assert name.endswith("_6789ab")


def test_what_some_file_system_takes_for_one_name_is_two():
    free = FreeNames(["manifest"])
    wanted = ["a", "A", "a", "a-2", "é", "e\u0301", "ß", "SS", "Manifest", "a"]
    names = [free.take(name) for name in wanted]
    assert names == ["a", "A-2", "a-3", "a-2-2", "é", "e\u0301-2", "ß", "SS-2", "Manifest-2", "a-4"]
    assert len({unicodedata.normalize("NFC", name).casefold() for name in names}) == len(names)


def test_ten_thousand_takes_of_one_name_are_numbered_at_once():
    free = FreeNames()
    assert [free.take("x") for _ in range(10_000)][-1] == "x-10000"


def test_nothing_but_what_nobody_can_see_leaves_no_name():
    assert safe_stem(" . \u200b ") == ""
