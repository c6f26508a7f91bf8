"""Names of priors, and of parts that are fixed."""

from typing import Literal

PriorName = Literal["conjugate"]
FixedPart = Literal["weights", "means", "covariances"]
