#pragma once
// A graph compiled for a backend: Program (immutable, shared), Context (one per thread), plans per input size.
#include <array>
#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include <regulus/graph/describe.hpp>
#include <regulus/weights/weights.hpp>

namespace regulus {

struct CompileOptions {
    int threads = 0;                           // 0: as many as the machine has
    std::size_t memory_budget = 0;             // bytes that one context's arena may take; 0: no limit
    std::size_t max_plans = 8;                 // plans kept; the least recently used goes first
    std::vector<std::string> extra_outputs{};  // labels of values to give out besides the graph's own outputs
};

/// Nanoseconds per step of one run; filled when asked for.
struct Profile {
    std::vector<double> nanoseconds;
};

/// One step of a plan as `explain` shows it.
struct Step {
    std::string node;       // scope name of the node
    std::string operation;  // its sentence
    std::string kernel;     // which kernel runs it
    std::string reason;     // why
    std::size_t bytes = 0;  // of outputs and scratch in the arena
    std::int64_t macs = 0;
};

struct MemoryReport {
    std::size_t arena = 0;          // planned peak of one context
    std::size_t sum_of_values = 0;  // the same without sharing
    std::size_t weights = 0;        // bytes of parameters as the backend keeps them
};

/// What one context keeps for one plan between runs, so that a run need not make it: argument objects of a library, a captured graph.
class PlanState {
public:
    virtual ~PlanState() = default;
};

/// Memory of a run's outputs. That of a tensor which nobody else holds any more serves the next run: new memory of tens of megabytes takes the system as long as
/// some layers.
class OutputMemory {
public:
    /// The output with this number; elements are not initialised.
    Tensor tensor(std::size_t number, const Shape& shape, DType dtype);
    void release() noexcept { blocks_.clear(); }

private:
    std::vector<std::array<Tensor, 2>> blocks_;  // of each number: callers may hold the outputs of one run until the next has made its own
};

/// What a backend makes for one input size. Immutable; run() may be called by several threads, each with its own arena and state.
class Plan {
public:
    virtual ~Plan() = default;
    virtual MemoryReport memory() const = 0;
    /// Bytes that run() wants at `arena`: less than memory().arena when values live on a device. Such a plan checks the budget itself.
    virtual std::size_t host_arena() const { return memory().arena; }
    virtual const std::vector<Step>& steps() const = 0;
    /// `inputs` in the graph's order, already checked; `arena` holds host_arena() bytes aligned to 64. Rows that no image
    /// fills are cut from the outputs.
    /// `state` is what make_state() gave for this context; outputs may be made in `memory`.
    virtual std::vector<Tensor> run(std::byte* arena, PlanState* state, OutputMemory& memory, const std::vector<Tensor>& inputs, Profile* profile) const = 0;
    virtual std::unique_ptr<PlanState> make_state() const { return nullptr; }
};

/// A graph with its weights as a backend holds them.
class Executable {
public:
    virtual ~Executable() = default;
    virtual const Graph& graph() const = 0;
    virtual std::shared_ptr<const Plan> plan(const InputSize& size) const = 0;
};

/// Compiles graphs. Layers and models never name one.
class Backend {
public:
    virtual ~Backend() = default;
    virtual std::string name() const = 0;
    /// Throws WeightError when weights and graph differ, BackendError for what the backend cannot do (naming the node).
    virtual std::shared_ptr<const Executable> compile(const Graph& graph, const Weights& weights, const CompileOptions& options) const = 0;
};

/// Named tensors that a run gives, in the graph's order of outputs.
class Outputs {
public:
    void add(std::string name, Tensor tensor) { entries_.emplace_back(std::move(name), std::move(tensor)); }
    /// Throws ArgumentError for an unknown name.
    const Tensor& operator[](const std::string& name) const;
    const std::vector<std::pair<std::string, Tensor>>& entries() const noexcept { return entries_; }

private:
    std::vector<std::pair<std::string, Tensor>> entries_;
};

/// What one run needs: the arena, the memory of the latest outputs, and the states of the plans in use. Use one per thread; arena and outputs grow to the largest
/// that they met and never shrink by themselves.
class Context {
public:
    Context() = default;
    /// At least `bytes`, aligned to 64. Throws BackendError when `budget` (if not 0) or the machine's memory is exceeded.
    std::byte* arena(std::size_t bytes, std::size_t budget);
    std::size_t arena_bytes() const noexcept { return capacity_; }
    OutputMemory& outputs() noexcept { return outputs_; }
    /// The state of a plan, made at its first use; states of plans that no program keeps any more are dropped.
    PlanState* state(const std::shared_ptr<const Plan>& plan);
    void release() noexcept {
        states_.clear();
        outputs_.release();
        memory_.reset();
        capacity_ = 0;
    }

private:
    struct Free {
        void operator()(std::byte* memory) const noexcept;
    };
    struct KeptState {
        std::weak_ptr<const Plan> plan;
        std::unique_ptr<PlanState> state;
    };
    std::unique_ptr<std::byte, Free> memory_;
    std::size_t capacity_ = 0;
    OutputMemory outputs_;
    std::vector<KeptState> states_;
};

/// An immutable compiled graph; copies share it. All members may be called by several threads at once.
class Program {
public:
    Program() = default;
    Program(const Backend& backend, const Graph& graph, const Weights& weights, const CompileOptions& options = {});

    /// Makes the plan, its memory (written once, so that the system has given it) and the context's state: the next run of this size takes no longer than later
    /// ones. Throws BackendError over the budget.
    void prepare(Context& context, const InputSize& size) const;

    /// image [n, channels, h, w] float32, image_info [n, 4] float32 (if the graph takes it); or points [p, features] float32, point_count [n] int32;
    /// after the pictures, proposals [n * limit, 4] float32, proposal_labels [n * limit] int32 and proposal_count [n] int32 where the graph takes them. Plans are kept by p, so
    /// callers round it up. Throws ShapeError for other inputs, ArgumentError for counts beyond p or the limit, for proposals that are not finite or of no class.
    Outputs run(Context& context, const std::vector<Tensor>& inputs, Profile* profile = nullptr) const;

    const Graph& graph() const;
    MemoryReport memory(const InputSize& size) const;
    std::vector<Step> steps(const InputSize& size) const;

    /// A table: for each step the kernel, why it was chosen, bytes and, with a profile, its share of the time.
    std::string explain(const InputSize& size, const Profile* profile = nullptr) const;

private:
    struct State;
    std::shared_ptr<const Plan> plan_for(const InputSize& size) const;
    std::shared_ptr<State> state_;
};

inline Program compile(const Backend& backend, const Graph& graph, const Weights& weights, const CompileOptions& options = {}) {
    return Program(backend, graph, weights, options);
}

}  // namespace regulus

#if !defined(REGULUS_COMPILED)
#include <regulus/graph/program-impl.hpp>
#endif
