#pragma once
// Convolutions and linear layers in bfloat16: factors of 8 significant bits; sums, bias, residual and results are float32. Maps stay float32 between the
// kernels; each converts what it reads. What chooses boxes is computed in float32: scores and deltas, on which ranks and overlaps hang.
#include <bit>

#include <regulus/cpu/primitive-impl.hpp>

namespace regulus::cpu {

/// Whether this processor multiplies matrices of bfloat16 (AMX); without, bfloat16 gains nothing.
inline bool has_bf16_matrices() {
    const auto set = unsigned(dnnl::get_effective_cpu_isa()), needed = unsigned(dnnl::cpu_isa::avx512_core_amx);
    return (set & needed) == needed;
}

/// The nearest bfloat16, ties to even; NaN stays NaN.
inline std::uint16_t bf16_of(float value) {
    const std::uint32_t bits = std::bit_cast<std::uint32_t>(value);
    const std::uint32_t rounded = bits + 0x7FFFu + ((bits >> 16) & 1u);
    return std::uint16_t((value != value ? bits | 0x400000u : rounded) >> 16);
}

/// Whether a step reads maps or vectors to compute others: then an input's rounding does not decide anything by itself.
inline bool computes_features(const Operation& operation) {
    return std::holds_alternative<ops::Conv2d>(operation) || std::holds_alternative<ops::Linear>(operation) || std::holds_alternative<ops::ConvTranspose2d>(operation) ||
           std::holds_alternative<ops::DeformConv2d>(operation) || std::holds_alternative<ops::Add>(operation) || std::holds_alternative<ops::Average>(operation) ||
           std::holds_alternative<ops::Activate>(operation) || std::holds_alternative<ops::BatchNorm>(operation) || std::holds_alternative<ops::GroupNorm>(operation) || std::holds_alternative<ops::Pool2d>(operation) ||
           std::holds_alternative<ops::GlobalAveragePool>(operation) || std::holds_alternative<ops::ScaleChannels>(operation) || std::holds_alternative<ops::Resize>(operation) ||
           std::holds_alternative<ops::RoiAlign>(operation);
}

/// Whether a node's result goes to nothing but more features.
inline bool gives_features(const Graph& graph, const Node& node) {
    for (const auto& [name, value] : graph.outputs) {
        if (value == node.outputs[0]) return false;
    }
    return std::all_of(graph.nodes.begin(), graph.nodes.end(), [&](const Node& reader) {
        return std::find(reader.inputs.begin(), reader.inputs.end(), node.outputs[0]) == reader.inputs.end() || computes_features(reader.operation);
    });
}

/// dst = activation(conv(bf16(src)) + bias [+ what dst holds]), or the same of a linear layer.
class Bf16Kernel final : public PrimitiveKernel {
public:
    /// Null where oneDNN has none but its plain loops, and for what must be float32.
    static std::unique_ptr<Kernel> make(const NodeContext& context, WeightStore& store, bool residual_in_place) {
        if (!gives_features(context.graph, context.node)) return nullptr;
        auto kernel = std::make_unique<Bf16Kernel>();
        try {
            if (const auto* conv = std::get_if<ops::Conv2d>(&context.node.operation)) kernel->convolve(*conv, context, store, residual_in_place);
            else kernel->multiply(std::get<ops::Linear>(context.node.operation), context, store);
        } catch (const dnnl::error&) {  // no kernel of this precision on this processor
            return nullptr;
        }
        if (kernel->name.rfind("ref", 0) == 0) return nullptr;
        return kernel;
    }

    /// The rows in bfloat16, then what the primitives need.
    std::size_t scratch_bytes() const override { return converted_bytes() + primitive_scratch_bytes(); }

    void run(const Run& run) const override {
        if (copies_residual) std::memcpy(run.at(dst), run.at(residual), residual_bytes);
        const float* from = run.floats(src);
        std::byte* const memory = static_cast<std::byte*>(run.at(scratch));
        auto* to = reinterpret_cast<std::uint16_t*>(memory);
        const std::int64_t valid = rows(run), count = valid * std::int64_t(src_row_bytes / sizeof(std::uint16_t)), part = 16384;
        parallel_for((count + part - 1) / part, [&](std::int64_t i) {
            for (std::int64_t at = i * part; at < std::min(count, (i + 1) * part); ++at) to[at] = bf16_of(from[at]);
        });
        execute(run, memory, static_cast<std::byte*>(run.at(dst)), memory + converted_bytes(), valid);
    }

private:
    static MemoryDesc bf16(const dnnl::memory::dims& dims, dnnl::memory::format_tag tag) { return MemoryDesc(dims, dnnl::memory::data_type::bf16, tag); }
    std::size_t converted_bytes() const { return (std::size_t(rows.bound) * src_row_bytes + 63) / 64 * 64; }

    void place(const NodeContext& context) {
        rows = context.rows_of(context.out(0));
        src = context.place(context.in(0));
        dst = context.place(context.out(0));
        reason = "bfloat16 factors, float32 sums";
    }

    void convolve(const ops::Conv2d& op, const NodeContext& context, WeightStore& store, bool residual_in_place) {
        using Tag = dnnl::memory::format_tag;
        place(context);
        const Shape& in = context.shape(context.in(0));
        const Shape& out = context.shape(context.out(0));
        src_row_bytes = std::size_t(in[1] * in[2] * in[3]) * sizeof(std::uint16_t);
        dst_row_bytes = std::size_t(out[1] * out[2] * out[3]) * sizeof(float);
        adds_to_dst = op.residual;
        copies_residual = op.residual && !residual_in_place;
        if (op.residual) residual = context.place(context.in(1));
        residual_bytes = std::size_t(out[0]) * dst_row_bytes;
        const dnnl::memory::dims dims = op.groups == 1 ? dnnl::memory::dims{op.out_channels, op.in_channels, op.kernel, op.kernel}
                                                       : dnnl::memory::dims{op.groups, op.out_channels / op.groups, op.in_channels / op.groups, op.kernel, op.kernel};
        MemoryDesc wanted = bf16(dims, Tag::any);
        for (const std::int64_t block : row_blocks(rows)) {
            const auto description = convolution(op, bf16({block, in[1], in[2], in[3]}, Tag::nhwc), wanted, nhwc(block, out[1], out[2], out[3]));
            if (blocks.empty()) {
                wanted = description.weights_desc();
                name = description.impl_info_str();
            }
            blocks.push_back(rows_primitive(block, description, dnnl::convolution_forward(description)));
        }
        const std::string key = parameter_key(context.node);
        const std::vector<Tensor>& bound = context.bound;
        const MemoryDesc plain(dims, dnnl::memory::data_type::f32, op.groups == 1 ? Tag::oihw : Tag::goihw);
        weights = store.get(key, plain, wanted, [&] { return folded_parameters(op, bound).weight; });
        bias = store.get(key + "bias", vector_of(op.out_channels), vector_of(op.out_channels), [&] { return folded_parameters(op, bound).bias; });
    }

    void multiply(const ops::Linear& op, const NodeContext& context, WeightStore& store) {
        using Tag = dnnl::memory::format_tag;
        place(context);
        src_row_bytes = std::size_t(op.in_features) * sizeof(std::uint16_t);
        dst_row_bytes = std::size_t(op.out_features) * sizeof(float);
        MemoryDesc wanted = bf16({op.out_features, op.in_features}, Tag::any);
        for (const std::int64_t block : row_blocks(rows)) {
            const auto description = inner_product(op.activation, bf16({block, op.in_features}, Tag::ab), wanted, vector_of(op.out_features), matrix(block, op.out_features));
            if (blocks.empty()) {
                wanted = description.weights_desc();
                name = description.impl_info_str();
            }
            blocks.push_back(rows_primitive(block, description, dnnl::inner_product_forward(description)));
        }
        const std::string key = context.node.parameters[0].name;
        weights = store.get(key, matrix(op.out_features, op.in_features), wanted, [&] { return LinearKernel::channels_last_columns(context.bound[0], context.shape(context.in(0))); });
        bias = store.get(key + "/bias", vector_of(op.out_features), vector_of(op.out_features), [&] { return op.bias ? context.bound[1] : Tensor::zeros(Shape{op.out_features}); });
    }
};

}  // namespace regulus::cpu
