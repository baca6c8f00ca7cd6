// Packed rows end in padding, of which norms take no notice.
#include <algorithm>
#include <memory>
#include <vector>

#include <doctest/doctest.h>

#include <regulus/cpu/learning.hpp>
#include <regulus/reference/learning.hpp>

#include "reference/graph_support.hpp"

using namespace regulus;
using namespace regulus::testing;

namespace {

/// Forward and back of a batch norm with relu of 7 channels on rows of 3 x 2 pixels: outputs, gradients of inputs and parameters, running statistics.
std::vector<float> run_norm(const train::LearningBackend& backend, std::int64_t rows, std::int64_t counted, bool stored) {
    constexpr std::int64_t channels = 7;
    const Shape shape{rows, channels, 3, 2};
    const std::int64_t row = shape.numel() / rows;
    ops::BatchNorm norm;
    norm.channels = int(channels);
    norm.activation = Activation::relu;
    train::LearningRules rules;
    rules.threads = 2;
    rules.stored_statistics = stored;
    const std::unique_ptr<train::LearningKernel> kernel = backend.kernel(Node{norm, "norm", {0}, {1}, {}}, {shape}, {shape}, rules);
    const auto values = [&](std::uint64_t seed, std::int64_t count, float least) {
        const Tensor tensor = random_tensor(Shape{1000}, seed, least, 2);
        return std::vector<float>(tensor.data<float>(), tensor.data<float>() + count);
    };
    std::vector<float> input = values(1, row * rows, -2), output(input.size(), 99), gradient = values(2, row * rows, -2), input_gradient(input.size(), 99);
    std::fill(gradient.begin() + counted * row, gradient.end(), 0.f);  // nobody looks at padding
    std::vector<std::vector<float>> parameters, gradients(2, std::vector<float>(channels, 0.5f));
    for (std::uint64_t seed = 3; seed < 7; ++seed) parameters.push_back(values(seed, channels, 0.5f));
    std::vector<std::byte> kept(kernel->kept_bytes() + 64), scratch(kernel->scratch_bytes() + 64);
    train::LearningArguments arguments;
    arguments.inputs = {input.data()};
    arguments.outputs = {output.data()};
    arguments.rows = counted == rows ? -1 : counted;
    for (std::vector<float>& parameter : parameters) arguments.parameters.push_back(parameter.data());
    const auto aligned = [](std::vector<std::byte>& bytes) { return bytes.data() + (64 - reinterpret_cast<std::uintptr_t>(bytes.data()) % 64) % 64; };
    arguments.kept = aligned(kept);
    arguments.scratch = aligned(scratch);
    kernel->forward(arguments);
    arguments.output_gradients = {gradient.data()};
    arguments.input_gradients = {input_gradient.data()};
    arguments.parameter_gradients = {gradients[0].data(), gradients[1].data(), nullptr, nullptr};
    std::vector<float> all(output.begin(), output.begin() + counted * row);
    for (std::size_t i = std::size_t(counted * row); i < output.size(); ++i) CHECK(output[i] == 0);
    kernel->backward(arguments);
    all.insert(all.end(), input_gradient.begin(), input_gradient.begin() + counted * row);
    for (std::size_t i = std::size_t(counted * row); i < output.size(); ++i) CHECK(input_gradient[i] == 0);
    for (const std::vector<std::vector<float>>* lists : {&parameters, &gradients}) {
        for (const std::vector<float>& list : *lists) all.insert(all.end(), list.begin(), list.end());
    }
    return all;
}

}  // namespace

TEST_CASE("learning: a batch norm of rows with padding is that of the rows alone") {
    for (const bool stored : {false, true}) {
        CAPTURE(stored);
        CHECK(run_norm(CpuLearning{}, 5, 3, stored) == run_norm(CpuLearning{}, 3, 3, stored));
        CHECK(run_norm(ReferenceLearning{}, 5, 3, stored) == run_norm(ReferenceLearning{}, 3, 3, stored));
        for (const float value : run_norm(CpuLearning{}, 4, 0, stored)) CHECK(value > 0);  // parameters as they were
        CHECK(run_norm(CpuLearning{}, 4, 0, stored) == run_norm(ReferenceLearning{}, 4, 0, stored));
    }
}
