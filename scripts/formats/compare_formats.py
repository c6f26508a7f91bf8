"""Plan, run and score every input format, and compare what is found with a fit in memory.

    pip install '.[anndata,csv,delta,fcs,geotiff,hdf5,iceberg,icechunk,image,netcdf,nifti]'
    pip install 'pyiceberg[sql-sqlite]' duckdb kerchunk netCDF4 ome-zarr pandas polars
    pip install fcsparser scanpy scikit-image statsmodels
    python scripts/formats/compare_formats.py

A sample of each format is written by the format's own library. The rows that this library reads are
fitted in memory: the run of the file must have the same labels and densities, and so must its
score. The same is done with files that packages bring along. Prints the tables of docs/inputs.md;
what is not installed is left out, with a word on stderr. Ends with 1 if something differs.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import arrays
import cells
import images
import numpy as np
import tables
from click.testing import CliRunner
from numpy.typing import NDArray
from real import REAL_FILES
from sample import Sample, draw_rows

from dgmm import GaussianMixture, Result, open_result
from dgmm.cli import dgmm as commands

SAMPLES: tuple[Sample, ...] = (
    *arrays.SAMPLES,
    *tables.SAMPLES,
    *cells.SAMPLES,
    *images.SAMPLES,
)
N_COMPONENTS = 3
THREADS = "cluster.kind=threads"
CLOSE = 1e-6
"""How far log densities may be from those in memory: fits end a little before the maximum."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run of a file compares with a fit of the same rows in memory.

    Attributes
    ----------
    n_rows, n_features : int
    n_labels_different : int
        In the run or in its score.
    largest_difference : float
        Of the log densities of rows.
    """

    n_rows: int
    n_features: int
    n_labels_different: int
    largest_difference: float

    @property
    def is_equal(self) -> bool:
        """Whether the labels are the same, and the densities up to the end of the fits."""
        return self.n_labels_different == 0 and self.largest_difference < CLOSE


def compare(sample: Sample, path: Path, folder: Path) -> Outcome:
    """Plan, run and score a file, and compare it with a fit in memory.

    Raises
    ------
    RuntimeError
        If a command fails.
    """
    rows = np.asarray(sample.read(path), float)
    if path.suffix == ".csv":
        ingested = folder / "ingested.zarr"
        call("ingest", path, "--output", ingested)
        path = ingested
    configuration = folder / "run.yaml"
    configuration.write_text(json.dumps(configuration_of(sample, path, folder / "run")))
    call("plan", configuration)
    call("run", configuration)
    call("score", folder / "run", path, "--output", folder / "score", "--set", THREADS)
    complete = ~np.isnan(rows).any(axis=1)
    mixture = GaussianMixture(N_COMPONENTS, random_state=0).fit(rows[complete])
    labels = np.full(len(rows), -1)
    labels[complete] = mixture.predict(rows[complete])
    run, score = (open_result(folder / name) for name in ("run", "score"))
    found = in_order(run, "log_density")[complete]
    return Outcome(
        *rows.shape,
        sum(int((in_order(each, "labels") != labels).sum()) for each in (run, score)),
        float(np.abs(found - mixture.score_samples(rows[complete])).max()),
    )


def configuration_of(sample: Sample, path: Path, output: Path) -> dict[str, Any]:
    """The configuration of a run."""
    return {
        "input": {"path": str(path), **sample.keys},
        "model": {"n_components": N_COMPONENTS, "covariance_type": "full", "seed": 0},
        "output": {
            "path": str(output),
            "assignments": ["labels", "log_density"],
            "report": False,
        },
        "cluster": {"kind": "threads"},
    }


def call(*arguments: object) -> None:
    """Run a command of dgmm."""
    done = CliRunner().invoke(commands, [*map(str, arguments)])
    if done.exit_code:
        raise RuntimeError(done.output) from done.exception


def in_order(result: Result, name: str) -> NDArray[Any]:
    """Assignments in the order of the rows; in that of the identifiers, where there are some."""
    values = result.assignments[name][...].ravel()
    if "id" not in result.coordinates:
        return values
    return values[np.argsort(result.coordinates["id"][...])]


def lines(samples: Iterable[Sample]) -> tuple[list[str], list[str]]:
    """Lines of a table, and what differs or is not installed."""
    found, wrong = [], []
    for sample in samples:
        name = f"{sample.format} by {sample.library}"
        try:
            with tempfile.TemporaryDirectory() as scratch:
                path = sample.write(Path(scratch), draw_rows())
                outcome = compare(sample, path, Path(scratch))
            writer = f"{sample.library} {version(sample.library)}"
        except (ImportError, PackageNotFoundError) as error:
            print(f"{name} is left out: {error}", file=sys.stderr)
            continue
        if not outcome.is_equal:
            wrong.append(f"{name} differs: {outcome}")
        extent = f"{outcome.n_rows:,} x {outcome.n_features}"
        difference = f"{outcome.largest_difference:.0e}" if outcome.largest_difference else "0"
        found.append(f"| {sample.format} | {writer} | {extent} | {difference} |")
    return found, wrong


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", nargs="*", metavar="FORMAT", help="beginnings of their names")
    options = parser.parse_args()
    failures = []
    for title, samples in (("written by", SAMPLES), ("from", REAL_FILES)):
        chosen = [s for s in samples if s.format.startswith(tuple(options.only or [""]))]
        found, wrong = lines(chosen)
        failures += wrong
        print(f"| input | {title} | rows x features | largest difference |\n|---|---|---|---|")
        print("\n".join([*found, ""]))
    if failures:
        sys.exit("\n".join(failures))


if __name__ == "__main__":
    main()
