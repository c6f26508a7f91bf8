"""Files that other programs write: MATLAB, Octave, AnnData and 10x Genomics."""

import h5py
import numpy as np
import pytest
import zarr
from click.testing import CliRunner

from dgmm.cli import dgmm
from dgmm.errors import ConfigurationError, DataError
from dgmm.io.sources.selection import Selection, Weights
from dgmm.io.sources.source import open_source

ROWS = np.random.default_rng(0).normal(size=(50, 3))


def opened(path, **selection):
    return open_source(path, selection=Selection(**selection), partition_size=200)


def values(array):
    return array.compute(scheduler="synchronous")


@pytest.fixture
def matlab(tmp_path):
    """As MATLAB's ``save -v7.3`` lays out: features x rows in the words of HDF5."""
    with h5py.File(tmp_path / "x.mat", "w", userblock_size=512) as file:
        file.create_dataset("X", data=ROWS.T, chunks=(3, 7))
        file["w"] = np.arange(50.0)[None, :]
        file["name"] = np.array([[104, 105]], "u2").T
        file["none"] = np.array([0, 0], "u8")
        file.create_dataset("#refs#/a", data=np.ones((4, 4)))
        classes = {"X": "double", "w": "double", "name": "char", "none": "double"}
        for name, kind in classes.items():
            file[name].attrs["MATLAB_class"] = np.bytes_(kind)
        file["none"].attrs["MATLAB_empty"] = np.uint8(1)
    return tmp_path / "x.mat"


def test_matlab_arrays_have_the_rows_that_matlab_shows(matlab):
    source = opened(matlab, variables=("X",), weights=Weights("w"))
    assert source.storage_chunks == (7,)
    np.testing.assert_array_equal(values(source.blocks), ROWS)
    np.testing.assert_array_equal(values(source.weights), np.arange(50.0))


def test_what_is_no_number_in_matlab_is_refused(matlab):
    with pytest.raises(ConfigurationError, match=r"X \(50, 3\), name \(1, 2\), w \(50, 1\)\."):
        opened(matlab)
    with pytest.raises(DataError, match="name is a MATLAB array of class char"):
        opened(matlab, variables=("name",))
    with pytest.raises(DataError, match="empty MATLAB array"):
        opened(matlab, variables=("none",))


def test_matlab_files_of_before_say_how_they_are_to_be_saved(tmp_path):
    (tmp_path / "x.mat").write_bytes(b"MATLAB 5.0 MAT-file, Platform: GLNXA64" + b" " * 200)
    with pytest.raises(DataError, match=r"save\(.*-v7\.3"):
        opened(tmp_path / "x.mat")


def test_octave_arrays_have_the_rows_that_octave_shows(tmp_path):
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["X/type"] = np.bytes_("matrix")
        file["X/value"] = ROWS.T
        file["X"].attrs["OCTAVE_NEW_FORMAT"] = np.uint8(1)
    np.testing.assert_array_equal(values(opened(tmp_path / "x.h5").blocks), ROWS)


def groups(path, content):
    """An HDF5 file, or a Zarr group, of arrays and attributes by their names."""
    root = h5py.File(path, "w") if path.suffix != ".zarr" else zarr.create_group(path)
    for name, value in content.items():
        if isinstance(value, np.ndarray):
            root.require_group(name.rpartition("/")[0] or "/")
            if path.suffix == ".zarr":
                root.create_array(name, data=value, config={"write_empty_chunks": True})
            else:
                root[name] = value
        else:
            (root.require_group(name) if name else root).attrs.update(value)
    if path.suffix != ".zarr":
        root.close()
    return path


SPARSE = {
    "data": np.ones(4),
    "indices": np.zeros(4, "i4"),
    "indptr": np.arange(5),
}
ANNDATA = {"": {"encoding-type": "anndata"}, "obsm/X_pca": ROWS}


@pytest.mark.parametrize("name", ["x.h5ad", "x.zarr"])
def test_anndata_with_a_sparse_matrix_is_refused_and_not_replaced(tmp_path, name):
    sparse = {f"X/{part}": array for part, array in SPARSE.items()}
    content = {**ANNDATA, **sparse, "X": {"encoding-type": "csr_matrix"}}
    path = groups(tmp_path / name, content)
    with pytest.raises(DataError, match=r"X in .* is a sparse matrix.*obsm/X_pca \(50, 3\)"):
        opened(path)
    with pytest.raises(DataError, match=r"X in .* is a sparse matrix"):
        opened(path, variables=("X",))
    np.testing.assert_array_equal(values(opened(path, variables=("obsm/X_pca",)).blocks), ROWS)


@pytest.mark.parametrize("name", ["x.h5ad", "x.zarr"])
def test_anndata_with_a_dense_matrix_means_that_matrix(tmp_path, name):
    path = groups(tmp_path / name, {**ANNDATA, "X": ROWS + 1})
    np.testing.assert_array_equal(values(opened(path).blocks), ROWS + 1)


@pytest.mark.parametrize("name", ["x.h5", "x.zarr"])
def test_a_sparse_matrix_of_10x_is_refused_in_words_that_say_so(tmp_path, name):
    sparse = {f"matrix/{part}": array for part, array in SPARSE.items()}
    path = groups(tmp_path / name, {**sparse, "matrix/shape": np.array([4, 4])})
    with pytest.raises(DataError, match=r"matrix in .* is a sparse matrix, expected a dense array"):
        opened(path)


def test_the_command_says_sparse(tmp_path):
    sparse = {f"X/{part}": array for part, array in SPARSE.items()}
    path = groups(tmp_path / "x.h5ad", {**ANNDATA, **sparse})
    (tmp_path / "c.yaml").write_text(
        f"input: {{path: {path}}}\nmodel: {{n_components: 1}}\n"
        f"output: {{path: {tmp_path}/out, report: false}}\n"
    )
    outcome = CliRunner().invoke(dgmm, ["plan", str(tmp_path / "c.yaml")])
    assert outcome.exit_code == 65
    assert "sparse" in outcome.output
