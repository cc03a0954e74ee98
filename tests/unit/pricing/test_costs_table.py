"""docs/costs.md has the prices that the program has."""

from backend.catalogue.models import load_seed
from tests.unit.pricing.costs_table import COSTS, written


def test_the_table_of_costs_has_every_model_with_the_prices_that_the_program_has():
    text = COSTS.read_text("utf-8")
    assert [model.id for model in load_seed() if f"| `{model.id}` |" not in text] == []
    assert text == written(text), "run python -m tests.unit.pricing.costs_table"
