#!/bin/bash
# The driver of a sweep as a small CPU job:
#   sbatch slurm/sweep.sh sweeps/demo_slurm.yaml [--set KEY=VALUE ...]
# It sends the trials as jobs of their own and ends with the report. Preempted, or at its own time limit, it goes back
# into the queue; the trials run on, and the next attempt adopts them. Submit it from the repository's root.
#
# Where the sweep or the site file asks for another account, partition, QOS, or more memory for many trials, it sends
# itself once more with those. Where sbatch takes nothing without them, run it without sbatch: it then sends itself.
#SBATCH --job-name=heatmark-driver
#SBATCH --nodes=1
#SBATCH --ntasks=1
#SBATCH --cpus-per-task=2
#SBATCH --mem=4G
#SBATCH --time=1-00:00:00
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --signal=B:USR1@180
#SBATCH --output=heatmark-driver-%j.log

heatmark=${HEATMARK:-.venv/bin/heatmark}

# With the options of the sweep and site file; the variables of this very job are not the next one's.
send() {
  for name in ${!SLURM_*}; do
    case $name in SLURM_CONF | SLURM_CLUSTERS | SLURM_JWT) ;; *) unset "$name" ;; esac
  done
  eval "sbatch $1 \"\$script\" \"\${arguments[@]}\""
}

if [ -z "$HEATMARK_DRIVER_SENT" ]; then
  export HEATMARK_DRIVER_SENT=1
  options=$($heatmark sweep driver-options "$@") || exit $?
  if [ -n "$options" ] || [ -z "$SLURM_JOB_ID" ]; then
    script=$0 arguments=("$@")
    echo "driver: sends itself with $options"
    (send "$options")
    exit $?
  fi
fi

# An element of an array, or a job of its own: SLURM_JOB_ID of an array's last element is the whole array's.
id=${SLURM_ARRAY_JOB_ID:+${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID}
id=${id:-$SLURM_JOB_ID}

# Only a job that still runs goes back into the queue: one that is being cancelled must not.
again() {
  kill -TERM "$driver" 2>/dev/null
  wait "$driver"
  if [ "$(squeue -h -j "$id" -o %T)" = RUNNING ]; then
    echo "driver: back into the queue; trials run on"
    scontrol requeue "$id"
    sleep 60
  fi
  exit 0
}
trap again USR1 TERM

echo "driver: attempt $((${SLURM_RESTART_COUNT:-0} + 1)) on $(hostname -s)"
$heatmark sweep run "$@" &
driver=$!
wait "$driver"
