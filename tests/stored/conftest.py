"""What an earlier build has stored, unpacked."""

import tarfile

import pytest

from tests.stored.expected import ARCHIVE, dgmm
from tests.stored.reading import digests


def unpack(folder):
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(folder, filter="data")


@pytest.fixture
def stored(tmp_path, monkeypatch):
    """All that is stored, in the current directory; its inputs are a package that can be found."""
    unpack(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


@pytest.fixture(scope="session")
def uninterrupted(tmp_path_factory):
    """Hashes of the arrays of a run that nothing interrupts, by this build."""
    folder = tmp_path_factory.mktemp("uninterrupted")
    unpack(folder)
    with pytest.MonkeyPatch.context() as context:
        context.chdir(folder)
        context.syspath_prepend(folder)
        assert dgmm("run", "interrupted.yaml", "--quiet").exit_code == 0
    return digests(folder / "interrupted" / "none" / "latest.zarr")
