"""The noise component: an improper density that is constant."""

import math
import sys
from dataclasses import dataclass
from typing import Literal

NoiseDensity = float | Literal["hypervolume", "otrimle"]
"""The log density of noise, or how it is found."""

NOISE_DENSITIES = ("hypervolume", "otrimle")
"""Ways to find the density of noise, by name."""

FIRST_WEIGHT = 0.05
"""With which a search begins."""


@dataclass(frozen=True, slots=True)
class Noise:
    """Rows that belong to no Gaussian (Banfield & Raftery 1993, Biometrics 49, sec. 3).

    Attributes
    ----------
    log_density : float
        The same for every row, in nats, in units of the features that are fitted. It is given, and
        EM leaves it as it is.
    weight : float
        Mixing proportion, from 0 to 1.
    """

    log_density: float
    weight: float = FIRST_WEIGHT

    @property
    def log_peak(self) -> float:
        """Log of weight times density, in nats; finite where the weight is 0."""
        return math.log(max(self.weight, sys.float_info.min)) + self.log_density
