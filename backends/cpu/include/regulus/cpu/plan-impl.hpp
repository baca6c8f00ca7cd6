#pragma once
// From a graph and an input size to kernels, buffers and their addresses.
#include <chrono>
#include <cstring>

#include <regulus/cpu/arrangement-impl.hpp>
#include <regulus/cpu/bf16-impl.hpp>
#include <regulus/cpu/deform_conv-impl.hpp>
#include <regulus/cpu/detection-impl.hpp>
#include <regulus/cpu/direct_conv-impl.hpp>
#include <regulus/cpu/group_norm-impl.hpp>
#include <regulus/cpu/matrix_kernels-impl.hpp>
#include <regulus/cpu/overlapping_transpose-impl.hpp>
#include <regulus/cpu/pillars-impl.hpp>
#include <regulus/cpu/primitive-impl.hpp>
#include <regulus/cpu/refine-impl.hpp>
#include <regulus/cpu/transposed_conv-impl.hpp>
#include <regulus/cpu/winograd-impl.hpp>
#include <regulus/graph/memory_plan.hpp>
#include <regulus/graph/program.hpp>

namespace regulus::cpu {

/// What all plans of one compiled graph share.
struct Compiled {
    Graph graph;
    std::vector<std::vector<Tensor>> bound;
    mutable WeightStore store;
    int threads = 1;
    bool winograd = true, strassen = true;
    bool bf16 = false;
    std::size_t weight_bytes = 0;
};

inline bool is_map(const Graph& graph, ValueId id, const Shape& shape) { return shape.rank() == 4 && graph.values[std::size_t(id)].dtype == DType::f32; }

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
        return PackedMatrix::make(LinearKernel::channels_last_columns(bound[0], in), linear.bias ? bound[1] : Tensor::zeros(Shape{linear.out_features}), matrix_functions().lanes);
    });
}

/// One kernel for all `nodes`, convolutions of one map, the context's own last.
inline std::unique_ptr<Kernel> make_siblings(const Compiled& compiled, const NodeContext& context, const std::vector<NodeId>& nodes) {
    std::vector<SiblingKernel::Sibling> siblings;
    for (const NodeId id : nodes) {
        const Node& node = compiled.graph.nodes[std::size_t(id)];
        const auto& conv = std::get<ops::Conv2d>(node.operation);
        siblings.push_back({packed_matrix(compiled, node, conv, compiled.bound[std::size_t(id)]), context.place(node.outputs[0]), conv.out_channels, conv.activation == Activation::relu});
    }
    return new_kernel<SiblingKernel>(context, std::move(siblings), compiled.threads);
}

/// The transformed weights of a 3x3 convolution.
inline std::shared_ptr<const WinogradWeights> winograd_weights(const Compiled& compiled, const Node& node, const ops::Conv2d& conv, const std::vector<Tensor>& bound) {
    return compiled.store.get<WinogradWeights>(parameter_key(node) + "winograd",
                                               [&] { return WinogradWeights::make(folded_parameters(conv, bound), conv.groups, winograd_functions().matrix.lanes, WinogradKernel::form(conv)); });
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
    readers.weights = compiled.store.get<PackedMatrix>(key + "matrix", [&] {
        Tensor weight(Shape{width, conv.out_channels}, DType::f32), bias(Shape{width}, DType::f32);
        for (std::size_t i = 0; i < nodes.size(); ++i) {
            const ConvParameters part = folded_parameters(std::get<ops::Conv2d>(compiled.graph.nodes[std::size_t(nodes[i])].operation), compiled.bound[std::size_t(nodes[i])]);
            std::memcpy(weight.data<float>() + readers.outputs[i].first * conv.out_channels, part.weight.data<float>(), part.weight.bytes());
            std::memcpy(bias.data<float>() + readers.outputs[i].first, part.bias.data<float>(), part.bias.bytes());
        }
        return PackedMatrix::make(weight, bias, matrix_functions().lanes);
    });
    return new_kernel<WinogradKernel>(context, winograd_weights(compiled, context.node, conv, context.bound), compiled.threads, std::move(readers));
}

/// One kernel for the context's pointwise convolution and the one that makes its residual.
inline std::unique_ptr<Kernel> make_sum(const Compiled& compiled, const NodeContext& context, const NodeContext& residual) {
    const auto& conv = std::get<ops::Conv2d>(context.node.operation);
    const auto& other = std::get<ops::Conv2d>(residual.node.operation);
    auto weights = compiled.store.get<PackedMatrix>(parameter_key(residual.node) + parameter_key(context.node) + "sum", [&] {
        return PackedMatrix::make_sum(folded_parameters(other, residual.bound), folded_parameters(conv, context.bound), matrix_functions().lanes);
    });
    return new_kernel<MatrixKernel>(context, conv, RowSource::of(residual, other), std::move(weights), compiled.threads, compiled.strassen);
}

/// The weights of a transposed convolution whose windows lie side by side for the matrix product.
inline std::shared_ptr<const TransposedWeights> transposed_weights(const Compiled& compiled, const NodeContext& context) {
    return compiled.store.get<TransposedWeights>(parameter_key(context.node) + "transposed", [&] {
        return TransposedWeights::make(folded_parameters(std::get<ops::ConvTranspose2d>(context.node.operation), context.bound), matrix_functions().lanes);
    });
}

/// One kernel for the context's transposed convolution, the convolution to logits and the choice among them.
inline std::unique_ptr<Kernel> make_chosen(const Compiled& compiled, const NodeContext& context, const std::vector<NodeId>& nodes) {
    const Node& conv = compiled.graph.nodes[std::size_t(nodes[0])];
    const Node& choice = compiled.graph.nodes[std::size_t(nodes[1])];
    auto logits = compiled.store.get<ConvParameters>(parameter_key(conv) + "folded", [&] { return folded_parameters(std::get<ops::Conv2d>(conv.operation), compiled.bound[std::size_t(nodes[0])]); });
    return new_kernel<ChosenLogitsKernel>(context, transposed_weights(compiled, context), std::move(logits), std::get<ops::SelectChannel>(choice.operation).activation, context.place(choice.inputs[1]),
                                                context.place(choice.outputs[0]), compiled.threads);
}

/// Makes the kernel of one node; throws BackendError that names it.
inline std::unique_ptr<Kernel> make_kernel(const Compiled& compiled, const NodeContext& context, bool residual_in_place, const ChannelSlice& slice) {
    const Operation& operation = context.node.operation;
    if (compiled.bf16 && (std::holds_alternative<ops::Conv2d>(operation) || std::holds_alternative<ops::Linear>(operation))) {
        if (auto kernel = Bf16Kernel::make(context, compiled.store, residual_in_place)) return kernel;
    }
    try {
        if (const auto* conv = std::get_if<ops::Conv2d>(&operation)) {
            if (compiled.winograd && WinogradKernel::applies(*conv, context.shape(context.out(0)))) {
                return new_kernel<WinogradKernel>(context, winograd_weights(compiled, context.node, *conv, context.bound), compiled.threads);
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

class CpuPlan final : public Plan {
public:
    CpuPlan(std::shared_ptr<const Compiled> compiled, const InputSize& size) : compiled_(std::move(compiled)), shapes_(infer_shapes(compiled_->graph, size)) {
        const ThreadScope team(compiled_->threads);
        const Graph& graph = compiled_->graph;
        const std::vector<Lifetime> lives = lifetimes(graph);
        const Arrangement arrangement(graph, shapes_, !compiled_->bf16, compiled_->winograd);
        MemoryRequest request;
        request.value_bytes.assign(graph.values.size(), 0);
        request.scratch_bytes.assign(graph.nodes.size(), 0);
        request.shares.assign(graph.values.size(), no_value);
        request.needed_until = arrangement.needed_until;

        for (std::size_t id = 0; id < graph.nodes.size(); ++id) {
            const Node& node = graph.nodes[id];
            const NodeContext context{graph, node, shapes_, compiled_->bound[id]};
            for (const ValueId out : node.outputs) {
                const ValueId stored = arrangement.stored[std::size_t(out)];
                request.value_bytes[std::size_t(out)] = stored == no_value ? 0 : bytes_of(stored);
                request.shares[std::size_t(out)] = arrangement.owners[std::size_t(out)];
            }
            std::unique_ptr<Kernel> kernel;
            if (arrangement.idle[id]) {
                kernels_.push_back(nullptr);
                continue;
            }
            if (const auto* input = std::get_if<ops::Input>(&node.operation)) {
                if (input->role == ops::Input::Role::image) {
                    kernel = make_image_layout(context.shape(node.outputs[0]), input_place(node.outputs[0]), context.place(node.outputs[0]));
                } else {
                    request.value_bytes[std::size_t(node.outputs[0])] = 0;  // read where the caller has it
                }
            } else {
                ValueId source = overwritten(node, lives, NodeId(id));
                if (source != no_value && request.value_bytes[std::size_t(source)] == 0) source = no_value;  // the caller's memory
                if (source != no_value) request.shares[std::size_t(node.outputs[0])] = source;
                if (const NodeId before = arrangement.made_before[id]; before >= 0) {
                    const NodeContext other{graph, graph.nodes[std::size_t(before)], shapes_, compiled_->bound[std::size_t(before)]};
                    kernel = arrangement.siblings[id].empty() ? make_sum(*compiled_, context, other) : make_read_convolution(*compiled_, other, arrangement.siblings[id]);
                } else if (!arrangement.siblings[id].empty()) {
                    kernel = make_siblings(*compiled_, context, arrangement.siblings[id]);
                } else if (!arrangement.chosen[id].empty()) {
                    kernel = make_chosen(*compiled_, context, arrangement.chosen[id]);
                } else {
                    kernel = make_kernel(*compiled_, context, source != no_value, arrangement.slices[std::size_t(node.outputs[0])]);
                }
            }
            if (kernel) {
                kernel->scratch = {scratch_slot(NodeId(id))};
                kernel->id = int(id);
                request.scratch_bytes[id] = kernel->scratch_bytes();
            }
            kernels_.push_back(std::move(kernel));
        }

        // The table of addresses stands at the head of the arena.
        slots_ = graph.values.size() + graph.nodes.size() + graph.inputs.size();
        table_bytes_ = (slots_ * sizeof(std::byte*) + 63) / 64 * 64;
        plan_ = plan_memory(graph, request);
        memory_.arena = table_bytes_ + plan_.peak;
        memory_.sum_of_values = plan_.sum_of_values;
        memory_.weights = compiled_->weight_bytes;
        for (std::size_t id = 0; id < graph.nodes.size(); ++id) {
            if (!kernels_[id]) continue;
            const NodeId before = arrangement.made_before[id];
            const bool is_read = before >= 0 && !arrangement.siblings[id].empty();
            const Node& node = graph.nodes[is_read ? std::size_t(before) : id];
            Step step{node.name, describe(node.operation), kernels_[id]->name, kernels_[id]->reason, request.scratch_bytes[id], 0};
            std::vector<NodeId> made = arrangement.siblings[id].empty() ? std::vector<NodeId>{NodeId(id)} : arrangement.siblings[id];
            if (before >= 0) made.push_back(before);
            made.insert(made.end(), arrangement.chosen[id].begin(), arrangement.chosen[id].end());
            for (const NodeId one : made) {
                for (const ValueId out : graph.nodes[std::size_t(one)].outputs) step.bytes += request.value_bytes[std::size_t(out)];
                step.macs += cost_of(graph, graph.nodes[std::size_t(one)], shapes_).macs;
            }
            steps_.push_back(std::move(step));
        }
    }

    MemoryReport memory() const override { return memory_; }
    const std::vector<Step>& steps() const override { return steps_; }

    std::vector<Tensor> run(std::byte* arena, PlanState* state, const std::vector<Tensor>& inputs, Profile* profile) const override {
        const ThreadScope team(compiled_->threads);
        const Graph& graph = compiled_->graph;
        std::byte** table = reinterpret_cast<std::byte**>(arena);
        std::byte* const data = arena + table_bytes_;
        for (std::size_t id = 0; id < graph.values.size(); ++id) table[id] = plan_.value_offset[id] == MemoryPlan::nowhere ? nullptr : data + plan_.value_offset[id];
        for (std::size_t id = 0; id < graph.nodes.size(); ++id) table[scratch_slot(NodeId(id))] = plan_.scratch_offset[id] == MemoryPlan::nowhere ? nullptr : data + plan_.scratch_offset[id];
        for (std::size_t i = 0; i < inputs.size(); ++i) {
            std::byte* const foreign = static_cast<std::byte*>(const_cast<void*>(inputs[i].raw()));
            table[std::size_t(input_place(graph.inputs[i]).slot)] = foreign;
            if (table[std::size_t(graph.inputs[i])] == nullptr) table[std::size_t(graph.inputs[i])] = foreign;
        }

        const Run run{table, static_cast<State*>(state)->kernels.data()};
        if (profile != nullptr) profile->nanoseconds.clear();
        try {
            for (const auto& kernel : kernels_) {
                if (!kernel) continue;
                const auto start = std::chrono::steady_clock::now();
                kernel->run(run);
                if (profile != nullptr) profile->nanoseconds.push_back(std::chrono::duration<double, std::nano>(std::chrono::steady_clock::now() - start).count());
            }
        } catch (const dnnl::error& error) {
            throw BackendError(std::string("cpu: oneDNN failed while running: ") + error.what());
        }
        std::vector<Tensor> outputs;
        for (const auto& [name, id] : graph.outputs) outputs.push_back(copy_out(run, id));
        return outputs;
    }

    std::unique_ptr<PlanState> make_state() const override {
        const ThreadScope team(compiled_->threads);
        auto state = std::make_unique<State>();
        for (const auto& kernel : kernels_) state->kernels.push_back(kernel ? kernel->make_state() : nullptr);
        return state;
    }

private:
    struct State final : PlanState {
        std::vector<std::unique_ptr<KernelState>> kernels;
    };

    std::size_t bytes_of(ValueId id) const { return std::size_t(shapes_[std::size_t(id)].numel()) * size_of(compiled_->graph.values[std::size_t(id)].dtype); }
    int scratch_slot(NodeId id) const { return int(compiled_->graph.values.size()) + id; }

    /// Where the caller's tensor for a graph input is.
    Place input_place(ValueId id) const {
        const Graph& graph = compiled_->graph;
        for (std::size_t i = 0; i < graph.inputs.size(); ++i) {
            if (graph.inputs[i] == id) return {int(graph.values.size() + graph.nodes.size() + i)};
        }
        return {id};
    }

    /// The input whose bytes become the output's: a residual that the convolution adds to, or the operand of an elementwise step,
    /// when nobody needs it afterwards and the node reads it once.
    static ValueId overwritten(const Node& node, const std::vector<Lifetime>& lives, NodeId id) {
        const auto* conv = std::get_if<ops::Conv2d>(&node.operation);
        const auto* resize = std::get_if<ops::Resize>(&node.operation);
        const bool elementwise = std::holds_alternative<ops::Activate>(node.operation) || std::holds_alternative<ops::Add>(node.operation) || std::holds_alternative<ops::BatchNorm>(node.operation) ||
                                 std::holds_alternative<ops::ScaleChannels>(node.operation);
        std::size_t which = 0;
        if ((conv != nullptr && conv->residual) || (resize != nullptr && resize->adds)) which = 1;
        else if (!elementwise) return no_value;
        const ValueId source = node.inputs[which];
        const bool dies = lives[std::size_t(source)].last == id && std::count(node.inputs.begin(), node.inputs.end(), source) == 1;
        return dies ? source : no_value;
    }

    Tensor copy_out(const Run& run, ValueId id) const {
        const Graph& graph = compiled_->graph;
        const NodeContext context{graph, graph.nodes[std::size_t(graph.values[std::size_t(id)].producer)], shapes_, {}};
        Shape shape = shapes_[std::size_t(id)];
        shape[0] = context.rows_of(id)(run);
        Tensor tensor(shape, graph.values[std::size_t(id)].dtype);
        if (is_map(graph, id, shape)) {
            transpose(run.floats({id}), tensor.data<float>(), shape[0], shape[2] * shape[3], shape[1]);
        } else if (tensor.bytes() != 0) {
            std::memcpy(tensor.raw(), run.at({id}), tensor.bytes());
            const Value& value = graph.values[std::size_t(id)];
            if (value.count != no_value && !value.is_rows) clear_unused(run.integers({value.count}), tensor);
        }
        return tensor;
    }

    /// Entries of a list beyond its count hold nothing; zero, as the reference gives them, rather than what the arena held before.
    static void clear_unused(const std::int32_t* counts, Tensor& list) {
        const std::size_t image_bytes = list.bytes() / std::size_t(list.shape()[0]), entry_bytes = image_bytes / std::size_t(list.shape()[1]);
        for (std::int64_t image = 0; image < list.shape()[0]; ++image) {
            const std::size_t used = std::size_t(counts[image]) * entry_bytes;
            std::memset(static_cast<std::byte*>(list.raw()) + std::size_t(image) * image_bytes + used, 0, image_bytes - used);
        }
    }

    std::shared_ptr<const Compiled> compiled_;
    std::vector<Shape> shapes_;
    std::vector<std::unique_ptr<Kernel>> kernels_;  // per node; none for inputs that are read in place
    MemoryPlan plan_;
    MemoryReport memory_;
    std::vector<Step> steps_;
    std::size_t slots_ = 0, table_bytes_ = 0;
};

class CpuExecutable final : public Executable {
public:
    explicit CpuExecutable(std::shared_ptr<const Compiled> compiled) : compiled_(std::move(compiled)) {}
    const Graph& graph() const override { return compiled_->graph; }
    std::shared_ptr<const Plan> plan(const InputSize& size) const override { return std::make_shared<CpuPlan>(compiled_, size); }

private:
    std::shared_ptr<const Compiled> compiled_;
};

}  // namespace regulus::cpu
