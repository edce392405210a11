#!/usr/bin/env bash
# Builds tfjs-node's addon against the libraries in PyPI's TensorFlow wheel, in place.
#
# tfjs-node's own script downloads TensorFlow's C library from a host that is not always there. The
# wheel has the same functions and their headers. Needs g++, python3 with pip, Node's headers, and
# 1 GB of disk. Usage, after `npm ci --ignore-scripts`:
#
#     test/tfjs-node/build.sh
set -euo pipefail
cd "$(dirname "$0")/../.."

addon=$PWD/node_modules/@tensorflow/tfjs-node
wheel=tensorflow-cpu==2.15.1
[ -d "$addon" ] || { echo "@tensorflow/tfjs-node is not in node_modules: run npm ci --ignore-scripts first."; exit 1; }

headers=$(dirname "$(dirname "$(readlink -f "$(command -v node)")")")/include/node
[ -e "$headers/node_api.h" ] || headers=/usr/include/node
[ -e "$headers/node_api.h" ] || { echo "Node's headers are not on this machine (libnode-dev has them)."; exit 1; }

download=$(mktemp -d)
trap 'rm -rf "$download"' EXIT
python3 -m pip download --quiet --no-deps --only-binary :all: --python-version 3.11 \
  --dest "$download" "$wheel"

python3 - "$download" "$addon/deps" <<'PYTHON'
import glob, os, sys, zipfile

source, deps = sys.argv[1:]
headers = ["tensorflow/include/tensorflow/c/", "tensorflow/include/tensorflow/core/platform/",
           "tensorflow/include/tsl/"]
with zipfile.ZipFile(glob.glob(source + "/*.whl")[0]) as wheel:
    for name in wheel.namelist():
        if name.startswith("tensorflow/libtensorflow_"):
            target = os.path.join(deps, "lib", os.path.basename(name))
        elif name.startswith(tuple(headers)) and not name.endswith("/"):
            target = os.path.join(deps, name[len("tensorflow/"):])
        else:
            continue
        os.makedirs(os.path.dirname(target), exist_ok=True)
        with wheel.open(name) as packed, open(target, "wb") as file:
            while chunk := packed.read(1 << 20):
                file.write(chunk)
PYTHON

cd "$addon"
ln -sf libtensorflow_cc.so.2 deps/lib/libtensorflow.so
ln -sf libtensorflow_framework.so.2 deps/lib/libtensorflow_framework.so
mkdir -p lib/napi-v8
g++ -shared -fPIC -O2 -std=c++17 -w -DNAPI_VERSION=8 -I"$headers" -Ideps/include -I.. \
  binding/tfjs_backend.cc binding/tfjs_binding.cc \
  -Ldeps/lib -ltensorflow -ltensorflow_framework '-Wl,-rpath,$ORIGIN/../../deps/lib' \
  -o lib/napi-v8/tfjs_binding.node
node -e "const tf = require('$addon'); tf.matMul([[2]], [[3]]).array().then((x) => console.log('tfjs-node computes:', x[0][0]))"
