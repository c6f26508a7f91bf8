"""Every configuration that ships can be read; the small ones run."""

from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

import pytest
from PIL import Image
from sklearn.datasets import load_sample_image

import pipelines
from dgmm.report import figure_style
from dgmm.run import load, load_as
from dgmm.run.fit_run import run

CONFIGS = sorted((Path(__file__).parents[1] / "configs").glob("*.yaml"))

PIPELINES = {found.name for found in iter_modules(pipelines.__path__)} - {"execution"}


def test_there_are_configurations():
    assert {path.name for path in CONFIGS} >= {"quickstart.yaml", "out_of_core.yaml"}


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.name)
def test_a_configuration_can_be_read(path):
    if path.stem in PIPELINES:
        settings = import_module(f"pipelines.{path.stem}").Settings
        assert load_as(settings, path).run.input.path
    else:
        assert load(path).input.path


def test_every_pipeline_has_one():
    assert {path.stem for path in CONFIGS} >= PIPELINES


def test_the_quickstart_runs(tmp_path, sharp, monkeypatch):
    monkeypatch.setattr(figure_style, "_DPI", sharp)
    photograph = load_sample_image("china.jpg")[:160, :240]
    Image.fromarray(photograph).save(tmp_path / "part.png")
    few = "model={n_components: 2:3, covariance_type: [full, diag]}"
    paths = (f"input.path={tmp_path}/part.png", f"output.path={tmp_path}/out")
    settings = (few, "cluster={kind: threads}", *paths)
    path = Path(__file__).parents[1] / "configs" / "quickstart.yaml"
    finished = run(load(path, settings))
    assert finished.sweep.selected.candidate.name == "full-3"
    assert len(finished.sweep.results) == 4
    report = (tmp_path / "out" / "report.html").read_text()
    assert "Its segments" in report
    assert len(report) < 1_000_000
