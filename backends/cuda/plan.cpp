#include <regulus/cuda/plan.hpp>

#include <algorithm>
#include <chrono>
#include <cstring>

#include <regulus/cuda/commands.hpp>

namespace regulus::cuda {

namespace {

/// A context's graphs, one per lane that ran the plan and per way of its image, each with the serial number of the lane's buffers.
struct State final : PlanState {
    explicit State(std::shared_ptr<const Device> own) : device(std::move(own)) {}
    ~State() override {
        if (graphs.empty() || device->api().context_set_current(device->context()) != constants::success) return;
        for (const Captured& graph : graphs) {
            if (graph.exec != nullptr) device->api().graph_exec_destroy(graph.exec);
        }
    }
    struct Captured {
        std::uint64_t serial;
        bool pictures;  // the image input is there already
        Opaque exec;  // null: the plan ran once on these buffers, without a graph
    };
    std::shared_ptr<const Device> device;
    std::vector<Captured> graphs;
};

/// Time between commands of a stream.
class Events {
public:
    Events(const Device& device, std::size_t count) : device_(device) {
        for (std::size_t i = 0; i < count; ++i) {
            Opaque event = nullptr;
            device.check(device.api().event_create(&event, 0), "making an event");
            events_.push_back(event);
        }
    }
    ~Events() {
        for (const Opaque event : events_) device_.api().event_destroy(event);
    }
    void record(std::size_t i, Opaque stream) { device_.check(device_.api().event_record(events_[i], stream), "timing"); }
    double nanoseconds(std::size_t from, std::size_t to) const {
        float milliseconds = 0;
        device_.check(device_.api().event_elapsed(&milliseconds, events_[from], events_[to]), "timing");
        return double(milliseconds) * 1e6;
    }

private:
    const Device& device_;
    std::vector<Opaque> events_;
};

/// For each node the bytes of the values that live while it runs.
std::vector<std::size_t> alive_bytes(const Graph& graph, const std::vector<std::size_t>& value_bytes) {
    std::vector<std::size_t> alive(graph.nodes.size(), 0);
    const std::vector<Lifetime> lives = lifetimes(graph);
    for (std::size_t id = 0; id < lives.size(); ++id) {
        for (NodeId node = lives[id].first; node >= 0 && node <= lives[id].last && std::size_t(node) < alive.size(); ++node) alive[std::size_t(node)] += value_bytes[id];
    }
    return alive;
}

}  // namespace

DevicePointer WeightStore::floats(const std::string& key, Storage storage, const std::function<std::vector<float>()>& make) {
    const std::lock_guard lock(mutex_);
    const std::string full = key + "|" + name_of(storage);
    if (const auto found = arrays_.find(full); found != arrays_.end()) return found->second.address();
    const std::vector<float> elements = make();
    const std::size_t bytes = elements.size() * size_of(storage);
    std::vector<std::uint16_t> halves;
    const void* from = elements.data();
    if (storage != Storage::f32) {
        halves.resize(elements.size());
        std::transform(elements.begin(), elements.end(), halves.begin(), [&](float x) { return storage == Storage::f16 ? float_to_half(x) : float_to_bfloat16(x); });
        from = halves.data();
    }
    DeviceMemory memory(device_, bytes);
    device_->upload(memory.address(), from, bytes);
    bytes_ += bytes;
    return arrays_.emplace(full, std::move(memory)).first->second.address();
}

std::size_t WeightStore::bytes() const {
    const std::lock_guard lock(mutex_);
    return bytes_;
}

MapSize NodeContext::map(ValueId value) const {
    const Shape& s = shape(value);
    if (s.rank() != 4 && s.rank() != 2) refuse("a map or a table is expected, got " + to_string(s));
    if (s.rank() == 2) return {std::uint32_t(s[0]), 1, 1, std::uint32_t(s[1])};
    return {std::uint32_t(s[0]), std::uint32_t(s[2]), std::uint32_t(s[3]), std::uint32_t(s[1])};
}

std::string NodeContext::key(const char* variant) const {
    std::string key = variant;
    for (const Parameter& parameter : node().parameters) key += "|" + parameter.name;
    return key;
}

void NodeContext::refuse(const std::string& why) const {
    throw BackendError("cuda: \"" + node().name + "\" (" + describe(node().operation) + ") cannot be run: " + why);
}

CudaPlan::CudaPlan(std::shared_ptr<const Compiled> compiled, const InputSize& size, std::vector<ValueId> staying)
    : compiled_(std::move(compiled)), shapes_(infer_shapes(compiled_->graph, size)), staying_(std::move(staying)) {
    const Graph& graph = compiled_->graph;
    compiled_->device->make_current();
    const LaneLease lane(compiled_);

    MemoryRequest request;
    for (std::size_t id = 0; id < graph.values.size(); ++id) {
        const std::int64_t count = shapes_[id].numel();
        if (count >= std::int64_t(1) << 31) {
            throw BackendError("cuda: \"" + graph.nodes[std::size_t(graph.values[id].producer)].name + "\" gives " + to_string(shapes_[id]) + ", 2^31 elements or more; use smaller pictures");
        }
        const std::size_t element = graph.values[id].dtype == DType::f32 ? size_of(compiled_->storage[id]) : regulus::size_of(graph.values[id].dtype);
        request.value_bytes.push_back(rounded(std::max<std::size_t>(1, std::size_t(count) * element)));
    }
    const std::size_t planes = describe_transfers();
    place_commands(*lane, request, planes);
    compiled_->engines->save();
    for (Transfer& output : outputs_) {
        if (output.planes != MemoryPlan::nowhere) output.planes += arena_ - planes;
    }
    if (compiled_->memory_budget != 0 && arena_ > compiled_->memory_budget) {
        throw BackendError("memory: the plan needs " + std::to_string(arena_) + " bytes, the budget is " + std::to_string(compiled_->memory_budget) + "; use smaller pictures or a smaller batch");
    }

    memory_ = {arena_, places_.sum_of_values, compiled_->weights->bytes()};
    for (std::size_t id = 0; id < graph.nodes.size(); ++id) {
        const Node& node = graph.nodes[id];
        std::size_t bytes = request.scratch_bytes[id];
        for (const ValueId out : node.outputs) bytes += request.value_bytes[std::size_t(out)];
        steps_.push_back({node.name, describe(node.operation), commands_[id].kernel, commands_[id].reason, bytes, cost_of(graph, node, shapes_).macs});
    }
}

/// Returns the bytes of output maps laid out as planes, which stand behind everything else in the arena; their places count from the first of them.
std::size_t CudaPlan::describe_transfers() {
    const Graph& graph = compiled_->graph;
    std::size_t planes = 0;
    const auto transfer = [&](ValueId value) {
        const std::size_t bytes = std::size_t(shapes_[std::size_t(value)].numel()) * 4;  // float32 or int32
        Transfer result{value, staging_, bytes};
        result.stays = std::find(staying_.begin(), staying_.end(), value) != staying_.end();
        if (!result.stays) staging_ += rounded(bytes);
        return result;
    };
    for (const ValueId id : graph.inputs) inputs_.push_back(transfer(id));
    const auto ask = [&](ValueId id) {
        if (std::any_of(outputs_.begin(), outputs_.end(), [&](const Transfer& t) { return t.value == id; })) return;
        Transfer result = transfer(id);
        const Shape& shape = shapes_[std::size_t(id)];
        if (graph.values[std::size_t(id)].dtype == DType::f32 && (compiled_->storage[std::size_t(id)] != Storage::f32 || shape.rank() == 4)) {
            result.planes = planes;
            planes += rounded(result.bytes);
        }
        outputs_.push_back(result);
    };
    for (const auto& [name, id] : graph.outputs) {
        ask(id);
        if (const ValueId count = graph.values[std::size_t(id)].count; count != no_value) ask(count);
    }
    return planes;
}

/// Makes the commands and their places. Over the memory budget, engines of cuDNN with smaller workspaces are taken: what is left beside the values that live while
/// they run, then, as values do not always lie side by side, half of it, a quarter, nothing.
void CudaPlan::place_commands(const Lane& lane, MemoryRequest& request, std::size_t planes) {
    const Graph& graph = compiled_->graph;
    const std::size_t budget = compiled_->memory_budget;
    for (std::size_t id = 0; id < graph.nodes.size(); ++id) {
        commands_.push_back(make_command(NodeContext{*compiled_, NodeId(id), shapes_, lane, compiled_->options.cudnn_workspace}));
        request.scratch_bytes.push_back(rounded(commands_.back().scratch));
    }
    const auto place = [&] {
        places_ = plan_memory(graph, request);
        arena_ = rounded(places_.peak) + planes;
    };
    place();
    if (budget == 0 || arena_ <= budget) return;
    const std::vector<std::size_t> alive = alive_bytes(graph, request.value_bytes);
    for (const std::size_t part : {1, 2, 4, 0}) {
        for (std::size_t id = 0; id < graph.nodes.size(); ++id) {
            const std::size_t workspace = commands_[id].workspace, others = alive[id] + planes + request.scratch_bytes[id] - std::min(workspace, request.scratch_bytes[id]);
            const std::size_t limit = part == 0 || others >= budget ? 0 : (budget - others) / part / alignment * alignment;
            if (workspace <= limit) continue;
            commands_[id] = make_command(NodeContext{*compiled_, NodeId(id), shapes_, lane, std::min(limit, compiled_->options.cudnn_workspace), true});
            request.scratch_bytes[id] = rounded(commands_[id].scratch);
        }
        place();
        if (arena_ <= budget) return;
    }
}

std::unique_ptr<PlanState> CudaPlan::make_state() const {
    {
        compiled_->device->make_current();
        const LaneLease lane(compiled_);
        lane->reserve(arena_, staging_);  // the next run finds it
    }
    return std::make_unique<State>(compiled_->device);
}

bool CudaPlan::is_image(const Transfer& input) const {
    const Node& node = compiled_->graph.nodes[std::size_t(compiled_->graph.values[std::size_t(input.value)].producer)];
    return std::get<ops::Input>(node.operation).role == ops::Input::Role::image;
}

void CudaPlan::enqueue_node(std::size_t id, const Addresses& at, Queue& queue, bool pictures) const {
    const Node& node = compiled_->graph.nodes[id];
    if (std::holds_alternative<ops::Input>(node.operation)) {
        const auto input = std::find_if(inputs_.begin(), inputs_.end(), [&](const Transfer& t) { return t.value == node.outputs[0]; });
        const bool image = std::get<ops::Input>(node.operation).role == ops::Input::Role::image;
        if (image && pictures) return;
        if (input != inputs_.end()) queue.to_device(image ? at.scratch : at.address(node.outputs[0]), at.lane->staging() + input->staging, input->bytes);
    }
    commands_[id].enqueue(at, queue);
}

void CudaPlan::enqueue_outputs(const Addresses& at, Queue& queue) const {
    for (const Transfer& t : outputs_) {
        DevicePointer from = at.address(t.value);
        if (t.planes != MemoryPlan::nowhere) {
            from = at.arena + t.planes;
            const Shape& s = shapes_[std::size_t(t.value)];
            MapSize map{std::uint32_t(s.numel()), 1, 1, 1};
            if (s.rank() == 4) map = {std::uint32_t(s[0]), std::uint32_t(s[2]), std::uint32_t(s[3]), std::uint32_t(s[1])};
            with_storage(compiled_->storage[std::size_t(t.value)], [&](auto tag) {
                using T = decltype(tag);
                queue.each(ToPlanes<T>{at.value<const T>(t.value), reinterpret_cast<float*>(from), map});
            });
        }
        if (!t.stays) queue.to_host(at.lane->staging() + t.staging, from, t.bytes);
    }
}

void CudaPlan::enqueue_all(Lane& lane, Profile* profile, bool pictures) const {
    Queue queue(*compiled_->device, lane.stream());
    const std::size_t nodes = commands_.size();
    Addresses at{lane.arena(), &places_.value_offset, 0, &lane};
    std::unique_ptr<Events> events;
    if (profile != nullptr) {
        events = std::make_unique<Events>(*compiled_->device, nodes + 1);
        events->record(0, lane.stream());
    }
    for (std::size_t id = 0; id < nodes; ++id) {
        at.scratch = places_.scratch_offset[id] == MemoryPlan::nowhere ? 0 : lane.arena() + places_.scratch_offset[id];
        enqueue_node(id, at, queue, pictures);
        if (events) events->record(id + 1, lane.stream());
    }
    enqueue_outputs(at, queue);
    if (!events) return;
    lane.synchronize();
    profile->nanoseconds.assign(nodes, 0);
    for (std::size_t id = 0; id < nodes; ++id) profile->nanoseconds[id] = events->nanoseconds(id, id + 1);
}

void CudaPlan::put_input(Lane& lane, std::size_t input, const Tensor& tensor) const {
    if (inputs_[input].bytes != 0) std::memcpy(lane.staging() + inputs_[input].staging, tensor.raw(), inputs_[input].bytes);
}

std::vector<Tensor> CudaPlan::run(std::byte* /*arena*/, PlanState* state, OutputMemory& /*memory*/, const std::vector<Tensor>& inputs, Profile* profile) const {
    compiled_->device->make_current();
    const LaneLease lane(compiled_);
    lane->reserve(arena_, staging_);
    for (std::size_t i = 0; i < inputs.size(); ++i) put_input(*lane, i, inputs[i]);
    try {
        return run_network(*lane, state, profile, false);
    } catch (...) {
        compiled_->device->api().stream_synchronize(lane->stream());  // nothing may be under way when the lane is used again
        throw;
    }
}

std::string CudaPlan::pictures_refused() const {
    // What stands before the image could lie where the image will.
    if (inputs_.empty() || !std::holds_alternative<ops::Input>(compiled_->graph.nodes[0].operation) || inputs_[0].value != compiled_->graph.nodes[0].outputs[0] || !is_image(inputs_[0])) {
        return "the graph does not begin with an image";
    }
    if (shapes_[std::size_t(inputs_[0].value)][1] != 3) return "its image has " + std::to_string(shapes_[std::size_t(inputs_[0].value)][1]) + " channels, pictures have 3";
    for (std::size_t i = 1; i < inputs_.size(); ++i) {
        const Value& value = compiled_->graph.values[std::size_t(inputs_[i].value)];
        const auto& input = std::get<ops::Input>(compiled_->graph.nodes[std::size_t(value.producer)].operation);
        using Role = ops::Input::Role;
        if (input.role != Role::image_info && input.role != Role::proposals && input.role != Role::proposal_count) return "it takes more than pictures and given boxes; prepare its inputs, or use AnyDetector";
    }
    return "";
}

std::vector<Tensor> CudaPlan::run_pictures(const LaneLease& lane, PlanState* state, const PictureBatch& batch, const Preprocessing& how, std::span<const Tensor> others) const {
    const Device& device = *compiled_->device;
    device.make_current();
    lane->reserve(arena_, staging_);
    if (others.size() + 1 != inputs_.size()) throw ArgumentError("cuda: " + compiled_->graph.name + " takes " + std::to_string(inputs_.size() - 1) + " inputs beside pictures, got " + std::to_string(others.size()));
    for (std::size_t i = 1; i < inputs_.size(); ++i) put_input(*lane, i, others[i - 1]);
    const ValueId image = inputs_[0].value;
    try {
        enqueue_pictures(device, *lane, batch, how, compiled_->storage[std::size_t(image)], lane->arena() + places_.value_offset[std::size_t(image)]);
        return run_network(*lane, state, nullptr, true);
    } catch (...) {
        device.api().stream_synchronize(lane->stream());
        throw;
    }
}

DevicePointer CudaPlan::output_address(const Lane& lane, std::size_t i) const {
    const Transfer& transfer = transfer_of(compiled_->graph.outputs[i].second);
    return lane.arena() + (transfer.planes != MemoryPlan::nowhere ? transfer.planes : places_.value_offset[std::size_t(transfer.value)]);
}

std::vector<Tensor> CudaPlan::run_network(Lane& lane, PlanState* state, Profile* profile, bool pictures) const {
    const Device& device = *compiled_->device;
    const CudaApi& api = device.api();
    auto* const own = static_cast<State*>(state);
    State::Captured* captured = nullptr;
    if (own != nullptr && profile == nullptr && compiled_->options.graphs) {
        const auto found = std::find_if(own->graphs.begin(), own->graphs.end(), [&](const State::Captured& g) { return g.serial == lane.serial() && g.pictures == pictures; });
        if (found != own->graphs.end()) captured = &*found;
    }
    if (captured == nullptr) {
        // The first run on these buffers goes without a graph: libraries load what they need then, which they may not do while a graph is captured.
        enqueue_all(lane, profile, pictures);
        lane.synchronize();
        constexpr std::size_t most = 16;
        if (own != nullptr && profile == nullptr && compiled_->options.graphs) {
            if (own->graphs.size() >= most) {
                if (own->graphs.front().exec != nullptr) api.graph_exec_destroy(own->graphs.front().exec);
                own->graphs.erase(own->graphs.begin());
            }
            own->graphs.push_back({lane.serial(), pictures, nullptr});
        }
    } else {
        if (captured->exec == nullptr) {
            device.check(api.begin_capture(lane.stream(), constants::capture_thread_local), "beginning a capture");
            Opaque graph = nullptr;
            try {
                enqueue_all(lane, nullptr, pictures);
            } catch (...) {
                api.end_capture(lane.stream(), &graph);
                if (graph != nullptr) api.graph_destroy(graph);
                throw;
            }
            device.check(api.end_capture(lane.stream(), &graph), "capturing the network (CudaOptions::graphs = false runs without)");
            const int result = api.graph_instantiate(&captured->exec, graph, 0);
            api.graph_destroy(graph);
            if (result != constants::success) captured->exec = nullptr;
            device.check(result, "making a graph of the network (CudaOptions::graphs = false runs without)");
        }
        device.check(api.graph_launch(captured->exec, lane.stream()), "launching the network");
        lane.synchronize();
    }

    std::vector<Tensor> results;
    for (const auto& [name, id] : compiled_->graph.outputs) results.push_back(output(lane, transfer_of(id)));
    return results;
}

const CudaPlan::Transfer& CudaPlan::transfer_of(ValueId value) const {
    return *std::find_if(outputs_.begin(), outputs_.end(), [&](const Transfer& t) { return t.value == value; });
}

/// Rows cut to those that are valid; entries of lists beyond their count zero.
Tensor CudaPlan::output(const Lane& lane, const Transfer& transfer) const {
    if (transfer.stays) return Tensor();
    const Value& value = compiled_->graph.values[std::size_t(transfer.value)];
    Shape shape = shapes_[std::size_t(transfer.value)];
    const std::int32_t* counts = nullptr;
    std::int64_t images = 0, total = 0;
    if (value.count != no_value) {
        counts = reinterpret_cast<const std::int32_t*>(lane.staging() + transfer_of(value.count).staging);
        images = shapes_[std::size_t(value.count)][0];
        for (std::int64_t i = 0; i < images; ++i) total += counts[i];
        if (value.is_rows) shape[0] = std::min(total, shape[0]);
    }
    Tensor tensor(shape, value.dtype);
    if (tensor.bytes() == 0) return tensor;
    std::memcpy(tensor.raw(), lane.staging() + transfer.staging, tensor.bytes());
    if (counts == nullptr || value.is_rows || shape.rank() < 2) return tensor;
    const std::size_t image_bytes = tensor.bytes() / std::size_t(shape[0]), entry_bytes = image_bytes / std::size_t(shape[1]);
    for (std::int64_t i = 0; i < images; ++i) {
        const std::size_t used = std::min(image_bytes, std::size_t(counts[i]) * entry_bytes);
        std::memset(static_cast<std::byte*>(tensor.raw()) + std::size_t(i) * image_bytes + used, 0, image_bytes - used);
    }
    return tensor;
}

}  // namespace regulus::cuda
