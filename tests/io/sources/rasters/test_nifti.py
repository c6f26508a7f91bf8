"""NIfTI: voxels as rows and volumes as features, with the scale of the file."""

import sys

import numpy as np
import pytest
from click.testing import CliRunner

from dgmm.cli import dgmm
from dgmm.errors import ConfigurationError, DataError, MissingExtraError
from dgmm.io.results.result import open_result
from dgmm.io.sources.selection import Selection
from dgmm.io.sources.source import open_source
from dgmm.run import loads, run, score

nibabel = pytest.importorskip("nibabel", reason="needs nibabel")


@pytest.fixture(scope="module")
def volumes():
    rng = np.random.default_rng(0)
    kind = rng.integers(0, 2, (8, 9, 10, 1))
    return (100 + 300 * kind + rng.normal(scale=25, size=(8, 9, 10, 3))).astype("i2")


def write(path, volumes, slope=None):
    image = nibabel.Nifti1Image(volumes, np.diag([2.0, 2.0, 3.0, 1.0]))
    if slope is not None:
        image.header.set_slope_inter(slope, 5.0)
    nibabel.save(image, path)
    return path


def opened(path, **selection):
    return open_source(path, selection=Selection(**selection), partition_size=900)


def cells(source):
    table = np.empty((*source.grid.shape, source.blocks.shape[1]))
    for block in range(len(source.grid.block_rows)):
        region = source.grid.region(block)
        rows = source.blocks.blocks[block].compute(scheduler="synchronous")
        table[region] = rows.reshape(table[region].shape)
    return table


@pytest.mark.parametrize("name", ["x.nii", "x.nii.gz"])
def test_volumes_are_features(tmp_path, volumes, name):
    source = opened(write(tmp_path / name, volumes))
    assert source.grid.dims == ("i", "j", "k")
    assert source.feature_names == ("volume[0]", "volume[1]", "volume[2]")
    assert source.blocks.dtype == np.int16
    np.testing.assert_array_equal(cells(source), volumes)
    found = cells(opened(tmp_path / name, columns=("volume[2]", "volume[0]")))
    np.testing.assert_array_equal(found, volumes[..., [2, 0]])


def test_one_volume_and_its_scale(tmp_path, volumes):
    path = write(tmp_path / "x.nii", volumes[..., 0], slope=0.5)
    source = opened(path)
    assert source.feature_names == ("volume",)
    expected = np.asarray(nibabel.load(path).dataobj)
    np.testing.assert_array_equal(cells(source)[..., 0], expected)
    np.testing.assert_array_equal(expected, volumes[..., 0] * 0.5 + 5.0)


def test_runs_and_scores_are_those_of_the_array(tmp_path, volumes):
    path = write(tmp_path / "x.nii.gz", volumes)
    np.save(tmp_path / "x.npy", volumes.reshape(-1, 3))
    found = {}
    for name, place in (("a", tmp_path / "x.npy"), ("b", path)):
        text = f"""
        input: {{path: {place}}}
        model: {{n_components: 2, covariance_type: full}}
        output: {{path: {tmp_path / name}, report: false}}
        cluster: {{kind: threads}}
        """
        run(loads(text))
        found[name] = open_result(tmp_path / name).assignments["labels"][:].ravel()
        (tmp_path / "c.yaml").write_text(text)
        assert CliRunner().invoke(dgmm, ["plan", str(tmp_path / "c.yaml")]).exit_code == 0
    np.testing.assert_array_equal(found["a"], found["b"])
    score(open_result(tmp_path / "b"), loads(text.replace(f"{tmp_path}/b", f"{tmp_path}/scored")))
    scored = open_result(tmp_path / "scored").assignments["labels"][:].ravel()
    np.testing.assert_array_equal(scored, found["b"])


def test_what_is_no_volume_or_not_there_is_refused(tmp_path, volumes, monkeypatch):
    path = write(tmp_path / "x.nii", volumes)
    with pytest.raises(ConfigurationError, match="no column 'volume'"):
        opened(path, columns=("volume",))
    write(tmp_path / "flat.nii", volumes[:, :, 0, 0])
    with pytest.raises(DataError, match="2 dimensions, expected 3"):
        opened(tmp_path / "flat.nii")
    monkeypatch.setitem(sys.modules, "nibabel", None)
    with pytest.raises(MissingExtraError, match=r'pip install "dgmm\[nifti\]"'):
        opened(path)
