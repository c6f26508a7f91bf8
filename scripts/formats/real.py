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


_TUBE = "HTS_BD_LSR_II_Mixed_Specimen_001_D6_D06.fcs"
_CYTOMETER = "fcsparser/tests/data/FlowCytometers/HTS_BD_LSR-II"
_CELLS = "scanpy/datasets/10x_pbmc68k_reduced.h5ad"

REAL_FILES = (
    _real("FCS", "fcsparser", f"{_CYTOMETER}/{_TUBE}", read_fcs),
    _real(
        "AnnData",
        "scanpy",
        _CELLS,
        lambda path: read_beside(path, "X_umap"),
        _write_anew,
        variable="obsm/X_umap",
    ),
    _real("NIfTI", "nibabel", "nibabel/tests/data/example4d.nii.gz", read_nifti),
    _real("PNG", "scikit-image", "skimage/data/astronaut.png", read_image),
)
