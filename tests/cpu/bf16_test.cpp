// The CPU backend in bfloat16: that it is bfloat16, what it does to a detector, where it is refused.
#include "bf16.hpp"

#include <regulus/cpu/tile_functions-impl.hpp>
#include <regulus/data/image_file.hpp>
#include <regulus/models/recorded.hpp>
#include <regulus/pipeline/detector.hpp>
#include <regulus/weights/read_weights.hpp>

#include "../../examples/fasteners.hpp"

using namespace regulus;
using namespace regulus::testing;

namespace {

std::size_t bf16_steps(const Program& program, const InputSize& size) {
    std::size_t count = 0;
    for (const Step& step : program.steps(size)) count += step.reason.find("bfloat16") != std::string::npos ? 1 : 0;
    return count;
}

}  // namespace

TEST_CASE("cpu bf16: factors that bfloat16 holds exactly give float32's results, others differ by its rounding") {
    const Graph graph = one_convolution(conv(32, 32, 3));
    const InputSize size{1, 24, 20};
    const Weights random = random_weights(graph);
    const std::vector<Tensor> inputs = random_inputs(graph, size);
    const double rounded = relative_difference(run_on(bf16_backend(), graph, random, inputs)["y"], run_on(ReferenceBackend{}, graph, random, inputs)["y"]);
    CHECK(rounded > 2e-5);  // it is bfloat16
    CHECK(rounded < 1e-2);  // each factor is off by up to 2^-9; 288 of them average that out
    check_exact_factors(graph, size);
}

TEST_CASE("cpu bf16: all convolutions and linear layers of a detector are made in it, its scores and deltas in float32 out of it") {
    const Graph graph = recorded<Fasteners>();
    const Program program = compile(bf16_backend(), graph, read_weights(REGULUS_SOURCE_DIR "/examples/model/fasteners.safetensors"), {.threads = 2});
    const InputSize size{1, 128, 160};
    const std::string set = cpu::tile_functions().name, kernels[] = {set + " convolution", set + " matrix product"};
    for (const Step& step : program.steps(size)) {
        const bool multiplies = step.macs != 0 && step.operation.find("roi_align") == std::string::npos;
        INFO(step.node << " " << step.operation << " " << step.kernel);
        if (multiplies) CHECK((step.kernel.rfind(kernels[0], 0) == 0 || step.kernel.rfind(kernels[1], 0) == 0));
    }
    CHECK(bf16_steps(program, size) > 40);
    const Graph optimized = optimize(graph);
    const std::vector<bool> kept = cpu::bf16_maps(optimized);
    for (const Node& node : optimized.nodes) {
        if (node.name.find("logits") == std::string::npos && node.name.find("deltas") == std::string::npos) continue;
        for (const ValueId id : node.outputs) CHECK(!kept[std::size_t(id)]);
    }
    CHECK(std::count(kept.begin(), kept.end(), true) > 30);
}

TEST_CASE("cpu bf16: the shipped detector finds nearly the same objects") {
    const Weights weights = read_weights(REGULUS_SOURCE_DIR "/examples/model/fasteners.safetensors");
    const Detector<Fasteners> exact{CpuBackend{}, weights, CompileOptions{.threads = 2}}, rounded{fastest_bf16_backend(), weights, CompileOptions{.threads = 2}};
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
    const Graph graph = one_convolution(conv(32, 32, 3));
    const CpuBackend bf16{{.precision = CpuPrecision::bf16}};
    const Weights weights = random_weights(graph);
    const std::vector<Tensor> inputs = random_inputs(graph, {1, 8, 8});
    if (cpu::has_bf16_products()) {
        CHECK(same_bits(run_on(bf16, graph, weights, inputs), run_on(fastest_bf16_backend(), graph, weights, inputs)));
    } else {
        CHECK_THROWS_WITH_AS(compile(bf16, graph, weights),
                             "cpu: bfloat16 gains nothing on this machine, whose processor has neither AMX nor AVX512-BF16; use float32 (or bf16_anywhere, to see what bfloat16 does to results)", BackendError);
    }
}
