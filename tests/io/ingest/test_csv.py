"""CSV as people write it: an index, trailing delimiters, signs, tokens, headers, encodings."""

import logging

import numpy as np
import pytest
import zarr
from click.testing import CliRunner

from dgmm.cli import dgmm

N = 40
ROWS = np.random.default_rng(0).normal(size=(N, 2)) * [1, 1000] + [0, 3000]
LINES = [f"{a!r},{b!r}" for a, b in ROWS.tolist()]


def text_of(*lines, header="a,b"):
    return "\n".join([header, *lines]) + "\n"


@pytest.fixture
def ingest(tmp_path):
    """Write CSV, ingest it; its table and names, or what the command said."""

    def run(text, *options, code=0):
        content = text if isinstance(text, bytes) else text.encode()
        (tmp_path / "x.csv").write_bytes(content)
        output = tmp_path / "out.zarr"
        arguments = ["ingest", str(tmp_path / "x.csv"), "--output", str(output), "--overwrite"]
        outcome = CliRunner().invoke(dgmm, [*arguments, *options])
        assert outcome.exit_code == code, outcome.output
        if code:
            return outcome.output
        group = zarr.open_group(output, mode="r")
        return group["data"][...], list(group["feature"][...])

    return run


INDEXED = {
    "an index without a name": text_of(
        *(f"{i},{line},1" for i, line in enumerate(LINES)), header=",a,b,w"
    ),
    "an index that was read and written": text_of(
        *(f"{i},{line},1" for i, line in enumerate(LINES)), header="Unnamed: 0,a,b,w"
    ),
    "a delimiter at the end of lines": text_of(*(f"{line},1," for line in LINES), header="a,b,w,"),
}


@pytest.mark.parametrize("name", INDEXED)
@pytest.mark.parametrize("options", [("--weights", "w"), ("--columns", "a,b"), ()])
def test_columns_without_a_name_are_no_features(ingest, name, options, caplog):
    with caplog.at_level(logging.WARNING):
        rows, names = ingest(INDEXED[name], *options)
    assert names == (["a", "b"] if options else ["a", "b", "w"])
    np.testing.assert_array_equal(rows[:, :2], ROWS)
    said = "no features, since they have no name: column(s) " in caplog.text
    assert said == ("--columns" not in options)


@pytest.mark.parametrize("row", [0, 9, N - 1])
@pytest.mark.parametrize("token", ["?", "None", "-", ".", "**", "-9999 (bad)"])
def test_one_token_does_not_cost_a_column(ingest, row, token):
    lines = [*LINES[:row], f"{token},1.0", *LINES[row + 1 :]]
    said = ingest(text_of(*lines), code=65)
    assert "Column 'a' of " in said
    assert f"no numbers, the first {token!r} in row {row}." in said
    assert "--na-values" in said
    rows, names = ingest(text_of(*lines), "--na-values", token)
    assert names == ["a", "b"]
    expected = ROWS.copy()
    expected[row] = [np.nan, 1.0]
    np.testing.assert_array_equal(rows, expected)


def test_a_token_that_comes_late_is_an_error_with_its_row(ingest, monkeypatch):
    monkeypatch.setattr("dgmm.io.ingest.csv_stream._BLOCK_BYTES", 500)
    said = ingest(text_of(*LINES[:-1], "?,1.0"), code=65)
    assert f"Row #{N + 1}" in said
    assert "'?'" in said


SIGNS = {
    "thousands": text_of(*(f'{a},"{b:,.2f}"' for a, b in ROWS)),
    "currency": text_of(*(f"{a},${b:.2f}" for a, b in ROWS)),
    "per cent": text_of(*(f"{a},{b:.2f}%" for a, b in ROWS)),
}


@pytest.mark.parametrize("name", SIGNS)
def test_numbers_with_other_signs_are_refused_by_column_and_row(ingest, name):
    said = ingest(SIGNS[name], code=65)
    assert "Column 'b' of " in said
    assert "numbers with other signs in them" in said
    assert "in row 0" in said
    rows, names = ingest(SIGNS[name], "--columns", "a")
    assert names == ["a"]
    np.testing.assert_allclose(rows[:, 0], ROWS[:, 0])


def test_decimal_commas_are_named_and_read(ingest):
    text = text_of(*LINES).replace(",", ";").replace(".", ",")
    assert "has no ',' in it" in ingest(text, code=65)
    said = ingest(text, "--delimiter", ";", code=65)
    assert "decimal comma" in said
    assert "--decimal" in said
    rows, _ = ingest(text, "--delimiter", ";", "--decimal", ",")
    np.testing.assert_array_equal(rows, ROWS)


def test_columns_of_text_are_left_out_and_may_not_be_asked_for(ingest, caplog):
    text = text_of(*(f"{line},site {i}" for i, line in enumerate(LINES)), header="a,b,site")
    with caplog.at_level(logging.INFO):
        rows, names = ingest(text)
    assert names == ["a", "b"]
    np.testing.assert_array_equal(rows, ROWS)
    assert "no features, since they are no numbers: site (string)" in caplog.text
    said = ingest(text, "--columns", "a,site", code=65)
    assert "Column 'site'" in said
    assert "'site 0' in row 0" in said


def test_truth_values_are_left_out_unless_they_are_asked_for(ingest):
    text = text_of(
        *(f"{line},{b > 3000}" for line, b in zip(LINES, ROWS[:, 1], strict=True)), header="a,b,ok"
    )
    assert ingest(text)[1] == ["a", "b"]
    rows, names = ingest(text, "--columns", "a,ok")
    assert names == ["a", "ok"]
    np.testing.assert_array_equal(rows[:, 1], ROWS[:, 1] > 3000)


def test_a_header_of_numbers_is_a_header_or_not_as_it_is_said(ingest):
    text = text_of(*LINES, header="400,410.5")
    said = ingest(text, code=65)
    assert "--header or --no-header" in said
    rows, names = ingest(text, "--header")
    assert names == ["400", "410.5"]
    np.testing.assert_array_equal(rows, ROWS)
    rows, names = ingest(text, "--no-header", "--weights", "x1")
    assert names == ["x0"]
    np.testing.assert_array_equal(rows[:, 0], [400, *ROWS[:, 0]])


def test_a_store_is_not_given_the_name_of_another_format(tmp_path):
    (tmp_path / "x.csv").write_text(text_of(*LINES))
    output = tmp_path / "x.parquet"
    outcome = CliRunner().invoke(dgmm, ["ingest", str(tmp_path / "x.csv"), "--output", str(output)])
    assert outcome.exit_code == 64
    assert "ends in .parquet, but what is written is a Zarr store" in outcome.output
    assert not output.exists()


def test_encodings_are_named_and_read(ingest):
    text = text_of(*LINES, header="a,Größe")
    for encoded in (text.encode("latin-1"), text.encode("utf-16")):
        said = ingest(encoded, code=65)
        assert "--encoding" in said
    rows, names = ingest(text.encode("latin-1"), "--encoding", "latin-1")
    assert names == ["a", "Größe"]
    np.testing.assert_array_equal(rows, ROWS)
    np.testing.assert_array_equal(ingest(text.encode("utf-16"), "--encoding", "utf-16")[0], ROWS)
    assert "encoding 'klingon' is unknown" in ingest(text, "--encoding", "klingon", code=65)
    np.testing.assert_array_equal(ingest(b"\xef\xbb\xbf" + text.encode())[0], ROWS)


def test_a_byte_that_is_no_text_does_not_cost_a_column(ingest):
    lines = [line.encode() for line in LINES]
    lines[3] = b"1.5\xb0,2.0"
    said = ingest(b"a,b\n" + b"\n".join(lines), code=65)
    assert "Column 'a'" in said
    assert "in row 3" in said


def test_spaces_belong_to_no_name(ingest):
    rows, names = ingest(text_of(*(line.replace(",", " , ") for line in LINES), header="a , b"))
    assert names == ["a", "b"]
    np.testing.assert_array_equal(rows, ROWS)
    assert "more than one column 'a'" in ingest(text_of(*LINES, header="a, a"), code=65)


def test_a_line_of_units_or_another_header_is_named(ingest):
    assert "'m' in row 0" in ingest(text_of("m,kg", *LINES), code=65)
    assert "'a' in row 20" in ingest(text_of(*LINES[:20], "a,b", *LINES[20:]), code=65)
