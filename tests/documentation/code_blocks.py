"""Run the blocks of code of a page, in their order, as a reader would."""

import contextlib
import doctest
import io
import re
import shlex
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from click.testing import CliRunner

from dgmm.cli import dgmm
from dgmm.io.results.output import Output
from dgmm.run import Configuration, load_as, loads
from pipelines.nightly import Settings
from tests.documentation.sample_data import MAKERS, make

ROOT = Path(__file__).parents[2]
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
OVERRIDES = {
    "run": ("cluster={kind: threads}", "output.report=false"),
    "nightly": ("run.cluster={kind: threads}", "run.model.n_components=1:2"),
    "score": ("cluster={kind: threads}",),
}
"""Keys that make a command quick."""
FEW_CANDIDATES = "model.n_components=1:2"
"""Unless the page shows what is printed."""
ENDINGS = {0, 99}  # done, nothing new
ELSEWHERE = ("export ", "python3 -m venv", ". .venv", "echo 'eval", "mpirun", "sbatch", "_DGMM_")
"""How commands begin that only a shell or a cluster runs."""


@dataclass
class Block:
    """A block of code, and the output that the page shows for it, if any."""

    language: str
    text: str
    before: str
    after: str
    output: str | None = None


def blocks_of(page: Path) -> list[Block]:
    """The blocks of a page; a block ``text`` right after code is its output."""
    text = page.read_text()
    found: list[Block] = []
    end = 0
    for match in re.finditer(r"^```(\w+)\n(.*?)^```$", text, flags=re.M | re.S):
        is_output = match[1] == "text" and found and not text[end : match.start()].strip()
        if is_output:
            found[-1].output = match[2]
        elif match[1] != "text":
            found.append(Block(match[1], match[2], text[: match.start()], text[match.end() :]))
        end = match.end()
    return found


@dataclass
class PageRunner:
    """Runs blocks one after the other in the current directory."""

    names: dict[str, Any] = field(default_factory=dict)

    def run(self, block: Block) -> None:
        """Run a block, and compare what it prints with what the page shows."""
        for path in MAKERS if block.language != "yaml" else ():
            is_made = f'create_array("{path}"' in block.text
            if not is_made and re.search(rf"(?<![\w/]){re.escape(path)}(?![\w-])", block.text):
                make(path)
        printed = {"python": self.python, "sh": self.shell, "yaml": self.yaml}[block.language](
            block
        )
        if block.output is not None:
            assert doctest.OutputChecker().check_output(block.output, printed, FLAGS), printed

    def python(self, block: Block) -> str:
        """Run Python in the names that earlier blocks have left."""
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            exec(compile(block.text, "page", "exec"), self.names)
        return printed.getvalue()

    def yaml(self, block: Block) -> str:
        """Read a configuration, or a part of one, and keep it under the name that the page says."""
        is_pipeline = re.search(r"^run:", block.text, flags=re.M)
        is_whole = re.search(r"^output:", block.text, flags=re.M)
        name = self.name_of(block)
        if is_pipeline or is_whole:
            Path(name).write_text(block.text)
            for path in MAKERS:
                if f"path: {path}\n" in re.sub(" +#.*", "", block.text.partition("output:")[0]):
                    make(path)
            load_as(Settings if is_pipeline else Configuration, name)
        else:
            sections = {"input": "{path: a}", "output": "{path: b}"}
            needed = (f"{k}: {v}\n" for k, v in sections.items() if f"{k}:" not in block.text)
            loads("".join(needed) + block.text)
        return ""

    @staticmethod
    def name_of(block: Block) -> str:
        """The file that a configuration is to be saved as."""
        before = re.findall(r"Save this as `([\w-]+\.yaml)`", block.before[-300:])
        after = re.findall(r"[\w-]+\.yaml", block.after)
        return (before[-1:] or after[:1] or ["run.yaml"])[0]

    def shell(self, block: Block) -> str:
        """Run commands of dgmm; check what others name."""
        lines = re.sub(r"\\\n", " ", block.text).splitlines()
        is_quick = block.output is None
        return "".join(run_line(line, is_quick=is_quick) for line in lines if line.strip())


def run_line(line: str, *, is_quick: bool) -> str:
    """Run a line of a shell if it is a command of dgmm, else check what it names."""
    words = shlex.split(line, comments=True)
    if words[0] == "dgmm":
        return run_dgmm(words[1:], is_quick=is_quick)
    if words[:2] == ["pip", "install"]:
        check_extras(words[2])
    else:
        assert line.startswith(ELSEWHERE), line
        paths = [word for word in words if word.startswith("scripts/")]
        assert all((ROOT / path).is_file() for path in paths), line
    return ""


def check_extras(requirement: str) -> None:
    """Whether there are such extras of dgmm."""
    with (ROOT / "pyproject.toml").open("rb") as file:
        known = tomllib.load(file)["project"]["optional-dependencies"]
    assert re.match(r"dgmm(\[|$)", requirement)
    assert set(re.findall(r"\w+", requirement.partition("[")[2])) <= set(known), requirement


def run_dgmm(words: list[str], *, is_quick: bool) -> str:
    """Run a command of dgmm in this process, without other processes."""
    if ">" in words:
        words = words[: words.index(">")]
    if "RUN" in words:
        words[words.index("RUN")] = Output(Path(words[1])).runs()[0].run_id
    overrides = OVERRIDES.get(words[0], ())
    if is_quick and words[0] == "run":
        overrides += (FEW_CANDIDATES,)
    for override in overrides:
        words += ["--set", override]
    done = CliRunner().invoke(dgmm, words)
    assert done.exit_code in ENDINGS, (words, done.output, done.exception)
    return done.stdout
