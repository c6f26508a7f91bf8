"""`dgmm validate` looks at an input that is here, as `dgmm plan` does."""

import numpy as np
import pytest
from click.testing import CliRunner

from dgmm.cli import dgmm


def validate(folder, path):
    (folder / "c.yaml").write_text(
        f"input: {{path: '{path}'}}\nmodel: {{n_components: 1}}\noutput: {{path: {folder}/out}}\n"
    )
    outcome = CliRunner().invoke(dgmm, ["validate", str(folder / "c.yaml")])
    return outcome.exit_code, outcome.output


def test_an_input_that_cannot_run_is_refused(tmp_path):
    np.save(tmp_path / "x.npy", np.ones((3, 4, 5)))
    code, said = validate(tmp_path, tmp_path / "x.npy")
    assert code == 65
    assert "expected two dimensions" in said
    np.save(tmp_path / "x.npy", np.ones((30, 4)))
    code, said = validate(tmp_path, tmp_path / "x.npy")
    assert code == 0
    assert said.endswith("is valid: 4 candidates\n")


@pytest.mark.parametrize("name", ["x.npz", "x.zip", "cells.fcs.gz"])
def test_an_archive_is_refused_with_what_to_do(tmp_path, name):
    (tmp_path / name).touch()
    code, said = validate(tmp_path, tmp_path / name)
    assert code == 65
    assert f"{name} is an archive or compressed; expected what is in it. Unpack it" in said


@pytest.mark.parametrize("path", ["{}/none.npy", "s3://bucket/x.zarr"])
def test_an_input_that_is_elsewhere_is_not_looked_at(tmp_path, path):
    place = path.format(tmp_path)
    code, said = validate(tmp_path, place)
    assert code == 0
    assert said.endswith(f"; its input was not looked at, as this machine has no {place}\n")


def test_a_folder_of_no_known_format_is_refused_with_what_it_holds(tmp_path):
    folder = tmp_path / "files"
    folder.mkdir()
    for name in ("a.nc", "b.nc", "README"):
        (folder / name).touch()
    code, said = validate(tmp_path, folder)
    assert code == 65
    assert f"{folder} is a folder of no known format; it holds .nc (2), README (1)." in said
