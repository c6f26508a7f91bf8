"""What the README shows works as it stands."""

import re
from pathlib import Path

import pytest

from dgmm.cli import dgmm
from dgmm.run.config.configuration import load, loads
from dgmm.run.fit_run import run

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)


def test_the_configuration_can_be_read():
    (text,) = blocks("yaml")
    configuration = loads(text)
    assert configuration.model.n_components == tuple(range(1, 21))
    assert configuration.cluster.memory_limit == 4 * 2**30


def test_the_commands_name_what_is_there():
    install, first, later, check = blocks("sh")
    assert install == "pip install dgmm\n"
    assert "configs/quickstart.yaml" in first
    assert (ROOT / "configs" / "quickstart.yaml").is_file()
    assert check.split() == ["sh", "scripts/check.sh"]
    score, nightly, runs = later.splitlines()
    assert nightly.split()[:2] == ["dgmm", "nightly"]
    assert (ROOT / nightly.split()[2]).is_file()
    for line in (score, runs):
        words = line.partition("#")[0].split()
        options = {option for known in dgmm.commands[words[1]].params for option in known.opts}
        assert words[0] == "dgmm"
        assert {word for word in words if word.startswith("--")} <= options
    assert "sh scripts/check.sh" in (ROOT / ".ci" / "run").read_text()


def test_pictures_and_pages_are_there():
    links = re.findall(r"\]\(([\w./]+)\)", README)
    assert "docs/images/quickstart.jpg" in links
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_it_is_short():
    assert len(README.splitlines()) <= 150


def test_the_result_opens_as_shown(tmp_path, monkeypatch, capsys):
    pytest.importorskip("xarray")
    few = "model={n_components: 2, covariance_type: full}"
    settings = (few, "output.report=false", "cluster={kind: threads}")
    path = ROOT / "configs" / "quickstart.yaml"
    monkeypatch.chdir(tmp_path)
    run(load(path, settings))
    exec(compile(blocks("python")[1], "README.md", "exec"), {})
    assert "covariances" in capsys.readouterr().out


def test_the_estimator_fits_as_shown(capsys):
    text = blocks("python")[0]
    assert "500_000" in text
    names = {}
    exec(compile(text.replace("00_000", "_000"), "README.md", "exec"), names)
    assert names["labels"].shape == names["x"].shape[:1] == (15_000,)
    shown, found = (
        [float(word) for word in re.findall(r"[\d.]+", text)][:3]
        for text in (blocks("text")[0], capsys.readouterr().out)
    )
    assert found == pytest.approx(shown, abs=2e-3)  # of fewer rows
