"""fal's balance as it is read: an amount in dollars, or a reason; never a guess, and the key in no words."""

import json
import math
from typing import Any

import pytest

from backend.domain.errors import ProviderBusy
from backend.providers.fal import balance
from backend.providers.fal.listing_pages import PageAnswer


def read(told: Any, status: int = 200) -> float:
    return balance.read_balance(lambda path, query: PageAnswer(status, json.dumps(told).encode()))


@pytest.mark.parametrize(
    ("amount", "usd"), [(212.4, 212.4), (0, 0.0), (-1.25, -1.25), ("212.40", 212.4), (1e-7, 0.0)]
)
def test_a_balance_is_read_also_below_zero_and_as_text(amount, usd):
    assert read({"username": "us", "credits": {"current_balance": amount, "currency": "USD"}}) == usd


@pytest.mark.parametrize("amount", [None, True, math.nan, math.inf, "nan", "a lot", 1e300, 10**400, [5], {}])
def test_what_is_no_amount_is_no_balance(amount):
    with pytest.raises(ProviderBusy, match="no balance"):
        read({"credits": {"current_balance": amount, "currency": "USD"}})


@pytest.mark.parametrize(
    "told",
    [
        {}, [], None, "x", {"username": "us"}, {"credits": None}, {"credits": 5}, {"credits": {}},
        {"credits": {"current_balance": 5, "currency": "EUR"}},
    ],
)  # fmt: skip
def test_an_answer_without_credits_or_in_another_currency_is_no_balance_of_zero(told):
    with pytest.raises(ProviderBusy, match="no balance"):
        read(told)


@pytest.mark.parametrize(
    ("status", "says"), [(401, "ADMIN key"), (403, "ADMIN key"), (429, "429"), (500, "500")]
)
def test_a_refusal_says_why_without_fals_own_words(status, says):
    with pytest.raises(ProviderBusy, match=says) as refused:
        read({"error": {"message": "Invalid key admin-id:secret"}}, status)
    assert "secret" not in str(refused.value)
