"""What is imported, and when: neither the package nor a first fit in memory waits for Dask."""

import ast
import subprocess
import sys

HEAVY = {"dask", "distributed", "xarray", "zarr", "fsspec", "pydantic", "numba", "click"}
FIT = """
import numpy as np
from dgmm import GaussianMixture
X = np.random.default_rng(0).normal(size=(1000, 2))
mixture = GaussianMixture(2, random_state=0).fit(X)
labels, total = mixture.predict(X), mixture.score(X)
"""


def loaded_after(code):
    """The modules that a new process has loaded after some code."""
    code = f"{code}\nimport sys\nprint(sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(ast.literal_eval(done.stdout))


def test_the_package_alone_imports_nothing_heavy():
    assert loaded_after("import dgmm") & {*HEAVY, "numpy", "scipy", "sklearn", "pandas"} == set()


def test_the_estimator_imports_what_scikit_learn_does_and_little_else():
    assert loaded_after("from dgmm import GaussianMixture, SweepResult, sweep") & HEAVY == set()


def test_a_first_fit_of_rows_in_memory_needs_no_dask():
    ours = loaded_after(FIT)
    assert "dgmm.engine.fit" in ours
    assert ours & HEAVY == set()
    if "pandas" in ours:  # where it is installed, scikit-learn imports it
        assert "pandas" in loaded_after("import sklearn.mixture")


def test_a_plan_needs_no_cluster_no_result_no_compiled_loops_and_of_scipy_only_its_name(tmp_path):
    text = "{input: {path: x.npy}, model: {n_components: 3}, output: {path: results}}"
    (tmp_path / "run.yaml").write_text(text)
    code = f"""
import os, click, numpy
os.chdir({str(tmp_path)!r})
numpy.save("x.npy", numpy.zeros((9, 2)))
from dgmm.cli.commands import dgmm
click.echo = lambda *_, **__: None
dgmm.main(["plan", "run.yaml"], standalone_mode=False, obj={{"is_main_program": True}})
"""
    slow = {"distributed", "numba", "llvmlite", "pandas", "xarray", "scipy.special", "scipy.linalg"}
    slow |= {"jinja2", "dgmm.io.results.result"}
    assert loaded_after(code) & {"dask.array", "zarr", *slow} == {"dask.array", "zarr"}
