#!/bin/sh
# What the image runs: a student's server of JupyterHub, or with `lab` JupyterLab by itself.
set -eu
course=$(cd "$(dirname "$0")/../.." && pwd)
case "${1:-hub}" in
  hub) shift $(($# > 0)); exec "$course/.hub/venv/bin/python" "$course/setup/hub/image.py" "$@" ;;
  lab) shift; exec "$course/.hub/venv/bin/python" "$course/setup/hub/image.py" --alone --ip=0.0.0.0 "$@" ;;
  *) exec "$@" ;;
esac
