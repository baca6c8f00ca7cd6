#!/usr/bin/env bash
# Fuzzes the readers under ASan and UBSan with clang++'s libFuzzer: tests/fuzz/run.sh [SECONDS per target (30)] [TARGET...]
# Targets: torch safetensors npz json bin pcd ply calibration tables nuscenes_results lyft_results kitti_objects jpeg png. A crash leaves its input in the build folder (REGULUS_BUILD, default build-fuzz) and ends the run.
set -euo pipefail
cd "$(dirname "$0")/../.."
seconds=${1:-30}
shift || true
targets=("$@")
[ ${#targets[@]} -eq 0 ] && targets=(torch safetensors npz json bin pcd ply calibration tables nuscenes_results lyft_results kitti_objects jpeg png)
build=${REGULUS_BUILD:-$PWD/build-fuzz}
libraries=(-ljpeg -lpng)
flags=(-std=c++20 -O1 -g -Wall -Wextra -I include -fno-omit-frame-pointer -fno-sanitize-recover=all)
mkdir -p "$build"
for maker in make_seeds make_point_seeds make_box_seeds make_picture_seeds; do
    clang++ "${flags[@]}" "tests/fuzz/$maker.cpp" -o "$build/$maker" "${libraries[@]}"
    (cd "$build" && "./$maker" seeds)
done
for target in "${targets[@]}"; do
    clang++ "${flags[@]}" -fsanitize=fuzzer,address,undefined "tests/fuzz/${target}_fuzz.cpp" -o "$build/${target}_fuzz" "${libraries[@]}"
    mkdir -p "$build/corpus/$target"
    (cd "$build" && "./${target}_fuzz" -max_total_time="$seconds" -timeout=5 -rss_limit_mb=768 -malloc_limit_mb=512 -max_len=16384 -print_final_stats=1 "corpus/$target" "seeds/$target")
done
echo "fuzz: ${targets[*]} passed"
