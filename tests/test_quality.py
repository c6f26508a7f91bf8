import importlib
import json
import re
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parents[1] / "scripts"


@pytest.fixture
def quality(monkeypatch):
    monkeypatch.syspath_prepend(str(SCRIPTS))
    references = importlib.import_module("quality_references")
    monkeypatch.setattr(references.shutil, "which", lambda _: None)
    return importlib.import_module("quality")


def test_the_script_compares_and_keeps_its_references(quality, tmp_path, capsys):
    cache = tmp_path / "build" / "references.json"
    arguments = ["--cache", str(cache), "--datasets", "iris", "faithful", "--components", "2"]
    quality.main([*arguments, "--starts", "2"])
    first = capsys.readouterr().out
    assert "faithful: left out, needs Rscript and mclust" in first
    assert "mclust: missing" in first
    assert re.search(r"^  dgmm, 2 +8, soundly +8$", first, re.MULTILINE)
    best = json.loads(cache.read_text())["iris"]["best of 120"]
    assert best["full-2"]["log_likelihood"] == pytest.approx(-214.3547, abs=1e-3)
    quality.main([*arguments, "--starts", "1"])
    second = capsys.readouterr().out
    assert "iris: references in" in first
    assert "iris: references in" not in second
