"""Samples of cells, each written and read by a library of its format."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sample import NAMES, Rows, Sample


def _write_fcs(folder: Path, x: Rows) -> Path:
    import flowio

    for tube, part in enumerate(np.array_split(x, 3)):
        with (folder / f"tube-{tube}.fcs").open("wb") as file:
            flowio.create_fcs(file, part.ravel().tolist(), list(NAMES))
    return folder / "*.fcs"


def read_fcs(path: Path) -> NDArray[Any]:
    """Linear values of all channels but the time."""
    import flowio

    parts = []
    for file in sorted(path.parent.glob(path.name)):
        found = flowio.FlowData(str(file))
        kept = [i for i, name in enumerate(found.pnn_labels) if name.lower() != "time"]
        parts.append(found.as_array(preprocess=True)[:, kept])
    return np.concatenate(parts)


def _annotated(x: Rows, *, is_sparse: bool = False) -> Any:
    import anndata
    import pandas as pd
    from scipy.sparse import csr_matrix

    obs = pd.DataFrame(index=[f"cell-{i}" for i in range(len(x))])
    var = pd.DataFrame(index=list(NAMES))
    found = anndata.AnnData(csr_matrix(x) if is_sparse else x, obs=obs, var=var)
    found.obsm["X_pca"] = x[:, ::-1].copy()
    found.layers["counts"] = 2 * x
    return found


def _write_h5ad(folder: Path, x: Rows) -> Path:
    _annotated(x).write_h5ad(folder / "x.h5ad")
    return folder / "x.h5ad"


def _write_sparse(folder: Path, x: Rows) -> Path:
    _annotated(x, is_sparse=True).write_h5ad(folder / "x.h5ad")
    return folder / "x.h5ad"


def _write_zarr(folder: Path, x: Rows) -> Path:
    _annotated(x).write_zarr(folder / "x.zarr")
    return folder / "x.zarr"


def _read(path: Path) -> Any:
    import anndata

    return anndata.read_zarr(path) if path.suffix == ".zarr" else anndata.read_h5ad(path)


def read_matrix(path: Path) -> NDArray[Any]:
    """The matrix ``X``, dense."""
    found = _read(path).X
    return found if isinstance(found, np.ndarray) else found.toarray()


def read_beside(path: Path, name: str) -> NDArray[Any]:
    """An array beside the matrix, such as principal components."""
    return _read(path).obsm[name]


SAMPLES = (
    Sample("FCS, several files", "flowio", _write_fcs, read_fcs),
    Sample("AnnData, .h5ad", "anndata", _write_h5ad, read_matrix),
    Sample("AnnData, sparse", "anndata", _write_sparse, read_matrix, {"densify": True}),
    Sample(
        "AnnData, obsm",
        "anndata",
        _write_h5ad,
        lambda path: read_beside(path, "X_pca"),
        {"variable": "obsm/X_pca"},
    ),
    Sample(
        "AnnData, .zarr, layer",
        "anndata",
        _write_zarr,
        lambda path: _read(path).layers["counts"],
        {"variable": "layers/counts"},
    ),
)
