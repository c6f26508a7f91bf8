"""How well each component fits its rows, as arrays on disk, and back: in ``components/``."""

from dgmm.io.storage.location import AnyPath
from dgmm.io.storage.zarr_arrays import read_small, write_small
from dgmm.mixture.goodness_of_fit import PROBABILITIES, GoodnessOfFit

_DIMENSIONS = {
    "discrepancy": ("component",),
    "kurtosis": ("component",),
    "beyond": ("component", "chi2_probability"),
}


def write_goodness(run: AnyPath, goodness: GoodnessOfFit) -> None:
    """Write what distances say of each component; no group metadata.

    Raises
    ------
    OSError
        If the file system refuses.
    """
    group = run / "components"
    write_small(group / "chi2_probability", PROBABILITIES, ("chi2_probability",))
    for name, dimensions in _DIMENSIONS.items():
        write_small(group / name, getattr(goodness, name), dimensions)


def read_goodness(run: AnyPath) -> GoodnessOfFit | None:
    """What `write_goodness` wrote; None if it is not there.

    Raises
    ------
    StorageError
        If an array is missing or damaged.
    """
    group = run / "components"
    if not (group / "discrepancy").is_dir():
        return None
    return GoodnessOfFit(**{name: read_small(group / name) for name in _DIMENSIONS})
