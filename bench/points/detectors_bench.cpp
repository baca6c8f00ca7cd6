// PointPillars as a whole on the scene of ten sweeps: the whole call, and how it divides between the dense network and everything else.
#include <benchmark/benchmark.h>

#include <regulus/cpu.hpp>
#include <regulus/zoo/point_detectors.hpp>

#include "points/scene.hpp"

namespace {

using namespace regulus;
using namespace regulus::bench;

/// Whether a step belongs to the dense network, maps in and maps out.
bool is_dense(const Step& step) {
    for (const char* part : {"backbone.", "neck.", "head."}) {
        if (step.node.rfind(part, 0) == 0) return true;
    }
    return false;
}

void detector(benchmark::State& state, const char* name) {
    const PointDetectorSpec& model = find_point_detector(point_detectors(), name);
    const Graph graph = recorded(model);
    const Program program = compile(CpuBackend{}, graph, detector_weights(graph));
    const std::vector<Tensor> inputs = cloud_inputs(sweeps_cloud(model.facts.sweeps > 0 ? 10 : 4));
    InputSize size;
    size.points = int(inputs[0].shape()[0]);
    Context context;
    Profile profile;
    program.run(context, inputs);
    const std::vector<Step> steps = program.steps(size);
    double dense = 0, rest = 0, net = 0;
    std::int64_t found = 0;
    for (auto _ : state) {
        found = program.run(context, inputs, &profile)["scores"].numel();
        for (std::size_t i = 0; i < steps.size(); ++i) {
            (is_dense(steps[i]) ? dense : rest) += profile.nanoseconds[i] * 1e-6;
            if (steps[i].node == "pillar_net") net += profile.nanoseconds[i] * 1e-6;
        }
    }
    state.counters["dense_ms"] = dense / double(state.iterations());
    state.counters["rest_ms"] = rest / double(state.iterations());
    state.counters["rest_%"] = 100 * rest / (dense + rest);
    state.counters["net_ms"] = net / double(state.iterations());
    state.counters["boxes"] = double(found);
    state.counters["arena_MiB"] = double(program.memory(size).arena) / 1048576;
}

#define REGULUS_POINT_BENCH(label, name) BENCHMARK_CAPTURE(detector, label, name)->UseRealTime()->Unit(benchmark::kMillisecond)
REGULUS_POINT_BENCH(nuscenes_second_secfpn, "pointpillars_hv_secfpn_sbn-all_8xb4-2x_nus-3d");
REGULUS_POINT_BENCH(nuscenes_second_fpn, "pointpillars_hv_fpn_sbn-all_8xb4-2x_nus-3d");
REGULUS_POINT_BENCH(nuscenes_regnetx_400mf_secfpn, "pointpillars_hv_regnet-400mf_secfpn_sbn-all_8xb4-2x_nus-3d");
REGULUS_POINT_BENCH(nuscenes_regnetx_400mf_fpn, "pointpillars_hv_regnet-400mf_fpn_sbn-all_8xb4-2x_nus-3d");
REGULUS_POINT_BENCH(nuscenes_regnetx_1_6gf_fpn, "pointpillars_hv_regnet-1.6gf_fpn_sbn-all_8xb4-2x_nus-3d");
REGULUS_POINT_BENCH(lyft_regnetx_400mf_secfpn, "pointpillars_hv_regnet-400mf_secfpn_sbn-all_8xb2-2x_lyft-3d");
REGULUS_POINT_BENCH(kitti_second_secfpn, "pointpillars_hv_secfpn_8xb6-160e_kitti-3d-3class");

}  // namespace
