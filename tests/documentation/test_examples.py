"""Every public name has an example, which runs because pytest runs those of all docstrings."""

import inspect
from collections.abc import Iterator

import dgmm
import dgmm.errors
import dgmm.registry
import dgmm.run


def public_objects() -> Iterator[tuple[str, object]]:
    """Classes and functions that anybody may import, and the methods that are dgmm's own."""
    for module in (dgmm, dgmm.run, dgmm.registry, dgmm.errors):
        names = getattr(module, "__all__", vars(module))
        for name in names:
            found = getattr(module, name)
            if name.startswith("_") or not is_ours(found):
                continue
            yield f"{module.__name__}.{name}", found
            if inspect.isclass(found):
                for method, value in inspect.getmembers(found, callable):
                    if not method.startswith("_") and is_ours(value):
                        yield f"{module.__name__}.{name}.{method}", value


def is_ours(found: object) -> bool:
    return callable(found) and getattr(found, "__module__", "").startswith("dgmm")


def has_example(found: object) -> bool:
    return ">>> " in (inspect.getdoc(found) or "")


def is_error(found: object) -> bool:
    """Errors are used in one way, which the docstring of their module shows."""
    return inspect.isclass(found) and found.__module__ == "dgmm.errors"


def test_every_public_name_has_an_example() -> None:
    found = dict(public_objects())
    assert {"dgmm.GaussianMixture.fit", "dgmm.run.score", "dgmm.errors.DataError"} <= set(found)
    without = [name for name, value in found.items() if not (has_example(value) or is_error(value))]
    assert without == []


def test_one_example_shows_all_errors() -> None:
    assert has_example(dgmm.errors)
