import pytest
from hypothesis import given
from hypothesis import strategies as st

from dgmm.run.config.yaml import MAX_BYTES, MAX_DEPTH, Document, read, read_mapping, scalar


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-3", 0.001),  # a string in YAML 1.1
        ("-1.5E+2", -150.0),
        (".5", 0.5),
        ("1.", 1.0),
        ("010", 10),  # octal in YAML 1.1
        ("0o17", 15),
        ("0xff", 255),
        ("-3", -3),
        ("1_000", "1_000"),  # an integer in YAML 1.1
        ("1:20", "1:20"),  # sexagesimal in YAML 1.1
        ("no", "no"),  # false in YAML 1.1
        ("on", "on"),
        ("True", True),
        ("false", False),
        ("", None),
        ("~", None),
        ("null", None),
        ("2026-01-31", "2026-01-31"),  # a date in YAML 1.1
        ("-.inf", float("-inf")),
        ("1e999", float("inf")),
        ("-1e-999", -0.0),
        ("2026-01-31T12:00:00Z", "2026-01-31T12:00:00Z"),
        ("inf", "inf"),
        ("nan", "nan"),
        ("0b1", "0b1"),
        ("+1", 1),
        ("1e", "1e"),
        ("٣", "٣"),  # digits of other scripts are text
    ],
)
def test_plain_scalars_follow_the_core_schema(text: str, value: object) -> None:
    found = scalar(text)
    assert found == value
    assert type(found) is type(value)


def test_nan_is_a_float() -> None:
    found = scalar(".nan")
    assert found != found


def test_quoted_and_block_scalars_are_text() -> None:
    document = read("a: '1'\nb: \"no\"\nc: |\n  1\n")
    assert document.value == {"a": "1", "b": "no", "c": "1\n"}
    assert document.problems == ()


def test_every_key_and_item_knows_its_line() -> None:
    document = read("# a comment\na:\n  b: 1\n  c:\n  - x\n  - {d: 2}\n")
    assert document.lines == {
        ("a",): 2,
        ("a", "b"): 3,
        ("a", "c"): 4,
        ("a", "c", 0): 5,
        ("a", "c", 1): 6,
        ("a", "c", 1, "d"): 6,
    }


@pytest.mark.parametrize(
    "text", ["a: 1\r\nb:\r\n  c: x\r\n", "a: 1\rb:\r  c: x", "\ufeffa: 1\nb: {c: x}"]
)
def test_line_ends_and_a_byte_order_mark_of_other_systems_are_read(text: str) -> None:
    document = read_mapping(text)
    assert document.value == {"a": 1, "b": {"c": "x"}}
    assert document.problems == ()


@pytest.mark.parametrize(
    ("start", "filling"),
    [("a: [", "1,"), ("a:\n", "- 1\n"), ("", "["), ("{", "a,"), ("a: ", "!"), ("a: [", "*a,")],
)
def test_the_longest_texts_are_answered(start: str, filling: str) -> None:
    text = start + filling * ((MAX_BYTES - 10) // len(filling))
    assert isinstance(read_mapping(text).value, dict)


def test_the_first_of_duplicate_keys_is_kept() -> None:
    document = read_mapping("a: 1\nb: 2\na:\n  c: 3\n")
    assert document.value == {"a": 1, "b": 2}
    assert [(p.line, p.text) for p in document.problems] == [
        (3, "found the key a again, after line 1")
    ]


@pytest.mark.parametrize(
    ("text", "line", "problem"),
    [
        ("a: &x 1", 1, "the anchor &x"),
        ("\na: *x", 2, "the alias *x"),
        ("a: 1\n<<: {b: 1}", 2, "the merge key <<"),
        ("a: !!str 1", 1, "the tag tag:yaml.org,2002:str"),
        ("a: !!python/object/apply:os.system [ls]", 1, "the tag tag:yaml.org,2002:python/object"),
        ("a: 1\n---\nb: 1", 2, "a second document"),
        ("%YAML 1.1\n---\na: 1", 2, "a directive"),
        ("%TAG ! tag:example.org,\n---\na: 1", 2, "a directive"),
        ("- 1", None, "a list at the top level"),
        ("text", None, "a single value at the top level"),
        ("", None, "nothing at the top level"),
        ("? [a]\n: 1", 1, "a key that is no word"),
        ("a: [1\nb: 2", 2, "not YAML"),
        ("a: b: c", 1, "not YAML"),
        ("a: \x00", None, "not YAML"),
        ("a: \ud800", None, "not YAML"),
        ('a: "\\UFFFFFFFF"', None, "not YAML"),
        ("a: " + "9" * 5000, 1, "an integer of 5000 digits"),
        ("a: " + "[" * 30, 1, f"more than {MAX_DEPTH} levels"),
        ("? " * 30, 1, f"more than {MAX_DEPTH} levels"),
        ("a: " + "x" * MAX_BYTES, None, "expected at most 65,536"),
        ("x" * 10**6 + ": 1", None, "expected at most 65,536"),
        ("x" * 2000 + ": 1", 1, "not YAML"),
        ("a: !" + "x" * 1000, 1, 'the tag "!' + "x" * 59 + '"...'),
        ("a: &" + "x" * 1000 + " 1", 1, 'the anchor "&' + "x" * 59 + '"...'),
        ('"a\\nb": 1\n"a\\nb": 2', 2, 'the key "a\\nb" again, after line 1'),
        ("1: x\n'1': y", 2, "the key 1 again"),
        ("null: x\nnull: y", 2, "the key null again"),
        ("'<<': {}", 1, "the merge key <<"),
        ("a: ! 1", 1, "the tag !"),
        ("a: !!binary aGk=", 1, "the tag tag:yaml.org,2002:binary"),
        ("a: !!set {x}", 1, "the tag tag:yaml.org,2002:set"),
        ("a: 1\n...\nb: 2", 3, "a second document"),
        ("a: 1\x07", None, "not YAML"),
        ("a: x\ufffe", None, "not YAML"),
    ],
)
def test_what_a_configuration_does_not_need_is_refused_with_its_line(
    text: str, line: int | None, problem: str
) -> None:
    (found,) = [p for p in read_mapping(text).problems if problem in p.text]
    assert found.line == line


def test_all_problems_are_found_at_once() -> None:
    document = read("a: &x 1\nb: *x\na: 2\nc: !t 3\n--- 4\n")
    assert [problem.line for problem in document.problems] == [1, 2, 3, 4, 5]


def test_nesting_as_deep_as_allowed_is_read() -> None:
    assert read("[" * MAX_DEPTH + "]" * MAX_DEPTH).problems == ()
    assert read("[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1)).problems != ()


def test_a_bomb_of_aliases_is_read_in_no_time() -> None:
    levels = ["a0: &a0 [x, x]"]
    levels += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 12)]
    assert len(read("\n".join(levels)).problems) == 12 + 9 * 11


@given(st.text(alphabet="ab: -?[]{}'\"\n\t#&*!|>%@,0129.~<\\\ud800\x00é", max_size=40))
def test_any_text_is_answered_with_a_document(text: str) -> None:
    assert isinstance(read(text), Document)
    assert isinstance(read_mapping(text).value, dict)
