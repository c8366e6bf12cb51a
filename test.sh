#!/usr/bin/env bash
# The fast tests from a fresh clone: installs what is missing, builds build/release, runs `ctest -L fast`.
# --all adds the slow tests and the sanitizers (AddressSanitizer with UBSan; ThreadSanitizer where no OpenMP is linked).
# The last thing printed is ctest's summary of the release build.  Licence: Apache-2.0.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
# shellcheck source=tools/setup.sh
source tools/setup.sh

labels=fast
case "${1:-}" in
  "") ;;
  --all) labels='fast|slow' ;;
  --help | -h)
    printf 'usage: ./test.sh [--all]\n'
    exit 0
    ;;
  *) die "unknown argument '$1'; usage: ./test.sh [--all]" ;;
esac

run_tests() { ctest --test-dir "build/$1" -L "$2" --output-on-failure --no-tests=error "${@:3}"; }

set_up
if [[ $labels != fast ]]; then
  # Memory that LibTorch and protobuf keep until the end is theirs; leaks of our own show in long runs, which `bench` watches.
  export ASAN_OPTIONS=detect_leaks=0:strict_string_checks=1:detect_stack_use_after_return=1 UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1
  build asan
  run_tests asan fast
  build tsan unit_tests
  run_tests tsan fast -R unit_tests
fi
build release
run_tests release "$labels"
