"""What most tests of downloads need."""

from pathlib import Path
from typing import Any

import pytest

from tests.adapters.download.downloads import Fetch


@pytest.fixture
def fetch(media: Any, part: Path, leftover: Path) -> Fetch:
    return Fetch(media, part, leftover)
