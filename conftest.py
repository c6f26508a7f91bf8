"""What holds for all tests, and for the examples of docstrings.

Examples that Hypothesis draws are the same in every run, however busy the machine is. Others are
tried with ``pytest --hypothesis-profile=default``.

Files of tests need not outlast a loss of power: nothing waits for the disk. Pictures have few dots:
what is tested is not how sharp they are.

An example of a docstring runs in a folder of its own. If it opens the result ``results/iris``,
which the example of :func:`dgmm.open_result` makes, that is there.
"""

import gc
import os
import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

import dgmm
from dgmm.report import figure_style

settings.register_profile(
    "repeatable", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("repeatable")

RESULT = "results/iris"
RUN = f"""
input: {{path: iris.npy}}
model: {{n_components: "1:3", covariance_type: full}}
output: {{path: {RESULT}, report: false}}
cluster: {{kind: threads}}
"""


def pytest_collection_finish():
    """What is imported stays to the end: looking for garbage in it takes time and finds none."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def _no_waiting_for_the_disk():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda _: None)
        yield


@pytest.fixture(scope="session", autouse=True)
def sharp():
    """The dots per inch of pictures outside of tests."""
    with pytest.MonkeyPatch.context() as patch:
        dots_per_inch = figure_style._DPI
        patch.setattr(figure_style, "_DPI", 30)
        yield dots_per_inch


@pytest.fixture(scope="session")
def iris_result(tmp_path_factory):
    """The folder that holds the result, and its input."""
    import numpy as np
    from sklearn.datasets import load_iris

    from dgmm.run import loads, run

    folder = tmp_path_factory.mktemp("iris")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        np.save("iris.npy", load_iris().data)
        run(loads(RUN))
    return folder


@pytest.fixture(autouse=True)
def _folder_of_an_example(request, monkeypatch):
    if isinstance(request.node, pytest.DoctestItem):
        monkeypatch.chdir(request.getfixturevalue("tmp_path"))
        text = request.node.dtest.docstring
        if RESULT in text and f"path: {RESULT}" not in text:
            shutil.copytree(
                request.getfixturevalue("iris_result"),
                Path.cwd(),
                symlinks=True,
                dirs_exist_ok=True,
            )


def _discard_old_machine_code():
    """Numba compares machine code with the file of its loop, not with those of what it calls."""
    folder = Path(dgmm.__file__).parent / "mixture" / "kernels" / "loops_numba"
    changed = max(path.stat().st_mtime for path in folder.glob("*.py"))
    for kept in folder.glob("__pycache__/*.nb?"):
        if kept.stat().st_mtime < changed:
            kept.unlink(missing_ok=True)


_discard_old_machine_code()
