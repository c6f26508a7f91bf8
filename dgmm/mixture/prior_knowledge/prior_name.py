"""Names of priors, of parts that are fixed, and of mixtures that have a posterior."""

from typing import Literal

PriorName = Literal["conjugate"]
FixedPart = Literal["weights", "means", "covariances"]

WeightPrior = Literal["dirichlet_process", "dirichlet_distribution"]
STICKS: WeightPrior = "dirichlet_process"
BAYESIAN_TYPES = ("full", "tied", "diag", "spherical")
"""Covariance types of Bayesian mixtures: those that have conjugate priors here."""
