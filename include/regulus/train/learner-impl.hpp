#pragma once
#include <algorithm>
#include <array>
#include <cstring>
#include <list>
#include <map>
#include <numeric>
#include <thread>

#include <regulus/graph/bind.hpp>
#include <regulus/graph/inputs.hpp>
#include <regulus/graph/memory_plan.hpp>
#include <regulus/graph/passes.hpp>
#include <regulus/train/learner.hpp>

namespace regulus::train {

namespace detail {

inline bool begins_with_any(const std::string& name, const std::vector<std::string>& prefixes) {
    return std::any_of(prefixes.begin(), prefixes.end(), [&](const std::string& prefix) { return name.rfind(prefix, 0) == 0; });
}

/// What parameter `which` of an operation is.
inline LearnedParameter::Kind kind_of_parameter(const Operation& operation, std::size_t which) {
    using Kind = LearnedParameter::Kind;
    if (std::holds_alternative<ops::EncodePillars>(operation)) return std::array{Kind::weight, Kind::norm_weight, Kind::norm_bias, Kind::statistic, Kind::statistic}[which % 5];
    if (std::holds_alternative<ops::BatchNorm>(operation) || std::holds_alternative<ops::GroupNorm>(operation)) return which == 0 ? Kind::norm_weight : which == 1 ? Kind::norm_bias : Kind::statistic;
    return which == 0 ? Kind::weight : Kind::bias;
}

/// [outer, a, b] -> [outer, b, a].
inline void swap_axes(const float* src, float* dst, std::int64_t outer, std::int64_t a, std::int64_t b) {
    for (std::int64_t o = 0; o < outer; ++o) {
        for (std::int64_t j = 0; j < b; ++j) {
            for (std::int64_t i = 0; i < a; ++i) dst[(o * b + j) * a + i] = src[(o * a + i) * b + j];
        }
    }
}

/// For each value how many of the graph's inputs it waits for.
inline std::vector<std::size_t> inputs_waited_for(const Graph& graph) {
    std::vector<std::size_t> needs(graph.values.size(), 0);
    for (std::size_t i = 0; i < graph.inputs.size(); ++i) needs[std::size_t(graph.inputs[i])] = i + 1;
    for (const Node& node : graph.nodes) {
        for (const ValueId output : node.outputs) {
            for (const ValueId input : node.inputs) needs[std::size_t(output)] = std::max(needs[std::size_t(output)], needs[std::size_t(input)]);
        }
    }
    return needs;
}

/// The nodes in the order in which they run when the inputs come one by one.
inline Graph ordered_by_inputs(Graph graph) {
    const std::vector<std::size_t> needs = inputs_waited_for(graph);
    const auto rank = [&](const Node& node) { return 2 * needs[std::size_t(node.outputs[0])] + (std::holds_alternative<ops::Input>(node.operation) ? 0 : 1); };
    std::stable_sort(graph.nodes.begin(), graph.nodes.end(), [&](const Node& a, const Node& b) { return rank(a) < rank(b); });
    for (std::size_t id = 0; id < graph.nodes.size(); ++id) {
        for (const ValueId output : graph.nodes[id].outputs) graph.values[std::size_t(output)].producer = NodeId(id);
    }
    return graph;
}

/// Between C order and a backend's layout.
inline void to_layout(MapLayout layout, const Shape& shape, const float* src, float* dst) {
    if (layout == MapLayout::channels_last && shape.rank() == 4) swap_axes(src, dst, shape[0], shape[1], shape[2] * shape[3]);
    else std::memcpy(dst, src, std::size_t(shape.numel()) * sizeof(float));
}
inline void from_layout(MapLayout layout, const Shape& shape, const float* src, float* dst) {
    if (layout == MapLayout::channels_last && shape.rank() == 4) swap_axes(src, dst, shape[0], shape[2] * shape[3], shape[1]);
    else std::memcpy(dst, src, std::size_t(shape.numel()) * sizeof(float));
}

/// The kernels of one input size, and where everything lies. The steps of memory: nodes forward, the outputs' gradients, nodes back.
struct LearningPlan {
    InputSize size;
    std::vector<Shape> shapes;                             // per value
    std::vector<std::unique_ptr<LearningKernel>> kernels;  // per node
    std::vector<std::size_t> value, gradient, kept;        // offsets into the arena, MemoryPlan::nowhere where there is none
    std::vector<std::size_t> scratch_forward, scratch_back;
    std::vector<std::vector<std::size_t>> sums;  // per node and input: where its gradient is made when another is there already, or nowhere
    std::size_t bytes = 0;
};

}  // namespace detail

struct Learner::State {
    std::shared_ptr<const LearningBackend> backend;
    Graph graph;
    LearnerOptions options;
    int threads = 1;
    std::vector<LearnedParameter> parameters;
    std::vector<std::vector<std::size_t>> of_node;  // indices into parameters
    std::vector<bool> node_learns;                  // has parameters with gradients
    std::vector<bool> gradient_wanted;              // per value: something before it learns
    std::vector<float> gradient_factor;             // per value
    std::vector<std::size_t> needs;                 // per value: how many of the graph's inputs it waits for
    std::vector<std::int64_t> rows;                 // per node, of the last forward pass: LearningArguments::rows
    std::list<detail::LearningPlan> plans;          // most recently used first
    Context memory;
    bool went_forward = false;

    void bind(const Weights& weights);
    void find_dependences();
    bool norm_is_stored(std::size_t node, std::size_t weight) const;
    detail::LearningPlan& plan_for(const InputSize& size);
    detail::LearningPlan make_plan(const InputSize& size) const;
    void place(detail::LearningPlan& plan) const;
    LearningArguments arguments(const detail::LearningPlan& plan, std::byte* arena, std::size_t node, bool back);
    std::int64_t counted_rows(std::size_t node, const std::vector<Tensor>& given) const;
};

/// Of packed rows whose count is an input of the graph.
REGULUS_INLINE std::int64_t Learner::State::counted_rows(std::size_t node, const std::vector<Tensor>& given) const {
    const Node& of = graph.nodes[node];
    if (of.inputs.empty() || !graph.values[std::size_t(of.inputs[0])].is_rows) return -1;
    const auto input = std::find(graph.inputs.begin(), graph.inputs.end(), graph.values[std::size_t(of.inputs[0])].count);
    if (input == graph.inputs.end()) return -1;
    const Tensor& counts = given[std::size_t(input - graph.inputs.begin())];
    return std::accumulate(counts.data<std::int32_t>(), counts.data<std::int32_t>() + counts.numel(), std::int64_t{0});
}

REGULUS_INLINE void Learner::State::bind(const Weights& weights) {
    const std::vector<std::vector<Tensor>> bound = bind_weights(graph, weights);
    std::map<std::string, std::size_t> known;
    for (std::size_t id = 0; id < graph.nodes.size(); ++id) {
        const Node& node = graph.nodes[id];
        of_node.emplace_back();
        node_learns.push_back(false);
        for (std::size_t which = 0; which < node.parameters.size(); ++which) {
            const std::string& name = node.parameters[which].name;
            const auto [found, is_new] = known.emplace(name, parameters.size());
            if (is_new) {
                const auto kind = detail::kind_of_parameter(node.operation, which);
                const bool of_norm = std::holds_alternative<ops::BatchNorm>(node.operation) || (std::holds_alternative<ops::EncodePillars>(node.operation) && kind != LearnedParameter::Kind::weight);
                const bool fixed = of_norm && detail::begins_with_any(name, options.fixed_norms);
                const bool learns = kind != LearnedParameter::Kind::statistic && !fixed && !detail::begins_with_any(name, options.frozen);
                parameters.push_back({name, kind, bound[id][which].clone(), learns ? Tensor::zeros(node.parameters[which].shape) : Tensor()});
            }
            of_node[id].push_back(found->second);
            if (!parameters[found->second].gradient.empty()) node_learns[id] = true;
        }
    }
}

/// Whether the norm whose weight is this parameter of a node, its bias the next one, takes its stored statistics.
REGULUS_INLINE bool Learner::State::norm_is_stored(std::size_t node, std::size_t weight) const {
    const auto learns = [&](std::size_t which) { return !parameters[of_node[node][which]].gradient.empty(); };
    return (!learns(weight) && !learns(weight + 1)) || detail::begins_with_any(graph.nodes[node].parameters[weight].name, options.stored_norms);
}

REGULUS_INLINE void Learner::State::find_dependences() {
    gradient_wanted.assign(graph.values.size(), false);
    needs = detail::inputs_waited_for(graph);
    for (std::size_t id = 0; id < graph.nodes.size(); ++id) {
        const Node& node = graph.nodes[id];
        const bool wanted = node_learns[id] || std::any_of(node.inputs.begin(), node.inputs.end(), [&](ValueId input) { return gradient_wanted[std::size_t(input)]; });
        for (const ValueId output : node.outputs) gradient_wanted[std::size_t(output)] = wanted && graph.values[std::size_t(output)].dtype == DType::f32;
    }
    gradient_factor.assign(graph.values.size(), 1.f);
    for (const auto& [label, factor] : options.gradient_factors) {
        const ValueId value = graph.find_label(label);
        if (value == no_value) throw ArgumentError("learner: " + graph.name + " has no value labelled \"" + label + "\", whose gradient is to be multiplied");
        gradient_factor[std::size_t(value)] = float(factor);
    }
}

REGULUS_INLINE detail::LearningPlan Learner::State::make_plan(const InputSize& size) const {
    detail::LearningPlan plan;
    plan.size = size;
    plan.shapes = infer_shapes(graph, size);
    const auto shapes_of = [&](const std::vector<ValueId>& ids) {
        std::vector<Shape> shapes;
        for (const ValueId id : ids) shapes.push_back(plan.shapes[std::size_t(id)]);
        return shapes;
    };
    for (std::size_t id = 0; id < graph.nodes.size(); ++id) {
        const Node& node = graph.nodes[id];
        LearningRules rules;
        rules.threads = threads;
        rules.learns = node_learns[id];
        if (std::holds_alternative<ops::BatchNorm>(node.operation)) rules.stored_statistics = norm_is_stored(id, 0);
        if (std::holds_alternative<ops::EncodePillars>(node.operation)) {
            for (std::size_t norm = 1; norm < node.parameters.size(); norm += 5) rules.stored_layers.push_back(norm_is_stored(id, norm));
        }
        plan.kernels.push_back(std::holds_alternative<ops::Input>(node.operation) ? nullptr : backend->kernel(node, shapes_of(node.inputs), shapes_of(node.outputs), rules));
    }
    place(plan);
    return plan;
}

/// Writes the run down as a graph of its own, values first, then their gradients, then what kernels keep, and lets the planner place it.
REGULUS_INLINE void Learner::State::place(detail::LearningPlan& plan) const {
    const std::size_t nodes = graph.nodes.size(), values = graph.values.size(), seed = nodes;
    const auto gradient_of = [&](ValueId value) { return ValueId(values) + value; };
    const auto kept_of = [&](std::size_t node) { return ValueId(2 * values + node); };
    const auto bytes_of = [&](ValueId value) { return std::size_t(plan.shapes[std::size_t(value)].numel()) * size_of(graph.values[std::size_t(value)].dtype); };

    Graph steps;
    steps.values.resize(2 * values + nodes);
    steps.nodes.resize(2 * nodes + 1);
    MemoryRequest request;
    request.value_bytes.assign(steps.values.size(), 0);
    request.scratch_bytes.assign(steps.nodes.size(), 0);
    std::vector<bool> has_gradient(values, false);

    for (std::size_t id = 0; id < nodes; ++id) {
        const Node& node = graph.nodes[id];
        const bool is_input = std::holds_alternative<ops::Input>(node.operation);  // all are there from the start
        steps.nodes[id].inputs = node.inputs;
        steps.nodes[is_input ? 0 : id].outputs.insert(steps.nodes[is_input ? 0 : id].outputs.end(), node.outputs.begin(), node.outputs.end());
        for (const ValueId output : node.outputs) request.value_bytes[std::size_t(output)] = bytes_of(output);
        if (plan.kernels[id] == nullptr) continue;
        request.scratch_bytes[id] = plan.kernels[id]->scratch_bytes();
        request.value_bytes[std::size_t(kept_of(id))] = plan.kernels[id]->kept_bytes();
        steps.nodes[id].outputs.push_back(kept_of(id));
    }
    for (const auto& [name, output] : graph.outputs) {
        steps.nodes[seed].inputs.push_back(output);
        if (!gradient_wanted[std::size_t(output)] || has_gradient[std::size_t(output)]) continue;
        steps.nodes[seed].outputs.push_back(gradient_of(output));
        has_gradient[std::size_t(output)] = true;
    }
    std::vector<std::vector<std::size_t>> sum_at(nodes);  // offsets behind the kernel's own scratch
    for (std::size_t id = nodes; id-- > 0;) {
        const Node& node = graph.nodes[id];
        const LearningKernel* kernel = plan.kernels[id].get();
        if (kernel == nullptr || !gradient_wanted[std::size_t(node.outputs[0])]) continue;
        const std::size_t back = 2 * nodes - id;
        Node& step = steps.nodes[back];
        if (kernel->backward_reads_inputs()) step.inputs = node.inputs;
        if (kernel->backward_reads_outputs()) step.inputs.insert(step.inputs.end(), node.outputs.begin(), node.outputs.end());
        step.inputs.push_back(kept_of(id));
        for (const ValueId output : node.outputs) step.inputs.push_back(gradient_of(output));
        std::size_t scratch = (kernel->scratch_bytes() + 63) / 64 * 64;
        for (const ValueId input : node.inputs) {
            sum_at[id].push_back(MemoryPlan::nowhere);
            if (!gradient_wanted[std::size_t(input)]) continue;
            if (has_gradient[std::size_t(input)]) {
                sum_at[id].back() = scratch;
                scratch += (bytes_of(input) + 63) / 64 * 64;
                step.inputs.push_back(gradient_of(input));
            } else {
                has_gradient[std::size_t(input)] = true;
                step.outputs.push_back(gradient_of(input));
            }
        }
        request.scratch_bytes[back] = scratch;
    }
    for (std::size_t value = 0; value < values; ++value) {
        if (has_gradient[value]) request.value_bytes[values + value] = bytes_of(ValueId(value));
    }

    const MemoryPlan memory = plan_memory(steps, request);
    plan.bytes = memory.peak;
    plan.value.assign(memory.value_offset.begin(), memory.value_offset.begin() + std::ptrdiff_t(values));
    plan.gradient.assign(memory.value_offset.begin() + std::ptrdiff_t(values), memory.value_offset.begin() + std::ptrdiff_t(2 * values));
    plan.kept.assign(memory.value_offset.begin() + std::ptrdiff_t(2 * values), memory.value_offset.end());
    plan.sums.resize(nodes);
    for (std::size_t id = 0; id < nodes; ++id) {
        plan.scratch_forward.push_back(memory.scratch_offset[id]);
        plan.scratch_back.push_back(memory.scratch_offset[2 * nodes - id]);
        for (const std::size_t at : sum_at[id]) plan.sums[id].push_back(at == MemoryPlan::nowhere ? at : plan.scratch_back[id] + at);
    }
}

REGULUS_INLINE detail::LearningPlan& Learner::State::plan_for(const InputSize& size) {
    constexpr std::size_t most_plans = 8;
    const auto found = std::find_if(plans.begin(), plans.end(), [&](const detail::LearningPlan& plan) { return plan.size == size; });
    if (found != plans.end()) {
        plans.splice(plans.begin(), plans, found);
        return plans.front();
    }
    plans.push_front(make_plan(size));
    if (plans.size() > most_plans) plans.pop_back();
    return plans.front();
}

REGULUS_INLINE LearningArguments Learner::State::arguments(const detail::LearningPlan& plan, std::byte* arena, std::size_t id, bool back) {
    const Node& node = graph.nodes[id];
    const LearningKernel& kernel = *plan.kernels[id];
    const auto at = [&](std::size_t offset) { return offset == MemoryPlan::nowhere ? nullptr : reinterpret_cast<float*>(arena + offset); };
    LearningArguments arguments;
    arguments.rows = rows[id];
    arguments.norm_momentum = options.norm_momentum;
    for (const ValueId input : node.inputs) arguments.inputs.push_back(back && !kernel.backward_reads_inputs() ? nullptr : at(plan.value[std::size_t(input)]));
    for (const ValueId output : node.outputs) arguments.outputs.push_back(back && !kernel.backward_reads_outputs() ? nullptr : at(plan.value[std::size_t(output)]));
    for (const std::size_t parameter : of_node[id]) arguments.parameters.push_back(parameters[parameter].value.data<float>());
    arguments.kept = reinterpret_cast<std::byte*>(at(plan.kept[id]));
    arguments.scratch = reinterpret_cast<std::byte*>(at(back ? plan.scratch_back[id] : plan.scratch_forward[id]));
    if (!back) return arguments;
    for (const ValueId output : node.outputs) arguments.output_gradients.push_back(at(plan.gradient[std::size_t(output)]));
    for (std::size_t i = 0; i < node.inputs.size(); ++i) {
        const std::size_t sum = plan.sums[id][i];
        arguments.input_gradients.push_back(at(sum != MemoryPlan::nowhere ? sum : plan.gradient[std::size_t(node.inputs[i])]));
    }
    for (const std::size_t parameter : of_node[id]) arguments.parameter_gradients.push_back(parameters[parameter].gradient.empty() ? nullptr : parameters[parameter].gradient.data<float>());
    return arguments;
}

REGULUS_INLINE Learner::Learner(std::shared_ptr<const LearningBackend> backend, Graph graph, const Weights& weights, const LearnerOptions& options) : state_(std::make_unique<State>()) {
    state_->backend = std::move(backend);
    state_->graph = detail::ordered_by_inputs(fuse_activation(remove_dead(std::move(graph))));
    state_->options = options;
    state_->threads = options.threads > 0 ? options.threads : int(std::max(1u, std::thread::hardware_concurrency()));
    state_->bind(weights);
    state_->find_dependences();
}

REGULUS_INLINE Learner::~Learner() = default;
REGULUS_INLINE Learner::Learner(Learner&&) noexcept = default;
REGULUS_INLINE Learner& Learner::operator=(Learner&&) noexcept = default;

REGULUS_INLINE Outputs Learner::forward(const std::vector<Tensor>& inputs, const LaterInputs& later) {
    State& state = *state_;
    const Graph& graph = state.graph;
    std::vector<Tensor> given = inputs;
    const InputSize size = checked_size(graph, given, later != nullptr);
    state.went_forward = false;
    state.rows.assign(graph.nodes.size(), -1);
    const detail::LearningPlan& plan = state.plan_for(size);
    std::byte* const arena = state.memory.arena(plan.bytes, state.options.memory_budget);
    const MapLayout layout = state.backend->layout();
    std::vector<Tensor> outputs(graph.outputs.size());
    for (std::size_t taken = 0, reached = 0;; reached = taken) {
        for (; taken < given.size(); ++taken) {
            std::byte* const to = arena + plan.value[std::size_t(graph.inputs[taken])];
            if (given[taken].dtype() == DType::f32) detail::to_layout(layout, given[taken].shape(), given[taken].data<float>(), reinterpret_cast<float*>(to));
            else std::memcpy(to, given[taken].raw(), given[taken].bytes());
        }
        // What waits for no later input, and was not there before.
        const auto now = [&](std::size_t needs, bool first) { return needs <= taken && (first || needs > reached); };
        for (std::size_t id = 0; id < graph.nodes.size(); ++id) {
            if (plan.kernels[id] == nullptr || !now(state.needs[std::size_t(graph.nodes[id].outputs[0])], reached == 0)) continue;
            state.rows[id] = state.counted_rows(id, given);
            plan.kernels[id]->forward(state.arguments(plan, arena, id, false));
        }
        Outputs so_far;
        for (std::size_t i = 0; i < graph.outputs.size(); ++i) {
            const std::size_t id = std::size_t(graph.outputs[i].second);
            if (now(state.needs[id], reached == 0)) {
                outputs[i] = Tensor(plan.shapes[id], graph.values[id].dtype);
                const std::byte* const from = arena + plan.value[id];
                if (outputs[i].dtype() == DType::f32) detail::from_layout(layout, outputs[i].shape(), reinterpret_cast<const float*>(from), outputs[i].data<float>());
                else std::memcpy(outputs[i].raw(), from, outputs[i].bytes());
            }
            if (state.needs[id] <= taken) so_far.add(graph.outputs[i].first, outputs[i]);
        }
        if (taken == graph.inputs.size()) {
            state.went_forward = true;
            return so_far;
        }
        const std::vector<Tensor> next = later(so_far);
        if (next.empty()) throw ArgumentError("forward: " + graph.name + " takes " + std::to_string(graph.inputs.size()) + " inputs, there came " + std::to_string(taken) + " and then no more");
        given.insert(given.end(), next.begin(), next.end());
        if (!(checked_size(graph, given, true) == size)) throw ShapeError("forward: inputs that come later must not change the sizes");
    }
}

REGULUS_INLINE void Learner::backward(const std::vector<Tensor>& gradients) {
    State& state = *state_;
    const Graph& graph = state.graph;
    if (!state.went_forward) throw ArgumentError("backward: needs a forward pass of its own first");
    const detail::LearningPlan& plan = state.plans.front();
    if (gradients.size() != graph.outputs.size()) {
        throw ArgumentError("backward: " + graph.name + " has " + std::to_string(graph.outputs.size()) + " outputs, got " + std::to_string(gradients.size()) + " gradients");
    }
    for (std::size_t i = 0; i < gradients.size(); ++i) {
        const Shape& shape = plan.shapes[std::size_t(graph.outputs[i].second)];
        if (gradients[i].empty()) continue;
        if (gradients[i].dtype() != DType::f32 || !(gradients[i].shape() == shape)) {
            throw ShapeError("backward: the gradient by \"" + graph.outputs[i].first + "\" must be f32 " + to_string(shape) + ", got " + name_of(gradients[i].dtype()) + " " + to_string(gradients[i].shape()));
        }
    }
    state.went_forward = false;
    std::byte* const arena = state.memory.arena(plan.bytes, state.options.memory_budget);
    for (std::size_t i = 0; i < gradients.size(); ++i) {
        const std::size_t id = std::size_t(graph.outputs[i].second);
        if (plan.gradient[id] == MemoryPlan::nowhere) continue;
        float* const to = reinterpret_cast<float*>(arena + plan.gradient[id]);
        if (gradients[i].empty()) std::memset(to, 0, std::size_t(plan.shapes[id].numel()) * sizeof(float));
        else detail::to_layout(state.backend->layout(), plan.shapes[id], gradients[i].data<float>(), to);
    }
    for (std::size_t id = graph.nodes.size(); id-- > 0;) {
        const Node& node = graph.nodes[id];
        if (plan.kernels[id] == nullptr || !state.gradient_wanted[std::size_t(node.outputs[0])]) continue;
        const LearningArguments arguments = state.arguments(plan, arena, id, true);
        for (std::size_t i = 0; i < node.outputs.size(); ++i) {
            const float factor = state.gradient_factor[std::size_t(node.outputs[i])];
            const std::int64_t count = factor == 1.f || arguments.output_gradients[i] == nullptr ? 0 : plan.shapes[std::size_t(node.outputs[i])].numel();
            for (std::int64_t element = 0; element < count; ++element) arguments.output_gradients[i][element] *= factor;
        }
        plan.kernels[id]->backward(arguments);
        for (std::size_t i = 0; i < node.inputs.size(); ++i) {
            if (plan.sums[id][i] == MemoryPlan::nowhere) continue;
            float* const to = reinterpret_cast<float*>(arena + plan.gradient[std::size_t(node.inputs[i])]);
            const float* const from = arguments.input_gradients[i];
            const std::int64_t count = plan.shapes[std::size_t(node.inputs[i])].numel();
#pragma omp parallel for simd schedule(static) num_threads(state.threads)
            for (std::int64_t element = 0; element < count; ++element) to[element] += from[element];
        }
    }
}

REGULUS_INLINE void Learner::clear_gradients() {
    for (LearnedParameter& parameter : state_->parameters) {
        if (!parameter.gradient.empty()) std::memset(parameter.gradient.raw(), 0, parameter.gradient.bytes());
    }
}

REGULUS_INLINE std::span<LearnedParameter> Learner::parameters() { return state_->parameters; }

REGULUS_INLINE double Learner::norm_momentum() const { return state_->options.norm_momentum; }
REGULUS_INLINE void Learner::set_norm_momentum(double momentum) { state_->options.norm_momentum = momentum; }

REGULUS_INLINE Weights Learner::weights() const {
    Weights weights;
    for (const LearnedParameter& parameter : state_->parameters) weights.add(parameter.name, parameter.value.clone());
    return weights;
}

REGULUS_INLINE const Graph& Learner::graph() const { return state_->graph; }
REGULUS_INLINE std::size_t Learner::arena_bytes() const { return state_->plans.empty() ? 0 : state_->plans.front().bytes; }

}  // namespace regulus::train
