"""Which libraries open which arrays of a result, and whether they find what is stored.

    python scripts/readers/table.py --install build/readers
    python scripts/readers/table.py results/cells --readers build/readers

The first makes an environment for each library, and installs zarrita if npm is there; the second
prints the table of docs/results.md. `--python PATH` makes environments of another Python: the
newest versions of some libraries need a newer one than dgmm does.
"""

import argparse
import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import zarr
from libraries import digest

HERE = Path(__file__).parent
ENVIRONMENTS: dict[str, tuple[str, tuple[str, ...]]] = {
    "zarr-python, oldest": ("zarr", ("zarr==3.1.*",)),
    "zarr-python, newest": ("zarr", ("zarr",)),
    "xarray": ("xarray", ("xarray", "zarr")),
    "zarrs": ("zarrs", ("zarrs",)),
    "TensorStore": ("tensorstore", ("tensorstore",)),
    "GDAL": ("gdal", ("rasterio",)),
    "netCDF-C": ("netcdf", ("netCDF4",)),
}
"""The reader of `libraries.py` that runs in each environment, and what is installed there."""

ZARRITA = "zarrita"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a reader found of some arrays.

    Attributes
    ----------
    reader, version : str
    equal, different : tuple of str
        Arrays that it read, and whether they hold what was stored.
    errors : dict of str to str
        What it said of the others.
    """

    reader: str
    version: str
    equal: tuple[str, ...]
    different: tuple[str, ...]
    errors: dict[str, str]


def install(directory: Path, python: str) -> None:
    """Make an environment for each reader."""
    for reader, (_, packages) in ENVIRONMENTS.items():
        place = directory / reader
        subprocess.run([python, "-m", "venv", place], check=True)
        pip = (place / "bin" / "python", "-m", "pip", "install", "--quiet", "--upgrade")
        subprocess.run([*pip, "numpy", *packages], check=True)
    if shutil.which("npm"):
        (directory / ZARRITA).mkdir(exist_ok=True)
        npm = ["npm", "install", "--silent", "--prefix", directory / ZARRITA]
        subprocess.run([*npm, "zarrita", "@zarrita/storage"], check=True)


def stored_arrays(root: Path) -> dict[str, zarr.Array[Any]]:
    """Every array below a group, by name."""
    members = zarr.open_group(str(root), mode="r").members(max_depth=None)
    return {name: array for name, array in members if isinstance(array, zarr.Array)}


def read_with(reader: str, readers: Path, root: Path, expected: dict[str, str]) -> Outcome:
    """Let a reader read the arrays with these digests."""
    place = (readers / reader).resolve()
    if reader == ZARRITA:
        script = shutil.copy(HERE / "zarrita.mjs", place)  # which imports what is beside it
        command = ["node", script, root, *expected]
    else:
        command = [place / "bin/python", HERE / "libraries.py", ENVIRONMENTS[reader][0], root]
        command += list(expected)
    said = subprocess.run(
        command, cwd=place, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    *lines, last = (json.loads(line) for line in said)
    read = {line["name"]: line["digest"] for line in lines if "digest" in line}
    return Outcome(
        reader,
        last["version"],
        equal=tuple(name for name, found in read.items() if found == expected[name]),
        different=tuple(name for name, found in read.items() if found != expected[name]),
        errors={line["name"]: line["error"] for line in lines if "error" in line},
    )


def table(outcomes: list[Outcome], texts: set[str]) -> list[str]:
    """The lines of a table in Markdown.

    Parameters
    ----------
    outcomes : list of Outcome
    texts : set of str
        Names of the arrays of text.
    """
    lines = ["| reader | version | arrays of numbers | arrays of text |", "|---|---|---|---|"]
    for found in outcomes:
        every = {*found.equal, *found.different, *found.errors}
        parts = (every - texts, every & texts)
        cells = [f"{len(part & set(found.equal))} of {len(part)}" for part in parts]
        lines.append(f"| {found.reader} | {found.version} | {' | '.join(cells)} |")
    return lines


def main() -> None:
    """Install the readers, or print the table; different values are an error."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("result", nargs="?", type=Path, help="an output of dgmm, or one run of it")
    parser.add_argument("--install", type=Path, metavar="DIRECTORY")
    parser.add_argument("--readers", type=Path, metavar="DIRECTORY")
    parser.add_argument("--python", default=sys.executable, help="of which environments are made")
    options = parser.parse_args()
    if options.install:
        install(options.install, options.python)
        return
    root = options.result.resolve()
    root = (root / "latest.zarr").resolve() if (root / "latest.json").is_file() else root
    arrays = stored_arrays(root)
    expected = {name: digest(array[...]) for name, array in arrays.items()}
    texts = {name for name, array in arrays.items() if array.dtype.kind in "OUT"}
    known = [*ENVIRONMENTS, ZARRITA]
    there = [reader for reader in known if (options.readers / reader).is_dir()]
    outcomes = [read_with(reader, options.readers, root, expected) for reader in there]
    print("\n".join(table(outcomes, texts)))
    for found in outcomes:
        for message in sorted(set(found.errors.values())):
            print(f"{found.reader}: {message}", file=sys.stderr)
    if any(found.different for found in outcomes):
        sys.exit("\n".join(f"{found.reader} differs: {found.different}" for found in outcomes))


if __name__ == "__main__":
    main()
