"""What most tests of downloads need."""

import pytest

from tests.adapters.download.downloads import Fetch


@pytest.fixture
def fetch(media, part, leftover):
    return Fetch(media, part, leftover)
