#pragma once
// From a graph and an input size to kernels, buffers and their addresses.
#include <chrono>
#include <cstring>

#include <regulus/core/mapped_file.hpp>
#include <regulus/cpu/arrangement-impl.hpp>
#include <regulus/cpu/make_kernel-impl.hpp>
#include <regulus/graph/memory_plan.hpp>
#include <regulus/graph/program.hpp>

namespace regulus::cpu {

inline bool is_map(const Graph& graph, ValueId id, const Shape& shape) { return shape.rank() == 4 && graph.values[std::size_t(id)].dtype == DType::f32; }

class CpuPlan final : public Plan {
public:
    CpuPlan(std::shared_ptr<const Compiled> compiled, const InputSize& size) : compiled_(std::move(compiled)), shapes_(infer_shapes(compiled_->graph, size)) {
        const ThreadScope team(compiled_->threads);
        const Graph& graph = compiled_->graph;
        const std::vector<Lifetime> lives = lifetimes(graph);
        std::vector<bool> tiled;
        for (std::size_t id = 0; id < graph.nodes.size(); ++id) tiled.push_back(is_tiled(*compiled_, context_of(id)));
        const Arrangement arrangement(graph, shapes_, tiled, compiled_->bf16_maps, !compiled_->bf16, compiled_->winograd);
        MemoryRequest request;
        request.value_bytes.assign(graph.values.size(), 0);
        request.scratch_bytes.assign(graph.nodes.size(), 0);
        request.shares.assign(graph.values.size(), no_value);
        request.needed_until = arrangement.needed_until;

        for (std::size_t id = 0; id < graph.nodes.size(); ++id) {
            const Node& node = graph.nodes[id];
            const NodeContext context = context_of(id);
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
                if (source != no_value && is_bf16(source) != is_bf16(node.outputs[0])) source = no_value;
                if (source != no_value) request.shares[std::size_t(node.outputs[0])] = source;
                if (const NodeId before = arrangement.made_before[id]; before >= 0) {
                    const NodeContext other = context_of(std::size_t(before));
                    if (!arrangement.siblings[id].empty()) kernel = make_read_convolution(*compiled_, other, arrangement.siblings[id]);
                    else if (std::holds_alternative<ops::Resize>(node.operation)) kernel = make_merged(*compiled_, other, context);
                    else if (other.node.outputs[0] == node.inputs[0]) kernel = make_with_input(*compiled_, context, other);
                    else kernel = make_sum(*compiled_, context, other);
                } else if (!arrangement.siblings[id].empty()) {
                    kernel = make_siblings(*compiled_, context, arrangement.siblings[id]);
                } else if (!arrangement.chosen[id].empty()) {
                    const bool decodes = std::holds_alternative<ops::DecodeBoxes3d>(node.operation);
                    kernel = decodes ? make_chosen_boxes(*compiled_, context, arrangement.chosen[id]) : make_chosen_logits(*compiled_, context, arrangement.chosen[id]);
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

        // Kernels have forms of their own. What another size needs is read from the file again.
        for (const std::vector<Tensor>& tensors : compiled_->bound) {
            for (const Tensor& tensor : tensors) MappedFile::release_pages(tensor.raw(), tensor.bytes());
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

    std::vector<Tensor> run(std::byte* arena, PlanState* state, OutputMemory& memory, const std::vector<Tensor>& inputs, Profile* profile) const override {
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
        for (const auto& [name, id] : graph.outputs) outputs.push_back(copy_out(run, id, memory, outputs.size()));
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

    NodeContext context_of(std::size_t id) const { return {compiled_->graph, compiled_->graph.nodes[id], shapes_, compiled_->bound[id], &compiled_->bf16_maps}; }
    bool is_bf16(ValueId id) const { return compiled_->bf16_maps[std::size_t(id)]; }
    std::size_t bytes_of(ValueId id) const {
        return std::size_t(shapes_[std::size_t(id)].numel()) * (is_bf16(id) ? sizeof(Bf16) : size_of(compiled_->graph.values[std::size_t(id)].dtype));
    }
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

    Tensor copy_out(const Run& run, ValueId id, OutputMemory& memory, std::size_t number) const {
        const Graph& graph = compiled_->graph;
        const NodeContext context{graph, graph.nodes[std::size_t(graph.values[std::size_t(id)].producer)], shapes_, {}};
        Shape shape = shapes_[std::size_t(id)];
        shape[0] = context.rows_of(id)(run);
        Tensor tensor = memory.tensor(number, shape, graph.values[std::size_t(id)].dtype);
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
