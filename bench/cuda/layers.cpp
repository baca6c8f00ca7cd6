// Each step of a detector on the device: time, multiply-adds, bytes, and the share of what the GPU could do (the roofline), by kernel; then the whole from decoded
// pictures: milliseconds a call, host time of a call. Without a GPU it says so and ends.
//   regulus_cuda_layers [peak TFLOP/s float32] [peak TFLOP/s float16] [GB/s]    the defaults are an H200's: 67, 989 (tensor cores, dense), 4800
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include <regulus/converters/seeded_weights.hpp>
#include <regulus/cuda/detector.hpp>
#include <regulus/zoo/zoo.hpp>

namespace {

using namespace regulus;

Weights weights_of(const Graph& graph) {
    Weights weights;
    for (const Node& node : graph.nodes) {
        for (const Parameter& parameter : node.parameters) {
            if (weights.find(parameter.name) == nullptr) weights.add(parameter.name, seeded_tensor(parameter.name, parameter.shape, 0));
        }
    }
    return weights;
}

double milliseconds_since(std::chrono::steady_clock::time_point begin) { return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin).count(); }

}  // namespace

int main(int argc, char** argv) {
    if (const std::string why = CudaBackend::unavailable(); !why.empty()) {
        std::printf("no GPU: %s\n", why.c_str());
        return 0;
    }
    const auto peak = [&](int i, double otherwise) { return argc > i ? std::atof(argv[i]) : otherwise; };
    const double flops[2] = {peak(1, 67) * 1e12, peak(2, 989) * 1e12}, bandwidth = peak(3, 4800) * 1e9;
    for (const char* name : {"mask_rcnn_regnetx-3.2GF_fpn_1x_coco", "faster_rcnn_r50_fpn_1x_coco", "retinanet_regnetx-800MF_fpn_1x_coco"}) {
        for (const CudaPrecision precision : {CudaPrecision::float32, CudaPrecision::float16}) {
            const bool half = precision == CudaPrecision::float16;
            try {
                const ModelSpec model = find_model(zoo_models(), name);
                const Graph graph = recorded(model);
                const Weights weights = weights_of(graph);
                const CudaBackend backend({.precision = precision, .autotune = true, .engine_cache = "regulus_engines.txt"});
                const InputSize size{1, 800, 1344};
                {
                    const Program program(backend, graph, weights);
                    Tensor image(Shape{1, 3, size.height, size.width}, DType::f32), info(Shape{1, 4}, DType::f32);
                    for (std::int64_t i = 0; i < image.numel(); ++i) image.data<float>()[i] = float(4 * seeded_uniform(fnv1a64("image"), 1, std::uint64_t(i)) - 2);
                    const float whole[4] = {800, 1333, 1, 1};
                    std::memcpy(info.data<float>(), whole, sizeof whole);
                    Context context;
                    Profile profile;
                    for (int i = 0; i < 3; ++i) program.run(context, {image, info}, &profile);
                    std::printf("\n%s, %s\n%-44s %-40s %9s %9s %9s %7s %s\n", name, backend.name().c_str(), "step", "kernel", "us", "MMAC", "MB", "share", "bound by");
                    double sum = 0, bound = 0;
                    const std::vector<Step> steps = program.steps(size);
                    for (std::size_t i = 0; i < steps.size(); ++i) {
                        // The least that must move: what the step writes, and as much again to read.
                        const double seconds = profile.nanoseconds[i] * 1e-9, compute = 2. * double(steps[i].macs) / flops[half], memory = 2. * double(steps[i].bytes) / bandwidth;
                        sum += seconds;
                        bound += std::max(compute, memory);
                        std::printf("%-44.44s %-40.40s %9.1f %9.1f %9.2f %6.1f%% %s\n", steps[i].node.c_str(), steps[i].kernel.c_str(), seconds * 1e6, double(steps[i].macs) * 1e-6,
                                    double(steps[i].bytes) * 1e-6, seconds > 0 ? 100 * std::max(compute, memory) / seconds : 0., compute > memory ? "arithmetic" : "memory");
                    }
                    std::printf("all steps %.3f ms, roofline %.3f ms, share %.1f%%\n", sum * 1e3, bound * 1e3, 100 * bound / sum);
                }
                const CudaDetector detector(backend, graph, weights, model.facts);
                Image picture(800, 1333);
                for (std::size_t i = 0; i < picture.pixels.size(); ++i) picture.pixels[i] = std::uint8_t(i * 2654435761u >> 13);
                for (int i = 0; i < 5; ++i) detector(picture);
                std::vector<double> times;
                for (int i = 0; i < 100; ++i) {
                    const auto begin = std::chrono::steady_clock::now();
                    detector(picture);
                    times.push_back(milliseconds_since(begin));
                }
                std::sort(times.begin(), times.end());
                std::printf("from the decoded picture: least %.3f ms, median %.3f ms\n", times.front(), times[50]);
            } catch (const Error& error) {
                std::printf("%s: %s\n", name, error.what());
            }
        }
    }
}
