"""dgmm itself, through the loop that a run goes through: threads of one process."""

import json
import statistics

import dask.array as da
from problem import load

import dgmm
from dgmm.engine.dataset import Dataset
from dgmm.engine.events import Event, PassFinished
from dgmm.engine.fit import fit
from dgmm.engine.fit_options import FitOptions
from dgmm.mixture.initialization.initial_parameters import InitialParameters
from dgmm.mixture.structures import structure_of


def main() -> None:
    """Time the passes over all rows of one fit."""
    problem, n_iterations = load()
    rows, covariance_type = problem["rows"], problem["covariance_type"]
    precisions = structure_of(covariance_type).invert(problem["covariances"])
    options = FitOptions(
        ((covariance_type, len(problem["weights"])),),
        n_init=1,
        tol=1e-300,
        max_iter=n_iterations,
        sample_rows=1_000,
        given=InitialParameters(problem["weights"], problem["means"], precisions),
    )
    seconds: list[float] = []

    def observe(event: Event) -> None:
        if isinstance(event, PassFinished) and event.stage == "fit":
            seconds.append(event.seconds)

    blocks = da.from_array(rows, chunks=(max(1, len(rows) // 16), -1))
    fit(Dataset.from_array(blocks), options, observer=observe)
    found = {"version": dgmm.__version__, "seconds": statistics.median(seconds[1:]), "note": ""}
    print(json.dumps(found))


if __name__ == "__main__":
    main()
