"""What is fitted is named before it is fitted, and what looks like an identifier is warned of."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from click.testing import CliRunner

from dgmm.cli import dgmm


def test_features_are_named_by_plan_and_at_the_start_and_identifiers_in_the_report(tmp_path):
    rng = np.random.default_rng(0)
    columns = {
        "customer_id": rng.permutation(300),
        "age": rng.normal(40, 9, 300),
        "visit": np.arange(300) * 7,
    }
    pq.write_table(pa.table(columns), tmp_path / "x.parquet")
    (tmp_path / "c.yaml").write_text(
        f"input: {{path: {tmp_path}/x.parquet}}\n"
        "model: {n_components: 1, covariance_type: diag}\n"
        f"output: {{path: {tmp_path}/out}}\ncluster: {{kind: threads}}\n"
    )
    said = CliRunner().invoke(dgmm, ["plan", str(tmp_path / "c.yaml")])
    assert said.exit_code == 0, said.output
    assert "features    customer_id, age, visit\n" in said.output
    said = CliRunner().invoke(dgmm, ["run", str(tmp_path / "c.yaml")])
    assert said.exit_code == 0, said.output
    assert "features: customer_id, age, visit" in said.output
    (report,) = (tmp_path / "out" / "reports").glob("*.html")
    for name, why in (
        ("visit", "integers that rise from row to row"),
        ("customer_id", "integers, all different, and called so"),
    ):
        text = f"Feature '{name}' looks like an identifier: {why}. Leave it out?"
        assert text in said.output
        assert text.replace("'", "&#39;") in report.read_text()
    assert "Feature 'age'" not in said.output
