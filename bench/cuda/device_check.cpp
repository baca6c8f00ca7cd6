// A first look at a real device: networks of convolutions, groups, lists and regions in every precision against the reference backend, the same bits in
// two runs and through a captured graph, and times. Ends with "N passed, N failed, N skipped"; without a GPU everything is skipped, with the reason.
//   g++ -std=c++20 -O2 -Iinclude -Ibackends/reference/include -Ibackends/cuda/include -Iconverters/include device_check.cpp -lregulus_cuda -ldl
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstring>

#include <regulus/converters/seeded_weights.hpp>
#include <regulus/cuda.hpp>
#include <regulus/models/mask_rcnn.hpp>
#include <regulus/reference.hpp>

namespace {

using namespace regulus;

constexpr RcnnSizes sizes{.rpn_candidates = 200, .proposals = 100, .box_features = 256, .mask_convs = 2, .mask_channels = 64, .detections = 50};
struct Network : MaskRcnn<RegNet<regnetx_200mf>, 64, 5, sizes> {
    static constexpr RcnnSettings settings{.score_threshold = 0.1f};
};

Weights weights_of(const Graph& graph) {
    Weights weights;
    for (const Node& node : graph.nodes) {
        for (const Parameter& parameter : node.parameters) {
            if (weights.find(parameter.name) != nullptr) continue;
            Tensor tensor = seeded_tensor(parameter.name, parameter.shape, 0);
            const auto ends_with = [&](const std::string& end) { return parameter.name.size() >= end.size() && parameter.name.compare(parameter.name.size() - end.size(), end.size(), end) == 0; };
            const float factor = ends_with(".c.norm.weight") ? 0.25f : ends_with("logits.weight") ? 0.1f : ends_with("deltas.weight") ? 0.05f : 1.f;
            for (std::int64_t i = 0; i < tensor.numel(); ++i) tensor.data<float>()[i] *= factor;
            weights.add(parameter.name, tensor);
        }
    }
    return weights;
}

double difference(const Tensor& a, const Tensor& b) {
    if (!(a.shape() == b.shape())) return INFINITY;
    double most = 0, scale = 1e-30;
    for (std::int64_t i = 0; i < a.numel(); ++i) {
        most = std::fmax(most, std::fabs(double(a.data<float>()[i]) - double(b.data<float>()[i])));
        scale = std::fmax(scale, std::fabs(double(b.data<float>()[i])));
    }
    return most / scale;
}

bool same_bits(const Outputs& a, const Outputs& b) {
    for (std::size_t i = 0; i < a.entries().size(); ++i) {
        const Tensor &left = a.entries()[i].second, &right = b.entries()[i].second;
        if (!(left.shape() == right.shape()) || std::memcmp(left.raw(), right.raw(), left.bytes()) != 0) return false;
    }
    return true;
}

int passed = 0, failed = 0;
void check(bool good, const char* what) {
    std::printf("%s: %s\n", good ? "ok" : "FAILED", what);
    ++(good ? passed : failed);
}

}  // namespace

int main() {
    if (const std::string why = CudaBackend::unavailable(); !why.empty()) {
        std::printf("%s\n0 passed, 0 failed, 1 skipped\n", why.c_str());
        return 0;
    }
    const Graph graph = recorded<Network>();
    const Weights weights = weights_of(graph);
    const InputSize size{1, 320, 448};
    Tensor image(Shape{1, 3, size.height, size.width}, DType::f32), info(Shape{1, 4}, DType::f32);
    for (std::int64_t i = 0; i < image.numel(); ++i) image.data<float>()[i] = float(4 * seeded_uniform(fnv1a64("image"), 1, std::uint64_t(i)) - 2);
    const float whole[4] = {float(size.height), float(size.width), 1, 1};
    std::memcpy(info.data<float>(), whole, sizeof whole);
    const std::vector<Tensor> inputs{image, info};
    const CompileOptions maps{.extra_outputs = {"C2", "C5"}};
    Context reference_context;
    const Outputs expected = Program(ReferenceBackend{}, graph, weights, maps).run(reference_context, inputs);
    for (const CudaPrecision precision : {CudaPrecision::float32, CudaPrecision::float16, CudaPrecision::bfloat16}) {
        try {
            const CudaBackend backend({.precision = precision});
            const Program program(backend, graph, weights, maps);
            Context context;
            const Outputs first = program.run(context, inputs), second = program.run(context, inputs), third = program.run(context, inputs);
            std::printf("%s\n%s", backend.name().c_str(), program.explain(size).c_str());
            check(same_bits(first, second) && same_bits(second, third), "runs without a graph, with a new one and with an old one give the same bits");
            for (const char* name : {"C2", "C5"}) {
                const double off = difference(first[name], expected[name]);
                std::printf("%s is off by %.2e of its greatest value\n", name, off);
                check(off <= (precision == CudaPrecision::float32 ? 2e-5 : precision == CudaPrecision::float16 ? 2e-2 : 1e-1), name);
            }
            const auto begin = std::chrono::steady_clock::now();
            for (int i = 0; i < 50; ++i) program.run(context, inputs);
            std::printf("%.3f ms a run\n", std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin).count() / 50);
            Profile profile;
            program.run(context, inputs, &profile);
            std::printf("%s", program.explain(size, &profile).c_str());
        } catch (const Error& error) {
            check(false, error.what());
        }
    }
    std::printf("%d passed, %d failed, 0 skipped\n", passed, failed);
    return failed == 0 ? 0 : 1;
}
