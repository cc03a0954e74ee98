"""The models on offer, their input schemas and prices: the catalogue that comes with the program."""

import json
from pathlib import Path
from typing import Any

from simulator.engine.ledger import JSON

#: The catalogue that comes with the program, read as plain data.
SEED = Path(__file__).resolve().parents[2] / "backend" / "catalogue" / "seed.json"


class Offer:
    """Models by endpoint id; `entries` are the seed's: endpoint_id, title, category, input, price …

    Tests change `entries` to see what becomes of a catalogue that changed.
    """

    def __init__(self, synthetic: int = 0) -> None:
        models = json.loads(SEED.read_text("utf-8"))["models"]
        self.entries: dict[str, JSON] = {entry["endpoint_id"]: entry for entry in models}
        for n in range(synthetic):
            like = models[n % len(models)]
            name = f"sim-lab/m{n}/{like['endpoint_id'].rsplit('/', 1)[-1]}"
            self.entries[name] = {**like, "endpoint_id": name, "title": f"{like['title']} M{n}"}

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

    def billed_units(self, endpoint: str, *, duration_s: float, width: int, height: int) -> float:
        """What one take is billed: units of the model's price, or seconds where there is none."""
        unit = str((self.price_of(endpoint) or {}).get("unit", "second")).lower()
        pixels = width * height * duration_s * 24
        if unit == "video":
            return 1.0
        if "megapixel" in unit:
            return round(pixels / 1e6, 4)
        if "token" in unit:  # fal counts them in thousands
            return round(pixels / 1024 / 1e3, 4)
        return float(duration_s)
