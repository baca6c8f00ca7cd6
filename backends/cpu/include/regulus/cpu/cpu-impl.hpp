#pragma once
#include <regulus/cpu.hpp>
#include <regulus/cpu/plan-impl.hpp>
#include <regulus/graph/passes.hpp>

namespace regulus {

REGULUS_INLINE std::shared_ptr<const Executable> CpuBackend::compile(const Graph& graph, const Weights& weights, const CompileOptions& options) const {
    cpu::bound_primitive_cache();
    auto compiled = std::make_shared<cpu::Compiled>();
    compiled->graph = optimize(with_outputs(graph, options.extra_outputs));
    compiled->bound = bind_weights(compiled->graph, weights);
    compiled->winograd = options_.winograd;
    compiled->threads = cpu::thread_count(options.threads);
    for (const auto& tensors : compiled->bound) {
        for (const Tensor& tensor : tensors) compiled->weight_bytes += tensor.bytes();
    }
    return std::make_shared<cpu::CpuExecutable>(std::move(compiled));
}

}  // namespace regulus
