// What device_check runs on a device launches every own kernel, and is right on the emulated one.
#include <set>

#include "../../bench/cuda/every_kernel.hpp"
#include "cuda/all_orders.hpp"

#include <regulus/cuda/detector.hpp>

using namespace regulus;
using namespace regulus::testing;

TEST_CASE("device_check: its small graphs, in every precision, and a detector from pictures launch every kernel there is") {
    EmulatedDevice device;
    const auto libraries = device.libraries();
    std::vector<device_check::Case> cases = device_check::small_cases();
    for (const CudaPrecision precision : {CudaPrecision::float32, CudaPrecision::float16, CudaPrecision::bfloat16}) {
        const CudaBackend backend({.precision = precision, .cudnn = false}, libraries);
        for (const device_check::Case& one : cases) {
            INFO(one.name);
            const Program program(backend, one.graph, one.weights);
            Context context;
            const Outputs got = program.run(context, one.inputs);
            if (precision != CudaPrecision::float32) continue;
            const Outputs expected = run<float>(one.graph, one.weights, one.inputs);
            for (std::size_t i = 0; i < got.entries().size(); ++i) {
                const Tensor& tensor = got.entries()[i].second;
                const Tensor& wanted = expected.entries()[i].second;
                INFO(got.entries()[i].first);
                REQUIRE(to_string(tensor.shape()) == to_string(wanted.shape()));
                CHECK(wanted.numel() > 0);
                if (wanted.dtype() == DType::f32) CHECK(relative_error(tensor, wanted) <= one.limit);
                else CHECK(equal(tensor, wanted));
            }
        }
        for (const Interpolation interpolation : {Interpolation::opencv_bilinear, Interpolation::pillow_bilinear, Interpolation::torch_bilinear}) {
            ModelFacts facts;
            facts.preprocessing.long_side = 96, facts.preprocessing.short_side = 64;
            facts.preprocessing.interpolation = interpolation;
            const CudaDetector detector(backend, cases.back().graph, cases.back().weights, facts);
            Image picture(50, 70);
            for (std::size_t i = 0; i < picture.pixels.size(); ++i) picture.pixels[i] = std::uint8_t(i * 2654435761u >> 13);
            const DetectionList found = detector(picture);
            REQUIRE(found.size() > 0);
            CHECK(detector.masks(found).shape()[0] == std::int64_t(found.size()));
            CHECK(detector.segments(picture).map.height == 50);
        }
    }
    const std::set<std::string> launched(device.launched.begin(), device.launched.end());
    for (const auto& entry : device.kernels) {
        INFO(entry.first);
        CHECK(launched.count(entry.first) == 1);
    }
}
