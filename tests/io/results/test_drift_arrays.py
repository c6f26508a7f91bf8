"""What changed since an earlier result comes back as it was written, and xarray opens it."""

import json
import math
import shutil
from dataclasses import astuple, replace

import numpy as np
import pytest
import xarray

from dgmm.errors import OutputError, StorageError
from dgmm.io.results.commit import RunContents, commit_run
from dgmm.io.results.drift_arrays import read_drift
from dgmm.io.results.output import Output
from dgmm.io.results.result import open_result
from dgmm.mixture.drift.component_drift import ComponentDrift
from dgmm.mixture.drift.decision import Drift, DriftStatus
from dgmm.mixture.drift.duplicates import DuplicateRates
from dgmm.mixture.drift.predictive_test import Estimate, HeldOutTest, Prediction
from tests.io.results.test_results import NAMES, a_sweep

NAN = float("nan")
DRIFT = Drift(
    ComponentDrift(
        np.array([0, 3, 7]),
        np.array([0.7, 0.3, NAN]),
        np.array([0.75, NAN, 0.25]),
        np.array([0.1, NAN, NAN]),
        np.array([0.01, NAN, NAN]),
    ),
    Prediction(
        1_000, Estimate(-3.5, 0.1), Estimate(-3.25, 0.1), Estimate(0.25, 1 / 3), Estimate(0.2, 0.01)
    ),
    HeldOutTest(10, Estimate(0.2, 0.02), 1e-7),
    DriftStatus.CHANGED,
    ("A component vanished: 3 (0.3).", "A component appeared: 7 (0.25)."),
    DuplicateRates(1 / 3, 0.5),
)


def committed(output, drift):
    run = Output(output).start("run-1")
    commit_run(run, RunContents(a_sweep(), NAMES, {}, drift=drift))
    Output(output).publish(Output(output).run("run-1"))
    return run


def assert_same(found, expected):
    for name in ComponentDrift.__dataclass_fields__:
        stored, written = getattr(found.components, name), getattr(expected.components, name)
        np.testing.assert_array_equal(stored, written, strict=True)
    assert repr(astuple(found)[1:]) == repr(astuple(expected)[1:])  # in which NaN equals itself


@pytest.mark.parametrize(
    "drift",
    [
        DRIFT,
        replace(DRIFT, repeats=None),
        replace(DRIFT, test=None, verdict=DriftStatus.BROKEN),
        replace(DRIFT, verdict=DriftStatus.STEADY, reasons=()),
        replace(DRIFT, prediction=Prediction(1, *[Estimate(-1.0, NAN)] * 4)),
    ],
)
def test_a_comparison_comes_back_bit_by_bit(tmp_path, drift):
    committed(tmp_path, drift)
    assert_same(open_result(tmp_path).drift, drift)


def test_a_run_without_a_predecessor_has_none(tmp_path):
    run = committed(tmp_path, None)
    assert open_result(tmp_path).drift is None
    assert not (run / "drift").exists()


def test_xarray_opens_it_by_label(tmp_path):
    with xarray.open_datatree(committed(tmp_path, DRIFT), engine="zarr") as tree:
        drift = tree["drift"].to_dataset().load()
    assert drift["older_weight"].dims == ("label",)
    assert drift["newer_weight"].sel(label=7).item() == 0.25
    assert math.isnan(drift["mean_shift"].sel(label=3).item())
    assert drift.attrs["verdict"] == "changed"
    assert drift.attrs["reasons"] == list(DRIFT.reasons)
    assert drift.attrs["newer_repeated_share"] == 0.5
    assert drift.attrs["log_likelihood_difference_standard_error"] == 1 / 3


def test_an_array_that_is_gone_is_named(tmp_path):
    run = committed(tmp_path, DRIFT)
    shutil.rmtree(run / "drift" / "mean_shift" / "c")
    with pytest.raises(StorageError, match="mean_shift lacks its chunk"):
        open_result(tmp_path)


@pytest.mark.parametrize("change", [{"verdict": "odd"}, {"loss": None}, {"reasons": 3}])
def test_what_dgmm_did_not_write_is_refused(tmp_path, change):
    run = committed(tmp_path, DRIFT)
    path = run / "drift" / "zarr.json"
    document = json.loads(path.read_bytes())
    for name, value in change.items():
        if value is None:
            del document["attributes"][name]
        else:
            document["attributes"][name] = value
    path.write_text(json.dumps(document))
    with pytest.raises(OutputError, match="not what this version of dgmm writes"):
        read_drift(run)
