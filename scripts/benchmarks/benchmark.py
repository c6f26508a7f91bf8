"""The time of one EM iteration of dgmm and of all other installed libraries, pair by pair.

    python scripts/benchmarks/benchmark.py --install build/peers  # the others, once
    python scripts/benchmarks/benchmark.py --peers build/peers --output build/benchmark
    python scripts/benchmarks/benchmark.py --case tied --peers build/peers

Each library runs in a process and an environment of its own, from the same rows and, where it takes
one, the same start. dgmm is timed before and after each of them, so that what else the machine does
meanwhile counts for both. An iteration costs the time of a fit of several iterations less that of a
fit of one; libraries that would take minutes are given fewer rows, and their time is scaled to
all. The table says medians and, in brackets, the least and the most of the repetitions.
"""

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

PROGRAMS = Path(__file__).with_name("peers")
TIMEOUT = 900


@dataclass(frozen=True)
class Peer:
    """Another library.

    Attributes
    ----------
    name : str
    program : str
        In ``peers/``.
    needs : tuple of str
        What an environment for it installs; empty if it is no Python package.
    share : float
        Of the rows that it is given.
    types : tuple of str
        Covariance types that it knows.
    """

    name: str
    program: str
    needs: tuple[str, ...]
    share: float = 1.0
    types: tuple[str, ...] = ("full",)


DGMM = Peer("dgmm", "dgmm_em.py", (), types=("full", "tied"))
PEERS = (
    Peer("scikit-learn", "scikit_learn_em.py", ("scikit-learn",), 0.2, ("full", "tied")),
    Peer(
        "daal4py",
        "daal4py_em.py",
        ("daal4py==2024.7.0", "scikit-learn<1.6", "numpy<2", "packaging"),
    ),
    Peer("spark", "spark_em.py", ("pyspark[sql]>=4", "numpy", "pandas<3", "setuptools"), 0.2),
    Peer("pomegranate", "pomegranate_em.py", ("torch==2.13.0", "pomegranate>=1.1"), 0.2),
    Peer("gmmx", "gmmx_em.py", ("gmmx>=0.7",), 0.2),
    Peer("mclust", "mclust_em.R", (), 0.1),
)
CASES = {"full": (1_000_000, 16, 16), "tied": (1_000_000, 32, 16)}


@dataclass(frozen=True)
class Row:
    """A line of the table.

    Attributes
    ----------
    name, version, note : str
    seconds : list of float
        Of one iteration over all rows, of each repetition.
    ratios : list of float
        The same in those of dgmm that ran beside it.
    """

    name: str
    version: str = ""
    note: str = ""
    seconds: list[float] = field(default_factory=list)
    ratios: list[float] = field(default_factory=list)


def make_problem(case: str, n_rows: int, d: int, k: int) -> dict[str, Any]:
    """Rows from overlapping components, and parameters near theirs to begin with."""
    rng = np.random.default_rng(0)
    centres = 2.0 * rng.normal(size=(k, d))
    labels = rng.integers(0, k, n_rows)
    return {
        "rows": centres[labels] + rng.normal(size=(n_rows, d)),
        "weights": np.full(k, 1 / k),
        "means": centres + 0.1 * rng.normal(size=(k, d)),
        "covariances": np.eye(d) if case == "tied" else np.broadcast_to(np.eye(d), (k, d, d)),
        "covariance_type": case,
    }


def write_problem(arrays: dict[str, Any], folder: Path, share: float) -> Path:
    """Write the problem for every peer to read."""
    n_rows = max(1, int(len(arrays["rows"]) * share))
    arrays = {**arrays, "rows": arrays["rows"][:n_rows]}
    folder.mkdir()
    np.savez(folder / "problem.npz", **arrays)
    for name in ("rows", "weights", "means", "covariances"):
        np.ascontiguousarray(arrays[name]).tofile(folder / f"{name}.bin")
    shape = (*arrays["rows"].shape, len(arrays["weights"]))
    (folder / "shape.txt").write_text(" ".join(map(str, shape)))
    return folder


def find_command(peer: Peer, environments: Path | None) -> list[str] | None:
    """The command that runs a peer; None if it is not installed."""
    if peer is DGMM:
        return [sys.executable, str(PROGRAMS / peer.program)]
    if not peer.needs:
        return ["Rscript", str(PROGRAMS / peer.program)] if shutil.which("Rscript") else None
    python = environments and environments / peer.name / "bin" / "python"
    return [str(python), str(PROGRAMS / peer.program)] if python and python.exists() else None


def run_peer(run: list[str], data: Path, n_iterations: int) -> dict[str, Any]:
    """The answer of a peer, or the end of its error output."""
    where = data if run[0] == "Rscript" else data / "problem.npz"
    found = subprocess.run(
        [*run, str(where), str(n_iterations)],
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        check=False,
        env={**os.environ, "PYTHONPATH": ""},
    )
    if found.returncode:
        lines = found.stderr.strip().splitlines() or ["no reason given"]
        return {"failed": lines[-1][:100]}
    return dict(json.loads(found.stdout.strip().splitlines()[-1]))


def compare(peer: Peer, run: list[str], folders: tuple[Path, Path], options: Any) -> Row:
    """Run one peer and dgmm in turn."""
    seconds, ratios, version, note = [], [], "", ""
    ours = find_command(DGMM, None)
    assert ours is not None
    for _ in range(options.repeats):
        beside = [run_peer(ours, folders[0], options.iterations)["seconds"]]
        found = run_peer(run, folders[1], options.iterations)
        if "failed" in found:
            return Row(peer.name, note=f"failed: {found['failed']}")
        beside.append(run_peer(ours, folders[0], options.iterations)["seconds"])
        seconds.append(found["seconds"] / peer.share)
        ratios.append(seconds[-1] / statistics.mean(beside))
        version, note = found["version"], found["note"]
    if peer.share < 1:
        note = f"{note}, " * bool(note) + f"scaled from {peer.share:.0%} of the rows"
    return Row(peer.name, version, note, seconds, ratios)


def measure(options: Any, folder: Path) -> Iterator[Row]:
    """A row for dgmm, then one for every other."""
    n_rows, d, k = CASES[options.case]
    arrays = make_problem(options.case, options.rows or n_rows, d, k)
    whole = write_problem(arrays, folder / "whole", 1.0)
    run = find_command(DGMM, None) or []
    ours = [run_peer(run, whole, options.iterations) for _ in range(options.repeats)]
    if "failed" in ours[0]:
        raise SystemExit(f"dgmm itself failed: {ours[0]['failed']}")
    yield Row("dgmm", ours[0]["version"], "", [found["seconds"] for found in ours], [1.0])
    for peer in PEERS:
        if options.only and peer.name not in options.only:
            continue
        run = find_command(peer, options.peers)
        if options.case not in peer.types:
            yield Row(peer.name, note=f"has no {options.case} covariances")
        elif run is None:
            yield Row(peer.name, note="not installed")
        else:
            part = write_problem(arrays, folder / peer.name, peer.share)
            yield compare(peer, run, (whole, part), options)


def format_table(rows: Sequence[Row], case: str, shape: tuple[int, ...]) -> str:
    """The rows as Markdown."""
    n_rows, d, k = shape
    lines = [
        f"One EM iteration, n = {n_rows:,}, d = {d}, K = {k}, {case}; {describe_machine()}:",
        "",
        "| | version | seconds | times dgmm | |",
        "|---|---|---|---|---|",
    ]
    for row in rows:
        numbers = [format_spread(values) if values else "" for values in (row.seconds, row.ratios)]
        lines.append(f"| {row.name} | {row.version} | {numbers[0]} | {numbers[1]} | {row.note} |")
    return "\n".join(lines) + "\n"


def format_spread(values: Sequence[float]) -> str:
    """The median and the range of the values."""
    middle = f"{statistics.median(values):.3g}"
    return middle if len(values) == 1 else f"{middle} ({min(values):.3g} to {max(values):.3g})"


def describe_machine() -> str:
    """The machine in words."""
    return f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"


def install(folder: Path) -> None:
    """Make an environment for each peer that is a Python package."""
    for peer in PEERS:
        if peer.needs:
            home = folder / peer.name
            subprocess.run([sys.executable, "-m", "venv", str(home)], check=True)
            pip = [str(home / "bin" / "python"), "-m", "pip", "install", "-q", *peer.needs]
            outcome = subprocess.run(pip, check=False, capture_output=True, text=True)
            print(peer.name, "installed" if outcome.returncode == 0 else outcome.stderr[-300:])
            if outcome.returncode:
                shutil.rmtree(home)


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table, and write it as Markdown and JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--install", type=Path, metavar="DIR", help="make environments there")
    parser.add_argument("--peers", type=Path, metavar="DIR", help="where they are")
    parser.add_argument("--only", nargs="+", help="names of peers")
    parser.add_argument("--case", choices=CASES, default="full")
    parser.add_argument("--rows", type=int, help="another number of rows than the case's")
    parser.add_argument("--iterations", type=int, default=5)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--output", type=Path, metavar="NAME", help="NAME.md and NAME.json")
    options = parser.parse_args(arguments)
    if options.install:
        install(options.install)
        return
    with tempfile.TemporaryDirectory() as folder:
        rows = list(measure(options, Path(folder)))
    n_rows, d, k = CASES[options.case]
    shape = options.rows or n_rows, d, k
    text = format_table(rows, options.case, shape)
    print(text)
    if options.output:
        options.output.with_suffix(".md").write_text(text)
        facts = {"case": options.case, "shape": shape, "machine": describe_machine()}
        document = {**facts, "rows": [asdict(row) for row in rows]}
        options.output.with_suffix(".json").write_text(json.dumps(document, indent=2))


if __name__ == "__main__":
    main()
