"""Which quantities of each row to write, and how they are stored."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dgmm.errors import OutputError
from dgmm.mixture.density import RowPosteriors

MISSING = -1
"""Label, component or mark of a row that could not be assigned; label of noise."""

_FLAGS = {"flag_values": [MISSING], "flag_meanings": "missing"}
_ATTRIBUTES: dict[str, dict[str, Any]] = {
    "labels": {"long_name": "most probable component", **_FLAGS},
    "responsibilities": {"long_name": "posterior probability of the component", "units": "1"},
    "log_density": {"long_name": "natural logarithm of the probability density"},
    "uncertainty": {"long_name": "one minus the largest responsibility", "units": "1"},
    "clusters": {"long_name": "most probable cluster of components", **_FLAGS},
    "outlier": {
        "long_name": "density below the threshold",
        "flag_values": [MISSING, 0, 1],
        "flag_meanings": "missing inlier outlier",
    },
    "noise": {
        "long_name": "posterior probability of noise",
        "comment": "labels are -1 of noise, and where this is NaN because a value is missing",
        "units": "1",
    },
    "responsible": {"long_name": "component of the responsibility", **_FLAGS},
}
ASSIGNMENTS = frozenset(_ATTRIBUTES)
"""Names of what can be written of each row."""

_LABELS = {"labels", "clusters"}

RESERVED = {*ASSIGNMENTS, "component", "rank", "feature", "feature_2"}
"""What assignments call their own; no dimension or coordinate of samples can have such a name."""

_LABELS_IN_INT16 = 2**15


@dataclass(frozen=True, slots=True)
class AssignmentArray:
    """How one array of ``assignments`` is stored.

    Attributes
    ----------
    dtype : str
    fill_value : float
        What stands for a row that could not be assigned.
    across : tuple of (str, int)
        Dimensions beside those of the samples, and their extents.
    attributes : dict
        By the CF conventions, which have no name for nats.
    """

    dtype: str
    fill_value: float
    across: tuple[tuple[str, int], ...]
    attributes: dict[str, Any]


@dataclass(frozen=True, slots=True)
class AssignmentSchema:
    """What to write for each row.

    Attributes
    ----------
    names : tuple of str
        Among ``labels`` and ``clusters`` (int16; int32 for labels above 32,767),
        ``responsibilities`` (float32),
        ``log_density`` (float64, nats), ``uncertainty`` (float32; one minus the largest
        responsibility) and ``outlier`` (int8; 1 below the threshold, else 0). Rows that could not
        be assigned have -1 in integers, NaN in floats.
    components : tuple of int
        What each component is called.
    n_most_probable : int or None
        Keep only so many responsibilities of each row, the largest, and with them
        ``responsible``, their components.
    outlier_threshold : float
        Log density below which a row is an outlier.
    clusters : tuple of int, or None
        What the cluster of each component is called; None if that is not known.
    has_noise : bool
        Whether the mixture has noise: ``noise``, its probability (float32), is then written with
        labels and clusters, of which -1 may be either noise or a row that lacks a value.
    """

    names: tuple[str, ...]
    components: tuple[int, ...]
    n_most_probable: int | None = None
    outlier_threshold: float = -np.inf
    clusters: tuple[int, ...] | None = None
    has_noise: bool = False

    def arrays(self) -> dict[str, AssignmentArray]:
        """The arrays to write, by name.

        Raises
        ------
        OutputError
            If there are no assignments of a name.
        """
        known = self._all_arrays()
        for name in self.names:
            if name not in known:
                raise OutputError(
                    f"There are no assignments {name!r}; known are {', '.join(known)}."
                )
        if "clusters" in self.names and self.clusters is None:
            raise OutputError(
                "The mixture was fitted by an earlier version of dgmm, which did not join its "
                "components into clusters. Fit it again, or leave out the assignments 'clusters'."
            )
        wanted = {name: known[name] for name in self.names}
        if "responsibilities" in wanted and self.n_most_probable is not None:
            wanted["responsible"] = known["responsible"]
        if self._says_noise:
            wanted["noise"] = known["noise"]
        return wanted

    @property
    def needs_responsibilities(self) -> bool:
        """Whether what is written depends on those of all components."""
        return not {"responsibilities", "clusters"}.isdisjoint(self.names)

    def values(self, assignment: RowPosteriors) -> dict[str, NDArray[Any]]:
        """What the arrays hold for some rows."""
        assignment = replace(assignment, components=self.components)
        found: dict[str, NDArray[Any]] = {}
        for name in self.names:
            match name:
                case "responsibilities":
                    found |= self._responsibilities(assignment)
                case "uncertainty":
                    found[name] = assignment.uncertainty.astype(np.float32)
                case "outlier":
                    found[name] = self._outlier(assignment)
                case "clusters":
                    found[name] = assignment.merge(self.clusters or self.components).labels
                case _:
                    found[name] = getattr(assignment, name)
        if self._says_noise and assignment.noise is not None:
            found["noise"] = assignment.noise.astype(np.float32)
        return found

    @property
    def _says_noise(self) -> bool:
        return self.has_noise and not _LABELS.isdisjoint(self.names)

    def _all_arrays(self) -> dict[str, AssignmentArray]:
        n_components = len(self.components)
        components: tuple[tuple[str, int], ...] = (("component", n_components),)
        if self.n_most_probable is not None:
            components = (("rank", min(self.n_most_probable, n_components)),)
        integers = "int16" if max(self.components) < _LABELS_IN_INT16 else "int32"
        numbers = {
            "labels": (integers, ()),
            "responsibilities": ("float32", components),
            "log_density": ("float64", ()),
            "uncertainty": ("float32", ()),
            "outlier": ("int8", ()),
            "clusters": (integers, ()),
            "responsible": (integers, components),
            "noise": ("float32", ()),
        }
        return {
            name: AssignmentArray(
                dtype, MISSING if "int" in dtype else np.nan, across, _ATTRIBUTES[name]
            )
            for name, (dtype, across) in numbers.items()
        }

    def _responsibilities(self, assignment: RowPosteriors) -> dict[str, NDArray[Any]]:
        r = assignment.responsibilities
        if self.n_most_probable is None:
            return {"responsibilities": r.astype(np.float32)}
        places = assignment.most_probable(self.n_most_probable)
        largest = np.take_along_axis(r, places, axis=1)  # -1 takes a NaN where all are NaN
        return {
            "responsibilities": largest.astype(np.float32),
            "responsible": assignment.name_places(places),
        }

    def _outlier(self, assignment: RowPosteriors) -> NDArray[np.int8]:
        outlier = (assignment.log_density < self.outlier_threshold).astype(np.int8)
        outlier[np.isnan(assignment.log_density)] = MISSING
        return outlier
