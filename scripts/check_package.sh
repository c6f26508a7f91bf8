#!/bin/sh
# Build the wheel and the sdist, check both, and run the wheel in an environment that holds nothing else.
# PYTHON names the interpreter of that environment.
set -eu
cd "$(dirname "$0")/.."
rm -rf dist
.venv/bin/python -m build --quiet # the wheel is built from the sdist
.venv/bin/python -m twine check --strict dist/*
empty=$(mktemp -d)
trap 'rm -rf "$empty"' EXIT
"${PYTHON:-.venv/bin/python}" -m venv "$empty/venv"
"$empty/venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-compile dist/*.whl
cd "$empty"
venv/bin/dgmm --version
venv/bin/python - <<'END'
import numpy as np
from dgmm import GaussianMixture

rng = np.random.default_rng(0)
mixture = GaussianMixture(2).fit(np.concatenate([rng.normal(centre, 1, (200, 2)) for centre in (0, 9)]))
assert np.allclose(mixture.weights_, 0.5), mixture.weights_
END
