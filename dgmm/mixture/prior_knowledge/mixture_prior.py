"""The interface of a prior of mixtures."""

from typing import Protocol, Self

from dgmm.mixture.kernels.statistics import PriorKnowledge


class Prior(PriorKnowledge, Protocol):
    """A prior that is added to the moments of an E-step."""

    def scale(self, share: float) -> Self:
        """The same for a sample with this share of the rows."""
