"""Names of priors, in a module that imports no NumPy."""

from typing import Literal

PriorName = Literal["conjugate"]
"""Priors of means and covariances by name."""
