"""AnnData by name: X, layers and obsm with the names of variables and observations."""

import warnings

import h5py
import numpy as np
import pandas as pd
import pytest
import scipy.sparse

from dgmm.errors import ConfigurationError, DataError
from dgmm.io.sources.selection import Selection
from dgmm.io.sources.source import open_source

N, GENES = 60, ("CD3", "CD4", "CD8")


@pytest.fixture(scope="module")
def cells():
    anndata = pytest.importorskip("anndata", reason="needs anndata")
    rng = np.random.default_rng(0)
    batches = np.where(np.arange(N) % 3, "one", "two").astype(object)
    obs = pd.DataFrame(
        {
            "batch": pd.Categorical(batches, pd.Index(["one", "two"], dtype=object)),
            "n": np.arange(N),
        },
        index=pd.Index([f"cell-{i}" for i in range(N)], dtype=object),
    )
    var = pd.DataFrame(index=pd.Index(GENES, dtype=object))
    found = anndata.AnnData(rng.normal(size=(N, 3)).astype("f4"), obs=obs, var=var)
    found.layers["raw"] = rng.poisson(3, size=(N, 3)).astype("f8")
    found.obsm["X_pca"] = rng.normal(size=(N, 2))
    found.layers["sparse"] = scipy.sparse.csr_matrix(found.layers["raw"])
    found.layers["by_columns"] = scipy.sparse.csc_matrix(found.layers["raw"])
    return found


@pytest.fixture(scope="module", params=["h5ad", "zarr"])
def path(request, cells, tmp_path_factory):
    place = tmp_path_factory.mktemp("cells") / f"cells.{request.param}"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what anndata calls in zarr
        cells.write_h5ad(place) if request.param == "h5ad" else cells.write_zarr(place)
    return place


def read(path, **selection):
    source = open_source(path, selection=Selection(**selection), partition_size=200)
    return source, source.blocks.compute(scheduler="synchronous")


def test_features_are_called_as_variables_are(path, cells):
    source, found = read(path)
    assert source.feature_names == GENES
    np.testing.assert_array_equal(found, cells.X)
    source, found = read(path, variables=("layers/raw",), columns=("CD8", "CD3"))
    assert source.feature_names == ("CD8", "CD3")
    np.testing.assert_array_equal(found, cells.layers["raw"][:, [2, 0]])
    source, found = read(path, variables=("obsm/X_pca",))
    assert source.feature_names == ("X_pca[0]", "X_pca[1]")
    np.testing.assert_array_equal(found, cells.obsm["X_pca"])


def test_observations_keep_their_names(path, cells):
    source, _ = read(path, id_columns=("batch", "n"))
    found = {
        each.name: source.read_coordinate(each, (slice(5, 25),)).tolist()
        for each in source.coordinates
    }
    assert found == {
        "obs_names": cells.obs_names[5:25].tolist(),
        **{name: cells.obs[name].iloc[5:25].tolist() for name in ("batch", "n")},
    }


def test_what_is_not_there_or_not_dense_is_refused(path):
    with pytest.raises(ConfigurationError, match=r"no column 'CD19'. It has CD3, CD4, CD8"):
        read(path, columns=("CD19",))
    with pytest.raises(ConfigurationError, match="no column sex in obs; it has"):
        read(path, id_columns=("sex",))
    with pytest.raises(DataError, match="sparse"):
        read(path, variables=("layers/sparse",))


def test_files_of_old_versions_are_refused_by_name(tmp_path):
    with h5py.File(tmp_path / "cells.h5ad", "w") as file:
        file["X"] = np.arange(6.0).reshape(3, 2)
        for name, index in (("obs", [b"a", b"b", b"c"]), ("var", [b"u", b"v"])):
            file[name] = np.array([(each, 1.0) for each in index], [("index", "S1"), ("n", "f8")])
    with pytest.raises(DataError, match=r"before 0.7 wrote it.*write_h5ad"):
        read(tmp_path / "cells.h5ad")


def test_strings_with_missing_ones_are_text(tmp_path):
    with h5py.File(tmp_path / "cells.h5ad", "w") as file:
        file.attrs["encoding-type"] = "anndata"
        file["X"] = np.arange(6.0).reshape(3, 2)
        for name, index in (("obs", ["a", "b", "c"]), ("var", ["u", "v"])):
            file.create_group(name).attrs["_index"] = "_index"
            file[f"{name}/_index"] = index
        donor = file["obs"].create_group("donor")
        donor.attrs["encoding-type"] = "nullable-string-array"
        donor["values"], donor["mask"] = ["one", "two", ""], [False, False, True]
    source, _ = read(tmp_path / "cells.h5ad", id_columns=("donor",))
    _, donor = source.coordinates
    assert source.read_coordinate(donor, (slice(0, 3),)).tolist() == ["one", "two", ""]


def test_rows_of_a_sparse_matrix_are_made_dense_where_that_is_asked_for(path, cells):
    source, found = read(path, variables=("layers/sparse",), densify=True)
    assert source.feature_names == GENES
    assert len(source.blocks.chunks[0]) > 1
    np.testing.assert_array_equal(found, cells.layers["raw"])
    chosen = {"variables": ("layers/sparse",), "columns": ("CD8", "CD3")}
    source, found = read(path, densify=True, **chosen)
    assert source.feature_names == ("CD8", "CD3")
    np.testing.assert_array_equal(found, cells.layers["raw"][:, [2, 0]])
    np.testing.assert_array_equal(read(path, densify=True)[1], cells.X)  # which is dense
    with pytest.raises(DataError, match="by columns"):
        read(path, variables=("layers/by_columns",), densify=True)
