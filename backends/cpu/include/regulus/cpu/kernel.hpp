#pragma once
// What the steps of a CPU plan are made of.
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <regulus/core/tensor.hpp>
#include <regulus/graph/graph.hpp>

namespace regulus::cpu {

/// Which entry of the run's table holds a buffer's address: one per value, then those for scratch.
struct Place {
    int slot = -1;
};

/// What one context keeps for a kernel between runs.
class KernelState {
public:
    virtual ~KernelState() = default;
};

/// One run: the address of every buffer (the table itself lies in the arena), and the context's state of every kernel.
struct Run {
    std::byte* const* slots;
    const std::unique_ptr<KernelState>* states = nullptr;

    void* at(const Place& place) const { return slots[place.slot]; }
    float* floats(const Place& place) const { return static_cast<float*>(at(place)); }
    std::int32_t* integers(const Place& place) const { return static_cast<std::int32_t*>(at(place)); }
};

/// How many leading entries of a value are valid: all `bound` of them, or as many as its counts sum to.
struct RowCount {
    std::int64_t bound = 0;
    bool counted = false;
    Place counts;
    std::int64_t images = 0;

    std::int64_t operator()(const Run& run) const {
        if (!counted) return bound;
        const std::int32_t* count = run.integers(counts);
        std::int64_t sum = 0;
        for (std::int64_t i = 0; i < images; ++i) sum += count[i];
        return sum;
    }
};

/// A compiled node. Immutable; run() may be called by several threads with different arenas.
class Kernel {
public:
    virtual ~Kernel() = default;
    virtual void run(const Run& run) const = 0;
    virtual std::unique_ptr<KernelState> make_state() const { return nullptr; }
    int id = 0;          // set by the plan: the kernel's entry in Run::states
    virtual std::size_t scratch_bytes() const { return 0; }
    Place scratch;       // set by the plan
    std::string name;    // for explain
    std::string reason;  // for explain
};

/// std::make_unique, but of the base: what converts a pointer to each kernel into one is not compiled then.
template <class Own, class... Arguments>
std::unique_ptr<Kernel> new_kernel(Arguments&&... arguments) {
    return std::unique_ptr<Kernel>(new Own(std::forward<Arguments>(arguments)...));
}

/// Where a map's channels lie in the pixels of a wider one: `pitch` channels a pixel, this map's from `first` on. pitch 0: the map is its own.
struct ChannelSlice {
    std::int64_t first = 0, pitch = 0;
};

/// What a kernel is made from.
struct NodeContext {
    const Graph& graph;
    const Node& node;
    const std::vector<Shape>& shapes;
    const std::vector<Tensor>& bound;   // the node's parameters
    const std::vector<bool>* bf16_maps = nullptr;  // per value: whether it is kept in bfloat16; null: none is

    bool is_bf16(ValueId id) const { return bf16_maps != nullptr && (*bf16_maps)[std::size_t(id)]; }
    ValueId in(std::size_t i) const { return node.inputs[i]; }
    ValueId out(std::size_t i) const { return node.outputs[i]; }
    const Shape& shape(ValueId id) const { return shapes[std::size_t(id)]; }

    RowCount rows_of(ValueId id) const {
        RowCount rows;
        rows.bound = shape(id)[0];
        const Value& value = graph.values[std::size_t(id)];
        if (value.is_rows && value.count != no_value) {
            rows.counted = true;
            rows.counts = place(value.count);
            rows.images = shape(value.count)[0];
        }
        return rows;
    }
    Place place(ValueId id) const { return {id}; }
};

}  // namespace regulus::cpu
