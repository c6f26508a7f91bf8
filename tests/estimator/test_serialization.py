"""A mixture goes to Zarr and comes back as it was; the output of a run opens as one."""

import os
import warnings
from pathlib import Path

import numpy as np
import pytest
import zarr
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.exceptions import ConvergenceWarning, NotFittedError

import dgmm
from dgmm import GaussianMixture, SweepResult
from dgmm.errors import InputNotFoundError, OutputError, StorageError
from dgmm.run.config.configuration import loads
from dgmm.run.fit_run import run
from tests.strategies import COVARIANCE_TYPES

X = load_iris().data
NAMES = ["sepal_length", "sepal_width", "petal_length", "petal_width"]


def bits(value):
    return (np.asarray(value).dtype.str, np.shape(value), np.asarray(value).tobytes())


def assert_same(found, expected):
    assert type(found) is type(expected)
    assert set(vars(found)) == set(vars(expected))
    for name, value in vars(expected).items():
        other = getattr(found, name)
        assert type(other) is type(value), name
        if name == "feature_names_in_":
            assert list(other) == list(value)
            assert other.dtype == value.dtype
        elif isinstance(value, np.random.RandomState):
            assert other.randint(2**31, size=3).tolist() == value.randint(2**31, size=3).tolist()
        else:
            assert bits(other) == bits(value), name


@pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)
def test_a_fitted_mixture_comes_back_bit_for_bit(tmp_path, covariance_type):
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(X, columns=NAMES)
    model = GaussianMixture(3, covariance_type=covariance_type, random_state=0).fit(frame)
    model.to_zarr(tmp_path / "deep" / "iris.zarr")
    again = GaussianMixture.from_zarr(tmp_path / "deep" / "iris.zarr")
    assert_same(again, model)
    np.testing.assert_array_equal(again.predict_proba(frame), model.predict_proba(frame))


def test_every_parameter_comes_back(tmp_path):
    start = {
        "weights_init": np.array([0.25, 0.75]),
        "means_init": X[[0, 100]],
        "precisions_init": np.ones((2, 4)),
    }
    state = np.random.RandomState(3)
    state.normal()  # the other normal deviate of the pair is part of the state
    model = GaussianMixture(
        2,
        covariance_type="diag",
        tol=0.1,
        reg_covar=1e-3,
        max_iter=7,
        n_init=2,
        init_params=("kmeans", "random"),
        random_state=state,
        warm_start=True,
        verbose_interval=3,
        sample_size=100,
        feature_dim="band",
        **start,
    ).fit(X)
    model.to_zarr(tmp_path / "model.zarr")
    assert_same(GaussianMixture.from_zarr(tmp_path / "model.zarr"), model)


def test_a_warm_start_goes_on_from_disk(tmp_path):
    def step(model):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            return model.fit(X)

    model = GaussianMixture(2, warm_start=True, max_iter=2, tol=1e-12, random_state=0)
    step(model).to_zarr(tmp_path / "model.zarr")
    assert_same(step(GaussianMixture.from_zarr(tmp_path / "model.zarr")), step(model))


def test_attributes_set_by_hand_come_back(tmp_path):
    by_hand = GaussianMixture(2, covariance_type="spherical")
    by_hand.weights_, by_hand.means_ = np.array([0.5, 0.5]), np.array([[0.0], [9.0]])
    by_hand.covariances_ = np.array([1.0, np.float64("inf")])
    by_hand.to_zarr(tmp_path / "model.zarr")
    assert_same(GaussianMixture.from_zarr(tmp_path / "model.zarr"), by_hand)
    with pytest.raises(NotFittedError):
        GaussianMixture().to_zarr(tmp_path / "unfitted.zarr")


def test_xarray_opens_a_mixture(tmp_path):
    xarray = pytest.importorskip("xarray")
    pandas = pytest.importorskip("pandas")
    model = GaussianMixture(3, random_state=0).fit(pandas.DataFrame(X, columns=NAMES))
    model.to_zarr(tmp_path / "model.zarr")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with xarray.open_zarr(tmp_path / "model.zarr") as dataset:
            dataset.load()
    assert dataset.covariances.dims == ("component", "feature", "feature_2")
    mean = dataset.means.sel(feature="petal_width")
    np.testing.assert_array_equal(mean, model.means_[:, 3])
    assert float(dataset.bic) == model.bic_
    assert dataset.attrs["parameters"]["n_components"] == 3
    assert dataset.attrs["status"] == "converged"


def test_nothing_is_overwritten_unless_told_and_nothing_but_mixtures_ever(tmp_path):
    first, second = GaussianMixture().fit(X), GaussianMixture().fit(X[:100])
    path = tmp_path / "model.zarr"
    first.to_zarr(path)
    with pytest.raises(OutputError, match=r"exists already.*overwrite=True"):
        second.to_zarr(path)
    assert_same(GaussianMixture.from_zarr(path), first)
    second.to_zarr(path, overwrite=True)
    assert_same(GaussianMixture.from_zarr(path), second)
    assert os.listdir(tmp_path) == ["model.zarr"]
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "kept.txt").write_text("kept")
    zarr.create_group(str(tmp_path / "other.zarr"), attributes={"format": "other"})
    for other in ("notes", "other.zarr"):
        with pytest.raises(OutputError, match="nothing else is overwritten"):
            second.to_zarr(tmp_path / other, overwrite=True)
    assert (tmp_path / "notes" / "kept.txt").read_text() == "kept"


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_write_that_fails_leaves_what_was_there(tmp_path, monkeypatch, overwrite):
    path = tmp_path / "model.zarr"
    model = GaussianMixture().fit(X)
    if overwrite:
        model.to_zarr(path)
    failures = []

    def refuse(self, target):
        if target == path and ".zarr." in self.name:
            failures.append(self)
            if len(failures) == 1:
                raise OSError(28, "No space left on device")
        return os.rename(self, target)

    monkeypatch.setattr(Path, "rename", refuse)
    with pytest.raises(StorageError, match="No space left"):
        GaussianMixture(2, random_state=0).fit(X).to_zarr(path, overwrite=overwrite)
    assert failures
    assert os.listdir(tmp_path) == (["model.zarr"] if overwrite else [])
    if overwrite:
        assert_same(GaussianMixture.from_zarr(path), model)


def test_damage_and_other_formats_are_found(tmp_path):
    path = tmp_path / "model.zarr"
    GaussianMixture(2, random_state=0).fit(X).to_zarr(path)
    group = zarr.open_group(str(path), mode="r+")
    group.attrs["format_version"] = 99
    with pytest.raises(OutputError, match="format dgmm-mixture 99, expected 1"):
        GaussianMixture.from_zarr(path)
    group.attrs["format_version"] = 1
    chunk = path / "means" / "c" / "0" / "0"
    content = bytearray(chunk.read_bytes())
    content[len(content) // 2] ^= 1
    chunk.write_bytes(content)
    with pytest.raises(StorageError, match="means"):
        GaussianMixture.from_zarr(path)
    chunk.unlink()
    with pytest.raises(StorageError, match="lacks its chunk"):
        GaussianMixture.from_zarr(path)
    with pytest.raises(InputNotFoundError, match="There is nothing at"):
        GaussianMixture.from_zarr(tmp_path / "absent.zarr")


def test_a_parameter_without_a_form_is_named(tmp_path):
    model = GaussianMixture(random_state=np.random).fit(X)
    with pytest.raises(OutputError, match=r"random_state is <module.*Change it with set_params"):
        model.to_zarr(tmp_path / "model.zarr")
    assert not os.listdir(tmp_path)


def test_the_output_of_a_run_opens_as_a_mixture_and_as_a_sweep(tmp_path):
    np.save(tmp_path / "iris.npy", X)
    text = f"""
        input: {{path: {tmp_path / "iris.npy"}}}
        model: {{n_components: "1:3", covariance_type: [full, diag], n_init: 2, tol: 1e-6, seed: 4}}
        output: {{path: {tmp_path / "results"}, report: false}}
        cluster: {{kind: threads}}
        """
    run(loads(text))
    chosen = GaussianMixture.from_zarr(tmp_path / "results")
    expected = dgmm.sweep(X, range(1, 4), ("full", "diag"), n_init=2, tol=1e-6, random_state=4)
    assert (chosen.covariance_type, chosen.n_components) == ("full", 2)
    assert clone(chosen).get_params() == expected.best.get_params()
    np.testing.assert_allclose(chosen.means_, expected.best.means_, rtol=1e-9)
    np.testing.assert_array_equal(chosen.predict(X), expected.best.predict(X))
    assert not hasattr(chosen, "feature_names_in_")
    assert chosen.converged_
    found = SweepResult.from_zarr(tmp_path / "results" / "latest.zarr")
    assert_same(found.best, chosen)
    assert len(found.results) == 6
    bics = [
        found.model(r.candidate.covariance_type, r.candidate.n_components).bic(X)
        for r in found.results
    ]
    np.testing.assert_allclose(bics, [result.bic for result in found.results])
