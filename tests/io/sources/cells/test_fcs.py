"""FCS: linear values of all events of one file or several, as flowio reads them."""

import sys

import numpy as np
import pytest

from dgmm.errors import ConfigurationError, DataError, MissingExtraError
from dgmm.io.sources.selection import Selection
from dgmm.io.sources.source import open_source

flowio = pytest.importorskip("flowio", reason="needs flowio")

CHANNELS = ["FSC-A", "FL1-A", "FL2-A", "Time"]
MARKERS = ["", "CD3", "CD4", ""]
SPILL = np.array([[1.0, 0.2], [0.05, 1.0]])


def write(path, events, channels=CHANNELS, markers=MARKERS, **text):
    spill = ",".join(map(str, [2, "FL1-A", "FL2-A", *SPILL.ravel()]))
    with path.open("wb") as file:
        flowio.create_fcs(
            file, events.ravel().tolist(), channels, markers, {"spill": spill, **text}
        )
    return path


def write_old(path, events, n_beyond=0):
    """FCS 2.0 as cytometers of the nineties wrote it: 10 bits, four decades, a gain."""
    keys = {
        "$MODE": "L",
        "$DATATYPE": "I",
        "$BYTEORD": "1,2,3,4",
        "$PAR": "2",
        "$TOT": str(len(events)),
        "$NEXTDATA": "0",
    }
    channels = (("FL1-H", "4,0", "1"), ("FSC-H", "0,0", "2"))
    for i, (name, amplification, gain) in enumerate(channels, 1):
        keys |= {
            f"$P{i}N": name,
            f"$P{i}B": "16",
            f"$P{i}R": "1024",
            f"$P{i}E": amplification,
            f"$P{i}G": gain,
        }
    text = "/" + "".join(f"{key}/{value}/" for key, value in keys.items())
    data = events.astype("<u2").tobytes()
    start = 58 + len(text)
    places = (58, start - 1, start, start + len(data) - 1 + n_beyond, 0, 0)
    header = "FCS2.0    " + "".join(f"{place:>8}" for place in places)
    path.write_bytes(header.encode() + text.encode() + data + b"0" * 8)
    return path


@pytest.fixture
def events():
    rng = np.random.default_rng(0)
    return np.column_stack([rng.gamma(3.0, 100.0, size=(80, 3)), np.arange(80.0)]).astype("f4")


def read(path, **selection):
    source = open_source(path, selection=Selection(**selection), partition_size=500)
    return source, source.blocks.compute(scheduler="synchronous")


def test_channels_are_called_as_their_markers_and_time_is_none(tmp_path, events):
    source, found = read(write(tmp_path / "a.fcs", events))
    assert source.feature_names == ("FSC-A", "CD3", "CD4")
    np.testing.assert_array_equal(found, events[:, :3])
    source, found = read(tmp_path / "a.fcs", columns=("FL2-A", "Time", "CD3"))
    assert source.feature_names == ("CD4", "Time", "CD3")
    np.testing.assert_array_equal(found, events[:, [2, 3, 1]])


def test_amplifiers_and_gains_are_taken_back(tmp_path):
    events = np.column_stack([np.arange(0, 1024, 8), np.arange(128)])
    source, found = read(write_old(tmp_path / "old.fcs", events))
    assert source.feature_names == ("FL1-H", "FSC-H")
    np.testing.assert_allclose(found[:, 0], 10 ** (4 * events[:, 0] / 1024), rtol=1e-12)
    np.testing.assert_array_equal(found[:, 1], events[:, 1] / 2)


def test_spillover_is_taken_out_where_that_is_asked_for(tmp_path, events):
    spilled = events.astype("f8")
    spilled[:, 1:3] = events[:, 1:3] @ SPILL
    write(tmp_path / "a.fcs", spilled)
    np.testing.assert_allclose(read(tmp_path / "a.fcs")[1], spilled[:, :3], rtol=1e-6)
    source, found = read(tmp_path / "a.fcs", compensate=True)
    np.testing.assert_allclose(found, events[:, :3], rtol=1e-5)
    assert source.description.endswith("compensated, float64")
    assert source.fingerprint != read(tmp_path / "a.fcs")[0].fingerprint
    write(tmp_path / "b.fcs", events, spill="")
    with pytest.raises(DataError, match="no spillover matrix"):
        read(tmp_path / "b.fcs", compensate=True)


@pytest.mark.parametrize("place", ["", "*.fcs"])
def test_several_files_are_one_table_with_their_names(tmp_path, events, place):
    write(tmp_path / "a.fcs", events[:30])
    write(tmp_path / "b.fcs", events[30:, [2, 1, 0, 3]], ["FL2-A", "FL1-A", "FSC-A", "Time"], None)
    source, found = read(tmp_path / place)
    np.testing.assert_array_equal(found, events[:, :3])
    file, event = source.coordinates
    assert source.read_coordinate(file, (slice(28, 32),)).tolist() == ["a.fcs"] * 2 + ["b.fcs"] * 2
    assert source.read_coordinate(event, (slice(28, 32),)).tolist() == [28, 29, 0, 1]
    write(tmp_path / "c.fcs", events, ["FSC-A", "FL1-A", "FL3-A", "Time"], None)
    with pytest.raises(DataError, match=r"c.fcs has other channels than .*a.fcs: FL2-A, FL3-A"):
        read(tmp_path / place)


def test_the_last_byte_may_be_said_to_be_one_behind_the_last(tmp_path):
    events = np.arange(20).reshape(10, 2)
    _, expected = read(write_old(tmp_path / "a.fcs", events))
    _, found = read(write_old(tmp_path / "b.fcs", events, n_beyond=1))
    np.testing.assert_array_equal(found, expected)


def test_what_is_no_fcs_or_has_no_such_channel_is_refused(tmp_path, events, monkeypatch):
    write(tmp_path / "a.fcs", events)
    with pytest.raises(ConfigurationError, match="no column 'CD19'"):
        read(tmp_path / "a.fcs", columns=("CD19",))
    (tmp_path / "b.fcs").write_bytes(b"FCS3.0" + b" " * 200)
    with pytest.raises(DataError, match=r"cannot be read as FCS|cannot be opened as fcs"):
        read(tmp_path / "b.fcs")
    np.save(tmp_path / "x.npy", events)
    with pytest.raises(ConfigurationError, match="which has no compensation"):
        read(tmp_path / "x.npy", compensate=True)
    monkeypatch.setitem(sys.modules, "flowio", None)
    with pytest.raises(MissingExtraError, match=r'pip install "dgmm\[fcs\]"'):
        read(tmp_path / "a.fcs")
