#!/usr/bin/env bash
# The Python side from its sources: installs python/ into a virtual environment, runs its tests, executes all notebooks.
#   tools/notebooks.sh [PYTHON]
# PYTHON: one that has numpy, pandas, matplotlib, nbclient and ipykernel; nothing is installed into it.  Without it build/notebooks is
# made with pip.  SPECULA: the program whose new runs are compared with what Python makes of them (default: build/release/specula).
# Licence: Apache-2.0.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

program=${SPECULA:-build/release/specula}
if [[ -x $program ]]; then
  SPECULA=$(realpath "$program")
  export SPECULA
else
  unset SPECULA # that test is skipped, and says so
fi

if (($#)); then
  python=$1
  export PYTHONPATH=$PWD/python${PYTHONPATH:+:$PYTHONPATH}
else
  python3 -m venv build/notebooks
  python=build/notebooks/bin/python
  sources=$(mktemp -d) # pip leaves its traces beside the sources
  trap 'rm -rf "$sources"' EXIT
  cp -r python/pyproject.toml python/README.md python/specula_py "$sources"
  "$python" -m pip install --quiet --disable-pip-version-check "$sources" nbclient ipykernel
fi

export MPLBACKEND=agg PYTHONDONTWRITEBYTECODE=1
"$python" -m unittest discover --start-directory python/tests
"$python" tools/notebooks.py
