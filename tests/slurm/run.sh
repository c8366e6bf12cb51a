#!/usr/bin/env bash
# A study in shards on a real Slurm of one node, private to this script: one task is told that its time is up and goes
# back into the queue, one is cancelled and submitted again, and what is merged must be the study in one piece.
# Usage: tests/slurm/run.sh SPECULA.  Ends with 77 where there is no Slurm to start.  Licence: Apache-2.0.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
specula=$(realpath "$1")

skip() {
  printf 'skipped: %s\n' "$1" >&2
  exit 77
}
for program in munged slurmctld slurmd sbatch scontrol python3; do
  PATH=$PATH:/usr/sbin command -v "$program" >/dev/null || skip "$program is not installed (apt-get install slurm-wlm munge)"
done
[[ $(id -u) == 0 ]] || skip "slurmd has to be started by root"
PATH=$PATH:/usr/sbin

folder=$(mktemp -d /tmp/specula-slurm.XXXXXX)
daemons=()
finish() {
  local code=$?
  if ((code != 0)); then tail -n 20 "$folder"/*.log >&2 || true; fi
  for daemon in "${daemons[@]}"; do kill "$daemon" 2>/dev/null || true; done
  for daemon in "${daemons[@]}"; do wait "$daemon" 2>/dev/null || true; done
  rm -rf "$folder"
  exit "$code"
}
trap finish EXIT

# --- the cluster ---
mkdir -p "$folder"/{munge,state,spool}
chmod 711 "$folder" "$folder/munge"
(umask 077 && head -c 128 /dev/urandom >"$folder/munge/key")
host=$(hostname -s)
cat >"$folder/slurm.conf" <<CONF
ClusterName=specula-test
SlurmctldHost=$host(127.0.0.1)
SlurmUser=root
SlurmctldPort=$((20000 + $$ % 10000))
SlurmdPort=$((30001 + $$ % 10000))
AuthInfo=socket=$folder/munge/socket,cred_expire=5
StateSaveLocation=$folder/state
SlurmdSpoolDir=$folder/spool
SlurmctldPidFile=$folder/slurmctld.pid
SlurmdPidFile=$folder/slurmd.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
JobCompType=jobcomp/filetxt
JobCompLoc=$folder/completed.txt
MailProg=/bin/true
KillWait=20
ReturnToService=2
NodeName=$host NodeAddr=127.0.0.1 CPUs=2 State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES State=UP
CONF
export SLURM_CONF=$folder/slurm.conf
munged --foreground --socket="$folder/munge/socket" --key-file="$folder/munge/key" --pid-file="$folder/munge/pid" \
  --log-file="$folder/munge/log" --seed-file="$folder/munge/seed" >"$folder/munged.log" 2>&1 &
daemons+=($!)
slurmctld -D >"$folder/slurmctld.log" 2>&1 &
daemons+=($!)
slurmd -D >"$folder/slurmd.log" 2>&1 &
daemons+=($!)

# wait_until SECONDS WHAT COMMAND...
wait_until() {
  local end=$((SECONDS + $1)) what=$2
  shift 2
  until "$@"; do
    ((SECONDS < end)) || { printf 'error: in vain waited for %s\n' "$what" >&2; squeue >&2 || true; exit 1; }
    sleep 0.2
  done
}
node_is_idle() { [[ $(sinfo -h -o %T 2>/dev/null) == idle ]]; }
completed() { sacct --completion --format=JobID,JobName,State,End 2>/dev/null || true; } # it says that arrays are unknown to it
queue_is_empty() { [[ -z $(squeue -h 2>/dev/null) ]]; }
wait_until 60 "the node" node_is_idle
sinfo

# --- the study, in one piece and in three ---
study=(configs/studies/quickstart.toml --arms sps-g4 --sweep "arm.sps-g4.drafter.length=2,4" --limit 20 --threads 1)
"$specula" run "${study[@]}" --out "$folder/whole" >"$folder/whole.txt"
parts=("${study[@]}" --out "$folder/parts")
"$specula" slurm "${parts[@]}" --submit --shards 3 --sbatch '--cpus-per-task=1 --time=10' | tee "$folder/submitted.txt"
array=$(sed -n 's/^ *array job \([0-9]*\):.*/\1/p' "$folder/submitted.txt")

# Whether the shard has written a record, so that a signal meets it at work.
has_records() {
  local file
  for file in "$folder"/parts/demo/*/records/s00"$1"-of-003.jsonl; do [[ -s $file ]] && return 0; done
  return 1
}
wait_until 120 "records of shard 0" has_records 0
scancel --batch --signal=USR1 "${array}_0"
wait_until 120 "records of shard 1" has_records 1
scancel "${array}_1"
squeue
was_requeued() { [[ $(scontrol show job "${array}_0") == *"Restarts=1"* ]]; }
wait_until 60 "the requeue of shard 0" was_requeued
wait_until 300 "the end of all jobs" queue_is_empty
completed
"$specula" status "$folder/parts"
grep -h 'shard 1/3 is ' "$folder"/parts/demo/slurm/*-merge.log # a study that lacks a shard is not merged

"$specula" slurm "${parts[@]}" --retry-failed --sbatch '--cpus-per-task=1 --time=10' | tee "$folder/retried.txt"
grep -q 'shards 1 of 3$' "$folder/retried.txt"
squeue
wait_until 300 "the end of the retry" queue_is_empty
completed
"$specula" status "$folder/parts"

python3 tests/slurm/compare.py "$folder/whole/demo" "$folder/parts/demo"
