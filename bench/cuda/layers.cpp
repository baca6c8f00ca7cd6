// Each step of a detector on the device: time, multiply-adds, bytes, and the share of what the GPU could do (the roofline), by kernel; then the whole from decoded
// pictures, or from points: milliseconds a call; of it, the host's own. The networks of the bars, with the tool's balanced weights, so that they find as much
// as on a crowded picture. Without a GPU it says so and ends.
//   regulus_cuda_layers [--networks a,b] [--size HxW] [--points N] [--rounds N] [--peaks FLOAT32,FLOAT16,GBPS] [--engines FILE] [--steps 0]
//     peaks: TFLOP/s and GB/s, by default an H200's: 67,989,4800 (float16: tensor cores, dense); engines: the cache that autotuning fills
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <map>

#include <regulus/converters/convert.hpp>
#include <regulus/cuda/detector.hpp>
#include <regulus/pipeline/detector3d.hpp>
#include <regulus/zoo/point_detectors.hpp>
#include <regulus/zoo/zoo.hpp>

#include "../../examples/street.hpp"
#include "../../examples/tool/noise.hpp"

namespace {

using namespace regulus;
using clock_type = std::chrono::steady_clock;

struct Options {
    std::string networks = "mask_rcnn_regnetx-3.2GF_fpn_1x_coco,faster_rcnn_r50_fpn_1x_coco,retinanet_regnetx-800MF_fpn_1x_coco,mmdetection3d/hv_pointpillars_regnet-400mf_fpn_sbn-all_4x8_2x_nus-3d";
    std::string engines = "regulus_engines.txt";
    int height = 800, width = 1333, points = 300000, rounds = 100;
    double flops[2] = {67e12, 989e12}, bandwidth = 4800e9;
    bool steps = true;
};

double milliseconds_since(clock_type::time_point begin) { return std::chrono::duration<double, std::milli>(clock_type::now() - begin).count(); }
/// Processor time of this thread: what a call costs the host, not counting the wait for the device where the driver sleeps.
double thread_milliseconds() {
    timespec time{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return double(time.tv_sec) * 1e3 + double(time.tv_nsec) * 1e-6;
}

/// Every step beside the least time that its multiply-adds and its bytes take.
void print_steps(const Options& options, const Program& program, const InputSize& size, const std::vector<Tensor>& inputs, bool half) {
    Context context;
    Profile profile;
    for (int i = 0; i < 3; ++i) program.run(context, inputs, &profile);
    std::printf("%-44s %-40s %9s %9s %9s %7s %s\n", "step", "kernel", "us", "MMAC", "MB", "share", "bound by");
    struct Sum {
        double seconds = 0, bound = 0, macs = 0;
    };
    std::map<std::string, Sum> by_kernel;
    Sum all, convolutions;
    const std::vector<Step> steps = program.steps(size);
    for (std::size_t i = 0; i < steps.size(); ++i) {
        // The least that must move: what the step writes, and as much again to read.
        const double seconds = profile.nanoseconds[i] * 1e-9, compute = 2. * double(steps[i].macs) / options.flops[half], memory = 2. * double(steps[i].bytes) / options.bandwidth;
        const double bound = std::max(compute, memory);
        for (Sum* sum : {&all, &by_kernel[steps[i].kernel.substr(0, steps[i].kernel.find(" engine"))]}) sum->seconds += seconds, sum->bound += bound, sum->macs += double(steps[i].macs);
        if (steps[i].kernel.rfind("cudnn", 0) == 0) convolutions.seconds += seconds, convolutions.macs += double(steps[i].macs);
        std::printf("%-44.44s %-40.40s %9.1f %9.1f %9.2f %6.1f%% %s\n", steps[i].node.c_str(), steps[i].kernel.c_str(), seconds * 1e6, double(steps[i].macs) * 1e-6, double(steps[i].bytes) * 1e-6,
                    seconds > 0 ? 100 * bound / seconds : 0., compute > memory ? "arithmetic" : "memory");
    }
    std::printf("by kernel:\n");
    for (const auto& entry : by_kernel) {
        std::printf("  %-50.50s %9.1f us, roofline %9.1f us, %6.2f TFLOP/s\n", entry.first.c_str(), entry.second.seconds * 1e6, entry.second.bound * 1e6, entry.second.seconds > 0 ? 2e-12 * entry.second.macs / entry.second.seconds : 0.);
    }
    if (convolutions.seconds > 0) std::printf("cuDNN's convolutions: %.2f TFLOP/s\n", 2e-12 * convolutions.macs / convolutions.seconds);
    std::printf("all steps %.3f ms, roofline %.3f ms, share %.1f%%\n", all.seconds * 1e3, all.bound * 1e3, all.seconds > 0 ? 100 * all.bound / all.seconds : 0.);
}

template <class Call>
void print_times(const char* name, const CudaBackend& backend, int rounds, const Call& call) {
    std::size_t found = 0;
    for (int i = 0; i < 5; ++i) found = call();
    std::vector<double> times;
    const double before = thread_milliseconds();
    for (int i = 0; i < rounds; ++i) {
        const auto begin = clock_type::now();
        call();
        times.push_back(milliseconds_since(begin));
    }
    const double host = (thread_milliseconds() - before) / rounds;
    std::sort(times.begin(), times.end());
    std::printf("TIME %s, %s: least %.3f ms, median %.3f ms, processor time of a call %.3f ms, %zu objects\n", name, backend.name().c_str(), times.front(), times[times.size() / 2], host, found);
    std::fflush(stdout);
}

void measure_pictures(const Options& options, const ModelSpec& model, const CudaBackend& backend, bool half) {
    const Graph graph = recorded(model);
    const Weights weights = tool::balanced_weights(graph, model.code_base);
    const auto padded = [&](int side) { return (side + 31) / 32 * 32; };
    if (options.steps) {
        const InputSize size{1, padded(options.height), padded(options.width)};
        print_steps(options, Program(backend, graph, to_regulus(weights, graph)), size, tool::noise_inputs(graph, size), half);
    }
    const CudaDetector detector(backend, graph, weights, model.facts);
    Image picture(options.height, options.width);
    std::uint32_t state = 1;
    for (std::uint8_t& byte : picture.pixels) byte = std::uint8_t((state = state * 1664525u + 1013904223u) >> 24);
    print_times(model.name.c_str(), backend, options.rounds, [&] { return detector(picture).size(); });
}

void measure_points(const Options& options, const PointDetectorSpec& model, const CudaBackend& backend, bool half) {
    const Graph graph = recorded(model);
    const Weights weights = tool::balanced_weights(graph, model.code_base);
    PointCloud cloud;
    cloud.features = 4;
    cloud.values = tool::street_cloud(options.points);
    if (options.steps) {
        InputSize size;
        size.points = options.points;
        print_steps(options, Program(backend, graph, to_regulus(weights, graph)), size, tool::noise_inputs(graph, size, cloud.values), half);
    }
    const AnyDetector3d detector(backend, graph, weights, model.facts);
    print_times(model.name.c_str(), backend, options.rounds, [&] { return detector(cloud).size(); });
}

bool read_options(int argc, char** argv, Options& options) {
    for (int i = 1; i + 1 < argc; i += 2) {
        const std::string name = argv[i];
        const char* const value = argv[i + 1];
        if (name == "--networks") options.networks = value;
        else if (name == "--engines") options.engines = value;
        else if (name == "--points") options.points = std::atoi(value);
        else if (name == "--rounds") options.rounds = std::max(1, std::atoi(value));
        else if (name == "--steps") options.steps = std::atoi(value) != 0;
        else if (name == "--size" && std::sscanf(value, "%dx%d", &options.height, &options.width) == 2) continue;
        else if (name == "--peaks" && std::sscanf(value, "%lf,%lf,%lf", &options.flops[0], &options.flops[1], &options.bandwidth) == 3) options.flops[0] *= 1e12, options.flops[1] *= 1e12, options.bandwidth *= 1e9;
        else return false;
    }
    return argc % 2 == 1 && options.points > 0 && options.height > 0 && options.width > 0;
}

}  // namespace

int main(int argc, char** argv) {
    Options options;
    if (!read_options(argc, argv, options)) {
        std::printf("regulus_cuda_layers [--networks a,b] [--size HxW] [--points N] [--rounds N] [--peaks FLOAT32,FLOAT16,GBPS] [--engines FILE] [--steps 0]\n");
        return 2;
    }
    if (const std::string why = CudaBackend::unavailable(); !why.empty()) {
        std::printf("no GPU: %s\n", why.c_str());
        return 0;
    }
    int failed = 0;
    for (std::size_t begin = 0; begin <= options.networks.size();) {
        const std::size_t end = std::min(options.networks.find(',', begin), options.networks.size());
        const std::string name = options.networks.substr(begin, end - begin);
        begin = end + 1;
        for (const bool half : {false, true}) {
            try {
                const CudaBackend backend({.precision = half ? CudaPrecision::float16 : CudaPrecision::float32, .autotune = true, .engine_cache = options.engines});
                std::printf("\n%s, %s\n", name.c_str(), backend.name().c_str());
                if (name.find("pointpillars") != name.npos) measure_points(options, find_point_detector(point_detectors(), name), backend, half);
                else measure_pictures(options, find_model(zoo_models(), name), backend, half);
            } catch (const Error& error) {
                std::printf("FAILED %s: %s\n", name.c_str(), error.what());
                ++failed;
            }
        }
    }
    return failed == 0 ? 0 : 1;
}
