#!/bin/sh
# Everything that must hold before a change lands: format, lint, types, layers, docs, tests, doctests.
# Makes its own environment in .venv, so that it runs on a fresh clone with Python 3.11 or later.
set -eu
cd "$(dirname "$0")/.."
unset PYTHONDONTWRITEBYTECODE # or each of the many processes would compile all that it imports
install() { # PACKAGES... into the environment of the first argument
    environment=$1 && shift
    "$environment/bin/python" -m pip install --quiet --disable-pip-version-check --no-compile "$@"
}
[ -x .venv/bin/python ] || "${PYTHON:-python3}" -m venv .venv
if [ ! -x .venv-moto/bin/moto_server ]; then # an S3 server to test against; it pins another botocore
    { .venv/bin/python -m venv .venv-moto && install .venv-moto 'moto[s3]>=5.2,<6' flask flask-cors; } &
    moto=$!
fi
install .venv --editable '.[dev]'
sh scripts/check_package.sh & # it waits for downloads, and others compute meanwhile
package=$!
.venv/bin/python -m sphinx --fail-on-warning --keep-going --quiet docs build/html &
site=$!
.venv/bin/ruff format --check .
.venv/bin/ruff check .
.venv/bin/mypy
.venv/bin/lint-imports
wait "$site"
wait "$package"
wait ${moto:-}
# three processes for two cores, as tests of clusters wait at times
.venv/bin/python -m pytest -m "not slow" --numprocesses 3 --dist loadfile "$@"
