#pragma once
#include <map>

#include <regulus/cpu.hpp>
#include <regulus/cpu/plan-impl.hpp>
#include <regulus/graph/passes.hpp>

namespace regulus {

REGULUS_INLINE std::shared_ptr<const Executable> CpuBackend::compile(const Graph& graph, const Weights& weights, const CompileOptions& options) const {
    cpu::bound_primitive_cache();
    if (options_.precision == CpuPrecision::bf16 && !cpu::has_bf16_products()) {
        throw BackendError("cpu: bfloat16 gains nothing on this machine, whose processor has neither AMX nor AVX512-BF16; use float32 (or bf16_anywhere, to see what bfloat16 does to results)");
    }
    auto compiled = std::make_shared<cpu::Compiled>();
    const std::vector<std::vector<Tensor>> bound = bind_weights(graph, weights);  // as recorded: a checkpoint may hold what the outputs do not need
    std::map<std::string, Tensor> tensors;  // by name, because the passes move parameters between nodes
    for (std::size_t id = 0; id < graph.nodes.size(); ++id) {
        for (std::size_t i = 0; i < bound[id].size(); ++i) tensors.emplace(graph.nodes[id].parameters[i].name, bound[id][i]);
    }
    compiled->graph = optimize(with_outputs(graph, options.extra_outputs));
    std::map<std::string, std::size_t> kept;  // heads share their parameters between levels
    for (const Node& node : compiled->graph.nodes) {
        compiled->bound.emplace_back();
        for (const Parameter& parameter : node.parameters) {
            compiled->bound.back().push_back(tensors.at(parameter.name));
            kept.emplace(parameter.name, compiled->bound.back().back().bytes());
        }
    }
    for (const auto& [name, bytes] : kept) compiled->weight_bytes += bytes;
    compiled->winograd = options_.winograd;
    compiled->strassen = options_.strassen;
    compiled->bf16 = options_.precision != CpuPrecision::f32;
    compiled->bf16x3 = !compiled->bf16 && (options_.bf16x3 == CpuBf16x3::anywhere || (options_.bf16x3 == CpuBf16x3::with_amx && cpu::may_use_amx()));
    compiled->bf16_maps = compiled->bf16 ? cpu::bf16_maps(compiled->graph) : std::vector<bool>(compiled->graph.values.size());
    compiled->threads = cpu::thread_count(options.threads);
    return std::make_shared<cpu::CpuExecutable>(std::move(compiled));
}

}  // namespace regulus
