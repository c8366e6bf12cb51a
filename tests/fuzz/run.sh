#!/usr/bin/env bash
# Builds the fuzz targets and runs each for some seconds on its seeds: tests/fuzz/run.sh [SECONDS] [TARGET ...]
# (default: 60 seconds of every target).  One line a target: executions, coverage (edges), crashes.  Inputs that crash
# are kept in build/fuzz/crashes, what was found beyond the seeds in build/fuzz/corpus.  Needs clang with libFuzzer
# (Debian: clang libclang-rt-14-dev).  Exit status 1 if anything crashed.  Licence: Apache-2.0.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
seconds=${1:-60}
if [[ ! $seconds =~ ^[1-9][0-9]*$ ]]; then
  printf 'usage: tests/fuzz/run.sh [SECONDS] [TARGET ...]\n' >&2
  exit 2
fi
shift $(($# > 0 ? 1 : 0))
targets=("$@")
if [[ ${#targets[@]} -eq 0 ]]; then
  for source in tests/fuzz/*.cpp; do targets+=("$(basename "$source" .cpp)"); done
fi

mkdir -p build
cmake --preset fuzz > build/fuzz-configure.log 2>&1 || { cat build/fuzz-configure.log >&2; exit 2; }
cmake --build build/fuzz --target "${targets[@]/#/fuzz_}" >&2

mkdir -p build/fuzz/crashes
export UBSAN_OPTIONS=print_stacktrace=1 ASAN_OPTIONS=detect_leaks=1:allocator_may_return_null=0
failed=0
for target in "${targets[@]}"; do
  found=build/fuzz/corpus/$target log=build/fuzz/$target.log
  mkdir -p "$found"
  rm -f "build/fuzz/crashes/$target-"*
  build/fuzz/fuzz_"$target" "$found" tests/fuzz/corpus/"$target" -max_total_time="$seconds" -timeout=20 -rss_limit_mb=2048 \
    -max_len=8192 -print_final_stats=1 -artifact_prefix="build/fuzz/crashes/$target-" > "$log" 2>&1 || failed=1
  executions=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log" | tail -1)
  coverage=$(sed -n 's/.* cov: \([0-9]*\) .*/\1/p' "$log" | tail -1)
  crashes=$(find build/fuzz/crashes -name "$target-*" | wc -l)
  printf '%-17s %9s executions   %5s edges   %s crashes\n' "$target" "${executions:-?}" "${coverage:-?}" "$crashes"
  ((crashes == 0)) || failed=1
done
((failed == 0)) || printf 'see build/fuzz/crashes and build/fuzz/TARGET.log\n' >&2
exit "$failed"
