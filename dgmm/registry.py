"""What is chosen by name: covariance structures, criteria and input formats.

A new one is one object. It is added to a :class:`Registry`, or an installed package declares it as
an entry point, and sweeps, configurations, results and reports find it by its name.

>>> import math
>>> from dgmm.mixture.criteria import FitSummary
>>> def caic(fit: FitSummary) -> float:
...     return -2.0 * fit.log_likelihood + fit.n_parameters * (math.log(fit.total_weight) + 1.0)
>>> CRITERIA.add("caic", caic)
>>> list(CRITERIA)[-1]
'caic'
>>> CRITERIA.remove("caic")

This module imports nothing of what it names, so that configurations are checked without NumPy.
"""

import ast
import inspect
from collections.abc import Iterator, Mapping
from functools import cached_property
from importlib.abc import InspectLoader
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from typing import Any


class Registry(Mapping[str, Any]):
    """Objects by name, each imported when it is first used.

    An entry point is known in every process, those of Dask workers included. A package declares a
    structure in its ``pyproject.toml`` so::

        [project.entry-points."dgmm.structures"]
        homoscedastic = "its_package.its_module:HOMOSCEDASTIC"

    What :meth:`add` adds is known in its process alone. That serves fits in memory and runs with
    ``cluster: {kind: threads}``; workers in processes of their own need the entry point.

    Parameters
    ----------
    group : str
        The group of entry points.
    own : mapping of str to str
        dgmm's own objects, each as ``module:name``.

    Examples
    --------
    >>> encoders = Registry("my_package.encoders", {"json": "json:dumps"})
    >>> encoders["json"]([1, 2])
    '[1, 2]'
    """

    def __init__(self, group: str, own: Mapping[str, str]) -> None:
        self.group, self._own = group, own
        self._objects: dict[str, Any] = {}

    @cached_property
    def _entries(self) -> dict[str, EntryPoint | None]:
        """The location of each object; None for added ones."""
        installed = {entry.name: entry for entry in entry_points(group=self.group)}
        own = {name: EntryPoint(name, value, self.group) for name, value in self._own.items()}
        return {**own, **{name: installed[name] for name in installed if name not in own}}

    def __getitem__(self, name: str) -> Any:
        entry = self._entries[name]
        if entry is not None and name not in self._objects:
            self._objects[name] = entry.load()
        return self._objects[name]

    def __contains__(self, name: object) -> bool:
        return name in self._entries

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def summary(self, name: str) -> str:
        """The first line of the documentation of the module that holds an object.

        The module is read, not imported, so that a list of many objects is quick. Of an object that
        :meth:`add` added it is the first line of its own documentation.

        Examples
        --------
        >>> Registry("my_package.encoders", {"json": "json.encoder:JSONEncoder"}).summary("json")
        'Implementation of JSONEncoder'
        """
        entry = self._entries[name]
        if entry is None:
            text = inspect.getdoc(self._objects[name])
        else:
            spec = find_spec(entry.module)
            loader = spec.loader if spec else None
            source = loader.get_source(entry.module) if isinstance(loader, InspectLoader) else None
            text = ast.get_docstring(ast.parse(source or ""))
        return (text or "").partition("\n")[0]

    def add(self, name: str, value: Any) -> None:
        """Add an object.

        Raises
        ------
        ValueError
            If there is one of this name.

        Examples
        --------
        >>> encoders = Registry("my_package.encoders", {"json": "json:dumps"})
        >>> encoders.add("repr", repr)
        >>> list(encoders)
        ['json', 'repr']
        """
        if name in self:
            raise ValueError(f"{name!r} is in {self.group} already; expected a new name.")
        self._entries[name], self._objects[name] = None, value

    def remove(self, name: str) -> None:
        """Remove an added object.

        Raises
        ------
        KeyError
            If there is none of this name.

        Examples
        --------
        >>> encoders = Registry("my_package.encoders", {"json": "json:dumps"})
        >>> encoders.add("repr", repr)
        >>> encoders.remove("repr")
        >>> "repr" in encoders
        False
        """
        del self._entries[name]
        self._objects.pop(name, None)


STRUCTURES = Registry(
    "dgmm.structures",
    {
        "full": "dgmm.mixture.structures.matrix_structure:FULL",
        "tied": "dgmm.mixture.structures.matrix_structure:TIED",
        "diag": "dgmm.mixture.structures.diagonal_structure:DIAG",
        "spherical": "dgmm.mixture.structures.diagonal_structure:SPHERICAL",
        "EII": "dgmm.mixture.structures.diagonal_structure:EII",
        "EEI": "dgmm.mixture.structures.diagonal_structure:EEI",
        "VEI": "dgmm.mixture.structures.equal_shape:VEI",
        "EVI": "dgmm.mixture.structures.equal_volume:EVI",
        "VEE": "dgmm.mixture.structures.equal_shape:VEE",
        "EVE": "dgmm.mixture.structures.common_axes:EVE",
        "VVE": "dgmm.mixture.structures.common_axes:VVE",
        "EEV": "dgmm.mixture.structures.own_axes:EEV",
        "VEV": "dgmm.mixture.structures.own_axes:VEV",
        "EVV": "dgmm.mixture.structures.equal_volume:EVV",
    },
)
"""Objects of subclasses of :class:`dgmm.mixture.covariance_structure.Structure`."""

ALIASES = {"VVV": "full", "EEE": "tied", "VVI": "diag", "VII": "spherical"}
"""mclust's names of structures that have one of scikit-learn's, which results use."""


def canonical_type(covariance_type: str) -> str:
    """The name of a structure in results.

    >>> canonical_type("VVV"), canonical_type("VEV")
    ('full', 'VEV')
    """
    return ALIASES.get(covariance_type, covariance_type)


DEFAULT_TYPES = ("full", "tied", "diag", "spherical")
"""The structures that a sweep tries unless it is told."""

CRITERIA = Registry(
    "dgmm.criteria",
    {
        "bic": "dgmm.mixture.criteria:bic",
        "aic": "dgmm.mixture.criteria:aic",
        "icl": "dgmm.mixture.criteria:icl",
        "bic_effective": "dgmm.mixture.criteria:bic_effective",
        "icl_effective": "dgmm.mixture.criteria:icl_effective",
        "bic_coarsened": "dgmm.mixture.criteria:bic_coarsened",
        "tolerance": "dgmm.mixture.criteria:tolerance",
        "slope": "dgmm.mixture.criteria:slope",
    },
)
"""Functions of a :class:`dgmm.mixture.criteria.FitSummary` that fall as the likelihood rises."""

FORMATS = Registry(
    "dgmm.formats",
    {
        "series": "dgmm.io.sources.labelled.series:FORMAT",
        "anndata": "dgmm.io.sources.cells.anndata:FORMAT",
        "fcs": "dgmm.io.sources.cells.fcs:FORMAT",
        "geotiff": "dgmm.io.sources.rasters.geotiff_pixels:FORMAT",
        "nifti": "dgmm.io.sources.rasters.nifti:FORMAT",
        "icechunk": "dgmm.io.sources.labelled.icechunk:FORMAT",
        "kerchunk": "dgmm.io.sources.labelled.kerchunk:FORMAT",
        "ome-zarr": "dgmm.io.sources.rasters.ome_zarr:FORMAT",
        "zarr": "dgmm.io.sources.zarr:FORMAT",
        "npy": "dgmm.io.sources.npy:FORMAT",
        "image": "dgmm.io.sources.image:FORMAT",
        "hdf5": "dgmm.io.sources.hdf5:FORMAT",
        "delta": "dgmm.io.sources.tables.delta:FORMAT",
        "iceberg": "dgmm.io.sources.tables.iceberg:FORMAT",
        "parquet": "dgmm.io.sources.tables.parquet:FORMAT",
        "xarray": "dgmm.io.sources.labelled.xarray:FORMAT",
    },
)
"""A :class:`dgmm.io.sources.format.Format` each, in the order in which they are asked whether a
path is theirs."""

COMMANDS = Registry("dgmm.commands", {})
"""Functions ``main(arguments) -> int`` that are commands of ``dgmm``, such as pipelines.

``dgmm -h`` shows the first line of the documentation of the module that defines one."""
