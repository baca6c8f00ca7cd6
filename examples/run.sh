#!/usr/bin/env bash
# Shows Regulus at work: builds the tool `regulus` and lets it find fasteners in the shipped pictures, and road users in the shipped point clouds, with the shipped models. A few
# minutes on two cores.
# Installs the Debian packages it needs where it may. Arguments go to `regulus detect` instead of the shipped pictures: examples/run.sh my_picture.jpg
set -euo pipefail
cd "$(dirname "$0")/.."
[ -t 0 ] || exec </dev/null

. .ci/packages.sh
install_packages "${build_packages[@]}"

options=(-DCMAKE_BUILD_TYPE=Release)
[ -e build/CMakeCache.txt ] || options+=(-G Ninja)
command -v ccache >/dev/null && options+=(-DCMAKE_CXX_COMPILER_LAUNCHER=ccache)
cmake -S . -B build "${options[@]}" >/dev/null
cmake --build build --target regulus_tool -j "$(nproc)"

mkdir -p out
export OMP_WAIT_POLICY=${OMP_WAIT_POLICY:-passive}  # threads that wait let other programs run
if [ $# -eq 0 ]; then
    build/regulus detect3d --draw out examples/clouds
    set -- examples/pictures
fi
build/regulus detect --score 0.5 --json out/detections.json --draw out "$@"
echo
echo "Annotated pictures: $PWD/out/"
echo "COCO results:       $PWD/out/detections.json"
echo "More to try:        build/regulus --help"
