// The CPU backend in bfloat16: what it rounds, what it leaves alone, where it is refused.
#include "compare.hpp"

#include <regulus/models/recorded.hpp>
#include <regulus/data/image_file.hpp>
#include <regulus/pipeline/detector.hpp>
#include <regulus/weights/read_weights.hpp>

#include "../../examples/fasteners.hpp"
#include "../support/shared.hpp"

using namespace regulus;
using namespace regulus::testing;

namespace {

const CpuBackend bf16{{.precision = CpuPrecision::bf16_anywhere}};

/// Two convolutions; the second gives the output and stays float32.
Graph two_convolutions(int channels, int groups) {
    return graph_of(channels, [&](const Scope& scope, ValueId image) {
        ops::Conv2d op;
        op.in_channels = op.out_channels = channels;
        op.groups = groups;
        op.kernel = 3;
        op.padding = 1;
        op.bias = true;
        const ValueId inner = record::conv2d(scope / "inner", op, image);
        ops::Conv2d last;
        last.in_channels = last.out_channels = channels;
        return record::conv2d(scope / "last", last, inner);
    });
}

std::size_t bf16_steps(const Program& program, const InputSize& size) {
    std::size_t count = 0;
    for (const Step& step : program.steps(size)) count += step.reason.find("bfloat16") != std::string::npos ? 1 : 0;
    return count;
}

/// The values cut to what bfloat16 holds exactly.
Tensor cut(const Tensor& tensor) {
    Tensor result = tensor.clone();
    for (std::int64_t i = 0; i < result.numel(); ++i) {
        std::uint32_t bits;
        std::memcpy(&bits, result.data<float>() + i, 4);
        bits &= 0xFFFF0000u;
        std::memcpy(result.data<float>() + i, &bits, 4);
    }
    return result;
}

}  // namespace

// Leaves the test case, counted as skipped, where oneDNN has no bfloat16 kernels for this processor.
#define REQUIRE_BF16(program, size)                                           \
    if (bf16_steps(program, size) == 0) {                                     \
        ++skipped_count();                                                    \
        MESSAGE("skipped: this processor has no instructions for bfloat16"); \
        return;                                                               \
    }

TEST_CASE("cpu bf16: factors that bfloat16 holds exactly give float32's results, others differ by its rounding") {
    const InputSize size{1, 24, 20};
    for (const auto& [channels, groups] : {std::pair{32, 1}, {64, 1}}) {
        const Graph graph = two_convolutions(channels, groups);
        const Weights random = random_weights(graph);
        const std::vector<Tensor> inputs = random_inputs(graph, size);
        REQUIRE_BF16(compile(bf16, graph, random, {.threads = 2}), size);
        const double rounded = relative_difference(run_on(bf16, graph, random, inputs)["y"], run_on(ReferenceBackend{}, graph, random, inputs)["y"]);
        CHECK(rounded > 2e-5);   // it is bfloat16
        CHECK(rounded < 2e-2);   // each factor is off by up to 2^-9; 288 and more of them average that out
        Weights exact;
        for (const Weights::Entry& entry : random.entries()) exact.add(entry.name, cut(entry.tensor));
        const std::vector<Tensor> exact_inputs{cut(inputs[0])};
        CHECK(relative_difference(run_on(bf16, graph, exact, exact_inputs)["y"], run_on(ReferenceBackend{}, graph, exact, exact_inputs)["y"]) < one_layer);
    }
}

TEST_CASE("cpu bf16: what scores and boxes are made of stays float32, most of the rest is not") {
    const Graph graph = recorded<Fasteners>();
    const Program program = compile(bf16, graph, read_weights(REGULUS_SOURCE_DIR "/examples/model/fasteners.safetensors"), {.threads = 2});
    const InputSize size{1, 128, 160};
    REQUIRE_BF16(program, size);
    CHECK(bf16_steps(program, size) > 40);
    for (const Step& step : program.steps(size)) {
        if (step.node.find("logits") != std::string::npos || step.node.find("deltas") != std::string::npos) CHECK(step.reason.find("bfloat16") == std::string::npos);
    }
}

TEST_CASE("cpu bf16: the shipped detector finds nearly the same objects") {
    const Weights weights = read_weights(REGULUS_SOURCE_DIR "/examples/model/fasteners.safetensors");
    const Detector<Fasteners> exact{CpuBackend{}, weights, CompileOptions{.threads = 2}}, rounded{bf16, weights, CompileOptions{.threads = 2}};
    const Image image = read_image(REGULUS_TEST_DATA "/fasteners/val_0001.jpg");
    const DetectionList a = above(exact(image), 0.5f), b = above(rounded(image), 0.5f);
    REQUIRE(a.size() > 5);
    std::size_t paired = 0;
    for (const Detection& x : a) {
        for (const Detection& y : b) {
            bool near = x.label == y.label && std::fabs(x.score - y.score) < 0.1f;
            for (std::size_t i = 0; i < 4; ++i) near = near && std::fabs(x.box[i] - y.box[i]) < 3.f;
            if (near) {
                ++paired;
                break;
            }
        }
    }
    MESSAGE(paired << " of " << a.size() << " and " << b.size());
    CHECK(paired * 10 >= a.size() * 9);
    CHECK(b.size() * 10 <= a.size() * 11);
}

TEST_CASE("cpu bf16: is refused in one sentence where it gains nothing, else it runs") {
    const Graph graph = two_convolutions(32, 1);
    try {
        run_on(CpuBackend{{.precision = CpuPrecision::bf16}}, graph, random_weights(graph), random_inputs(graph, {1, 8, 8}));
    } catch (const BackendError& error) {
        CHECK(std::string(error.what()) ==
              "cpu: bfloat16 gains nothing on this machine, whose processor lacks AMX; use float32 (or bf16_anywhere, to see what bfloat16 does to results)");
    }
}
