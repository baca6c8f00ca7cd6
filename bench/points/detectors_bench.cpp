// PointPillars as a whole on the scene of ten sweeps: the whole call, and how it divides between the dense network and everything else.
#include <benchmark/benchmark.h>

#include <regulus/cpu.hpp>
#include <regulus/zoo/point_detectors.hpp>

#include "points/scene.hpp"

namespace {

using namespace regulus;
using namespace regulus::bench;

/// Whether a step belongs to the dense network, maps in and maps out; known by its sentence.
bool is_dense(const std::string& operation) {
    for (const std::string other : {"the points", "how many points", "points into", "pillar net", "pillars onto", "all classes", "oriented boxes", "rotated suppression"}) {
        if (operation.compare(0, other.size(), other) == 0) return false;
    }
    return true;
}

void detector(benchmark::State& state, const char* name) {
    const Graph graph = recorded(find_point_detector(point_detectors(), name));
    const Program program = compile(CpuBackend{}, graph, random_weights(graph));
    const std::vector<float> points = sweeps_cloud(10);
    Tensor cloud(Shape{std::int64_t(points.size()) / 4, 4}, DType::f32), count(Shape{1}, DType::i32);
    std::copy(points.begin(), points.end(), cloud.data<float>());
    count.data<std::int32_t>()[0] = std::int32_t(points.size() / 4);
    InputSize size;
    size.points = int(points.size() / 4);
    Context context;
    Profile profile;
    program.run(context, {cloud, count});
    const std::vector<Step> steps = program.steps(size);
    double dense = 0, rest = 0;
    for (auto _ : state) {
        program.run(context, {cloud, count}, &profile);
        for (std::size_t i = 0; i < steps.size(); ++i) (is_dense(steps[i].operation) ? dense : rest) += profile.nanoseconds[i] * 1e-6;
    }
    state.counters["dense_ms"] = dense / double(state.iterations());
    state.counters["rest_ms"] = rest / double(state.iterations());
    state.counters["arena_MiB"] = double(program.memory(size).arena) / 1048576;
}

// The weights are random, so nearly all anchors pass the threshold and the suppression meets 10,000 boxes; a trained network gives it some hundreds.
#define REGULUS_POINT_BENCH(label, name) BENCHMARK_CAPTURE(detector, label, name)->UseRealTime()->Unit(benchmark::kMillisecond)
REGULUS_POINT_BENCH(nuscenes_second_secfpn, "pointpillars_hv_secfpn_sbn-all_8xb4-2x_nus-3d");
REGULUS_POINT_BENCH(nuscenes_regnetx_400mf_secfpn, "pointpillars_hv_regnet-400mf_secfpn_sbn-all_8xb4-2x_nus-3d");
REGULUS_POINT_BENCH(nuscenes_regnetx_400mf_fpn, "pointpillars_hv_regnet-400mf_fpn_sbn-all_8xb4-2x_nus-3d");
REGULUS_POINT_BENCH(nuscenes_regnetx_1_6gf_fpn, "pointpillars_hv_regnet-1.6gf_fpn_sbn-all_8xb4-2x_nus-3d");

}  // namespace
