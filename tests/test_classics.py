"""The documentation's tour of the classics runs as a script, and finds what its text says."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("matplotlib")
pytest.importorskip("pandas")
pytest.importorskip("xarray")

pytestmark = pytest.mark.slow  # it draws every figure

SCRIPT = Path(__file__).parents[1] / "docs/classics.py"
FIGURES = {
    "hard_and_soft",
    "iterations",
    "covariance_shapes",
    "how_many",
    "k_means",
    "anomalies",
    "photograph",
}


@pytest.fixture(scope="module")
def output(tmp_path_factory):
    directory = tmp_path_factory.mktemp("classics") / "figures"
    command = [sys.executable, "-W", "error", str(SCRIPT), "--output", str(directory)]
    environment = {**os.environ, "MPLBACKEND": "Agg"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr  # which may tell of fonts at the first run
    assert str(directory) in done.stdout
    return directory


@pytest.fixture(scope="module")
def facts(output):
    return json.loads((output / "facts.json").read_text())


def test_every_figure_is_written_and_not_blank(output):
    image = pytest.importorskip("matplotlib.image")
    assert {path.stem for path in output.glob("*.png")} == FIGURES
    for name in FIGURES:
        pixels = image.imread(output / f"{name}.png")
        assert min(pixels.shape[:2]) > 500
        assert (pixels[:, :, :3] < 0.9).any(axis=2).mean() > 0.01


def test_soft_clusters_are_bic_s_choice_of_old_faithful(facts):
    found, fit = facts["hard and soft clustering"], facts["the fit, iteration by iteration"]
    assert found["BIC"] == pytest.approx(2314.2957, abs=1e-3)
    assert found["BIC"] < min(found["BIC by scikit-learn's defaults"], fit["BIC"])
    assert found["ICL"] > fit["ICL"]
    assert 0 < found["rows less than 95 % certain"] < found["rows"] == 272


def test_the_fit_leaves_the_saddle(facts):
    found = facts["the fit, iteration by iteration"]
    assert found["BIC"] == pytest.approx(2322.192, abs=1e-3)
    assert found["largest fall of the log-likelihood"] < 1e-12  # which is rounding
    assert found["iterations"] > 20
    assert found["scikit-learn says it converged"]
    assert found["scikit-learn's iterations"] < 10
    assert found["scikit-learn's log-likelihood"] < found["log-likelihood"] - 100


def test_wines_are_worth_full_covariances(facts):
    found = facts["four shapes of covariance"]
    assert min(found, key=found.get) == "BIC, full"
    assert len(found) == 4


def test_criteria_choose_as_the_text_says(facts):
    found = facts["how many components"]
    assert found["by bic"] == found["by icl"] == "full-2"
    assert found["by silhouette"].endswith("-2")
    assert found["by aic"] == "full-6"
    assert found["BIC of full-2"] == pytest.approx(574.0178, abs=1e-3)
    assert found["BIC of full-3"] == pytest.approx(580.8389, abs=1e-3)
    assert found["passes over the data"] < found["iterations of all candidates"]


def test_a_mixture_follows_streaks_in_any_units(facts):
    found = facts["agreement of clusters with species"]
    assert found["Mixture"] == found["Mixture, sepals in mm"] > found["K-means"] + 0.2
    assert found["K-means, sepals in mm"] < found["K-means"]


def test_malignant_tumours_are_unlikely_under_the_benign(facts):
    found = facts["anomalies by likelihood"]
    assert found["area under the ROC curve"] > 0.97
    assert found["benign called anomalies"] < 0.08
    assert found["malignant called anomalies"] > 0.9


def test_weighted_colours_are_the_photograph(facts):
    found = facts["soft segmentation of a photograph"]
    assert found["distinct colours"] < found["pixels"] == 273_280
    by_pixels, by_colours = found["log-likelihood per pixel"], found["the same by weighted colours"]
    assert by_colours == pytest.approx(by_pixels, abs=1e-5)
    assert 0.05 < found["pixels less than 95 % certain"] / found["pixels"] < 0.5
