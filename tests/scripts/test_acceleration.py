import importlib
import re
from pathlib import Path

SCRIPTS = Path(__file__).parents[2] / "scripts" / "benchmarks"


def test_it_counts_passes_with_and_without_acceleration(monkeypatch, capsys):
    monkeypatch.syspath_prepend(str(SCRIPTS))
    script = importlib.import_module("acceleration")
    script.main(["--datasets", "iris", "--components", "3", "--starts", "1"])
    _, iris, total = capsys.readouterr().out.splitlines()
    fits, plain, accelerated, ratio, *short = (
        float(number) for number in re.split(r" {2,}", iris)[1:]
    )
    assert fits == 4
    assert 4 < accelerated < plain
    assert ratio > 1
    assert short == [0, 0]
    assert total.split()[1:] == iris.split()[1:]
