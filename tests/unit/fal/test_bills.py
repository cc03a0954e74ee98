"""fal's billing events as they are read: what can't be read as an amount is told so, never left out."""

import json
import math
from datetime import UTC, datetime
from typing import Any

import pytest

from backend.providers.base import BillEvent
from backend.providers.fal import bills
from backend.providers.fal.listing_pages import PageAnswer

AT = datetime(2026, 11, 1, tzinfo=UTC)


def read(**said: Any) -> list[BillEvent]:
    """One event that says this."""
    page = {"billing_events": [{"endpoint_id": "a/model", "request_id": "r", **said}], "has_more": False}
    answer = PageAnswer(200, json.dumps(page).encode())
    return bills.read_bills(lambda path, query: answer, since=AT, until=AT, sleep=lambda s: None)


@pytest.mark.parametrize(
    ("said", "usd"),
    [
        ({"cost_total": 0.7}, 0.7), ({"cost_total": 0}, 0.0), ({"cost_estimate_nano_usd": 700_000_000}, 0.7),
        ({"cost_total": None, "output_units": 5, "unit_price": 0.14}, 0.7),
        ({"output_units": 5, "unit_price": 0.14, "percent_discount": 10}, 0.63),
    ],
)  # fmt: skip
def test_the_charge_is_what_was_paid_after_discounts(said, usd):
    assert [event.usd for event in read(**said)] == [usd]


@pytest.mark.parametrize(
    "said",
    [
        {}, {"cost_total": "0.70"}, {"cost_total": -0.7}, {"cost_total": 1e300}, {"cost_total": 2e6},
        {"cost_total": True}, {"cost_total": math.inf}, {"cost_estimate_nano_usd": 10**400},
        {"cost_total": "0.70", "output_units": 5, "unit_price": 0.01}, {"output_units": 5},
        {"output_units": 5, "unit_price": 0.14, "percent_discount": 101},
        {"output_units": 5, "unit_price": 0.14, "percent_discount": "10"},
        {"output_units": 1e10, "unit_price": 1e10},
    ],
)  # fmt: skip
def test_an_amount_that_can_not_be_read_is_told_so_and_its_event_kept(said):
    """Left out, its take would seem to have cost nothing."""
    assert [(event.request_id, event.usd) for event in read(**said)] == [("r", None)]
