// What a user's program does with Regulus: describes a network, runs it on two backends. The same file is built in all the ways in which Regulus can be used.
#include <regulus/regulus.hpp>

#include <regulus/cpu.hpp>
#include <regulus/reference.hpp>

#include <cmath>
#include <cstdio>

#include "second.hpp"

struct Sorter : regulus::Classifier<regulus::RegNet<regulus::regnetx_200mf>, 10> {};

namespace {

/// Small numbers of both signs for matrices, positive ones near 1 for vectors (they may be variances).
regulus::Weights invented_weights(const regulus::Graph& graph) {
    regulus::Weights weights;
    std::uint32_t state = 1;
    for (const regulus::Node& node : graph.nodes) {
        for (const regulus::Parameter& parameter : node.parameters) {
            regulus::Tensor tensor(parameter.shape, regulus::DType::f32);
            const bool vector = parameter.shape.rank() == 1;
            const double fan_in = vector ? 1 : double(parameter.shape.numel()) / double(parameter.shape[0]);
            for (std::int64_t i = 0; i < tensor.numel(); ++i) {
                state = state * 1664525u + 1013904223u;
                const double u = double(state >> 8) / double(1 << 24);
                tensor.data<float>()[i] = float(vector ? 0.75 + 0.5 * u : (2 * u - 1) * std::sqrt(3 / fan_in));
            }
            weights.add(parameter.name, tensor);
        }
    }
    return weights;
}

regulus::Tensor logits(const regulus::Backend& backend, const regulus::Graph& graph) {
    const regulus::Program program(backend, graph, invented_weights(graph));
    regulus::Tensor image({2, 3, 61, 93}, regulus::DType::f32);
    for (std::int64_t i = 0; i < image.numel(); ++i) image.data<float>()[i] = std::sin(0.01f * float(i));
    regulus::Context context;
    return program.run(context, {image})["logits"];
}

}  // namespace

int main() {
    const regulus::Graph graph = regulus::recorded<Sorter>();
    if (operations_in_second_file() != graph.nodes.size()) return 1;
    const regulus::Tensor expected = logits(regulus::ReferenceBackend{}, graph);
    const regulus::Tensor given = logits(regulus::CpuBackend{}, graph);
    if (given.shape() != regulus::Shape{2, 10} || given.shape() != expected.shape()) return 1;
    double largest = 0, worst = 0;
    for (std::int64_t i = 0; i < given.numel(); ++i) {
        largest = std::fmax(largest, std::fabs(expected.data<float>()[i]));
        worst = std::fmax(worst, std::fabs(given.data<float>()[i] - expected.data<float>()[i]));
    }
    // float32 sums in another order, over 13 blocks: a few units of 1e-7 each
    if (!(largest > 0) || !(worst <= 1e-4 * largest)) {
        std::printf("the backends differ by %g where values reach %g\n", worst, largest);
        return 1;
    }
    std::printf("Regulus %d.%d.%d: the backends agree\n", REGULUS_VERSION_MAJOR, REGULUS_VERSION_MINOR, REGULUS_VERSION_PATCH);
}
