"""A sample of an input format."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.float32]

NAMES = ("a", "b", "c")
GRID = (30, 40)
N_ROWS = 1_200


@dataclass(frozen=True, slots=True)
class Sample:
    """A sample of an input format, and the library that writes and reads it.

    Attributes
    ----------
    format : str
    library : str
        Name of its distribution.
    write : callable
        ``write(folder, x) -> path``.
    read : callable
        ``read(path) -> rows``: what the library itself reads, shape (n_rows, n_features); in the
        order of the identifiers, where there are some.
    keys : mapping
        Of the section ``input`` of a configuration, beside the path.
    """

    format: str
    library: str
    write: Callable[[Path, Rows], Path]
    read: Callable[[Path], NDArray[Any]]
    keys: Mapping[str, Any] = field(default_factory=dict)


def draw_rows() -> Rows:
    """Three clumps of different weight; whole numbers from 0 to 255, as images have them."""
    rng = np.random.default_rng(19)
    clump = rng.choice(3, size=N_ROWS, p=(0.5, 0.3, 0.2))
    centres = np.array([[60, 70, 180], [120, 190, 90], [200, 60, 60]])
    found = rng.normal(centres[clump], 12)
    return np.clip(np.rint(found), 0, 255).astype(np.float32)
