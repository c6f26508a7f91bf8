"""Processors of several types: told apart, not mixed without a word, and the same bits on request.

Types are emulated: OpenBLAS takes the kernels, and NumPy the instructions, that variables name.
"""

import os
import re
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import distributed
import numpy as np
import pytest
import zarr

from dgmm import open_result
from dgmm.engine.arithmetic.portable import portable_environment
from dgmm.engine.arithmetic.processes import _code_digest, describe_process
from dgmm.errors import ConfigurationError
from dgmm.run.config.configuration import loads
from dgmm.run.fit_run import run
from dgmm.run.score_run import configuration_for, score
from tests.run.victim import configuration, digest, interrupt

OLD = {"OPENBLAS_CORETYPE": "Sandybridge"}
NEW = {"OPENBLAS_CORETYPE": "Haswell"}
PORTABLE = dict(portable_environment())
ROOT = Path(__file__).parents[2]
INTERRUPT = """
import sys
from tests.run.victim import interrupt
interrupt(sys.argv[1], "fit", 1)
"""
ESTIMATE = """
import numpy as np
from dgmm import GaussianMixture
rows = np.random.default_rng(0).normal(size=(600, 8)) ** 3
found = GaussianMixture(2, random_state=0, max_iter=5, tol=1e3).fit(rows)
print(found.covariances_.tobytes().hex())
"""


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    path = tmp_path_factory.mktemp("data") / "x.zarr"
    rows = np.random.default_rng(0).normal(size=(600, 8)) @ np.random.default_rng(1).normal(
        size=(8, 8)
    )
    rows[:300] += 4
    zarr.create_array(path, data=rows, chunks=(100, 8))
    return path


def python(variables, *arguments):
    """A process on a machine of this type."""
    own = {name: value for name, value in os.environ.items() if name not in PORTABLE}
    return subprocess.run(
        [sys.executable, *arguments],
        env={**own, **variables},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
    )


def command(variables, text, folder, *settings):
    """``dgmm run`` on a machine of this type."""
    folder.mkdir(exist_ok=True)
    (folder / "run.yaml").write_text(text)
    options = [word for setting in settings for word in ("--set", setting)]
    return python(variables, "-m", "dgmm", "run", str(folder / "run.yaml"), "--quiet", *options)


def interrupted(variables, text):
    done = python(variables, "-c", INTERRUPT, text)
    assert done.returncode == 0, done.stderr


def kernels(processes):
    return {word for process in processes for word in process["blas"].split() if word.isalpha()}


# --- what a process says ----------------------------------------------------------------------


def test_a_process_says_what_it_computes_with():
    found = describe_process()
    assert found.dgmm.startswith("0.1.0 (code ")
    for name in ("numpy", "scipy", "numba"):
        assert f"{name} {version(name)}" in found.libraries
    assert "openblas" in found.blas
    assert found.differences(found) == []
    other = replace(found, simd="AVX2")
    assert found.differences(other) == [f"simd: {found.simd}, not AVX2"]


def test_code_that_computes_is_told_apart_from_code_that_does_not(tmp_path, monkeypatch):
    for folder in ("engine", "mixture", "report"):
        (tmp_path / folder / "of").mkdir(parents=True)
        (tmp_path / folder / "code.py").write_text("one")
    monkeypatch.setattr(
        "dgmm.engine.arithmetic.processes.__file__", str(tmp_path / "engine" / "of" / "code.py")
    )
    digests = [_code_digest()]
    (tmp_path / "report" / "code.py").write_text("two")
    digests.append(_code_digest())
    (tmp_path / "mixture" / "code.py").write_text("two")
    digests.append(_code_digest())
    assert digests[0] == digests[1] != digests[2]


@pytest.mark.parametrize(
    ("facts", "is_portable"),
    [
        ({}, True),
        ({"simd": "AVX F16C FMA3 AVX2"}, True),
        ({"blas": "openblas 0.3.30 Haswell, openblas 0.3.31 SkylakeX"}, False),
        ({"blas": "mkl 2025.0"}, False),
        ({"blas": ""}, False),
        ({"simd": "X86_V3 X86_V4"}, False),
        ({"simd": "AVX2 AVX512F"}, False),
        ({"simd": ""}, False),
        ({"target": "znver4 (0)"}, False),
    ],
)
def test_what_is_portable(facts, is_portable):
    portable = {"blas": "openblas 0.3.30 Haswell", "simd": "X86_V3", "target": "x86-64-v3 (0)"}
    assert replace(describe_process(), **{**portable, **facts}).is_portable == is_portable


# --- types that differ ------------------------------------------------------------------------


@pytest.fixture
def elsewhere(monkeypatch):
    """From now on this is another machine."""

    def move(**facts):
        own = describe_process()
        for module in ("clusters.process_check", "lifecycle"):
            monkeypatch.setattr(
                f"dgmm.run.{module}.describe_process", lambda: replace(own, **facts)
            )

    return move


def test_a_run_goes_on_elsewhere_only_by_a_word(data, tmp_path, elsewhere):
    text = configuration(data, tmp_path / "out")
    interrupt(text, "fit", 1)
    facts = {
        "dgmm": "0.1.0 (code 0)",
        "libraries": "numpy 2.0.0",
        "blas": "openblas 0.3.30 Haswell",
    }
    for name, value in facts.items():
        elsewhere(**{name: value})
        with pytest.raises(ConfigurationError, match="`dgmm run --fresh`, or continue") as caught:
            run(loads(text))
        assert f"computed by others: {name}: {value}, not " in str(caught.value)
    mixed = run(loads(text, ["cluster.arithmetic=mixed"]))
    found = open_result(mixed.path).attributes["arithmetic"]
    assert [len(found[role]) for role in ("drivers", "workers")] == [2, 2]


def test_a_run_that_starts_again_elsewhere_has_the_bits_of_there(data, tmp_path, elsewhere):
    text = configuration(data, tmp_path / "out")
    interrupt(text, "fit", 1)
    elsewhere(blas="openblas 0.3.30 Haswell")
    found = open_result(run(loads(text), fresh=True).path).attributes["arithmetic"]
    assert kernels(found["drivers"] + found["workers"]) == {"openblas", "Haswell"}


def test_a_score_takes_over_nothing_from_elsewhere(data, tmp_path, elsewhere, caplog):
    caplog.set_level("INFO", "dgmm")
    model = open_result(run(loads(configuration(data, tmp_path / "fit"))).path)
    grown = tmp_path / "grown.zarr"
    rows = zarr.open_array(data, mode="r")[...]
    zarr.create_array(grown, data=rows, chunks=(100, 8))

    def scored():
        settings = ["cluster={kind: threads, threads: 1}"]
        return score(model, configuration_for(model, str(grown), str(tmp_path / "out"), settings))

    assert scored().n_new == 0, "the fit has assigned them"
    zarr.open_array(grown, mode="r+").append(rows[:100])
    assert scored().n_new == 100
    zarr.open_array(grown, mode="r+").append(rows[:100])
    elsewhere(simd="X86_V3")
    found = scored()
    assert (found.n_new, found.built_on) == (800, None)
    assert "because it has other processors, or versions of dgmm and its libraries" in caplog.text


def test_types_have_other_bits():
    """Or nothing here would show anything."""
    found = {python(variables, "-c", ESTIMATE).stdout for variables in (OLD, NEW)}
    assert len(found) == 2
    assert "" not in found


def test_the_command_does_not_go_on_on_another_type(data, tmp_path):
    text = configuration(data, tmp_path / "out")
    interrupted(OLD, text)
    refused = command(NEW, text, tmp_path)
    assert refused.returncode == 78
    assert refused.stderr.count("\n") == 1
    assert re.search(r"blas: openblas .* Haswell, not openblas .* Sandybridge", refused.stderr)


# --- workers of several types, and the same bits on request -----------------------------------


def test_a_program_that_cannot_start_anew_is_told_which_variables_it_needs(data, tmp_path):
    text = configuration(data, tmp_path / "out", cluster="kind: threads, arithmetic: portable")
    with pytest.raises(ConfigurationError, match="OPENBLAS_CORETYPE=Haswell NPY_DISABLE"):
        run(loads(text))


class TypedNanny(distributed.Nanny):
    """One whose worker starts with variables; the ``env`` of Dask's own comes after NumPy."""

    def __init__(self, *arguments, variables, **options):
        super().__init__(*arguments, **options)
        self.pre_spawn_env = {**self.pre_spawn_env, **variables}


@contextmanager
def own_environment():
    """Leaves this process with its variables: a nanny adds those of its workers for good."""
    before = dict(os.environ)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


@contextmanager
def cluster_of(*types):
    """A cluster with a worker of each type, as a configuration names it."""
    own = {"host": "127.0.0.1", "dashboard_address": "127.0.0.1:0"}
    workers = {
        number: {"cls": TypedNanny, "options": {**own, "nthreads": 1, "variables": variables}}
        for number, variables in enumerate(types)
    }
    scheduler = {"cls": distributed.Scheduler, "options": own}
    with (
        own_environment(),
        distributed.SpecCluster(workers=workers, scheduler=scheduler) as cluster,
    ):
        yield f"kind: address, address: '{cluster.scheduler_address}'"


@pytest.mark.slow  # the next one has such workers, too
def test_workers_of_several_types_are_told_of(data, tmp_path, caplog):
    with cluster_of(OLD, NEW) as cluster:
        text = configuration(data, tmp_path / "out", cluster=cluster)
        found = open_result(run(loads(text)).path).attributes["arithmetic"]
        refused = command(PORTABLE, text, tmp_path, "cluster.arithmetic=portable")
    assert os.environ.get("OPENBLAS_CORETYPE") is None  # later clusters have no such workers
    assert "the workers differ (blas: " in caplog.text
    assert kernels(found["workers"]) == {"openblas", "Sandybridge", "Haswell"}
    assert refused.returncode == 78
    assert "found blas: openblas" in refused.stderr


def test_portable_bits_are_those_of_all_types_resumed_or_on_a_cluster_of_several(data, tmp_path):
    one, other = tmp_path / "one", tmp_path / "other"
    text = configuration(data, one, cluster="kind: threads, arithmetic: portable")
    interrupted({**OLD, **PORTABLE}, text)
    done = command(NEW, text, tmp_path)
    assert done.returncode == 0, done.stderr
    with cluster_of({**OLD, **PORTABLE}, {**NEW, **PORTABLE}) as cluster:
        text = configuration(data, other, cluster=f"{cluster}, arithmetic: portable")
        done = command(OLD, text, tmp_path)
    assert done.returncode == 0, done.stderr
    found = [open_result(output) for output in (one, other)]
    assert digest(found[0].path) == digest(found[1].path)
    assert found[0].attributes["arithmetic"] == found[1].attributes["arithmetic"]
    assert found[0].path.name == found[1].path.name
