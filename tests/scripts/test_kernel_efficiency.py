import importlib
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parents[2] / "scripts" / "benchmarks"


@pytest.mark.parametrize("covariance_type", ["full", "tied"])
def test_it_prints_what_a_row_costs(monkeypatch, capsys, covariance_type):
    monkeypatch.syspath_prepend(str(SCRIPTS))
    script = importlib.import_module("kernel_efficiency")
    monkeypatch.setattr(script.tiling, "COMPILED_FROM", 0)  # and put back what the script sets
    small = ["--features", "2", "--components", "3", "210", "--repeats", "1", "--work", "1"]
    script.main([*small, "--covariance-type", covariance_type])
    _, *lines = capsys.readouterr().out.splitlines()
    p = {"full": 6, "tied": 3}[covariance_type]
    for line, n_components in zip(lines, (3, 210), strict=True):
        kind, d, c, nanoseconds, rate, most, share = line.split()
        assert (kind, d, int(c)) == (covariance_type, "2", n_components)
        assert float(rate) == pytest.approx(4 * n_components * p / float(nanoseconds), abs=0.1)
        assert float(share.rstrip("%")) == pytest.approx(
            100 * float(rate) / float(most), abs=1 + 20 / float(most)
        )
