"""The script that compares a run of every input format with a fit in memory."""

import importlib
import json
from dataclasses import replace
from pathlib import Path

import pytest

from dgmm.run import loads

SCRIPTS = Path(__file__).parents[2] / "scripts" / "formats"


@pytest.fixture
def script(monkeypatch):
    monkeypatch.syspath_prepend(str(SCRIPTS))
    return importlib.import_module("compare_formats")


@pytest.mark.slow
def test_a_run_of_a_file_is_the_fit_in_memory(script, tmp_path):
    (sample,) = (each for each in script.SAMPLES if each.format == ".npy")
    path = sample.write(tmp_path, script.draw_rows())
    outcome = script.compare(sample, path, tmp_path)
    assert outcome.is_equal
    assert (outcome.n_rows, outcome.n_features) == (1_200, 3)


def test_labels_and_densities_have_to_be_the_same(script):
    outcome = script.Outcome(1_200, 3, 0, 1e-9)
    assert outcome.is_equal
    assert not replace(outcome, n_labels_different=1).is_equal
    assert not replace(outcome, largest_difference=1e-3).is_equal


def test_what_is_asked_of_a_format_is_a_configuration(script, tmp_path):
    for sample in (*script.SAMPLES, *script.REAL_FILES):
        found = script.configuration_of(sample, tmp_path / "x", tmp_path / "out")
        assert loads(json.dumps(found)).model.n_components == (3,)


def test_what_is_not_installed_is_left_out(script, capsys):
    def write(*_):
        raise ModuleNotFoundError("No module named 'some'")

    sample = replace(script.SAMPLES[0], format="Some", library="some", write=write)
    assert script.lines([sample]) == ([], [])
    assert capsys.readouterr().err == "Some by some is left out: No module named 'some'\n"
    assert {each.library for each in script.REAL_FILES} == {
        *("fcsparser", "nibabel", "scanpy", "scikit-image", "scikit-learn", "statsmodels")
    }
