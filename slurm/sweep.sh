#!/bin/bash
# The driver of a sweep as a small CPU job: sbatch slurm/sweep.sh sweeps/demo_slurm.yaml [--set KEY=VALUE ...]
# It sends the trials as jobs of their own and ends with the report. Preempted, or at its own time limit, it goes back
# into the queue; the trials run on, and the next attempt adopts them. Submit it from the repository's root.
#SBATCH --job-name=heatmark-driver
#SBATCH --nodes=1
#SBATCH --ntasks=1
#SBATCH --cpus-per-task=1
#SBATCH --time=1-00:00:00
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --signal=B:USR1@180
#SBATCH --output=heatmark-driver-%j.log

heatmark=${HEATMARK:-.venv/bin/heatmark}

# Only a job that still runs goes back into the queue: one that is being cancelled must not.
again() {
  kill -TERM "$driver" 2>/dev/null
  wait "$driver"
  if [ "$(squeue -h -j "$SLURM_JOB_ID" -o %T)" = RUNNING ]; then
    echo "driver: back into the queue; trials run on"
    scontrol requeue "$SLURM_JOB_ID"
    sleep 60
  fi
  exit 0
}
trap again USR1 TERM

echo "driver: attempt $((${SLURM_RESTART_COUNT:-0} + 1)) on $(hostname -s)"
$heatmark sweep run "$@" &
driver=$!
wait "$driver"
