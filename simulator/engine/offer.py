"""The models on offer, their input schemas and prices: the catalogue's seed, or a built-in handful."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

JSON = dict[str, Any]

#: The catalogue that comes with the program, read as plain data.
SEED = Path(__file__).resolve().parents[2] / "backend" / "catalogue" / "seed.json"

#: fal's price units that mean one second of video.
_SECONDS = {"second", "seconds", "s"}
#: Those that mean one finished video.
_VIDEOS = {"video", "videos", "generation", "generations", "request", "requests"}


class Offer:
    """Models by endpoint id; `entries` are the seed's: endpoint_id, title, category, input, price …"""

    def __init__(self, path: Path | None, synthetic: int = 0) -> None:
        self.entries: dict[str, JSON] = {
            str(entry["endpoint_id"]): dict(entry) for entry in _read(path or SEED) if "endpoint_id" in entry
        }
        self.entries |= _more(list(self.entries.values()), synthetic)

    def schema(self, endpoint: str) -> JSON:
        """The JSON Schema of the model's input; {} for an endpoint that isn't on offer."""
        found = self.entries.get(endpoint, {}).get("input")
        return found if isinstance(found, dict) else {}

    def photo_limits(self, endpoint: str) -> dict[str, JSON]:
        """field -> what the model wants of a photo there: {"min_width": 300, …}."""
        found = self.entries.get(endpoint, {}).get("photo_limits")
        return found if isinstance(found, dict) else {}

    def default(self, endpoint: str, name: str) -> Any:
        """The default that the model's schema gives a field, or None."""
        prop = self.schema(endpoint).get("properties", {}).get(name, {})
        return prop.get("default") if isinstance(prop, dict) else None

    def price(self, endpoint: str) -> JSON | None:
        """{"unit", "unit_usd"}, or None where no price is known."""
        price = self.entries.get(endpoint, {}).get("price")
        return price if isinstance(price, dict) and "unit_usd" in price else None

    def units(self, endpoint: str, *, duration_s: float, width: int, height: int) -> float:
        """What one take is billed: units of the model's price, or seconds where there is none."""
        unit = str((self.price(endpoint) or {}).get("unit", "second")).lower()
        if unit in _VIDEOS:
            return 1.0
        if unit in _SECONDS:
            return float(duration_s)
        frames = duration_s * 24
        if "megapixel" in unit:
            return round(width * height * frames / 1e6, 4)
        if "token" in unit:
            return round(width * height * frames / 1024 / (1e6 if "m" in unit.split()[0] else 1e3), 4)
        return float(duration_s)


def _read(path: Path) -> list[JSON]:
    try:
        data = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return _BUILT_IN
    models = data.get("models", []) if isinstance(data, Mapping) else data
    return [dict(entry) for entry in models if isinstance(entry, Mapping)] or _BUILT_IN


def _more(models: list[JSON], number: int) -> dict[str, JSON]:
    """So many further endpoints in the shapes of these, under ids of their own."""
    made = {}
    for n in range(number if models else 0):
        like = models[n % len(models)]
        name = f"sim-lab/m{n}/{like['endpoint_id'].rsplit('/', 1)[-1]}"
        made[name] = {**like, "endpoint_id": name, "title": f"{like.get('title', name)} M{n}"}
    return made


def _built_in(endpoint: str, title: str, durations: list[Any], usd: float, image: str | None = None) -> JSON:
    properties: JSON = {
        "prompt": {"type": "string", "title": "Prompt"},
        "duration": {"type": "string", "title": "Duration", "enum": durations, "default": durations[0]},
        "aspect_ratio": {"type": "string", "enum": ["16:9", "9:16", "1:1"], "default": "16:9"},
        "seed": {"type": "integer", "title": "Seed"},
    }
    if isinstance(durations[0], int):
        properties["duration"]["type"] = "integer"
    if image:
        properties[image] = {"type": "string", "title": "Image URL"}
    return {
        "endpoint_id": endpoint,
        "title": title,
        "category": "image-to-video" if image else "text-to-video",
        "description": f"{title}, simulated.",
        "input": {
            "type": "object",
            "title": "Input",
            "properties": properties,
            "required": ["prompt", image] if image else ["prompt"],
            "x-fal-order-properties": list(properties),
        },
        "price": {"unit": "second", "unit_usd": usd},
    }


_BUILT_IN = [
    _built_in("fal-ai/veo3.1/fast", "Veo 3.1 Fast", ["8s", "4s", "6s"], 0.10),
    _built_in("fal-ai/kling-video/v2.5-turbo/pro/text-to-video", "Kling 2.5 Turbo Pro", ["5", "10"], 0.07),
    _built_in(
        "fal-ai/kling-video/v2.5-turbo/pro/image-to-video",
        "Kling 2.5 Turbo Pro",
        ["5", "10"],
        0.07,
        "image_url",
    ),
    _built_in("fal-ai/wan/v2.7/text-to-video", "Wan 2.7", [5, 2, 10], 0.10),
    _built_in("fal-ai/ltx-2.3/image-to-video", "LTX 2.3", [6, 8, 10], 0.08, "image_url"),
]
