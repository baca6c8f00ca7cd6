#pragma once
// Which kernel makes a node, or several together.
#include <regulus/cpu/bf16_convolution-impl.hpp>
#include <regulus/cpu/chosen_boxes-impl.hpp>
#include <regulus/cpu/chosen_logits-impl.hpp>
#include <regulus/cpu/deform_conv-impl.hpp>
#include <regulus/cpu/detection-impl.hpp>
#include <regulus/cpu/direct_conv-impl.hpp>
#include <regulus/cpu/group_norm-impl.hpp>
#include <regulus/cpu/matrix_kernels-impl.hpp>
#include <regulus/cpu/overlapping_transpose-impl.hpp>
#include <regulus/cpu/pillars-impl.hpp>
#include <regulus/cpu/primitive-impl.hpp>
#include <regulus/cpu/refine-impl.hpp>
#include <regulus/cpu/sibling_convs-impl.hpp>
#include <regulus/cpu/tile_matrix-impl.hpp>
#include <regulus/cpu/transposed_conv-impl.hpp>
#include <regulus/cpu/winograd-impl.hpp>
#include <regulus/graph/describe.hpp>

namespace regulus::cpu {

/// What all plans of one compiled graph share.
struct Compiled {
    Graph graph;
    std::vector<std::vector<Tensor>> bound;
    mutable WeightStore store;
    int threads = 1;
    bool winograd = true, strassen = true;
    bool bf16 = false;
    bool bf16x3 = false;  // float32 products of three bfloat16 parts each
    std::vector<bool> bf16_maps;  // per value: whether it is kept in bfloat16
    std::size_t weight_bytes = 0;
};

/// The weights of a pointwise convolution for the matrix product.
inline std::shared_ptr<const PackedMatrix> packed_matrix(const Compiled& compiled, const Node& node, const ops::Conv2d& conv, const std::vector<Tensor>& bound) {
    return compiled.store.get<PackedMatrix>(parameter_key(node) + "matrix", [&] {
        const ConvParameters folded = folded_parameters(conv, bound);
        return PackedMatrix::make(folded.weight, folded.bias, matrix_functions().lanes);
    });
}

/// The same of a linear layer, whose columns follow the map of shape `in` as it lies in memory.
inline std::shared_ptr<const PackedMatrix> packed_matrix(const Compiled& compiled, const Node& node, const ops::Linear& linear, const std::vector<Tensor>& bound, const Shape& in) {
    return compiled.store.get<PackedMatrix>(parameter_key(node) + "matrix", [&] {
        const ConvParameters parameters = LinearKernel::parameters(linear, bound, in);
        return PackedMatrix::make(parameters.weight, parameters.bias, matrix_functions().lanes);
    });
}

/// What products of tiles multiply, where there are some.
inline TileFactors tile_factors(const Compiled& compiled) { return compiled.bf16 ? TileFactors::bf16 : TileFactors::split; }

/// The weights of a pointwise convolution as tiles.
inline std::shared_ptr<const TileWeights> matrix_tiles(const Compiled& compiled, const Node& node, const ops::Conv2d& conv, const std::vector<Tensor>& bound) {
    return compiled.store.get<TileWeights>(parameter_key(node) + "tiles", [&] { return TileMatrixKernel::matrix_weights(tile_factors(compiled), folded_parameters(conv, bound)); });
}

/// Whether float32 products of so many rows had better be those of three bfloat16 parts each. Weights in parts are half as large again, which few rows do not make
/// up for; few channels leave the time to memory; and small products are over before threads and tiles are ready.
inline bool is_worth_splitting(std::int64_t rows, std::int64_t in, std::int64_t out) { return rows >= 96 && std::min(in, out) >= 64 && in * out >= 96 * 128 && rows * in * out >= 1 << 24; }

constexpr int least_bf16_winograd = 32;  // inputs of a group

inline std::int64_t pixels_of(const NodeContext& context, ValueId id) { return context.rows_of(id).bound * context.shape(id)[2] * context.shape(id)[3]; }

inline bool multiplies_split(const NodeContext& context) {
    const Operation& operation = context.node.operation;
    if (!multiplies_tiles(operation)) return false;
    if (const auto* linear = std::get_if<ops::Linear>(&operation)) return is_worth_splitting(context.rows_of(context.out(0)).bound, linear->in_features, linear->out_features);
    if (const auto* deconv = std::get_if<ops::ConvTranspose2d>(&operation)) return is_worth_splitting(pixels_of(context, context.in(0)), deconv->in_channels, deconv->out_channels * deconv->kernel * deconv->kernel);
    const auto& conv = std::get<ops::Conv2d>(operation);
    return TileMatrixKernel::applies(conv, TileFactors::split) && is_worth_splitting(pixels_of(context, context.out(0)), conv.in_channels, conv.out_channels);
}

/// The same of convolutions of one map, the context's own among them.
inline bool multiplies_split(const Compiled& compiled, const NodeContext& context, const std::vector<NodeId>& nodes) {
    std::int64_t out = 0;
    for (const NodeId id : nodes) out += std::get<ops::Conv2d>(compiled.graph.nodes[std::size_t(id)].operation).out_channels;
    return is_worth_splitting(pixels_of(context, context.in(0)), std::get<ops::Conv2d>(context.node.operation).in_channels, out);
}

/// Whether a convolution is made by Winograd; in bfloat16 where the processor multiplies twice as much of it as of float32 and not more, and the saving is larger.
inline bool is_winograd(const Compiled& compiled, const NodeContext& context) {
    const auto* conv = std::get_if<ops::Conv2d>(&context.node.operation);
    if (!compiled.winograd || conv == nullptr || !WinogradKernel::applies(*conv, context.shape(context.out(0)))) return false;
    return !compiled.bf16 || (!tile_functions().beats_winograd && conv->stride == 1 && conv->in_channels / conv->groups >= least_bf16_winograd);
}

/// Whether a node's products are those of tiles.
inline bool is_tiled(const Compiled& compiled, const NodeContext& context) {
    return compiled.bf16 ? multiplies_tiles(context.node.operation) && !is_winograd(compiled, context) : compiled.bf16x3 && multiplies_split(context);
}

/// One kernel for all `nodes`, convolutions of one map, the context's own last.
inline std::unique_ptr<Kernel> make_siblings(const Compiled& compiled, const NodeContext& context, const std::vector<NodeId>& nodes) {
    if (compiled.bf16 || (compiled.bf16x3 && multiplies_split(compiled, context, nodes))) {
        std::vector<TileMatrixKernel::Product> products;
        for (const NodeId id : nodes) {
            const Node& node = compiled.graph.nodes[std::size_t(id)];
            const auto& conv = std::get<ops::Conv2d>(node.operation);
            products.push_back({matrix_tiles(compiled, node, conv, compiled.bound[std::size_t(id)]), MapPlace::of(context, node.outputs[0]), conv.activation});
        }
        return new_kernel<TileMatrixKernel>(context, products, compiled.threads);
    }
    std::vector<SiblingKernel::Sibling> siblings;
    for (const NodeId id : nodes) {
        const Node& node = compiled.graph.nodes[std::size_t(id)];
        const auto& conv = std::get<ops::Conv2d>(node.operation);
        siblings.push_back({packed_matrix(compiled, node, conv, compiled.bound[std::size_t(id)]), context.place(node.outputs[0]), conv.out_channels, conv.activation == Activation::relu});
    }
    return new_kernel<SiblingKernel>(context, std::move(siblings), compiled.threads);
}

/// The transformed weights of a 3x3 convolution.
inline std::shared_ptr<const WinogradWeights> winograd_weights(const Compiled& compiled, const NodeContext& context) {
    const auto& conv = std::get<ops::Conv2d>(context.node.operation);
    const bool splits = compiled.bf16x3 && WinogradKernel::splits(conv, context.shape(context.out(0)));
    return compiled.store.get<WinogradWeights>(parameter_key(context.node) + (splits ? "winograd tiles" : "winograd"), [&] {
        return WinogradWeights::make(folded_parameters(conv, context.bound), conv.groups, winograd_functions().matrix.lanes, WinogradKernel::form(conv), splits);
    });
}

/// One kernel for the context's 3x3 convolution and `nodes`, the pointwise convolutions that read its map.
inline std::unique_ptr<Kernel> make_read_convolution(const Compiled& compiled, const NodeContext& context, const std::vector<NodeId>& nodes) {
    PixelReaders readers;
    std::string key;
    std::int64_t width = 0;
    for (const NodeId id : nodes) {
        const Node& node = compiled.graph.nodes[std::size_t(id)];
        const auto& conv = std::get<ops::Conv2d>(node.operation);
        readers.outputs.push_back({context.place(node.outputs[0]), width, conv.out_channels, conv.activation == Activation::relu});
        width += conv.out_channels;
        key += parameter_key(node);
    }
    const auto& conv = std::get<ops::Conv2d>(context.node.operation);
    const auto joined = [&] {
        ConvParameters all{Tensor(Shape{width, conv.out_channels}, DType::f32), Tensor(Shape{width}, DType::f32)};
        for (std::size_t i = 0; i < nodes.size(); ++i) {
            const ConvParameters part = folded_parameters(std::get<ops::Conv2d>(compiled.graph.nodes[std::size_t(nodes[i])].operation), compiled.bound[std::size_t(nodes[i])]);
            std::memcpy(all.weight.data<float>() + readers.outputs[i].first * conv.out_channels, part.weight.data<float>(), part.weight.bytes());
            std::memcpy(all.bias.data<float>() + readers.outputs[i].first, part.bias.data<float>(), part.bias.bytes());
        }
        return all;
    };
    if (compiled.bf16x3 && is_worth_splitting(pixels_of(context, context.out(0)), conv.out_channels, width)) {
        readers.tiles = compiled.store.get<TileWeights>(key + "tiles", [&] { return TileMatrixKernel::matrix_weights(TileFactors::split, joined()); });
    } else {
        readers.weights = compiled.store.get<PackedMatrix>(key + "matrix", [&] {
            const ConvParameters all = joined();
            return PackedMatrix::make(all.weight, all.bias, matrix_functions().lanes);
        });
    }
    return new_kernel<WinogradKernel>(context, winograd_weights(compiled, context), compiled.threads, std::move(readers));
}

/// One kernel for the context's pointwise convolution and the one that makes its residual.
inline std::unique_ptr<Kernel> make_sum(const Compiled& compiled, const NodeContext& context, const NodeContext& residual) {
    const auto& conv = std::get<ops::Conv2d>(context.node.operation);
    const auto& other = std::get<ops::Conv2d>(residual.node.operation);
    if (compiled.bf16x3 && multiplies_split(context) && multiplies_split(residual)) {
        auto weights = compiled.store.get<TileWeights>(parameter_key(residual.node) + parameter_key(context.node) + "tiles", [&] {
            return TileMatrixKernel::sum_weights(TileFactors::split, folded_parameters(other, residual.bound), folded_parameters(conv, context.bound));
        });
        return new_kernel<TileMatrixKernel>(context, std::move(weights), std::vector<TileSource>{TileSource::of(residual, other), TileSource::of(context, conv)}, compiled.threads);
    }
    auto weights = compiled.store.get<PackedMatrix>(parameter_key(residual.node) + parameter_key(context.node) + "sum", [&] {
        return PackedMatrix::make_sum(folded_parameters(other, residual.bound), folded_parameters(conv, context.bound), matrix_functions().lanes);
    });
    return new_kernel<MatrixKernel>(context, conv, RowSource::of(residual, other), std::move(weights), compiled.threads, compiled.strassen);
}

/// One kernel for the context's pointwise convolution and the step that adds a coarser map to its output.
inline std::unique_ptr<Kernel> make_merged(const Compiled& compiled, const NodeContext& context, const NodeContext& merge) {
    return new_kernel<TileMatrixKernel>(context, merge, matrix_tiles(compiled, context.node, std::get<ops::Conv2d>(context.node.operation), context.bound), compiled.threads);
}

/// The weights of a transposed convolution whose windows lie side by side for the matrix product.
inline std::shared_ptr<const TransposedWeights> transposed_weights(const Compiled& compiled, const NodeContext& context) {
    return compiled.store.get<TransposedWeights>(parameter_key(context.node) + "transposed", [&] {
        return TransposedWeights::make(folded_parameters(std::get<ops::ConvTranspose2d>(context.node.operation), context.bound), matrix_functions().lanes);
    });
}

/// The same as tiles.
inline std::shared_ptr<const TileWeights> transposed_tiles(const Compiled& compiled, const NodeContext& context) {
    return compiled.store.get<TileWeights>(parameter_key(context.node) + "tiles", [&] {
        return TileMatrixKernel::transposed_weights(tile_factors(compiled), folded_parameters(std::get<ops::ConvTranspose2d>(context.node.operation), context.bound));
    });
}

/// A convolution's own parameters, as single rows are multiplied with them.
inline std::shared_ptr<const ConvParameters> row_parameters(const Compiled& compiled, NodeId id) {
    const Node& node = compiled.graph.nodes[std::size_t(id)];
    return compiled.store.get<ConvParameters>(parameter_key(node) + "folded", [&] { return folded_parameters(std::get<ops::Conv2d>(node.operation), compiled.bound[std::size_t(id)]); });
}

/// One kernel for the decoding of boxes and the convolutions to deltas and to directions.
inline std::unique_ptr<Kernel> make_chosen_boxes(const Compiled& compiled, const NodeContext& context, const std::vector<NodeId>& nodes) {
    const ValueId map = compiled.graph.nodes[std::size_t(nodes[0])].inputs[0];
    return new_kernel<ChosenBoxesKernel>(context, map, row_parameters(compiled, nodes[0]), row_parameters(compiled, nodes[1]), compiled.threads);
}

/// One kernel for the context's transposed convolution, the convolution to logits and the choice among them.
inline std::unique_ptr<Kernel> make_chosen_logits(const Compiled& compiled, const NodeContext& context, const std::vector<NodeId>& nodes) {
    const Node& choice = compiled.graph.nodes[std::size_t(nodes[1])];
    std::shared_ptr<const TileWeights> tiles;
    std::shared_ptr<const TransposedWeights> weights;
    if (is_tiled(compiled, context)) tiles = transposed_tiles(compiled, context);
    else weights = transposed_weights(compiled, context);
    return new_kernel<ChosenLogitsKernel>(context, std::move(weights), std::move(tiles), row_parameters(compiled, nodes[0]), std::get<ops::SelectChannel>(choice.operation).activation, context.place(choice.inputs[1]),
                                                context.place(choice.outputs[0]), compiled.threads);
}

/// The weights of a convolution with windows, strides or groups as tiles, whose order follows the window, which nodes that share a weight need not.
inline std::shared_ptr<const TileWeights> window_tiles(const Compiled& compiled, const NodeContext& context) {
    const auto& conv = std::get<ops::Conv2d>(context.node.operation);
    const std::string window = std::to_string(conv.stride) + " " + std::to_string(conv.dilation) + " " + std::to_string(conv.groups);
    return compiled.store.get<TileWeights>(parameter_key(context.node) + "tiles" + window, [&] { return TileConvolutionKernel::weights_of(conv, folded_parameters(conv, context.bound)); });
}

/// One kernel for the context's convolution and the pointwise one that makes its input, both in bfloat16.
inline std::unique_ptr<Kernel> make_with_input(const Compiled& compiled, const NodeContext& context, const NodeContext& before) {
    auto weights = compiled.store.get<TileWeights>(parameter_key(before.node) + parameter_key(context.node) + "tiles", [&] {
        return TileConvolutionKernel::weights_before(std::get<ops::Conv2d>(context.node.operation), folded_parameters(std::get<ops::Conv2d>(before.node.operation), before.bound));
    });
    return new_kernel<TileConvolutionKernel>(context, window_tiles(compiled, context), before, std::move(weights), compiled.threads);
}

/// A step that multiplies matrices, by tiles.
inline std::unique_ptr<Kernel> make_tiled(const Compiled& compiled, const NodeContext& context, const ChannelSlice& slice) {
    const std::string key = parameter_key(context.node) + "tiles";
    const TileFactors factors = tile_factors(compiled);
    const std::vector<Tensor>& bound = context.bound;
    if (const auto* linear = std::get_if<ops::Linear>(&context.node.operation)) {
        auto tiles = compiled.store.get<TileWeights>(key, [&] { return TileMatrixKernel::matrix_weights(factors, LinearKernel::parameters(*linear, bound, context.shape(context.in(0)))); });
        return new_kernel<TileMatrixKernel>(context, std::move(tiles), *linear, compiled.threads);
    }
    if (const auto* deconv = std::get_if<ops::ConvTranspose2d>(&context.node.operation)) {
        return new_kernel<TileMatrixKernel>(context, transposed_tiles(compiled, context), *deconv, compiled.threads, slice);
    }
    const auto& conv = std::get<ops::Conv2d>(context.node.operation);
    if (TileMatrixKernel::applies(conv, factors)) {
        return new_kernel<TileMatrixKernel>(context, matrix_tiles(compiled, context.node, conv, bound), std::vector<TileSource>{TileSource::of(context, conv)}, compiled.threads);
    }
    return new_kernel<TileConvolutionKernel>(context, window_tiles(compiled, context), compiled.threads);
}

/// Makes the kernel of one node; throws BackendError that names it.
inline std::unique_ptr<Kernel> make_kernel(const Compiled& compiled, const NodeContext& context, bool residual_in_place, const ChannelSlice& slice) {
    const Operation& operation = context.node.operation;
    if (is_tiled(compiled, context)) return make_tiled(compiled, context, slice);
    try {
        if (const auto* conv = std::get_if<ops::Conv2d>(&operation)) {
            if (is_winograd(compiled, context)) {
                return new_kernel<WinogradKernel>(context, winograd_weights(compiled, context), compiled.threads);
            }
            if (MatrixKernel::applies(*conv, context.shape(context.out(0)), compiled.strassen)) {
                return new_kernel<MatrixKernel>(context, *conv, packed_matrix(compiled, context.node, *conv, context.bound), compiled.threads, residual_in_place, compiled.strassen);
            }
            if (DirectConvolutionKernel::applies(*conv, context.shape(context.in(0)), context.shape(context.out(0)))) {
                auto weights = compiled.store.get<DirectWeights>(parameter_key(context.node) + "direct",
                                                                 [&] { return DirectWeights::make(folded_parameters(*conv, context.bound), conv->groups, matrix_functions().lanes); });
                return new_kernel<DirectConvolutionKernel>(context, std::move(weights), compiled.threads);
            }
            return new_kernel<ConvolutionKernel>(context, compiled.store, residual_in_place);
        }
        if (const auto* deconv = std::get_if<ops::ConvTranspose2d>(&operation)) {
            if (ConvTransposeKernel::applies(*deconv)) return new_kernel<ConvTransposeKernel>(context, transposed_weights(compiled, context), slice);
            auto weights = compiled.store.get<OverlappingWeights>(parameter_key(context.node) + "overlapping", [&] { return OverlappingWeights::make(folded_parameters(*deconv, context.bound), matrix_functions().lanes); });
            return new_kernel<OverlappingTransposeKernel>(context, std::move(weights));
        }
        if (const auto* linear = std::get_if<ops::Linear>(&operation)) {
            if (!MatrixKernel::applies(*linear, context.rows_of(context.out(0)))) return new_kernel<LinearKernel>(context, compiled.store);
            return new_kernel<MatrixKernel>(context, *linear, packed_matrix(compiled, context.node, *linear, context.bound, context.shape(context.in(0))), compiled.threads, compiled.strassen);
        }
    } catch (const dnnl::error& error) {
        throw BackendError("cpu: oneDNN has no kernel for \"" + context.node.name + "\" (" + describe(operation) + "): " + error.what());
    }
    if (const auto* deform = std::get_if<ops::DeformConv2d>(&operation)) {
        auto weights = compiled.store.get<DeformConvWeights>(parameter_key(context.node) + "deform_conv",
                                                             [&] { return DeformConvWeights::make(deform->conv, folded_parameters(deform->conv, context.bound), deform_conv_functions()); });
        return new_kernel<DeformConvKernel>(context, std::move(weights), compiled.threads);
    }
    if (std::holds_alternative<ops::BatchNorm>(operation)) return make_batch_norm(context);
    if (std::holds_alternative<ops::GroupNorm>(operation)) return new_kernel<GroupNormKernel>(context);
    if (std::holds_alternative<ops::Activate>(operation)) return make_activate(context);
    if (std::holds_alternative<ops::Add>(operation)) return make_add(context);
    if (std::holds_alternative<ops::Average>(operation)) return make_average(context);
    if (std::holds_alternative<ops::Concat>(operation)) return make_concat(context);
    if (std::holds_alternative<ops::Pool2d>(operation)) return make_pool(context);
    if (std::holds_alternative<ops::GlobalAveragePool>(operation)) return make_global_average(context);
    if (std::holds_alternative<ops::ScaleChannels>(operation)) return make_scale_channels(context);
    if (std::holds_alternative<ops::Resize>(operation)) return make_resize(context);
    if (std::holds_alternative<ops::Softmax>(operation)) return make_softmax(context);
    if (std::holds_alternative<ops::TopK>(operation)) return new_kernel<TopKKernel>(context);
    if (std::holds_alternative<ops::DecodeAnchors>(operation)) return make_decode_anchors(context);
    if (std::holds_alternative<ops::Nms>(operation)) return new_kernel<NmsKernel>(context);
    if (std::holds_alternative<ops::RoiAlign>(operation)) return new_kernel<RoiAlignKernel>(context);
    if (std::holds_alternative<ops::ClassCandidates>(operation)) return make_class_candidates(context);
    if (std::holds_alternative<ops::RefineBoxes>(operation)) return make_refine_boxes(context);
    if (std::holds_alternative<ops::ScaleBoxes>(operation)) return make_scale_boxes(context);
    if (std::holds_alternative<ops::SelectChannel>(operation)) return make_select_channel(context);
    if (std::holds_alternative<ops::Voxelize>(operation)) return new_kernel<VoxelizeKernel>(context);
    if (std::holds_alternative<ops::EncodePillars>(operation)) return new_kernel<EncodePillarsKernel>(context);
    if (std::holds_alternative<ops::ScatterPillars>(operation)) return make_scatter_pillars(context);
    if (std::holds_alternative<ops::DecodeBoxes3d>(operation)) return make_decode_boxes3d(context);
    if (std::holds_alternative<ops::RotatedNms>(operation)) return new_kernel<RotatedNmsKernel>(context);
    if (std::holds_alternative<ops::DynamicVoxelize>(operation)) return make_dynamic_voxelize(context);
    if (std::holds_alternative<ops::CircleNms>(operation)) return new_kernel<CircleNmsKernel>(context);
    throw BackendError("cpu: \"" + context.node.name + "\" (" + kind_of(operation) + ") is not supported");
}

}  // namespace regulus::cpu
