"""What the gallery's filters and their values are called."""

from collections.abc import Mapping

from backend.domain.library.review import ReviewState, Sort
from backend.domain.prompt import AXES

#: Status of the API -> what people call it.
STATUS: Mapping[str, str] = {
    "processing": "In progress",
    "completed": "Ready",
    "held": "Needs a decision",
    "failed": "Failed",
    "cancelled": "Cancelled",
}
REVIEWS: Mapping[ReviewState, str] = {
    ReviewState.SELECTED: "Selected",
    ReviewState.APPROVED: "Approved",
    ReviewState.REJECTED: "Rejected",
    ReviewState.TO_EDIT: "To edit",
    ReviewState.NONE: "Not reviewed",
}
SORTS: Mapping[Sort, str] = {
    Sort.NEWEST: "Newest first",
    Sort.OLDEST: "Oldest first",
    Sort.RATING: "Best rated",
    Sort.COST: "Dearest first",
}
#: size -> what it is called; the first one is what is shown unless another is chosen.
SIZES: Mapping[str, str] = {"fit": "Fit", "S": "S", "M": "M", "L": "L"}
RATIOS = ("16:9", "9:16", "1:1", "4:3", "3:4", "21:9")
#: Name of a filter -> what stands before its value on a chip.
TITLES: Mapping[str, str] = {
    "q": "Search", "status": "State", "model": "Model", "owner": "Person", "mine": "Mine",
    "project": "Project", "collection": "Collection", "tag": "Tag", "review": "Review",
    "favourite": "Starred by me", "rating_min": "Rated at least", "rated": "Rated", "ratio": "Ratio",
    "min_length": "At least", "max_length": "At most", "min_cost": "From", "max_cost": "Up to",
    "since": "Since", "until": "Until", "has_error": "With an error", "trashed": "In the trash",
    "provider": "Provider", "experiment": "Experiment", "cell": "Cell",
    **{f"style.{axis}": axis.capitalize() for axis in AXES},
}  # fmt: skip
#: Of these, 1 and 0 are told in words.
FLAGS: Mapping[str, tuple[str, str]] = {
    "mine": ("Mine", "Not mine"),
    "picks": ("Picks", "No picks"),
    "favourite": ("Starred by me", "Not starred by me"),
    "rated": ("Rated", "Unrated"),
    "has_error": ("With an error", "Without an error"),
    "trashed": ("In the trash", "Not in the trash"),
}
