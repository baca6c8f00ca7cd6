#pragma once
// From a graph and an input size to commands on a stream, and addresses in one arena on the device.
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <utility>
#include <vector>

#include <regulus/cuda.hpp>
#include <regulus/cuda/cudnn.hpp>
#include <regulus/cuda/pictures.hpp>
#include <regulus/graph/memory_plan.hpp>

namespace regulus::cuda {

inline constexpr Storage storage_of_precision(CudaPrecision precision) {
    return precision == CudaPrecision::float32 ? Storage::f32 : precision == CudaPrecision::float16 ? Storage::f16 : Storage::bf16;
}

/// Parameters on the device, in the layouts that kernels read; each is made at its first use and kept.
class WeightStore {
public:
    explicit WeightStore(std::shared_ptr<const Device> device) : device_(std::move(device)) {}
    /// The array `key`; `make` gives its elements, which are stored as `storage`.
    DevicePointer floats(const std::string& key, Storage storage, const std::function<std::vector<float>()>& make);
    std::size_t bytes() const;

private:
    std::shared_ptr<const Device> device_;
    mutable std::mutex mutex_;
    std::map<std::string, DeviceMemory> arrays_;
    std::size_t bytes_ = 0;
};

/// What all plans of one compiled graph share.
struct Compiled {
    std::shared_ptr<const Device> device;
    CudaOptions options;
    std::size_t memory_budget = 0;
    Graph graph;
    std::vector<std::vector<Tensor>> bound;
    std::vector<Storage> storage;  // of each float32 value; lists of boxes and scores are float32 always
    std::unique_ptr<WeightStore> weights;
    std::unique_ptr<LanePool> lanes;
    std::unique_ptr<EngineCache> engines;
};

/// A lane for one run; with the results of the run when the caller keeps it.
class LaneLease {
public:
    explicit LaneLease(std::shared_ptr<const Compiled> compiled) : compiled_(std::move(compiled)), lane_(compiled_->lanes->take()) {}
    LaneLease(const LaneLease&) = delete;
    LaneLease& operator=(const LaneLease&) = delete;
    ~LaneLease() { compiled_->lanes->give_back(std::move(lane_)); }
    Lane& operator*() const { return *lane_; }
    Lane* operator->() const { return lane_.get(); }

private:
    std::shared_ptr<const Compiled> compiled_;
    std::unique_ptr<Lane> lane_;
};

/// Addresses of one run.
struct Addresses {
    DevicePointer arena;
    const std::vector<std::size_t>* values;
    DevicePointer scratch;  // of the node at hand
    Lane* lane;

    template <class T>
    T* value(ValueId id) const { return reinterpret_cast<T*>(address(id)); }
    DevicePointer address(ValueId id) const { return arena + (*values)[std::size_t(id)]; }
    template <class T>
    T* scratch_at(std::size_t offset) const { return reinterpret_cast<T*>(scratch + offset); }
};

/// A compiled node: what it enqueues, and its scratch.
struct Command {
    std::string kernel, reason;
    std::size_t scratch = 0;
    std::function<void(const Addresses&, Queue&)> enqueue;
    std::size_t workspace = 0;  // of the scratch, what an engine of cuDNN takes
};

/// What a command is made from.
struct NodeContext {
    const Compiled& compiled;
    NodeId id;
    const std::vector<Shape>& shapes;
    const Lane& lane;  // its cuDNN handle is for asking heuristics, and for timing; or null
    std::size_t workspace_limit;  // bytes that an engine of cuDNN may take
    bool for_budget = false;      // the limit is there to keep the plan within the memory budget

    const Node& node() const { return compiled.graph.nodes[std::size_t(id)]; }
    const std::vector<Tensor>& bound() const { return compiled.bound[std::size_t(id)]; }
    ValueId in(std::size_t i) const { return node().inputs[i]; }
    ValueId out(std::size_t i = 0) const { return node().outputs[i]; }
    const Shape& shape(ValueId value) const { return shapes[std::size_t(value)]; }
    Storage storage(ValueId value) const { return compiled.storage[std::size_t(value)]; }
    /// A map, or a table [rows, c] as one of a pixel a row.
    MapSize map(ValueId value) const;
    Elements elements(const Addresses& at, ValueId value) const { return {at.value<const void>(value), storage(value)}; }
    /// Key of the node's parameters in the weight store.
    std::string key(const char* variant) const;
    [[noreturn]] void refuse(const std::string& why) const;
};

/// The commands of convolutions, of detection, and of point clouds; the rest are in commands.cpp. An empty `enqueue` means that the operation is not among them.
Command convolution_command(const NodeContext& context);
Command detection_command(const NodeContext& context);
Command pillar_command(const NodeContext& context);

class CudaPlan final : public Plan {
public:
    /// Of outputs in `staying` the values stay on the device: a run gives empty tensors for them.
    CudaPlan(std::shared_ptr<const Compiled> compiled, const InputSize& size, std::vector<ValueId> staying = {});

    MemoryReport memory() const override { return memory_; }
    std::size_t host_arena() const override { return 0; }
    const std::vector<Step>& steps() const override { return steps_; }
    std::vector<Tensor> run(std::byte* arena, PlanState* state, OutputMemory& memory, const std::vector<Tensor>& inputs, Profile* profile) const override;
    std::unique_ptr<PlanState> make_state() const override;

    /// A run whose image input is made from pictures on the lane's stream; `others` are the other inputs. Results lie on the device too while the lease lives.
    std::vector<Tensor> run_pictures(const LaneLease& lane, PlanState* state, const PictureBatch& batch, const Preprocessing& how, std::span<const Tensor> others) const;
    /// Where output `i` of the graph lies after a run on this lane: rows and planes of float32, or int32.
    DevicePointer output_address(const Lane& lane, std::size_t i) const;
    /// Its shape, rows not cut to those that are valid.
    const Shape& output_shape(std::size_t i) const { return shapes_[std::size_t(compiled_->graph.outputs[i].second)]; }
    /// Whether run_pictures can run this graph; else why not.
    std::string pictures_refused() const;

private:
    /// A copy between the staging area and the device.
    struct Transfer {
        ValueId value;
        std::size_t staging, bytes;
        std::size_t planes = MemoryPlan::nowhere;  // an output map: where in the arena it is laid out as planes
        bool stays = false;                        // on the device
    };
    std::size_t describe_transfers();
    void place_commands(const Lane& lane, MemoryRequest& request, std::size_t planes);
    void enqueue_all(Lane& lane, Profile* profile, bool pictures) const;
    void enqueue_node(std::size_t id, const Addresses& at, Queue& queue, bool pictures) const;
    void put_input(Lane& lane, std::size_t input, const Tensor& tensor) const;
    std::vector<Tensor> run_network(Lane& lane, PlanState* state, Profile* profile, bool pictures) const;
    bool is_image(const Transfer& input) const;
    void enqueue_outputs(const Addresses& at, Queue& queue) const;
    Tensor output(const Lane& lane, const Transfer& transfer) const;
    const Transfer& transfer_of(ValueId value) const;

    std::shared_ptr<const Compiled> compiled_;
    std::vector<Shape> shapes_;
    std::vector<ValueId> staying_;
    std::vector<Command> commands_;  // per node
    MemoryPlan places_;
    std::vector<Transfer> inputs_, outputs_;  // outputs_: the graph's, then counts that cut them
    std::size_t arena_ = 0, staging_ = 0;
    MemoryReport memory_;
    std::vector<Step> steps_;
};

}  // namespace regulus::cuda
