"""Run ``pipelines.nightly`` on two weeks of simulated data, and print the verdicts.

    python scripts/simulate/fourteen_nights.py results/nights --corruption units
    python scripts/simulate/fourteen_nights.py results/nights --data growing --apart 2.5 --cold

Data drift a little every night; a component appears on night 5, one is gone from night 9 on, and
what arrives on night 11 is damaged. ``--data`` says what a night fits: its own rows (``drop``, a
Zarr array each), those of the last three nights (``window``, a Parquet file each), or all so far
(``growing``, a Zarr array that is appended to); what was damaged is repaired the next night. Each
night is run twice, and those whose own rows are still there (``drop``) once more, in their order,
after the last: nothing but the first time may change a file. With ``--cold`` every night is fitted
from scratch too, for its passes. Run from the repository's root.
"""

import argparse
import hashlib
import io
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np
from nights import CORRUPTIONS, DATA, Labels, Upstream, World

import dgmm
from dgmm.mixture.fit_result import Sweep
from dgmm.run import loads, run
from pipelines.nightly import main as nightly

N_NIGHTS = 14

RUN = """\
input: {{path: '{path}', partition_size: {partition_size}}}
model: {{n_components: '{n_components}', covariance_type: {types}, sample_size: {sample_size},
         n_init: {n_init}, start_from: {start_from}}}
output: {{path: {output}, assignments: [labels], report: false}}
cluster: {{kind: threads}}
"""


@dataclass(frozen=True)
class Row:
    """The line of a night.

    Attributes
    ----------
    night : int
    n_rows : int
    exit_code : int
    is_published : bool
    verdict : str
        Empty on the first night.
    reasons : tuple of str
    meaning : dict of int to int
        The true component of most rows of each label.
    purity : float
        Share of rows whose true component is that of their label.
    costs : tuple of int
        Passes over all rows, and evaluations of a component on all rows, of the nightly run.
    cold : tuple of int
        The same of a fit from scratch; zeros if there was none.
    name, origin : str
        Of the run, and of the one that it started from; empty on the first night.
    """

    night: int
    n_rows: int
    exit_code: int
    is_published: bool
    verdict: str
    reasons: tuple[str, ...]
    meaning: dict[int, int]
    purity: float
    costs: tuple[int, int]
    cold: tuple[int, int]
    name: str
    origin: str


def run_nights(
    folder: Path,
    upstream: Upstream,
    keys: dict[str, object],
    nights: Sequence[int] = tuple(range(1, N_NIGHTS + 1)),
) -> Iterator[Row]:
    """Run all nights; ``keys`` fill :data:`RUN`, and ``cold`` adds fits from scratch.

    Raises
    ------
    RuntimeError
        If a night that is run again changes a file, or ends otherwise than the first time.
    """
    output, exit_codes = folder / "results", dict[int, int]()
    for night in nights:
        upstream.deliver(night)
        config = folder / f"{night:02}.yaml"
        text = RUN.format(path=upstream.path(night), **keys, start_from=output, output=output)
        config.write_text("run:\n" + "".join(f"  {line}\n" for line in text.splitlines()))
        before = list_runs(output)
        exit_code = exit_codes[night] = run_night(config)
        run_again(night, config, exit_code, output)
        cold = (0, 0)
        if keys["cold"]:
            scratch = {**keys, "start_from": "null", "output": folder / f"cold-{night:02}"}
            text = RUN.format(path=upstream.path(night), **scratch)
            cold = count_costs(run(loads(text)).sweep)
        (made,) = list_runs(output) - before
        yield _row(night, output, made, upstream.truth(night), exit_code, cold)
    if upstream.data == "drop":
        for night, exit_code in exit_codes.items():
            run_again(night, folder / f"{night:02}.yaml", exit_code, output)


def run_again(night: int, config: Path, exit_code: int, output: Path) -> None:
    """Run a night a second time, which must end alike and change nothing."""
    kept = fingerprint(output)
    found = run_night(config)
    if (found, fingerprint(output)) != (exit_code, kept):
        raise RuntimeError(f"night {night} was run again and changed: {exit_code} became {found}")


def run_night(config: Path) -> int:
    """The exit code of a nightly job."""
    with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        return nightly([str(config)])


def _row(
    night: int,
    output: Path,
    made: Path,
    truth: Labels,
    exit_code: int,
    cold: tuple[int, int],
) -> Row:
    result, published = dgmm.open_result(made), dgmm.open_result(output)
    labels = np.asarray(result.assignments["labels"])
    counts = {
        label: np.bincount(truth[labels == label], minlength=1) for label in result.labelling.labels
    }
    drift = result.drift
    return Row(
        night,
        len(labels),
        exit_code,
        made.resolve() == Path(str(published.path)).resolve(),
        "" if drift is None else drift.verdict.value,
        () if drift is None else drift.reasons,
        {label: int(count.argmax()) for label, count in counts.items()},
        float(sum(count.max() for count in counts.values()) / len(truth)),
        count_costs(result.sweep),
        cold,
        made.stem,
        result.attributes.get("started_from", {}).get("run_id", ""),
    )


def count_costs(sweep: Sweep) -> tuple[int, int]:
    """Passes over all rows with profile and assignment, and component evaluations, per row."""
    work = sum(len(found.trace) * found.n_components for found in sweep.results)
    return sweep.n_passes + 1, work


def list_runs(output: Path) -> set[Path]:
    """The runs of an output."""
    return set((output / "runs").glob("*.zarr"))


def fingerprint(output: Path) -> str:
    """A hash of every file of an output, its name and what its links name."""
    found = hashlib.sha256()
    for path in sorted(output.rglob("*")):
        found.update(str(path.relative_to(output)).encode())
        if path.is_symlink():
            found.update(os.readlink(path).encode())
        elif path.is_file():
            found.update(path.read_bytes())
    return found.hexdigest()


def format_row(row: Row) -> Iterator[str]:
    """A line of the table."""
    published = "published" if row.is_published else "held back"
    known = "".join("abcdef"[c] for c in row.meaning.values())
    labels = ",".join(map(str, row.meaning))
    told = (
        f"{row.night:5}  {row.n_rows:9,}  {row.costs[0]:6}  {row.costs[1]:6}  "
        f"{len(row.meaning):2}  {labels:12}  {known:7}  {row.purity:6.3f}  "
        f"{row.verdict or 'first':8} {published:10} {row.exit_code:4}"
    )
    if any(row.cold):
        told += "   {:5}  {:6}  {:4.2f}  {:5.3f}".format(*row.cold, *cost_shares(row))
    yield told
    yield from (f"       {reason}" for reason in row.reasons)


def cost_shares(row: Row) -> tuple[float, float]:
    """Passes and evaluations, as shares of those of a fit from scratch."""
    return row.costs[0] / row.cold[0], row.costs[1] / row.cold[1]


HEADER = (
    "night       rows  passes  evals.   K  labels        meaning  purity  verdict  readers    exit"
)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the nights and print a table."""
    options = _parser().parse_args(arguments)
    folder = options.folder / f"{options.data}-{options.corruption}-{options.apart:g}"
    shutil.rmtree(folder, ignore_errors=True)
    world = World(options.features, options.apart, seed=options.seed)
    upstream = Upstream(folder / "data", world, options.data, options.rows, options.corruption)
    keys = {
        "n_components": options.n_components,
        "types": f"[{options.types}]",
        "sample_size": options.sample_size,
        "n_init": options.n_init,
        "partition_size": max(1 << 16, options.rows * options.features * 2),
        "cold": options.cold,
    }
    print(HEADER + ("    cold  evals.  shares of these" if options.cold else ""))
    rows = []
    for row in run_nights(folder, upstream, keys):
        rows.append(row)
        print("\n".join(format_row(row)), flush=True)
    print("every night that could be was run again, and no file has changed")
    if options.cold:
        passes, work = zip(*(cost_shares(row) for row in rows[1:]), strict=True)
        print(f"medians of nights 2 to 14: passes {median(passes):.2f}, evals. {median(work):.3f}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description="Two weeks of pipelines.nightly on simulated data.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add = parser.add_argument
    add("folder", type=Path, help="where a folder for data and results is made, or made again")
    add("--data", choices=DATA, default="drop", help="what a night fits")
    add("--corruption", choices=CORRUPTIONS, default="units", help="of night 11")
    add("--rows", type=int, default=40_000, help="of each night")
    add("--features", type=int, default=3)
    add("--apart", type=float, default=7.0, help="of the nearest means, standard deviations")
    add("--n-components", default="1:12")
    add("--types", default="full", help="covariance types, with commas between them")
    add("--n-init", type=int, default=5)
    add("--sample-size", type=int, default=8_000)
    add("--seed", type=int, default=0)
    add("--cold", action="store_true", help="fit every night from scratch too")
    return parser


if __name__ == "__main__":
    main()
