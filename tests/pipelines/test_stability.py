"""The study of stability: which K it recommends, when it recommends none, and what it keeps."""

import json

import numpy as np
import pytest
import xarray
import zarr

from dgmm.errors import ConfigurationError
from dgmm.run import write_lock
from dgmm.run.input_blocks import Blocks
from pipelines.stability import main
from pipelines.stability.recommendation import recommend
from pipelines.stability.subsets import design
from pipelines.stability.table import table
from pipelines.stability.values import Axes, Study

CONFIG = """\
n_subsets: 5
subset_blocks: 3
skipped_exit_code: 99
run:
  input: {path: x.zarr, partition_size: 1600}
  model: {n_components: 1:4, covariance_type: [spherical, diag], n_init: 1, tol: 1e-3}
  output: {path: out}
  cluster: {kind: threads}
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    centres = np.array([[0, 0], [9, 0], [0, 9]])
    store(centres[rng.integers(0, 3, 1000)] + rng.normal(size=(1000, 2)))
    (tmp_path / "stability.yaml").write_text(CONFIG)
    return tmp_path


def store(rows):
    zarr.create_array("x.zarr", data=rows, chunks=(100, rows.shape[1]), overwrite=True)


def study(means, noise=0.01, n_subsets=12, agreement=0.9):
    """One structure whose criterion has these means, apart from what all K of a subset share."""
    rng = np.random.default_rng(1)
    common = rng.normal(size=(n_subsets, 1, 1))  # which subsets differ by, and K do not
    values = common + np.array(means) + noise * rng.normal(size=(n_subsets, 1, len(means)))
    return Study(values, values, np.broadcast_to(agreement, values.shape).astype(float))


def judged(means, counts, **how):
    return recommend(study(means, **how), Axes(("full",), counts), "bic")


def test_a_clear_minimum_is_recommended():
    found = judged([5, 4, 3, 3.5, 4], (1, 2, 3, 4, 5))
    assert (found.least, found.simplest, found.recommended) == (3, 3, 3)
    assert "BIC is least at full, K = 3, on average and in 12 of 12 subsets." in found.sentences
    assert "Recommended: full, K = 3." in found.sentences


def test_of_a_flat_bottom_the_smallest_is_recommended():
    found = judged([5, 3.0002, 3, 4], (2, 3, 4, 5), noise=0.01)
    assert (found.simplest, found.recommended) == (3, 3)


def test_what_differs_between_subsets_and_not_between_k_does_not_blur_the_minimum():
    apart = study([5, 4, 3, 3.1], noise=0.01)
    assert apart.criterion.std(axis=0).min() > 0.5
    assert recommend(apart, Axes(("full",), (1, 2, 3, 4)), "bic").recommended == 3


@pytest.mark.parametrize(
    ("means", "counts", "said"),
    [
        ([5, 4, 3, 2], (1, 2, 3, 4), "it still falls at the largest K tried, 4; try more"),
        ([5, 3.1, 3, 3.0001], (1, 2, 3, 4), "it is flat within its spread from K = 3 to the larg"),
        ([2, 3, 4], (2, 3, 4), "it is least at the smallest K tried, 2; try fewer components"),
        ([2], (3,), "only one K was tried"),
    ],
)
def test_without_a_clear_minimum_none_is_recommended(means, counts, said):
    found = judged(means, counts)
    assert found.recommended is None
    assert found.sentences[0].startswith(f"BIC has no clear minimum for full: {said}")
    assert not any("Recommended" in sentence for sentence in found.sentences)


def test_one_component_can_be_recommended():
    assert judged([2, 3, 4], (1, 2, 3)).recommended == 1


def test_where_a_curve_bends_is_said_if_it_has_no_minimum():
    found = judged([10, 2, 1.5, 1.2, 1], (1, 2, 3, 4, 5))
    assert "Nine tenths of its fall from K = 1 on are reached at K = 3." in found.sentences


def test_fits_that_are_not_sound_do_not_count():
    values = study([5, 4, 3, 3.5, 1])
    values.criterion[:11, :, 4] = np.nan
    assert recommend(values, Axes(("full",), (1, 2, 3, 4, 5)), "bic").recommended == 3
    values.criterion[:] = np.nan
    nothing = recommend(values, Axes(("full",), (1, 2, 3, 4, 5)), "bic")
    assert nothing.sentences == ("No candidate was sound in two subsets.",)
    assert list(table(values, Axes(("full",), (1, 2, 3, 4, 5)), "bic")) == []


def test_where_labels_agree_best_is_said_if_it_is_elsewhere():
    found = judged([5, 4, 3, 3.5], (1, 2, 3, 4), agreement=np.array([1, 0.95, 0.5, 0.6]))
    assert found.sentences[-2:] == (
        "With K = 3, labels of two subsets agree with an adjusted Rand index of 0.50.",
        "They agree best with K = 2: 0.95.",
    )


def test_subsets_have_no_block_twice_and_none_that_is_held_out():
    found = design(20, 50, None, 3, seed=7)
    assert found == design(20, 50, None, 3, seed=7) != design(20, 50, None, 3, seed=8)
    assert {len(set(subset)) for subset in found.subsets} == {4}
    assert set.union(*map(set, found.subsets)) | {*found.held_out} == {*range(20)}
    assert set.union(*map(set, found.subsets)).isdisjoint(found.held_out)


@pytest.mark.parametrize(("n_blocks", "size", "held_out"), [(1, None, 1), (2, None, 1), (5, 4, 1)])
def test_too_few_blocks_are_refused(n_blocks, size, held_out):
    with pytest.raises(ConfigurationError, match=r"Set run\.input\.partition_size to less"):
        design(n_blocks, 5, size, held_out, seed=0)


def test_clear_clumps_are_found_and_kept(folder, capsys):
    assert main(["stability.yaml"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "Recommended: spherical, K = 3." in lines
    path = folder / lines[-1]
    kept = xarray.open_zarr(path)
    assert kept.criterion.dims == ("subset", "covariance_type", "n_components")
    assert kept.criterion.shape == (5, 2, 4)
    assert (
        kept.criterion.mean("subset").sel(covariance_type="spherical").argmin("n_components") == 2
    )
    assert kept.agreement.sel(covariance_type="spherical", n_components=3).min() > 0.99
    assert kept.attrs["recommended"] == 3
    assert path.with_suffix(".png").read_bytes().startswith(b"\x89PNG")
    assert {p.name for p in path.parent.iterdir()} == {path.name, f"{path.stem}.png", ".lock"}
    assert main(["stability.yaml"]) == 99
    again = capsys.readouterr().out.splitlines()
    assert again == [*lines[:-1], f"already complete: {lines[-1]}"]


def test_data_without_clumps_are_said_to_have_no_minimum(folder, capsys):
    store(np.random.default_rng(0).lognormal(sigma=1.5, size=(2000, 1)))
    options = ["--set", "run.model.n_components=1:3", "--set", "n_subsets=3"]
    assert main([str(folder / "stability.yaml"), *options]) == 0
    assert "BIC has no clear minimum for " in (out := capsys.readouterr().out)
    assert "it still falls at the largest K tried, 3; try more components." in out
    assert "Recommended" not in out


def test_fits_that_are_kept_are_not_fitted_again(folder, capsys, monkeypatch):
    assert main(["stability.yaml", "--set", "run.output.path=whole"]) == 0
    whole = capsys.readouterr().out.splitlines()
    fit, fitted = Blocks.fit, []

    def interrupted(blocks, subset, *, seed):
        if len(fitted) == 4:
            raise KeyboardInterrupt
        fitted.append(seed)
        return fit(blocks, subset, seed=seed)

    with monkeypatch.context() as patch:
        patch.setattr(Blocks, "fit", interrupted)
        assert main(["stability.yaml"]) == 130
    (left,) = (p for p in (folder / "out" / "stability").iterdir() if p.is_dir())
    chunk = left / "subset-0001.zarr" / "criterion" / "c" / "0" / "0"
    chunk.write_bytes(chunk.read_bytes()[:-1] + b"?")  # one of them is damaged meanwhile

    def counted(blocks, subset, *, seed):
        fitted.append(seed)
        return fit(blocks, subset, seed=seed)

    monkeypatch.setattr(Blocks, "fit", counted)
    assert main(["stability.yaml"]) == 0
    assert fitted == [1, 2, 3, 4, 2, 5]
    resumed = capsys.readouterr().out.splitlines()
    assert resumed[:-1] == whole[:-1]
    first, second = (zarr.open_group(lines[-1], mode="r") for lines in (whole, resumed))
    for name in ("criterion", "log_likelihood", "agreement"):
        np.testing.assert_array_equal(first[name][:], second[name][:])


def test_a_second_study_leaves_the_first_alone(folder, capsys):
    with write_lock(folder / "out" / "stability"):
        assert main([str(folder / "stability.yaml")]) == 75
    assert "is being written to by process" in capsys.readouterr().err
    assert not list((folder / "out" / "stability").glob("*.zarr"))


def test_an_object_store_is_refused_with_its_line(folder, capsys):
    assert main([str(folder / "stability.yaml"), "--set", "run.output.path=memory://out"]) == 78
    said = capsys.readouterr().err
    assert "line 4: run: found output.path memory://out, expected a directory" in said


def test_a_bayesian_mixture_is_refused(folder, capsys):
    change = "run.model={inference: variational, n_components: 3, covariance_type: full}"
    assert main([str(folder / "stability.yaml"), "--set", change]) == 78
    assert "found model.inference variational, expected em" in capsys.readouterr().err


def test_the_end_is_a_record_with_what_was_found(folder, capsys):
    options = ["--set", "n_subsets=2", "--log-format", "json"]
    assert main([str(folder / "stability.yaml"), *options]) == 0
    records = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert records[-1]["event"] == "stability_finished"
    assert any("least at spherical, K = 3" in line for line in records[-1]["found"])
