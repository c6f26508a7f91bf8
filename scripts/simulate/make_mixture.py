"""Write rows of a random Gaussian mixture, of any number, to Zarr or .npy in constant memory.

    python scripts/simulate/make_mixture.py data/mixture.zarr --rows 125000000 --features 16

The rows are a function of the seed alone: each 10,000 of them have a random stream of their own
(Philox, keyed by seed and block), so that they do not depend on chunks, threads or format.
Weights, means and covariances are written beside as PATH.truth.json.
"""

import argparse
import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from numpy.lib import format as npy
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits
from zarr.codecs import BloscCodec, Crc32cCodec

BLOCK_ROWS = 10_000
STRUCTURES = ("full", "tied", "diag", "spherical")

Array = NDArray[Any]
WriteRows = Callable[[int, Array], None]


@dataclass(frozen=True)
class Mixture:
    """A mixture to draw from.

    Attributes
    ----------
    structure : str
        ``"full"``, ``"tied"``, ``"diag"`` or ``"spherical"``.
    seed : int
    weights : ndarray of shape (n_components,)
        Largest first.
    means : ndarray of shape (n_components, n_features)
    covariances : ndarray of shape (n_components, n_features, n_features)
        Written out whatever the structure.
    """

    structure: str
    seed: int
    weights: Array
    means: Array
    covariances: Array

    @classmethod
    def draw(
        cls, n_components: int, n_features: int, structure: str, separation: float, seed: int
    ) -> "Mixture":
        """Random parameters: standard deviations about 1, in units of which the means are apart.

        ``separation`` is the smallest distance between two means, divided by the root mean square
        of all standard deviations.
        """
        random = np.random.default_rng([seed, 0])
        weights = np.sort(random.uniform(1, 2, n_components))[::-1]
        covariances = _draw_covariances(random, n_components, n_features, structure)
        means = random.standard_normal((n_components, n_features))
        deviation = np.sqrt(np.trace(covariances, axis1=1, axis2=2).mean() / n_features)
        means *= separation * deviation / _smallest_distance(means)
        return cls(structure, seed, weights / weights.sum(), means, covariances)

    def rows(self, start: int, stop: int, dtype: np.dtype[Any]) -> Array:
        """Rows ``start`` to ``stop`` of the endless sequence that the seed defines."""
        rows = np.empty((stop - start, self.means.shape[1]), dtype)
        for block in range(start // BLOCK_ROWS, -(-stop // BLOCK_ROWS)):
            first = block * BLOCK_ROWS
            low, high = max(start, first), min(stop, first + BLOCK_ROWS)
            rows[low - start : high - start] = self._block(block, dtype)[low - first : high - first]
        return rows

    def _block(self, block: int, dtype: np.dtype[Any]) -> Array:
        key = np.random.SeedSequence([self.seed, 1, block])
        random = np.random.Generator(np.random.Philox(key))
        bounds = np.cumsum(self.weights)[:-1]
        component = np.searchsorted(bounds, random.random(BLOCK_ROWS), "right")
        noise = random.standard_normal((BLOCK_ROWS, self.means.shape[1]), dtype=dtype)
        rows = np.empty_like(noise)
        for k, (mean, covariance) in enumerate(zip(self.means, self.covariances, strict=True)):
            members = np.flatnonzero(component == k)
            factor = np.linalg.cholesky(covariance).astype(dtype)
            rows[members] = noise[members] @ factor.T + mean.astype(dtype)
        return rows

    def to_json(self) -> str:
        """The parameters; covariances in the shape of their structure, as dgmm has them."""
        variances = np.diagonal(self.covariances, axis1=1, axis2=2)
        covariances = {
            "full": self.covariances,
            "tied": self.covariances[0],
            "diag": variances,
            "spherical": variances[:, 0],
        }[self.structure]
        values = {"weights": self.weights, "means": self.means, "covariances": covariances}
        lists = {name: value.tolist() for name, value in values.items()}
        return json.dumps({"covariance_type": self.structure, "seed": self.seed, **lists})


def _draw_covariances(
    random: np.random.Generator, n_components: int, n_features: int, structure: str
) -> Array:
    shape = (n_components, 1 if structure == "spherical" else n_features)
    variances = np.broadcast_to(random.uniform(0.25, 1.75, shape), (n_components, n_features))
    covariances = variances[:, :, None] * np.eye(n_features)
    if structure in ("full", "tied"):
        gaussian = random.standard_normal((n_components, n_features, n_features))
        rotations = np.linalg.qr(gaussian).Q
        covariances = rotations @ covariances @ rotations.transpose(0, 2, 1)
    if structure == "tied":
        covariances[:] = covariances[0]
    return covariances


def _smallest_distance(means: Array) -> float:
    if len(means) == 1:
        return 1.0
    distances = np.linalg.norm(means[:, None] - means, axis=2)
    return float(distances[np.triu_indices(len(means), 1)].min())


def create_zarr(
    path: Path, shape: tuple[int, int], dtype: np.dtype[Any], chunk_rows: int, compress: bool
) -> WriteRows:
    """Create a Zarr v3 array with checksums; returns what writes rows into it."""
    compressors: list[Any] = [BloscCodec(cname="lz4", shuffle="shuffle")] if compress else []
    array = zarr.create_array(
        str(path),
        shape=shape,
        chunks=(min(chunk_rows, shape[0]), shape[1]),
        dtype=dtype,
        compressors=[*compressors, Crc32cCodec()],
        dimension_names=("sample", "feature"),
    )

    def write(start: int, rows: Array) -> None:
        array[start : start + len(rows)] = rows

    return write


def create_npy(path: Path, shape: tuple[int, int], dtype: np.dtype[Any]) -> WriteRows:
    """Create a ``.npy`` file; returns what writes rows into it, without mapping it to memory."""
    header = {"descr": npy.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
    with path.open("xb") as file:
        npy.write_array_header_2_0(file, header)
        offset = file.tell()
    row_bytes = shape[1] * dtype.itemsize

    def write(start: int, rows: Array) -> None:
        with path.open("r+b") as file:
            file.seek(offset + start * row_bytes)
            file.write(rows.data)

    return write


def fill(
    mixture: Mixture, write: WriteRows, n_rows: int, dtype: np.dtype[Any], chunk: int, threads: int
) -> Iterator[int]:
    """Draw and write all rows, a chunk in each thread; yields how many rows are done."""

    def make(start: int) -> int:
        rows = mixture.rows(start, min(start + chunk, n_rows), dtype)
        write(start, rows)
        return len(rows)

    done = 0
    with threadpool_limits(1), ThreadPoolExecutor(threads) as pool:
        for count in pool.map(make, range(0, n_rows, chunk)):
            done += count
            yield done


def main(arguments: Sequence[str] | None = None) -> None:
    """Parse the command line, write, and report on standard error."""
    parser = _parser()
    options = parser.parse_args(arguments)
    path, dtype = options.path, np.dtype(options.dtype)
    if path.suffix not in (".zarr", ".npy"):
        parser.error(f"{path} ends in {path.suffix!r}, expected .zarr or .npy")
    if path.exists() and not options.overwrite:
        parser.error(f"{path} exists; give another path, or --overwrite")
    truth = path.with_name(path.name + ".truth.json")
    partial = path.with_name(path.name + ".partial")  # an interrupted file is not taken for whole
    path.parent.mkdir(parents=True, exist_ok=True)
    _remove(partial)
    shape = (options.rows, options.features)
    if path.suffix == ".zarr":
        write = create_zarr(partial, shape, dtype, options.chunk_rows, not options.no_compress)
    else:
        write = create_npy(partial, shape, dtype)
    mixture = Mixture.draw(
        options.components, options.features, options.covariance, options.separation, options.seed
    )
    started = time.monotonic()
    for done in fill(mixture, write, options.rows, dtype, options.chunk_rows, options.threads):
        _report(done, options.rows, time.monotonic() - started)
    _remove(path)
    partial.rename(path)
    truth.write_text(mixture.to_json() + "\n")
    seconds = time.monotonic() - started
    gib = options.rows * options.features * dtype.itemsize / 2**30
    print(
        f"{path}: {shape}, {dtype}, {gib:.2f} GiB, {seconds:.0f} s; parameters in {truth}",
        file=sys.stderr,
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description="Write a Gaussian mixture of any size, and its parameters beside it.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add = parser.add_argument
    add("path", type=Path, help="what to write: ends in .zarr (Zarr v3) or .npy")
    add("--rows", type=_positive, default=1_000_000)
    add("--features", type=_positive, default=16)
    add("--components", type=_positive, default=4)
    add("--separation", type=float, default=3.0, help="of the closest means, standard deviations")
    add("--covariance", choices=STRUCTURES, default="full")
    add("--seed", type=int, default=0)
    add("--dtype", choices=("float32", "float64"), default="float32")
    add("--chunk-rows", type=_positive, default=500_000, help="rows of a chunk, and of a task")
    add("--threads", type=_positive, default=len(os.sched_getaffinity(0)))
    add("--no-compress", action="store_true", help="store chunks as they are")
    add("--overwrite", action="store_true", help="replace what is there")
    return parser


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{value} is below 1")
    return value


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    path.unlink(missing_ok=True)


def _report(done: int, total: int, seconds: float) -> None:
    """Print progress: one line rewritten on a terminal; logs get only the last line of `main`."""
    if sys.stderr.isatty():
        rate = done / max(seconds, 1e-9)
        left = (total - done) / rate
        line = f"{done:,} of {total:,} rows, {rate / 1e6:.2f} million a second, {left:.0f} s left"
        print(f"\r{line:<79}", end="\n" if done == total else "", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
