"""Newton's step for many takes, by conjugate gradients: the curvature is multiplied, never written out.

With V votes a product takes as long as there are votes, and a matrix of 2,000 takes is not built, let alone
solved: of 100 cells with 2,000 takes and 20,000 votes a step takes a tenth of the time.

Source: Hestenes and Stiefel, "Methods of conjugate gradients for solving linear systems", J. Res. NBS 49,
1952, with the curvature's diagonal as preconditioner; how accurate a step has to be: Nocedal and Wright,
"Numerical Optimization", 2nd ed., 7.1.
"""

from collections.abc import Callable

import numpy as np

from backend.science.ballots import Floats

#: So much of the slope may be left of a step: the next one starts there, with the square of it as error.
LEFT = 1e-3
STEPS_MAX = 500


def solve_by_gradients(times: Callable[[Floats], Floats], diagonal: Floats, wanted: Floats) -> Floats:
    """x with `times(x)` = wanted, nearly: times is a symmetric, positive matrix with this diagonal."""
    found, rest = np.zeros_like(wanted), wanted.copy()
    scaled = rest / diagonal
    along, size = scaled, float(rest @ scaled)
    enough = LEFT**2 * size
    for _ in range(STEPS_MAX):
        if size <= enough:
            break
        turned = times(along)
        length = size / float(along @ turned)
        found += length * along
        rest -= length * turned
        scaled = rest / diagonal
        before, size = size, float(rest @ scaled)
        along = scaled + size / before * along
    return found
