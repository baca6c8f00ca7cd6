#pragma once
#include <algorithm>
#include <cstdio>
#include <list>
#include <mutex>

#include <regulus/graph/inputs.hpp>
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

REGULUS_INLINE Tensor OutputMemory::tensor(std::size_t number, const Shape& shape, DType dtype) {
    if (number >= blocks_.size()) blocks_.resize(number + 1);
    std::array<Tensor, 2>& blocks = blocks_[number];
    const std::size_t bytes = std::size_t(shape.numel()) * size_of(dtype);
    const auto serves = [&](const Tensor& block) { return block.raw() != nullptr && !block.is_shared() && block.bytes() >= bytes; };
    if (!serves(blocks[0])) std::swap(blocks[0], blocks[1]);
    if (!serves(blocks[0])) {
        if (blocks[0].is_shared()) std::swap(blocks[0], blocks[1]);
        blocks[0] = Tensor(shape, dtype);
    }
    return blocks[0].viewed_as(shape, dtype);
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

REGULUS_INLINE Outputs Program::run(Context& context, const std::vector<Tensor>& inputs, Profile* profile) const {
    const InputSize size = checked_size(graph(), inputs);
    const std::shared_ptr<const Plan> plan = plan_for(size);
    std::vector<Tensor> tensors = plan->run(context.arena(plan->host_arena(), state_->options.memory_budget), context.state(plan), context.outputs(), inputs, profile);
    Outputs outputs;
    for (std::size_t i = 0; i < tensors.size(); ++i) outputs.add(graph().outputs[i].first, std::move(tensors[i]));
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
