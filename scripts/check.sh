#!/bin/sh
# Everything that must hold before a change lands: format, lint, types, layers, docs, tests, doctests.
# Makes its own environment in .venv, so that it runs on a fresh clone with Python 3.11 or later.
set -eu
cd "$(dirname "$0")/.."
[ -x .venv/bin/python ] || "${PYTHON:-python3}" -m venv .venv
.venv/bin/python -m pip install --quiet --disable-pip-version-check --no-compile --editable '.[dev]'
if [ ! -x .venv-moto/bin/moto_server ]; then # an S3 server to test against; it pins another botocore
    .venv/bin/python -m venv .venv-moto
    .venv-moto/bin/python -m pip install --quiet --disable-pip-version-check --no-compile 'moto[s3]>=5.2,<6' flask flask-cors
fi
.venv/bin/ruff format --check .
.venv/bin/ruff check .
.venv/bin/mypy
.venv/bin/lint-imports
sh scripts/check_package.sh & # beside the site, on another core
package=$!
.venv/bin/python -m sphinx --fail-on-warning --keep-going --quiet docs build/html
wait "$package"
.venv/bin/python -m pytest -m "not slow" --numprocesses 2 --dist loadfile "$@"
