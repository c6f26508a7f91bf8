"""Results to report of: whole ones as a run would leave them, made without fitting anything."""

import numpy as np

from dgmm.io.grid import Grid
from dgmm.io.results.assignment_arrays import create_assignments, write_region
from dgmm.io.results.assignment_schema import AssignmentSchema
from dgmm.io.results.commit import RunContents, commit_run
from dgmm.io.results.output import Output
from dgmm.io.results.record import Record, StageRecord
from dgmm.io.results.result import open_result
from dgmm.mixture.candidate import Candidate, Status
from dgmm.mixture.fit_result import FitResult, Sweep
from dgmm.mixture.parameters import Parameters

N_ROWS = 4_000
ATTRIBUTES = {
    "configuration": {
        "input": {"path": "data/cells.zarr", "variable": None},
        "model": {"n_components": [1, 2], "tol": 1e-5},
    },
    "n_samples": N_ROWS,
    "input": "Zarr v3 array",
    "versions": {"dgmm": "0.1.0"},
}


def rows_of(mixture, n_rows=400, seed=0):
    """Rows drawn from a mixture of full covariances."""
    rng = np.random.default_rng(seed)
    which = rng.choice(mixture.n_components, n_rows, p=mixture.weights)
    noise = rng.normal(size=(n_rows, mixture.n_features))
    factors = np.linalg.cholesky(mixture.covariances)
    return mixture.means[which] + np.einsum("nij,nj->ni", factors[which], noise)


def mixture(n_components=2, n_features=2, apart=5.0):
    """Components along the first features, of unequal weights and widths."""
    weights = np.arange(n_components, 0, -1.0)
    means = apart * np.arange(n_components)[:, None] * np.eye(n_features)[0]
    covariances = np.stack([np.eye(n_features) * (1 + k) for k in range(n_components)])
    return Parameters.from_covariances("full", weights / weights.sum(), means, covariances)


def fitted(parameters, bic, status=Status.CONVERGED, trace=(-3.0, -2.5, -2.4)):
    return FitResult(
        Candidate(parameters.covariance_type, parameters.n_components),
        parameters,
        status,
        n_iter=len(trace),
        trace=trace,
        log_likelihood=-bic / 2,
        n_parameters=parameters.n_parameters,
        criteria={"bic": bic, "aic": bic - 10, "icl": bic + 10},
    )


def record(rows, **changes):
    """What a run keeps of these rows."""
    return Record(
        stages=(
            StageRecord("profile", 1, N_ROWS, 1 << 20, 0.25),
            StageRecord("search", 1, 400, 0, 1),
        ),
        seconds=2.5,
        is_resumed=False,
        warnings=(),
        mean=rows.mean(axis=0),
        standard_deviation=rows.std(axis=0),
        sample=rows,
        **changes,
    )


def stored(output, results, kept=None, names=None, attributes=ATTRIBUTES, labels=None, drift=None):
    """A complete run with these fits, the first of which is the best."""
    run = Output(output).start("run-1")
    if labels is not None:
        grid = Grid(("sample",), (len(labels),), (len(labels),))
        create_assignments(
            run,
            grid,
            AssignmentSchema(("labels",), tuple(range(results[0].parameters.n_components))),
            (64,),
        )
        for start in range(0, len(labels), 64):
            rows = labels[start : start + 64]
            write_region(run, "labels", (slice(start, start + len(rows)),), rows)
    names = names or tuple(f"x{j}" for j in range(results[0].parameters.n_features))
    sweep = Sweep(tuple(results), "bic", results[0], 4)
    commit_run(run, RunContents(sweep, names, attributes, record=kept, drift=drift))
    Output(output).publish(Output(output).run("run-1"))
    return open_result(run)


def a_result(output, *, n_features=2, n_components=2, with_record=True, **changes):
    """Two candidates, of which the one with more components is chosen."""
    best = mixture(n_components, n_features)
    one = fitted(mixture(1, n_features), 9_000.0)
    kept = record(rows_of(best)) if with_record else None
    return stored(output, [fitted(best, 8_000.0), one], kept, **changes)
