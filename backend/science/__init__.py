"""What votes on takes say of prompts: pure functions over arrays, without a database, a clock or a network.

Deterministic: the same votes give the same numbers. Imports NumPy, threadpoolctl and the standard library
alone. It is a library too, by `from backend.science import fit`. Start with `finding.fit`.
"""

from backend.science.ballots import BallotError
from backend.science.finding import fit
from backend.science.results import Finding

__all__ = ["BallotError", "Finding", "fit"]
