#!/bin/sh
# A program that torture.py must find out: whenever it goes on with a run, it writes the last record once more.
set -eu
for records in "$4"/torture/*/records/*.jsonl; do
  [ -s "$records" ] || continue
  last=$(tail -n 1 "$records")
  printf '%s\n' "$last" >>"$records"
done
exec "$SPECULA" "$@"
