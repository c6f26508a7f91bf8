"""The script that opens reports in a browser."""

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dgmm.report import write_report
from tests.report.results import a_result

SCRIPT = Path(__file__).parents[2] / "scripts" / "screenshot_report.py"
CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium")


def screenshots(*arguments):
    command = [sys.executable, str(SCRIPT), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=250)


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed, nor is $CHROMIUM set")
def test_a_browser_shows_a_report_and_asks_nobody_for_anything(tmp_path):
    report = write_report(a_result(tmp_path / "out", n_features=6), tmp_path / "good.html")
    done = screenshots(report, tmp_path / "pictures")
    assert (done.returncode, done.stderr) == (0, "")
    for name, width in (("desktop", 1280), ("phone", 390)):
        with Image.open(tmp_path / "pictures" / f"{tmp_path.name}-good-{name}.png") as picture:
            assert picture.width == width
            assert picture.height > 2 * width
            colours = np.asarray(picture.resize((20, 60))).reshape(-1, 3)
            assert len(np.unique(colours, axis=0)) > 20


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed, nor is $CHROMIUM set")
def test_a_page_that_asks_for_something_is_found_out(tmp_path):
    page = tmp_path / "bad.html"
    page.write_text('<p>x</p><img src="http://dgmm.invalid/pixel.png">')
    done = screenshots(page, tmp_path)
    assert done.returncode == 1
    assert "it refers to <img src='http://dgmm.invalid/pixel.png'>" in done.stderr
    assert "at 390 pixels the browser asked for http://dgmm.invalid/pixel.png" in done.stderr


def test_without_a_browser_the_script_says_what_to_install(tmp_path, monkeypatch, capsys):
    spec = importlib.util.spec_from_file_location("screenshot_report", SCRIPT)
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CHROMIUM", raising=False)
    monkeypatch.setattr(sys, "argv", ["screenshot_report.py", "a.html", str(tmp_path / "x")])
    assert script.main() == 2
    assert "apt-get install chromium" in capsys.readouterr().out
