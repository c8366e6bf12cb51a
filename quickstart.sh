#!/usr/bin/env bash
# From a fresh clone to a measured table: installs what is missing, builds build/release, runs the demo study.
# Run it again whenever you like: each time it measures anew, into a run folder of its own.  Licence: Apache-2.0.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
# shellcheck source=tools/setup.sh
source tools/setup.sh

if (($#)); then
  printf 'usage: ./quickstart.sh\nInstalls what is missing, builds build/release and runs configs/studies/quickstart.toml.\n' >&2
  [[ $1 == --help || $1 == -h ]] && exit 0
  exit 2
fi

set_up
build release specula

number=1
while [[ -e runs/quickstart-$number ]]; do number=$((number + 1)); done
out=runs/quickstart-$number
say "build/release/specula run configs/studies/quickstart.toml --out $out"
build/release/specula run configs/studies/quickstart.toml --out "$out"
