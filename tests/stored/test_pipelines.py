"""What pipelines of an earlier build have kept: they go on with it."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from dgmm import GaussianMixture
from dgmm.run import read_group
from pipelines import online, stability
from tests.stored.expected import EXPECTED, files, rows_of
from tests.stored.reading import digests

pytestmark = pytest.mark.usefixtures("stored")

AS_BEFORE = ("--set", "run.model.tol=1e-5")  # the default then


def test_a_mixture_that_follows_a_stream_goes_on(capsys):
    before = files("stream")
    assert online.main(["online.yaml"]) == 99
    assert files("stream") == before
    new = rows_of("night4")
    latest = "stream/online/latest.zarr"
    expected = GaussianMixture.from_zarr(latest).partial_fit(new)
    np.save("stored_inputs/stream.npy", np.concatenate([rows_of("stream"), new]))
    assert online.main(["online.yaml"]) == 0
    said = capsys.readouterr()
    assert said.err == ""
    assert said.out.splitlines()[1].startswith("400 new rows, mean log density ")
    assert said.out.splitlines()[2] == "added by stepwise EM, 2 since the exact fit"
    found = GaussianMixture.from_zarr(latest)
    assert found.n_samples_seen_ == 800
    np.testing.assert_allclose(found.means_, expected.means_, rtol=1e-9)


def test_a_study_of_stability_is_found_complete_and_drawn_again(capsys):
    path, expected = Path(EXPECTED["study"]["path"]), EXPECTED["study"]["digests"]
    assert digests(path) == expected
    before = files(path)
    assert stability.main(["stability.yaml", *AS_BEFORE]) == 99
    assert capsys.readouterr().out.splitlines()[-1] == f"already complete: {path}"
    assert path.with_suffix(".png").stat().st_size > 1000
    assert files(path) == before


def test_an_interrupted_study_goes_on_with_the_fits_that_are_left(capsys):
    kept = sorted(Path("study/stability").glob(".*/subset-*.zarr"))
    criteria = [read_group(path)[0]["criterion"] for path in kept]
    assert len(criteria) == 2
    shutil.rmtree(EXPECTED["study"]["path"])
    arguments = ["stability.yaml", *AS_BEFORE, "--set", "n_subsets=4", "--log-format", "json"]
    assert stability.main(arguments) == 0
    records = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    profiles = [(r.get("event"), r.get("stage")) for r in records].count(
        ("pass_finished", "profile")
    )
    lines = [record for record in records if record["level"] in ("warning", "error")]
    assert (profiles, lines) == (2, [])
    (path,) = Path("study/stability").glob("*.zarr")
    arrays, _ = read_group(path)
    np.testing.assert_array_equal(arrays["criterion"][:2], criteria)
