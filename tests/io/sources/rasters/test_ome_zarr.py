"""OME-Zarr images: any order of axes, channels as features, a level of the pyramid."""

import numpy as np
import pytest
import zarr

from dgmm.errors import ConfigurationError, DataError
from dgmm.io.results.result import open_result
from dgmm.io.sources.selection import Selection
from dgmm.io.sources.source import open_source
from dgmm.run import loads, run, score

LABELS = ("DAPI", "GFP", "Cy5")
SIZES = {"t": 2, "c": 3, "z": 2, "y": 16, "x": 12}
UNITS = {"z": "micrometer", "y": "micrometer", "x": "micrometer", "t": "second"}


def pixels(axes="tczyx", seed=0):
    """Values in the order t, z, y, x, c, and the same in the order of the axes."""
    rng = np.random.default_rng(seed)
    sizes = [SIZES[name] for name in "tzyx" if name in axes]
    kind = rng.integers(0, 2, sizes)[..., None]
    table = (100 + 400 * kind + rng.normal(scale=30, size=(*sizes, 3))).astype("u2")
    names = [name for name in "tzyx" if name in axes] + ["c"]
    return table, np.transpose(table, [names.index(name) for name in axes])


def write(path, axes="tczyx", version="0.5", labels=LABELS, **more):
    table, stored = pixels(axes)
    group = zarr.create_group(path, zarr_format=3 if version == "0.5" else 2)
    levels = []
    for level in range(2):
        step = 2**level
        part = stored[tuple(slice(None, None, step if name in "yx" else 1) for name in axes)]
        chunks = tuple(1 if name in "tc" else 5 for name in axes)
        group.create_array(
            f"s{level}", data=part, chunks=chunks, config={"write_empty_chunks": True}
        )
        scale = [0.5 * step if name in "yx" else 1.0 for name in axes]
        offset = [10.0 if name == "x" else 0.0 for name in axes]
        steps = [
            {"type": "scale", "scale": scale},
            {"type": "translation", "translation": offset},
        ]
        levels.append({"path": f"s{level}", "coordinateTransformations": steps})
    kinds = {"c": "channel", "t": "time"}
    named = [
        {
            "name": name,
            "type": kinds.get(name, "space"),
            **({"unit": UNITS[name]} if name in UNITS else {}),
        }
        for name in axes
    ]
    metadata = {
        "multiscales": [{"axes": named, "datasets": levels, **more}],
        "omero": {"channels": [{"label": label} for label in labels]},
    }
    group.attrs.update({"ome": metadata} if version == "0.5" else metadata)
    return table


def cells(source):
    table = np.empty((*source.grid.shape, source.blocks.shape[1]))
    for block in range(len(source.grid.block_rows)):
        region = source.grid.region(block)
        rows = source.blocks.blocks[block].compute(scheduler="synchronous")
        table[region] = rows.reshape(table[region].shape)
    return table


@pytest.mark.parametrize("version", ["0.4", "0.5"])
@pytest.mark.parametrize("axes", ["tczyx", "yxc", "czyx", "cyx"])
def test_channels_are_features_whatever_the_order_of_the_axes(tmp_path, axes, version):
    table = write(tmp_path / "x.zarr", axes, version)
    source = open_source(tmp_path / "x.zarr", partition_size=1_500)
    assert source.format == "ome-zarr"
    assert source.feature_names == LABELS
    assert source.grid.dims == tuple(name for name in axes if name != "c")
    np.testing.assert_array_equal(cells(source), table)
    named = {each.name: each for each in source.coordinates}
    assert dict(named["y"].attributes) == {"units": "micrometer"}
    assert source.read_coordinate(named["x"], (slice(1, 3),)).tolist() == [10.5, 11.0]


def test_a_level_and_channels_are_chosen_by_name(tmp_path):
    table = write(tmp_path / "x.zarr")
    chosen = Selection(variables=("s1",), columns=("Cy5", "DAPI"))
    source = open_source(tmp_path / "x.zarr", selection=chosen)
    np.testing.assert_array_equal(cells(source), table[..., ::2, ::2, [2, 0]])
    x = next(each for each in source.coordinates if each.name == "x")
    assert source.read_coordinate(x, (slice(0, 2),)).tolist() == [10.0, 11.0]
    with pytest.raises(ConfigurationError, match="the levels s0, s1, but 's7' was asked for"):
        open_source(tmp_path / "x.zarr", selection=Selection(variables=("s7",)))
    with pytest.raises(ConfigurationError, match="samples along t, z, y, x, but y were asked for"):
        open_source(tmp_path / "x.zarr", selection=Selection(sample_dims=("y",)))
    with pytest.raises(ConfigurationError, match="no column 'RFP'"):
        open_source(tmp_path / "x.zarr", selection=Selection(columns=("RFP",)))


def test_names_are_numbers_where_there_are_none_and_all_levels_may_be_moved(tmp_path):
    steps = [{"type": "scale", "scale": [1.0, 1.0, 1.0, 1.0, 4.0]}]
    write(tmp_path / "x.zarr", labels=("a", "a", "b"), coordinateTransformations=steps)
    source = open_source(tmp_path / "x.zarr")
    assert source.feature_names == ("channel[0]", "channel[1]", "channel[2]")
    x = next(each for each in source.coordinates if each.name == "x")
    assert source.read_coordinate(x, (slice(0, 2),)).tolist() == [40.0, 42.0]


@pytest.mark.parametrize("attributes", [{"plate": {}}, {"multiscales": []}])
def test_what_is_no_image_is_named(tmp_path, attributes):
    zarr.create_group(tmp_path / "x.zarr").attrs["ome"] = attributes
    with pytest.raises(DataError, match="Give the path of one image"):
        open_source(tmp_path / "x.zarr")


def test_a_chunk_that_is_lost_is_named(tmp_path):
    write(tmp_path / "x.zarr")
    (tmp_path / "x.zarr" / "s0" / "c" / "1" / "2" / "0" / "0" / "0").unlink()
    with pytest.raises(DataError, match=r"There is no chunk .*s0/c/1/2/0/0/0"):
        cells(open_source(tmp_path / "x.zarr"))


def test_runs_and_scores_are_those_of_the_array(tmp_path):
    table = write(tmp_path / "x.zarr")
    np.save(tmp_path / "x.npy", table.reshape(-1, 3))

    def configured(path, output):
        return loads(f"""
        input: {{path: {path}}}
        model: {{n_components: 2, covariance_type: full}}
        output: {{path: {output}, report: false}}
        cluster: {{kind: threads}}
        """)

    run(configured(tmp_path / "x.zarr", tmp_path / "image"))
    run(configured(tmp_path / "x.npy", tmp_path / "rows"))
    image, rows = open_result(tmp_path / "image"), open_result(tmp_path / "rows")
    np.testing.assert_allclose(image.model.means, rows.model.means, rtol=1e-9)
    labels = image.assignments["labels"]
    assert labels.shape == table.shape[:-1]
    np.testing.assert_array_equal(labels[:].ravel(), rows.assignments["labels"][:])
    score(image, configured(tmp_path / "x.zarr", tmp_path / "scored"))
    np.testing.assert_array_equal(
        open_result(tmp_path / "scored").assignments["labels"][:], labels[:]
    )
