#!/bin/sh
# The nightly pipelines as a chain of SLURM jobs: `DGMM_HOME=/srv/dgmm pipelines/schedulers/slurm_chain.sh`.
#
# Call it from cron or scrontab on a login node, with options of sbatch if you like. The second job begins
# when the first has ended with 0, and is removed when it has not. A job that ends with 75 is queued
# again, up to five times, and goes on where it was; so is one that lost its node. Each job runs the
# cluster that its configuration names: on one node kind local, or kind slurm for jobs of its own.
set -eu
export DGMM_HOME="${DGMM_HOME:-/srv/dgmm}"

if [ -z "${SLURM_JOB_ID:-}" ] || [ "${1:-}" != run ]; then
    mkdir -p "$DGMM_HOME/logs"
    submit() {
        name=$1
        shift
        sbatch --parsable --requeue --open-mode=append --signal=B:TERM@60 --chdir="$DGMM_HOME" \
            --job-name="dgmm-$name" --output="$DGMM_HOME/logs/$name-%j.log" "$@" "$0" run "$name"
    }
    nightly=$(submit nightly "$@")
    score=$(submit score --dependency="afterok:$nightly" --kill-on-invalid-dep=yes "$@")
    echo "$nightly $score"
    exit
fi

# From here on, inside a job. The shell hands SIGTERM on and waits for the orderly end.
.venv/bin/python -m "pipelines.$2" "configs/$2.yaml" --verbose &
job=$!
trap 'kill -TERM $job' TERM
code=0
wait $job || code=$?
while kill -0 $job 2> /dev/null; do
    code=0
    wait $job || code=$?
done
if [ $code -eq 75 ] && [ "${SLURM_RESTART_COUNT:-0}" -lt 5 ]; then
    scontrol requeue "$SLURM_JOB_ID"
    sleep 60 # SLURM ends this process
fi
exit $code
