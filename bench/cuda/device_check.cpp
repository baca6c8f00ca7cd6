// A first look at a real device: every own kernel and a network in every precision against the reference backend, the same bits in all runs, detectors from pictures,
// sizes at random. Ends with "N passed, N failed, N skipped"; without a GPU everything is skipped, with the reason.
//   regulus_cuda_device_check            everything
//   regulus_cuda_device_check quick      the small graphs only, once with cuDNN and once without
//   regulus_cuda_device_check own        the small graphs only, own kernels only: what compute-sanitizer looks at
//   regulus_cuda_device_check sizes [N] [SECONDS]    N pictures of random sizes (1000), as many as there is time for: device memory must not grow
// Alone, on a machine with a compiler:
//   g++ -std=c++20 -O2 -Iinclude -Ibackends/reference/include -Ibackends/cuda/include -Iconverters/include bench/cuda/device_check.cpp -lregulus_cuda -ldl
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include <regulus/cuda/detector.hpp>
#include <regulus/cuda/libraries.hpp>
#include <regulus/pipeline/panoptic_detector.hpp>
#include <regulus/reference.hpp>

#include "every_kernel.hpp"

namespace {

using namespace regulus;
using clock_type = std::chrono::steady_clock;

constexpr RcnnSizes sizes{.rpn_candidates = 200, .proposals = 100, .box_features = 256, .mask_convs = 2, .mask_channels = 64, .detections = 50};
struct Network : MaskRcnn<RegNet<regnetx_200mf>, 64, 5, sizes> {
    static constexpr RcnnSettings settings{.score_threshold = 0.1f};
};

constexpr CudaPrecision precisions[] = {CudaPrecision::float32, CudaPrecision::float16, CudaPrecision::bfloat16};

int passed = 0, failed = 0;
void check(bool good, const std::string& what) {
    std::printf("%s: %s\n", good ? "ok" : "FAILED", what.c_str());
    std::fflush(stdout);
    ++(good ? passed : failed);
}

double seconds_since(clock_type::time_point begin) { return std::chrono::duration<double>(clock_type::now() - begin).count(); }

/// The greatest difference over the greatest value; infinite for other shapes, and for integers that differ.
double difference(const Tensor& a, const Tensor& b) {
    if (!(a.shape() == b.shape()) || a.dtype() != b.dtype()) return INFINITY;
    if (a.dtype() != DType::f32) return a.bytes() == 0 || std::memcmp(a.raw(), b.raw(), a.bytes()) == 0 ? 0 : INFINITY;
    double most = 0, scale = 1e-30;
    for (std::int64_t i = 0; i < a.numel(); ++i) {
        const double distance = std::fabs(double(a.data<float>()[i]) - double(b.data<float>()[i]));
        if (!(distance <= most)) most = distance;  // NaN stays
        scale = std::fmax(scale, std::fabs(double(b.data<float>()[i])));
    }
    return most / scale;
}

bool same_bits(const Outputs& a, const Outputs& b) {
    for (std::size_t i = 0; i < a.entries().size(); ++i) {
        const Tensor &left = a.entries()[i].second, &right = b.entries()[i].second;
        if (!(left.shape() == right.shape()) || (left.bytes() != 0 && std::memcmp(left.raw(), right.raw(), left.bytes()) != 0)) return false;
    }
    return true;
}

bool same_bits(const DetectionList& a, const DetectionList& b) {
    if (a.size() != b.size()) return false;
    for (std::size_t i = 0; i < a.size(); ++i) {
        if (a[i].box != b[i].box || a[i].score != b[i].score || a[i].label != b[i].label || a[i].mask_probabilities != b[i].mask_probabilities) return false;
    }
    return true;
}

Image noise_picture(std::int64_t height, std::int64_t width) {
    Image picture(height, width);
    for (std::size_t i = 0; i < picture.pixels.size(); ++i) picture.pixels[i] = std::uint8_t(i * 2654435761u >> 13);
    return picture;
}

void run_case(const device_check::Case& one, const CudaBackend& backend, bool compares) {
    const std::string what = one.name + " on " + backend.name();
    try {
        const Program program(backend, one.graph, one.weights);
        Context context;
        const Outputs first = program.run(context, one.inputs), second = program.run(context, one.inputs), third = program.run(context, one.inputs);
        check(same_bits(first, second) && same_bits(second, third), what + ": the same bits without a graph, with a new one and with an old one");
        if (!compares) return;
        Context reference_context;
        const Outputs expected = Program(ReferenceBackend{}, one.graph, one.weights).run(reference_context, one.inputs);
        for (std::size_t i = 0; i < expected.entries().size(); ++i) {
            const double off = difference(first.entries()[i].second, expected.entries()[i].second);
            check(off <= one.limit, what + ": " + expected.entries()[i].first + " is off by " + std::to_string(off * 1e6) + "e-6 of its greatest value");
        }
    } catch (const Error& error) {
        check(false, what + ": " + error.what());
    }
}

/// From pictures by each rule of resizing: what the network finds on prepared input, and pasted masks like the host's.
void run_pictures(const device_check::Case& one, const CudaBackend& backend) {
    for (const Interpolation interpolation : {Interpolation::opencv_bilinear, Interpolation::pillow_bilinear, Interpolation::torch_bilinear}) {
        const std::string what = std::string("pictures resized by the rules of ") + (interpolation == Interpolation::opencv_bilinear ? "OpenCV" : interpolation == Interpolation::pillow_bilinear ? "Pillow" : "torch") + " on " + backend.name();
        try {
            ModelFacts facts;
            facts.preprocessing.long_side = 96, facts.preprocessing.short_side = 64;
            facts.preprocessing.interpolation = interpolation;
            const std::vector<Image> images{noise_picture(50, 70), noise_picture(130, 90)};
            const CudaDetector detector(backend, one.graph, one.weights, facts);
            const auto expected = AnyDetector(backend, one.graph, one.weights, facts)(images);
            bool same = true;
            std::size_t objects = 0;
            for (int run = 0; run < 3; ++run) {
                const auto found = detector(images);
                for (std::size_t i = 0; i < images.size(); ++i) same = same && same_bits(found[i], expected[i]), objects += found[i].size();
            }
            check(same && objects > 0, what + ": the same bits as from prepared input");
            const auto wanted = PanopticDetector(backend, one.graph, one.weights, facts)(images), segments = detector.segments(images);
            bool same_segments = true;
            for (std::size_t i = 0; i < images.size(); ++i) same_segments = same_segments && segments[i].map == wanted[i].map && same_bits(segments[i].detections, wanted[i].detections);
            check(same_segments, what + ": segments of labels made on the device are those of labels made on the host");
            std::int64_t different = 0;
            for (const DetectionList& list : expected) {
                if (list.empty()) continue;
                const CudaTensor pasted = detector.masks(list);
                std::vector<std::uint8_t> pixels(std::size_t(pasted.shape().numel()));
                const auto library = cuda::system_libraries();
                if (library->cuda.to_host_async(pixels.data(), reinterpret_cast<cuda::DevicePointer>(pasted.data()), pixels.size(), nullptr) != 0 || library->cuda.stream_synchronize(nullptr) != 0) {
                    throw BackendError("reading masks back failed");
                }
                const std::uint8_t* pixel = pixels.data();
                for (const Detection& object : list) {
                    const BitMask mask = object.mask();
                    for (std::int64_t y = 0; y < list.picture.height; ++y)
                        for (std::int64_t x = 0; x < list.picture.width; ++x) different += mask.at(y, x) != (*pixel++ != 0) ? 1 : 0;
                }
            }
            check(different == 0, what + ": " + std::to_string(different) + " pixels of masks differ from the host's");
        } catch (const Error& error) {
            check(false, what + ": " + error.what());
        }
    }
}

void run_small(bool cudnn) {
    const std::vector<device_check::Case> cases = device_check::small_cases();
    for (const CudaPrecision precision : precisions) {
        const CudaBackend backend({.precision = precision, .cudnn = cudnn});
        std::printf("-- %s, %s\n", backend.name().c_str(), cudnn ? "with cuDNN" : "own kernels only");
        for (const device_check::Case& one : cases) run_case(one, backend, precision == CudaPrecision::float32);
        run_pictures(cases.back(), backend);
    }
}

void run_network() {
    const Graph graph = recorded<Network>();
    const Weights weights = device_check::weights_of(graph);
    const InputSize size{1, 320, 448};
    const std::vector<Tensor> inputs{device_check::numbers(Shape{1, 3, size.height, size.width}, "image", -2, 2), device_check::whole_picture_info(1, size.height, size.width)};
    const CompileOptions maps{.extra_outputs = {"C2", "C5"}};
    Context reference_context;
    const Outputs expected = Program(ReferenceBackend{}, graph, weights, maps).run(reference_context, inputs);
    for (const CudaOptions& options : {CudaOptions{}, CudaOptions{.tf32 = true}, CudaOptions{.precision = CudaPrecision::float16}, CudaOptions{.precision = CudaPrecision::bfloat16}}) {
        try {
            const CudaBackend backend(options);
            const Program program(backend, graph, weights, maps);
            Context context;
            const Outputs first = program.run(context, inputs), second = program.run(context, inputs), third = program.run(context, inputs);
            std::printf("-- %s%s\n", backend.name().c_str(), options.tf32 ? ", TF32" : "");
            check(same_bits(first, second) && same_bits(second, third), "runs without a graph, with a new one and with an old one give the same bits");
            for (const char* name : {"C2", "C5"}) {
                const double off = difference(first[name], expected[name]);
                // TF32 and float16 round factors by 2^-11, bfloat16 by 2^-8; errors grow with depth.
                check(off <= (options.tf32 || options.precision == CudaPrecision::float16 ? 2e-2 : options.precision == CudaPrecision::float32 ? 2e-5 : 1e-1), std::string(name) + " is off by " + std::to_string(off * 1e6) + "e-6");
            }
            const auto begin = clock_type::now();
            for (int i = 0; i < 50; ++i) program.run(context, inputs);
            std::printf("%.3f ms a run\n", seconds_since(begin) * 20);
            Profile profile;
            program.run(context, inputs, &profile);
            std::printf("%s", program.explain(size, &profile).c_str());
        } catch (const Error& error) {
            check(false, error.what());
        }
    }
}

/// Plans come and go, memory must not: after the first hundred sizes no more is taken.
void run_sizes(int count, double seconds) {
    const device_check::Case one = device_check::small_cases().back();
    ModelFacts facts;
    facts.preprocessing.resize_rule = ResizeRule::none;
    const CudaBackend backend;
    const CudaDetector detector(backend, one.graph, one.weights, facts);
    const auto library = cuda::system_libraries();
    const auto used = [&] {
        std::size_t free = 0, total = 0;
        if (library->cuda.memory_info(&free, &total) != 0) throw BackendError("asking for free memory failed");
        return total - free;
    };
    detector(noise_picture(320, 320));  // the largest
    const auto begin = clock_type::now();
    std::size_t settled = 0, most = 0;
    int done = 0;
    for (std::uint32_t state = 1; done < count && seconds_since(begin) < seconds; ++done) {
        const auto side = [&] { return std::int64_t(1 + ((state = state * 1664525u + 1013904223u) >> 16) % 320); };
        const std::int64_t height = side(), width = side();
        detector(noise_picture(height, width));
        if (done == 99) settled = used();
        if (done >= 99) most = std::max(most, used());
    }
    const std::size_t growth = settled == 0 ? 0 : most - settled;
    // The driver takes memory for graphs and kernels in pieces of 2 MiB.
    check(done > 100 && growth <= (std::size_t(8) << 20), std::to_string(done) + " of " + std::to_string(count) + " random sizes, device memory grew by " + std::to_string(growth) + " bytes after the first hundred");
}

}  // namespace

int main(int argc, char** argv) {
    const std::string what = argc > 1 ? argv[1] : "all";
    if (what != "all" && what != "quick" && what != "own" && what != "sizes") {
        std::printf("regulus_cuda_device_check [quick | own | sizes [N] [SECONDS]]\n");
        return 2;
    }
    if (const std::string why = CudaBackend::unavailable({.cudnn = what != "own"}); !why.empty()) {
        std::printf("%s\n0 passed, 0 failed, 1 skipped\n", why.c_str());
        return 0;
    }
    try {
        if (what != "sizes") run_small(false);
        if (what == "all" || what == "quick") run_small(true);
        if (what == "all") run_network();
        if (what == "sizes") run_sizes(argc > 2 ? std::atoi(argv[2]) : 1000, argc > 3 ? std::atof(argv[3]) : 60);
    } catch (const Error& error) {
        check(false, error.what());
    }
    std::printf("%d passed, %d failed, 0 skipped\n", passed, failed);
    return failed == 0 ? 0 : 1;
}
