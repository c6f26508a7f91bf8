"""Real files that packages bring along."""

from collections.abc import Callable
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

from cells import read_beside, read_fcs
from images import read_image, read_nifti
from numpy.typing import NDArray
from sample import Rows, Sample


def _as_it_is(source: Path, *_: Path | Rows) -> Path:
    return source


def _real(
    format_: str,
    package: str,
    file: str,
    read: Callable[[Path], NDArray[Any]],
    copy: Callable[[Path, Path, Rows], Path] = _as_it_is,
    **keys: Any,
) -> Sample:
    def write(folder: Path, x: Rows) -> Path:
        return copy(Path(str(distribution(package).locate_file(file))), folder, x)

    return Sample(f"{format_}: {Path(file).name}", package, write, read, keys)


def _write_anew(source: Path, folder: Path, _: Rows) -> Path:
    """A file of an anndata before 0.7, as today's writes it."""
    import anndata

    anndata.read_h5ad(source).write_h5ad(folder / source.name)
    return folder / source.name


def _read_csv(path: Path) -> NDArray[Any]:
    import pandas as pd

    return pd.read_csv(path).to_numpy(float)


_CYTOMETERS = "fcsparser/tests/data/FlowCytometers"
_TUBES = (
    "HTS_BD_LSR-II/HTS_BD_LSR_II_Mixed_Specimen_001_D6_D06.fcs",
    "FACS_Diva/facs_diva_test.fcs",
    "Fortessa/FCS_3.0_Fortessa_PBS_Specimen_001_A1_A01.fcs",
    "MiltenyiBiotec/FCS2.0/EY_2013-07-19_PBS_FCS_2.0_Custom_Without_Add_Well_A1.001.fcs",
)
_CELLS = "scanpy/datasets/10x_pbmc68k_reduced.h5ad"

REAL_FILES = (
    *(_real("FCS", "fcsparser", f"{_CYTOMETERS}/{tube}", read_fcs) for tube in _TUBES),
    _real(
        "AnnData",
        "scanpy",
        _CELLS,
        lambda path: read_beside(path, "X_umap"),
        _write_anew,
        variable="obsm/X_umap",
    ),
    _real("NIfTI", "nibabel", "nibabel/tests/data/functional.nii", read_nifti),
    _real("PNG", "scikit-image", "skimage/data/astronaut.png", read_image),
    _real("PNG", "scikit-image", "skimage/data/coffee.png", read_image),
    _real("JPEG", "scikit-learn", "sklearn/datasets/images/china.jpg", read_image),
    _real("CSV, ingested", "statsmodels", "statsmodels/datasets/fair/fair.csv", _read_csv),
)
