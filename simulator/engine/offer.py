"""The models on offer, their input schemas and prices: the catalogue that comes with the program."""

import json
from pathlib import Path
from typing import Any

from simulator.engine import charging, inputs
from simulator.engine.ledger import JSON

#: The catalogue that comes with the program, read as plain data.
SEED = Path(__file__).resolve().parents[2] / "backend" / "catalogue" / "seed.json"


class Offer:
    """Models by endpoint id; `entries` are the seed's: endpoint_id, title, category, input, price …

    Tests change `entries` to see what becomes of a catalogue that changed.
    """

    def __init__(self, synthetic: int = 0) -> None:
        self._rules = charging.load_rules()
        models = json.loads(SEED.read_text("utf-8"))["models"]
        for entry in models:
            if row := charging.list_price(self._rules.get(entry["endpoint_id"])):
                entry["price"] = row
        self.entries: dict[str, JSON] = {entry["endpoint_id"]: entry for entry in models}
        for n in range(synthetic):
            like = models[n % len(models)]
            name = f"sim-lab/m{n}/{like['endpoint_id'].rsplit('/', 1)[-1]}"
            self.entries[name] = {**like, "endpoint_id": name, "title": f"{like['title']} M{n}"}
            if like["endpoint_id"] in self._rules:
                self._rules[name] = self._rules[like["endpoint_id"]]

    def input_schema(self, endpoint: str) -> JSON:
        """The JSON Schema of the model's input; {} for an endpoint that isn't on offer."""
        return dict(self.entries.get(endpoint, {}).get("input") or {})

    def photo_limits(self, endpoint: str) -> dict[str, JSON]:
        """field -> what the model wants of a photo there: {"min_width": 300, …}."""
        return dict(self.entries.get(endpoint, {}).get("photo_limits") or {})

    def default_of(self, endpoint: str, field: str) -> Any:
        """The default that the model's schema gives a field, or None."""
        return self.input_schema(endpoint).get("properties", {}).get(field, {}).get("default")

    def price_of(self, endpoint: str) -> JSON | None:
        """{"unit", "unit_usd"}, or None where no price is known."""
        price = self.entries.get(endpoint, {}).get("price")
        return price if price and "unit_usd" in price else None

    def unit_usd(self, endpoint: str) -> float:
        """What a billable unit is charged at, also where the list doesn't tell."""
        return float((self.price_of(endpoint) or {}).get("unit_usd") or charging.CENT_USD)

    def billed_units(self, endpoint: str, given: JSON, *, width: int, height: int) -> float:
        """As how many units one take is billed: by its rule; where none says, by the word of its list row."""
        asked_s = inputs.duration_s(given, self.default_of(endpoint, "duration"))
        rule = self._rules.get(endpoint)
        if rule is not None:
            units = charging.billed_units(
                rule, given, default_of=lambda field: self.default_of(endpoint, field), auto_s=asked_s
            )
            if units is not None:
                return units
        unit = str((self.price_of(endpoint) or {}).get("unit", "second")).lower()
        pixels = width * height * asked_s * 24
        if unit == "video":
            return 1.0
        if "megapixel" in unit:
            return round(pixels / 1e6, 4)
        if "token" in unit:  # fal counts them in thousands
            return round(pixels / 1024 / 1e3, 4)
        return float(asked_s)
