#pragma once
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <list>
#include <mutex>

#include <regulus/graph/program.hpp>

namespace regulus {

struct Program::State {
    std::shared_ptr<const Executable> executable;
    CompileOptions options;
    std::mutex mutex;
    std::list<std::pair<InputSize, std::shared_ptr<const Plan>>> plans;  // most recently used first
};

REGULUS_INLINE const Tensor& Outputs::operator[](const std::string& name) const {
    for (const auto& [key, tensor] : entries_) {
        if (key == name) return tensor;
    }
    throw ArgumentError("outputs: there is no output \"" + name + "\"");
}

REGULUS_INLINE void Context::Free::operator()(std::byte* memory) const noexcept { ::operator delete(memory, std::align_val_t{Tensor::alignment}); }

REGULUS_INLINE std::byte* Context::arena(std::size_t bytes, std::size_t budget) {
    if (budget != 0 && bytes > budget) {
        throw BackendError("memory: the plan needs " + std::to_string(bytes) + " bytes, the budget is " + std::to_string(budget) + "; use smaller pictures or a smaller batch");
    }
    if (bytes <= capacity_) return memory_.get();
    void* fresh = ::operator new(bytes, std::align_val_t{Tensor::alignment}, std::nothrow);
    if (fresh == nullptr) throw BackendError("memory: " + std::to_string(bytes) + " bytes for the plan's arena could not be had");
    detail::advise_large_pages(fresh, bytes);
    memory_.reset(static_cast<std::byte*>(fresh));
    capacity_ = bytes;
    return memory_.get();
}

REGULUS_INLINE PlanState* Context::state(const std::shared_ptr<const Plan>& plan) {
    for (const KeptState& kept : states_) {
        if (!kept.plan.owner_before(plan) && !plan.owner_before(kept.plan)) return kept.state.get();
    }
    states_.erase(std::remove_if(states_.begin(), states_.end(), [](const KeptState& kept) { return kept.plan.expired(); }), states_.end());
    states_.push_back({plan, plan->make_state()});
    return states_.back().state.get();
}

REGULUS_INLINE Program::Program(const Backend& backend, const Graph& graph, const Weights& weights, const CompileOptions& options) : state_(std::make_shared<State>()) {
    state_->executable = backend.compile(graph, weights, options);
    state_->options = options;
}

REGULUS_INLINE const Graph& Program::graph() const { return state_->executable->graph(); }

REGULUS_INLINE std::shared_ptr<const Plan> Program::plan_for(const InputSize& size) const {
    State& state = *state_;
    const std::lock_guard lock(state.mutex);
    const auto found = std::find_if(state.plans.begin(), state.plans.end(), [&](const auto& entry) { return entry.first == size; });
    if (found != state.plans.end()) {
        state.plans.splice(state.plans.begin(), state.plans, found);
        return found->second;
    }
    std::shared_ptr<const Plan> plan = state.executable->plan(size);
    state.plans.emplace_front(size, plan);
    if (state.plans.size() > std::max<std::size_t>(1, state.options.max_plans)) state.plans.pop_back();
    return plan;
}

REGULUS_INLINE void Program::prepare(Context& context, const InputSize& size) const {
    const std::shared_ptr<const Plan> plan = plan_for(size);
    const std::size_t had = context.arena_bytes();
    std::byte* const arena = context.arena(plan->host_arena(), state_->options.memory_budget);
    if (context.arena_bytes() != had) {  // the system gives each page at its first write: better now than during the first run
        for (std::size_t at = 0; at < context.arena_bytes(); at += 4096) arena[at] = std::byte{0};
    }
    context.state(plan);
}

namespace detail {

/// What the shapes of the first input that has them say: pictures, or points and clouds.
inline InputSize size_of_inputs(const Graph& graph, const std::vector<Tensor>& inputs) {
    constexpr std::int64_t longest = 1 << 20, most_points = 1 << 28;
    InputSize size;
    for (std::size_t i = 0; i < inputs.size(); ++i) {
        const Shape& shape = inputs[i].shape();
        switch (std::get<ops::Input>(graph.nodes[std::size_t(graph.values[std::size_t(graph.inputs[i])].producer)].operation).role) {
            case ops::Input::Role::image:
                if (shape.rank() != 4) throw ShapeError("run: the pictures must be [n, channels, height, width], got " + to_string(shape));
                if (shape[0] > longest || shape[2] > longest || shape[3] > longest) throw ShapeError("run: pictures of shape " + to_string(shape) + " are too large");
                size.n = int(shape[0]);
                size.height = int(shape[2]);
                size.width = int(shape[3]);
                break;
            case ops::Input::Role::points:
                if (shape.rank() != 2 || shape[0] > most_points) throw ShapeError("run: the points must be [points, features], at most " + std::to_string(most_points) + " of them, got " + to_string(shape));
                size.points = int(shape[0]);
                break;
            case ops::Input::Role::point_count:
                if (shape.rank() != 1 || shape[0] > longest) throw ShapeError("run: the point counts must be [clouds], got " + to_string(shape));
                size.n = int(shape[0]);
                break;
            case ops::Input::Role::image_info:
            case ops::Input::Role::proposals:
            case ops::Input::Role::proposal_labels:
            case ops::Input::Role::proposal_count: break;
        }
    }
    return size;
}

inline void check_point_counts(const Tensor& counts, std::int64_t points) {
    std::int64_t sum = 0;
    for (std::int64_t i = 0; i < counts.numel(); ++i) {
        const std::int32_t count = counts.data<std::int32_t>()[i];
        if (count < 0 || (sum += count) > points) throw ArgumentError("run: the clouds' point counts must not be negative, and their sum at most the " + std::to_string(points) + " points given");
    }
}

/// Input `which` holds how many proposals each picture has; the boxes themselves, and their classes if there are some, are the inputs that it counts.
inline void check_proposals(const Graph& graph, const std::vector<Tensor>& inputs, std::size_t which, int limit) {
    std::int64_t rows = 0;
    for (std::int64_t i = 0; i < inputs[which].numel(); ++i) {
        const std::int32_t count = inputs[which].data<std::int32_t>()[i];
        if (count < 0 || count > limit) throw ArgumentError("run: a picture has 0 .. " + std::to_string(limit) + " proposals, picture " + std::to_string(i) + " has " + std::to_string(count));
        rows += count;
    }
    for (std::size_t counted = 0; counted < inputs.size(); ++counted) {
        const Value& value = graph.values[std::size_t(graph.inputs[counted])];
        if (value.count != graph.inputs[which]) continue;
        const ops::Input& input = std::get<ops::Input>(graph.nodes[std::size_t(value.producer)].operation);
        if (input.role == ops::Input::Role::proposal_labels) {
            const std::int32_t* const labels = inputs[counted].data<std::int32_t>();
            const auto* const other = std::find_if(labels, labels + rows, [&](std::int32_t label) { return label < 0 || label >= input.channels; });
            if (other != labels + rows) throw ArgumentError("run: classes of proposals are 0 .. " + std::to_string(input.channels - 1) + ", proposal " + std::to_string(other - labels) + " has " + std::to_string(*other));
            continue;
        }
        for (std::int64_t i = 0; i < 4 * rows; ++i) {
            if (!std::isfinite(inputs[counted].data<float>()[i])) throw ArgumentError("run: a coordinate of proposal " + std::to_string(i / 4) + " is not finite");
        }
    }
}

}  // namespace detail

REGULUS_INLINE Outputs Program::run(Context& context, const std::vector<Tensor>& inputs, Profile* profile) const {
    const Graph& graph = this->graph();
    if (inputs.size() != graph.inputs.size()) {
        throw ShapeError("run: " + graph.name + " takes " + std::to_string(graph.inputs.size()) + " inputs, got " + std::to_string(inputs.size()));
    }
    const InputSize size = detail::size_of_inputs(graph, inputs);
    for (std::size_t i = 0; i < inputs.size(); ++i) {
        const ValueId id = graph.inputs[i];
        const Node& node = graph.nodes[std::size_t(graph.values[std::size_t(id)].producer)];
        const DType dtype = graph.values[std::size_t(id)].dtype;
        const Shape expected = infer_outputs(node, {}, size)[0];
        if (!(inputs[i].shape() == expected) || inputs[i].dtype() != dtype) {
            throw ShapeError("run: input \"" + node.name + "\" must be " + name_of(dtype) + " " + to_string(expected) + ", got " + name_of(inputs[i].dtype()) + " " + to_string(inputs[i].shape()));
        }
        if (std::get<ops::Input>(node.operation).role == ops::Input::Role::point_count) detail::check_point_counts(inputs[i], size.points);
    }
    for (std::size_t i = 0; i < inputs.size(); ++i) {
        const auto& input = std::get<ops::Input>(graph.nodes[std::size_t(graph.values[std::size_t(graph.inputs[i])].producer)].operation);
        if (input.role == ops::Input::Role::proposal_count) detail::check_proposals(graph, inputs, i, input.limit);
    }
    const std::shared_ptr<const Plan> plan = plan_for(size);
    std::vector<Tensor> tensors = plan->run(context.arena(plan->host_arena(), state_->options.memory_budget), context.state(plan), inputs, profile);
    Outputs outputs;
    for (std::size_t i = 0; i < tensors.size(); ++i) outputs.add(graph.outputs[i].first, std::move(tensors[i]));
    return outputs;
}

REGULUS_INLINE MemoryReport Program::memory(const InputSize& size) const { return plan_for(size)->memory(); }
REGULUS_INLINE std::vector<Step> Program::steps(const InputSize& size) const { return plan_for(size)->steps(); }

REGULUS_INLINE std::string Program::explain(const InputSize& size, const Profile* profile) const {
    const std::shared_ptr<const Plan> plan = plan_for(size);
    const std::vector<Step>& steps = plan->steps();
    double total = 0;
    if (profile != nullptr) {
        for (const double time : profile->nanoseconds) total += time;
    }
    std::string text;
    char line[768];
    std::snprintf(line, sizeof line, "%-30s %-58s %-34s %10s %8s %7s  %s\n", "node", "operation", "kernel", "KiB", "ms", "share", "why");
    text += line;
    for (std::size_t i = 0; i < steps.size(); ++i) {
        const Step& step = steps[i];
        char time[32] = "", share[32] = "";
        if (profile != nullptr && i < profile->nanoseconds.size() && total > 0) {
            std::snprintf(time, sizeof time, "%.3f", profile->nanoseconds[i] * 1e-6);
            std::snprintf(share, sizeof share, "%.1f %%", 100 * profile->nanoseconds[i] / total);
        }
        std::snprintf(line, sizeof line, "%-30s %-58s %-34s %10.1f %8s %7s  %s\n", step.node.c_str(), step.operation.c_str(), step.kernel.c_str(), double(step.bytes) / 1024, time, share,
                      step.reason.c_str());
        text += line;
    }
    const MemoryReport memory = plan->memory();
    std::snprintf(line, sizeof line, "arena %.1f MiB (%.0f %% of the %.1f MiB that all values take), weights %.1f MiB\n", double(memory.arena) / 1048576,
                  memory.sum_of_values == 0 ? 100.0 : 100.0 * double(memory.arena) / double(memory.sum_of_values), double(memory.sum_of_values) / 1048576, double(memory.weights) / 1048576);
    text += line;
    if (total > 0) {
        std::snprintf(line, sizeof line, "total %.2f ms\n", total * 1e-6);
        text += line;
    }
    return text;
}

}  // namespace regulus
