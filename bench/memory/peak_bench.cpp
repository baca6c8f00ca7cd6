// Memory of Mask R-CNN RegNetX-3.2GF at 800 x 1344 and of PointPillars on 300,800 points: the planned arena against the sum of all activations, what the
// process really takes for it, and what it takes beside the weights, which a mapped safetensors file holds.
//
// Resident memory is read from /proc (Linux). The growth is the high-water mark of the first run less what was resident when the program,
// its plan and its inputs stood; the bound is the planned arena plus a tenth. Exit status 1 when a bar is missed.
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include <unistd.h>

#include <regulus/models/mask_rcnn.hpp>
#include <regulus/weights/read_weights.hpp>
#include <regulus/weights/write_safetensors.hpp>
#include <regulus/zoo/point_detectors.hpp>

#include "points/scene.hpp"

namespace {

using namespace regulus;
using namespace regulus::bench;

/// A line of /proc/self/status in MiB: "VmRSS", "VmHWM".
double status_mib(const std::string& key) {
    std::ifstream file("/proc/self/status");
    for (std::string line; std::getline(file, line);) {
        if (line.compare(0, key.size() + 1, key + ":") == 0) return std::strtod(line.c_str() + key.size() + 1, nullptr) / 1024;
    }
    return 0;
}

/// Sets the high-water mark back to what is resident now.
void reset_peak() { std::ofstream("/proc/self/clear_refs") << "5"; }

bool verdict(const char* what, double value, double bar, const char* unit = "%") {
    std::printf("%-58s %8.1f %s   bar %6.1f %s   %s\n", what, value, unit, bar, unit, value <= bar ? "ok" : "MISSED");
    return value <= bar;
}

/// All that the process takes from opening a file of weights to the end of a run, less the weights: the kernels' own forms of them, the arena, the code.
bool measure_beside_weights(const Graph& graph, const InputSize& size) {
    const std::filesystem::path file = std::filesystem::temp_directory_path() / ("regulus_peak_" + std::to_string(getpid()) + ".safetensors");
    write_safetensors(file.string(), random_weights(graph));
    const std::vector<Tensor> inputs = random_inputs(graph, size);
    const double before = status_mib("VmRSS");
    reset_peak();
    const Program program = compile(CpuBackend{}, graph, read_weights(file.string()));
    Context context;
    for (int i = 0; i < 3; ++i) program.run(context, inputs);
    const double peak = status_mib("VmHWM") - before;
    std::filesystem::remove(file);
    return verdict("resident beside the weights", (peak - double(program.memory(size).weights) / 1048576) * 1.048576, 400, "MB");
}

/// Prints a graph's numbers; whether they stay within the bars. `share`: the bar of the arena's share of all activations, percent.
bool measure(const char* name, const Graph& graph, const Weights& weights, const InputSize& size, const std::vector<Tensor>& inputs, double share) {
    const Program program = compile(CpuBackend{}, graph, weights);
    const MemoryReport memory = program.memory(size);
    const double arena = double(memory.arena) / 1048576, sum = double(memory.sum_of_values) / 1048576;

    const double before = status_mib("VmRSS");
    reset_peak();
    Context context;
    const Outputs outputs = program.run(context, inputs);
    const double growth = status_mib("VmHWM") - before;
    for (int i = 0; i < 2; ++i) program.run(context, inputs);
    const double later = status_mib("VmHWM") - before;

    std::printf("%s, %lld detections\n", name, (long long)outputs["scores"].numel());
    std::printf("weights %.1f MiB, all activations %.1f MiB, planned arena %.1f MiB, resident growth %.1f MiB (after three runs %.1f MiB)\n", double(memory.weights) / 1048576, sum, arena, growth, later);
    const bool within = verdict("planned arena of the sum of all activations", 100 * arena / sum, share);
    return verdict("resident growth of the planned arena", 100 * std::max(growth, later) / arena, 110) && within;
}

}  // namespace

int main() {
    const Graph masks = recorded<MaskRcnn<RegNet<regnetx_3_2gf>>>();
    bool within = measure_beside_weights(masks, photograph);  // first, while no other run's memory is there to serve again
    within = measure("mask_rcnn/regnetx_3.2gf, 1 x 800 x 1344", masks, random_weights(masks), photograph, random_inputs(masks, photograph), 35) && within;

    const Graph pillars = recorded(find_point_detector(point_detectors(), "pointpillars_hv_regnet-400mf_fpn_sbn-all_8xb4-2x_nus-3d"));
    const std::vector<Tensor> cloud = cloud_inputs(sweeps_cloud(10));
    InputSize size;
    size.points = int(cloud[0].shape()[0]);
    within = measure("point_pillars/nuscenes_regnetx_400mf_fpn, 300,800 points", pillars, detector_weights(pillars), size, cloud, 35) && within;
    return within ? 0 : 1;
}
