"""What a run keeps comes back bit by bit, or not at all."""

import dataclasses
import re
from enum import Enum

import numpy as np
import pytest

from dgmm.engine.arithmetic.processes import Arithmetic, Processes
from dgmm.engine.fit import fit
from dgmm.engine.fit_options import FitOptions
from dgmm.errors import (
    ConfigurationError,
    InputChangedError,
    OutputError,
    Remedy,
    StorageError,
)
from dgmm.io.results import checkpoint as checkpoints
from dgmm.io.results.checkpoint import Checkpoint
from dgmm.io.results.checkpoint_files import RunFingerprint
from dgmm.io.storage.value_file import DamagedError, read_value, write_value
from tests.engine.recording import SYNCHRONOUS, dataset_of

FACTS = RunFingerprint("run-1", 300, 2, 100)
NAMES = {"Facts": RunFingerprint}
OPTIONS = FitOptions((("full", 2), ("spherical", 1)), n_init=2, sample_rows=130, tol=1e-3)


@pytest.fixture(scope="module")
def kept():
    rng = np.random.default_rng(0)
    rows = np.r_[rng.normal(size=(200, 2)), rng.normal(size=(100, 2)) + 3]
    progress = []
    fit(dataset_of(rows, (100, 100, 100)), OPTIONS, SYNCHRONOUS, save=progress.append)
    return progress


def leaves(value):
    """Everything in a value, in order, arrays with all that makes up their bits."""
    if isinstance(value, np.ndarray):
        return [(value.dtype, value.shape, value.flags.c_contiguous, value.tobytes())]
    if dataclasses.is_dataclass(value):
        members = [getattr(value, field.name) for field in dataclasses.fields(value)]
        return [type(value), *(leaf for member in members for leaf in leaves(member))]
    if isinstance(value, tuple):
        return [len(value), *(leaf for item in value for leaf in leaves(item))]
    return [value if isinstance(value, Enum) else repr(value)]


def test_what_is_kept_comes_back_bit_by_bit(kept, tmp_path):
    one = Checkpoint(tmp_path / "attempts" / "a", FACTS, clock=lambda: 0.0)
    assert one.load() is None
    seen = set()
    for progress in kept:
        one.save(progress)
        if progress.n_passes == 0 or progress.stage in ("profile", "fit"):
            other = Checkpoint(tmp_path / "attempts" / "a", FACTS)
            assert leaves(other.load()) == leaves(progress)
            seen.add(progress.stage)
    assert seen == {"profile", "sample", "fit"}
    one.discard()
    assert not (tmp_path / "attempts").exists()


def test_passes_over_the_sample_are_kept_now_and_then(kept, tmp_path):
    now = [0.0]
    one = Checkpoint(tmp_path / "a", FACTS, clock=lambda: now[0])
    one.load()
    sample = [progress for progress in kept if progress.stage == "sample"]
    one.save(sample[0])
    one.save(sample[1])
    assert Checkpoint(tmp_path / "a", FACTS).load().n_passes == 0
    now[0] += checkpoints.SECONDS_BETWEEN_SAMPLE_STATES
    one.save(sample[2])
    assert Checkpoint(tmp_path / "a", FACTS).load().n_passes == 2


def test_every_name_of_a_run_is_remembered(tmp_path):
    for run_id, names in (("x", ("x",)), ("y", ("x", "y")), ("x", ("x", "y"))):
        one = Checkpoint(tmp_path, dataclasses.replace(FACTS, run_id=run_id))
        one.begin()
        assert one.runs() == names


def test_the_profile_is_written_once(kept, tmp_path):
    one = Checkpoint(tmp_path / "a", FACTS)
    one.load()
    one.save(kept[0])
    before = (tmp_path / "a" / "profile").stat()
    resumed = Checkpoint(tmp_path / "a", FACTS)
    for keeper in (one, resumed):
        keeper.load()
        keeper.save(kept[-1])
    after = (tmp_path / "a" / "profile").stat()
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)


def mutations(content, other, n, seed):
    """Files that are nearly this one."""
    rng = np.random.default_rng(seed)
    for number in range(n):
        data = bytearray(content)
        place = int(rng.integers(len(data)) if number % 2 else rng.integers(min(300, len(data))))
        length = int(rng.integers(1, 40))
        match int(rng.integers(7)):
            case 0:
                data[place] ^= 1 << int(rng.integers(8))
            case 1:
                del data[place:]
            case 2:
                del data[place : place + length]
            case 3:
                data[place:place] = rng.bytes(length)
            case 4:
                data[place : place + length] = bytes(length)
            case 5:
                data += rng.bytes(length)
            case 6:
                data[place:] = other[place:]
        if bytes(data) != content:
            yield bytes(data)


@pytest.mark.parametrize("name", ["profile", "states"])
def test_of_300_damaged_files_none_is_taken_for_whole(kept, tmp_path, caplog, name):
    directory = tmp_path / "a"
    one = Checkpoint(directory, FACTS)
    one.load()
    one.save(kept[-1])
    files = {path.name: path.read_bytes() for path in directory.iterdir()}
    other = files["states" if name == "profile" else "profile"]
    n_tried = 0
    for content in mutations(files[name], other, 300, seed=len(name)):
        for file, whole in files.items():
            directory.mkdir(exist_ok=True)
            (directory / file).write_bytes(content if file == name else whole)
        caplog.clear()
        progress = Checkpoint(directory, FACTS).load()
        assert f"{directory / name} is ignored" in caplog.text
        if name == "profile":
            assert progress is None
            assert list(directory.iterdir()) == []
        else:
            assert (progress.stage, progress.n_passes, progress.states) == ("profile", 1, ())
            assert leaves(progress.profile) == leaves(kept[0].profile)
        n_tried += 1
    assert n_tried > 280


@pytest.mark.parametrize("name", ["profile", "states"])
def test_what_is_no_file_of_ours_counts_as_not_there(kept, tmp_path, name):
    directory = tmp_path / "a"
    for put in (
        lambda path: (path.unlink(), path.mkdir()),
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(b"dgmm sealed 1 " + b"f" * 100),
        lambda path: write_value(path, FACTS, NAMES),
        lambda path: write_value(path, ("text", 1, None), {}),
    ):
        one = Checkpoint(directory, FACTS)
        one.load()
        one.save(kept[-1])
        put(directory / name)
        progress = Checkpoint(directory, FACTS).load()
        assert progress is None if name == "profile" else progress.stage == "profile"
        Checkpoint(directory, FACTS).discard()


def test_a_length_that_is_wrong_is_seen_where_it_would_do_no_harm(tmp_path):
    path = tmp_path / "facts"
    write_value(path, FACTS, NAMES)
    head, _, rest = path.read_bytes().partition(b" 0000")
    path.write_bytes(head + b" 1000" + rest)
    with pytest.raises(DamagedError, match="head"):
        read_value(path, NAMES)


def test_states_of_another_profile_are_not_taken(kept, tmp_path):
    for name in ("a", "b"):
        one = Checkpoint(tmp_path / name, dataclasses.replace(FACTS, run_id=name))
        one.load()
        one.save(kept[-1])
    (tmp_path / "b" / "states").replace(tmp_path / "a" / "states")
    assert Checkpoint(tmp_path / "a", FACTS).load().stage == "profile"


@pytest.mark.parametrize(
    ("now", "message"),
    [
        ({"n_rows": 310}, r"has 310 rows .* began with 300 rows .*Rows 300 to 309 are new\."),
        ({"n_rows": 299}, r"has 299 rows .* began with 300 rows .*Rows 299 to 299 are gone\."),
        ({"n_features": 3}, r"300 rows of 3 features .* began with 300 rows of 2 features"),
        ({"block_rows": 150}, r"in blocks of 150; .* in blocks of 100"),
    ],
)
def test_an_input_of_another_shape_is_refused_and_nothing_is_lost(kept, tmp_path, now, message):
    one = Checkpoint(tmp_path / "a", FACTS)
    one.load()
    one.save(kept[-1])
    with pytest.raises(InputChangedError, match=message) as caught:
        Checkpoint(tmp_path / "a", dataclasses.replace(FACTS, **now)).load()
    assert caught.value.remedy is Remedy.START_AGAIN
    assert leaves(Checkpoint(tmp_path / "a", FACTS).load()) == leaves(kept[-1])


def a_process(**facts):
    names = ("dgmm", "libraries", "blas", "simd", "target", "system")
    return Arithmetic(**{name: f"{name} 1" for name in names} | facts)


HERE, ELSEWHERE = a_process(), a_process(blas="openblas Haswell")


def kept_by(process, kept, directory, name="profile"):
    """A checkpoint of which this process has computed everything."""
    one = Checkpoint(directory, FACTS)
    one.load()
    one.admit(Processes((process,), (process,)))
    if name == "profile":
        one.save(kept[-1])
    else:
        one.save_assignments("model")
    return one


@pytest.mark.parametrize(
    "now",
    [
        Processes((ELSEWHERE,)),
        Processes((ELSEWHERE,), (HERE,)),
        Processes((HERE,), (ELSEWHERE,)),
        Processes((HERE,), (HERE, ELSEWHERE)),
    ],
)
def test_what_others_have_computed_is_gone_on_with_only_by_a_word(kept, tmp_path, caplog, now):
    before = kept_by(HERE, kept, tmp_path / "a").processes()
    differences = "blas: openblas Haswell, not blas 1"
    with pytest.raises(ConfigurationError, match=f"computed by others: {differences}") as caught:
        Checkpoint(tmp_path / "a", FACTS).admit(now)
    assert caught.value.remedy is Remedy.MIX_ARITHMETIC
    one = Checkpoint(tmp_path / "a", FACTS, mixes=True)
    assert one.processes() == before
    one.admit(now)
    assert differences in caplog.text
    assert leaves(one.load()) == leaves(kept[-1])
    assert one.processes() == before | now


def test_the_same_processes_go_on_without_a_word(kept, tmp_path, caplog):
    one = kept_by(HERE, kept, tmp_path / "a")
    one.check(Processes((HERE,)))
    one.admit(Processes((HERE,), (HERE,)))
    assert caplog.messages == []
    assert leaves(Checkpoint(tmp_path / "a", FACTS).load()) == leaves(kept[-1])


def test_assignments_of_others_are_made_again(kept, tmp_path, caplog):
    """They are one pass, so that nobody has to be asked."""
    assert kept_by(HERE, kept, tmp_path / "a", "assignments").has_assignments("model")
    one = Checkpoint(tmp_path / "a", FACTS)
    one.begin()
    one.admit(Processes((ELSEWHERE,), (ELSEWHERE,)))
    assert not one.has_assignments("model")
    assert one.runs() == ("run-1",)
    assert one.processes() == Processes((ELSEWHERE,), (ELSEWHERE,))
    assert "was computed by others, and starts again: blas: openblas Haswell" in caplog.text


def test_of_what_nobody_says_who_computed_it_nothing_is_gone_on_with(kept, tmp_path, caplog):
    one = kept_by(HERE, kept, tmp_path / "a")
    (tmp_path / "a" / "processes").unlink()
    one.admit(Processes((HERE,), (HERE,)))
    assert one.load() is None
    (line,) = caplog.messages
    assert line.endswith("was computed by others, and starts again: another version of dgmm")


def test_a_directory_that_cannot_be_made(tmp_path):
    (tmp_path / "attempts").write_text("in the way")
    with pytest.raises(OutputError, match=r"attempts/a cannot be created"):
        Checkpoint(tmp_path / "attempts" / "a", FACTS).load()


def test_a_write_that_fails_leaves_what_was_kept(kept, tmp_path, monkeypatch):
    one = Checkpoint(tmp_path / "a", FACTS)
    one.load()
    one.save(kept[-2])

    def full(_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("dgmm.io.storage.atomic_writes.os.fsync", full)
        with pytest.raises(StorageError, match=r"a/states cannot be .* No space left"):
            one.save(kept[-1])
    assert leaves(Checkpoint(tmp_path / "a", FACTS).load()) == leaves(kept[-2])
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == ["profile", "states"]


def test_a_stage_that_is_not_known_is_not_gone_on_with(kept, tmp_path, caplog):
    one = Checkpoint(tmp_path / "a", FACTS)
    one.load()
    one.save(dataclasses.replace(kept[-1], stage="relocated"))
    assert Checkpoint(tmp_path / "a", FACTS).load() is None
    (line,) = caplog.messages
    assert "relocated, that this version of dgmm does not have; it starts again" in line
    assert list((tmp_path / "a").iterdir()) == []


def test_every_stage_that_is_kept_is_known(kept, tmp_path):
    for number, progress in enumerate(kept[1:]):
        one = Checkpoint(tmp_path / str(number), FACTS)
        one.load()
        one.save(progress)
        assert Checkpoint(tmp_path / str(number), FACTS).load().stage == progress.stage


def test_a_file_of_another_version_is_told_of_in_plain_words(kept, tmp_path, caplog):
    one = Checkpoint(tmp_path / "a", FACTS)
    one.load()
    one.save(kept[-1])
    path = tmp_path / "a" / "profile"
    write_value(path, FACTS, {"ClassOfThen": RunFingerprint})
    assert Checkpoint(tmp_path / "a", FACTS).load() is None
    assert caplog.messages == [
        f"{path} is ignored: another version of dgmm wrote it; its content is computed again"
    ]


def test_names_in_files_are_not_those_of_the_code(kept, tmp_path):
    """Checkpoints outlive renamed classes and fields: these are the names of the first version."""
    checkpoint = Checkpoint(tmp_path / "a", FACTS)
    checkpoint.load()
    for progress in kept:
        checkpoint.save(progress)
    found = b"".join((tmp_path / "a" / name).read_bytes() for name in ("profile", "states"))
    names = set(re.findall(rb'{"(\w+)":{"', found))
    assert {b"_Begun", b"Facts", b"Profile", b"_Reached", b"FitState", b"Candidate"} <= names
    assert {b"Search", b"Visit", b"Parameters"} <= names


def test_only_listed_classes_and_numbers_are_read(tmp_path):
    write_value(tmp_path / "facts", FACTS, NAMES)
    assert read_value(tmp_path / "facts", NAMES)[0] == FACTS
    with pytest.raises(DamagedError, match="another version of dgmm wrote it"):
        read_value(tmp_path / "facts", {})
    for odd in (np.array([object()]), {"a": 1}, object()):
        with pytest.raises(TypeError, match="cannot be kept in a file"):
            write_value(tmp_path / "odd", odd, {})
    assert not (tmp_path / "odd").exists()


def test_numbers_that_are_not_finite_and_arrays_of_every_shape_come_back(tmp_path):
    value = (
        float("nan"),
        float("-inf"),
        -0.0,
        2**63,
        np.zeros((0, 3)),
        np.array(1.5),
        np.arange(6, dtype=np.int16).reshape(2, 3),
        np.array([np.nan, -0.0]),
    )
    write_value(tmp_path / "value", value, {})
    found, _ = read_value(tmp_path / "value", {})
    assert leaves(found) == leaves(value)
    assert found[6].flags.writeable
