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


@pytest.mark.parametrize("path", ["{}/none.npy", "s3://bucket/x.zarr"])
def test_an_input_that_is_elsewhere_is_not_looked_at(tmp_path, path):
    code, said = validate(tmp_path, path.format(tmp_path))
    assert code == 0
    assert said.endswith("is valid: 4 candidates; its input was not looked at\n")
