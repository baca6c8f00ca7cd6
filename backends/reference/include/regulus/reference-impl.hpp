#pragma once
#include <algorithm>
#include <chrono>
#include <map>
#include <utility>

#include <regulus/graph/bind.hpp>
#include <regulus/graph/memory_plan.hpp>
#include <regulus/graph/passes.hpp>
#include <regulus/reference.hpp>
#include <regulus/reference/conv.hpp>
#include <regulus/reference/deform_conv.hpp>
#include <regulus/reference/group_norm.hpp>
#include <regulus/reference/linear_softmax.hpp>
#include <regulus/reference/pillars.hpp>
#include <regulus/reference/pool_resize.hpp>
#include <regulus/reference/proposals.hpp>
#include <regulus/reference/refine.hpp>
#include <regulus/reference/roi_align.hpp>
#include <regulus/reference/select.hpp>

namespace regulus::reference {

/// Elements of a parameter in T, in the order in which its kernel reads them; views the weights where they fit as they are.
template <class T>
struct Array {
    Tensor owner;
    std::vector<T> own;
    const T* data = nullptr;
    std::size_t bytes = 0;
};

template <class T>
Array<T> array_of(const Tensor& tensor) {
    Array<T> result;
    if constexpr (std::is_same_v<T, float>) {
        result.owner = tensor;
        result.data = tensor.data<float>();
    } else {
        result.own.assign(tensor.data<float>(), tensor.data<float>() + tensor.numel());
        result.data = result.own.data();
    }
    result.bytes = std::size_t(tensor.numel()) * sizeof(T);
    return result;
}

/// The graph and its parameters, which nodes that share a name share.
template <class T>
struct Network {
    Graph graph;
    int threads = 1;
    std::size_t memory_budget = 0;
    std::map<std::string, Array<T>> arrays;
    std::vector<std::vector<const T*>> parameters;  // per node
    std::size_t parameter_bytes = 0;
};

template <class T>
void bind(Network<T>& network, const std::map<std::string, Tensor>& tensors) {
    for (const Node& node : network.graph.nodes) {
        std::vector<const T*> pointers;
        for (std::size_t i = 0; i < node.parameters.size(); ++i) {
            const std::string& name = node.parameters[i].name;
            auto found = network.arrays.find(name);
            if (found == network.arrays.end()) {
                Array<T> array = array_of<T>(tensors.at(name));
                const auto* linear = std::get_if<ops::Linear>(&node.operation);
                const auto* deconv = std::get_if<ops::ConvTranspose2d>(&node.operation);
                if (i == 0 && (linear != nullptr || deconv != nullptr)) {
                    array.own = linear != nullptr ? transposed(*linear, array.data) : taps_first(*deconv, array.data);
                    array.data = array.own.data();
                    array.owner = Tensor();
                }
                network.parameter_bytes += array.bytes;
                found = network.arrays.emplace(name, std::move(array)).first;
                if (!found->second.own.empty()) found->second.data = found->second.own.data();
            }
            pointers.push_back(found->second.data);
        }
        network.parameters.push_back(std::move(pointers));
    }
}

/// Bytes of scratch of each operation; throws BackendError for sizes that its index type cannot count.
template <class T>
struct Scratch {
    const Node& node;
    const std::vector<Shape>& shapes;
    int threads;

    const Shape& in(std::size_t i) const { return shapes[std::size_t(node.inputs[i])]; }
    std::size_t a_thread(std::int64_t elements) const { return std::size_t(threads) * std::size_t(elements) * sizeof(T); }
    void countable(std::int64_t entries) const {
        if (entries > std::numeric_limits<std::int32_t>::max()) {
            throw BackendError("reference: \"" + node.name + "\" (" + kind_of(node.operation) + ") would index " + std::to_string(entries) + " entries with 32 bits; use smaller pictures");
        }
    }

    template <class Op>
    std::size_t operator()(const Op&) const { return 0; }
    std::size_t operator()(const ops::Conv2d& op) const {
        const Shape& dst = shapes[std::size_t(node.outputs[0])];
        return a_thread(conv_scratch(op, dst[2] * dst[3]));
    }
    std::size_t operator()(const ops::DeformConv2d& op) const { return (*this)(op.conv); }
    std::size_t operator()(const ops::ConvTranspose2d&) const { return a_thread(deconv_channels * in(0)[2] * in(0)[3]); }
    std::size_t operator()(const ops::TopK& op) const {
        const std::int64_t total = in(0)[1] * in(0)[2] * in(0)[3];
        countable(total);
        return (op.classes > 1 ? kernels::top_anchors_scratch(total / op.classes, op.limit) : kernels::top_k_scratch(total, op.limit)) * sizeof(kernels::Scored<T>);
    }
    std::size_t operator()(const ops::Nms& op) const {
        std::int64_t candidates = 0;
        for (int list = 0; list < op.lists; ++list) candidates += in(4 * std::size_t(list))[1];
        countable(candidates);
        return kernels::NmsScratch<T>::bytes(candidates, op.limit);
    }
    std::size_t operator()(const ops::ClassCandidates&) const {
        countable(shapes[std::size_t(node.outputs[1])][1]);
        return 0;
    }
    std::size_t operator()(const ops::Voxelize& op) const {
        countable(kernels::voxel_grid_cells(op));
        return kernels::voxelize_scratch(op, in(0)[0]);
    }
    std::size_t operator()(const ops::EncodePillars& op) const { return a_thread(std::int64_t(kernels::encode_pillar_scratch(op))); }
    std::int64_t oriented_candidates(std::size_t inputs_a_list) const {
        std::int64_t candidates = 0;
        for (std::size_t i = 0; i < node.inputs.size(); i += inputs_a_list) candidates += in(i)[1];
        countable(candidates);
        return candidates;
    }
    std::size_t operator()(const ops::RotatedNms& op) const { return kernels::RotatedNmsScratch<T>::bytes(oriented_candidates(5), op.limit); }
    std::size_t operator()(const ops::CircleNms&) const { return std::size_t(oriented_candidates(4)) * sizeof(kernels::Ranked3d<T>); }
    std::size_t operator()(const ops::RoiAlign& op) const { return std::size_t(threads) * a_roi_thread(op); }
    std::size_t a_roi_thread(const ops::RoiAlign& op) const {
        std::int64_t height = 0, width = 0;
        for (std::size_t level = 0; level < op.strides.size(); ++level) {
            height = std::max(height, in(level)[2]);
            width = std::max(width, in(level)[3]);
        }
        return roi_scratch<T>(op, height, width);
    }
};

/// Where everything is during one run.
template <class T>
struct Run {
    const Network<T>& network;
    const std::vector<Shape>& shapes;
    std::vector<void*> data;  // per value

    /// The value's shape, its rows cut to those that are valid.
    Shape valid_shape(ValueId id) const {
        Shape shape = shapes[std::size_t(id)];
        const Value& value = network.graph.values[std::size_t(id)];
        if (value.is_rows && value.count != no_value) {
            const std::int32_t* counts = integers(value.count);
            shape[0] = 0;
            for (std::int64_t image = 0; image < shapes[std::size_t(value.count)][0]; ++image) shape[0] += counts[image];
        }
        return shape;
    }
    std::int32_t* integers(ValueId id) const { return static_cast<std::int32_t*>(data[std::size_t(id)]); }
    View<const T> read(ValueId id) const { return {static_cast<const T*>(data[std::size_t(id)]), valid_shape(id)}; }
    View<T> write(ValueId id) const { return {static_cast<T*>(data[std::size_t(id)]), valid_shape(id)}; }
};

/// Runs one node.
template <class T>
struct Runner {
    const Run<T>& run;
    const Node& node;
    const std::vector<const T*>& parameters;
    std::byte* scratch;

    int threads() const { return run.network.threads; }
    View<const T> in(std::size_t i) const { return run.read(node.inputs[i]); }
    const T* elements(std::size_t i) const { return in(i).data; }
    const std::int32_t* in_integers(std::size_t i) const { return run.integers(node.inputs[i]); }
    View<T> out(std::size_t i = 0) const { return run.write(node.outputs[i]); }
    std::int32_t* out_integers(std::size_t i) const { return run.integers(node.outputs[i]); }
    T* scratch_elements() const { return reinterpret_cast<T*>(scratch); }
    Norm<T> norm_at(std::size_t first, double eps) const { return {parameters[first], parameters[first + 1], parameters[first + 2], parameters[first + 3], eps}; }

    void operator()(const ops::Input&) const {}
    void operator()(const ops::Conv2d& op) const {
        const Norm<T> norm = op.norm ? norm_at(op.bias ? 2 : 1, op.norm_eps) : Norm<T>{};
        conv2d(op, in(0), parameters[0], op.bias ? parameters[1] : nullptr, norm, op.residual ? elements(1) : nullptr, out(), scratch_elements(), threads());
    }
    void operator()(const ops::DeformConv2d& op) const {
        const Norm<T> norm = op.conv.norm ? norm_at(op.conv.bias ? 2 : 1, op.conv.norm_eps) : Norm<T>{};
        deform_conv2d(op, in(0), in(1), parameters[0], op.conv.bias ? parameters[1] : nullptr, norm, out(), scratch_elements(), threads());
    }
    void operator()(const ops::ConvTranspose2d& op) const {
        const Norm<T> norm = op.norm ? norm_at(op.bias ? 2 : 1, op.norm_eps) : Norm<T>{};
        conv_transpose2d(op, in(0), parameters[0], op.bias ? parameters[1] : nullptr, norm, out(), scratch_elements(), threads());
    }
    void operator()(const ops::BatchNorm& op) const { batch_norm(op, in(0), norm_at(0, op.eps), out(), threads()); }
    void operator()(const ops::GroupNorm& op) const { group_norm(op, in(0), parameters[0], parameters[1], out(), threads()); }
    void operator()(const ops::Activate& op) const { activate(op, in(0), out(), threads()); }
    void operator()(const ops::Add& op) const { add(op, in(0), elements(1), out(), threads()); }
    void operator()(const ops::Average&) const {
        std::vector<const T*> sources;
        for (std::size_t i = 0; i < node.inputs.size(); ++i) sources.push_back(elements(i));
        average(sources, out());
    }
    void operator()(const ops::Concat&) const {
        std::vector<View<const T>> sources;
        for (std::size_t i = 0; i < node.inputs.size(); ++i) sources.push_back(in(i));
        concat(sources, out(), threads());
    }
    void operator()(const ops::Pool2d& op) const { pool2d(op, in(0), out(), threads()); }
    void operator()(const ops::GlobalAveragePool&) const { global_average_pool(in(0), out(), threads()); }
    void operator()(const ops::ScaleChannels&) const { scale_channels(in(0), elements(1), out(), threads()); }
    void operator()(const ops::Resize& op) const { resize(op, in(0), op.adds ? elements(1) : nullptr, out(), threads()); }
    void operator()(const ops::Linear& op) const { linear(op, elements(0), parameters[0], op.bias ? parameters[1] : nullptr, out(), threads()); }
    void operator()(const ops::Softmax&) const { softmax(in(0), out(), threads()); }
    void operator()(const ops::TopK& op) const { top_k(op, in(0), reinterpret_cast<kernels::Scored<T>*>(scratch), out(0), out_integers(1), out_integers(2)); }
    void operator()(const ops::DecodeAnchors& op) const { decode_anchors(op, in(0), in_integers(1), in_integers(2), elements(3), out(0), out_integers(1)); }
    void operator()(const ops::Nms& op) const {
        std::vector<BatchList<T>> lists;
        std::int64_t candidates = 0;
        for (std::size_t i = 0; i < node.inputs.size(); i += 4) {
            const View<const T> boxes = in(i);
            lists.push_back({boxes.data, elements(i + 1), in_integers(i + 2), in_integers(i + 3), boxes[1]});
            candidates += boxes[1];
        }
        const auto data = [&](std::size_t i) { return static_cast<T*>(run.data[std::size_t(node.outputs[i])]); };  // the counts are not known yet
        nms(op, lists, in(0)[0], kernels::NmsScratch<T>(scratch, candidates), data(0), data(1), out_integers(2), out_integers(3));
    }
    void operator()(const ops::RoiAlign& op) const {
        std::vector<View<const T>> maps;
        for (std::size_t level = 0; level < op.strides.size(); ++level) maps.push_back(in(level));
        const std::size_t a_thread = Scratch<T>{node, run.shapes, threads()}.a_roi_thread(op);
        roi_align(op, maps, elements(maps.size()), in_integers(maps.size() + 1), out(), scratch, a_thread, threads());
    }
    void operator()(const ops::ClassCandidates& op) const {
        class_candidates(op, elements(0), elements(1), elements(2), in_integers(3), elements(4), out(0), out(1).data, out_integers(2), out_integers(3));
    }
    void operator()(const ops::RefineBoxes& op) const { refine_boxes(op, elements(0), elements(1), in_integers(2), in(2)[0], elements(3), out().data); }
    void operator()(const ops::ScaleBoxes&) const { scale_boxes(elements(0), in_integers(1), in(1)[0], elements(2), out().data); }
    void operator()(const ops::SelectChannel& op) const { select_channel(op, in(0), in_integers(1), out().data, threads()); }
    void operator()(const ops::Voxelize& op) const {
        const std::int64_t bound = run.shapes[std::size_t(node.inputs[0])][0], clouds = run.shapes[std::size_t(node.inputs[1])][0];
        kernels::voxelize(op, elements(0), bound, in_integers(1), clouds, {out_integers(0), out_integers(1), out_integers(2), out_integers(3)}, out_integers(4), scratch);
    }
    void operator()(const ops::EncodePillars& op) const {
        const View<T> dst = out();
        encode_pillars(op, elements(0), {in_integers(1), in_integers(2), in_integers(3), in_integers(4), dst[0]}, parameters.data(), dst.data, scratch_elements(), threads());
    }
    void operator()(const ops::ScatterPillars& op) const { scatter_pillars(op, elements(0), in_integers(1), in_integers(2), out()); }
    void operator()(const ops::DecodeBoxes3d& op) const { decode_boxes3d(op, in(0), elements(1), in_integers(2), in_integers(3), out(0), out_integers(1), out_integers(2)); }
    void operator()(const ops::RotatedNms& op) const {
        std::vector<BatchList3d<T>> lists;
        std::int64_t candidates = 0;
        for (std::size_t i = 0; i < node.inputs.size(); i += 5) {
            const View<const T> boxes = in(i);
            lists.push_back({boxes.data, elements(i + 1), in_integers(i + 2), in_integers(i + 3), in_integers(i + 4), boxes[1]});
            candidates += boxes[1];
        }
        const kernels::RotatedNmsScratch<T> memory(scratch, candidates);
        suppress(lists, op.code, [&](const auto& cloud, T* boxes, T* scores, std::int32_t* labels) { return kernels::rotated_nms(op, cloud.data(), cloud.size(), memory, boxes, scores, labels); });
    }
    void operator()(const ops::CircleNms& op) const {
        std::vector<BatchList3d<T>> lists;
        for (std::size_t i = 0; i < node.inputs.size(); i += 4) {
            const View<const T> boxes = in(i);
            lists.push_back({boxes.data, elements(i + 1), in_integers(i + 2), nullptr, in_integers(i + 3), boxes[1]});
        }
        auto* const ranked = reinterpret_cast<kernels::Ranked3d<T>*>(scratch);
        suppress(lists, op.code, [&](const auto& cloud, T* boxes, T* scores, std::int32_t* labels) { return kernels::circle_nms(op, cloud.data(), cloud.size(), ranked, boxes, scores, labels); });
    }
    template <class Suppress>
    void suppress(const std::vector<BatchList3d<T>>& lists, int code, const Suppress& suppress) const {
        const auto data = [&](std::size_t i) { return static_cast<T*>(run.data[std::size_t(node.outputs[i])]); };  // the counts are not known yet
        suppress_clouds(lists, code, in(0)[0], data(0), data(1), out_integers(2), out_integers(3), suppress);
    }
    void operator()(const ops::DynamicVoxelize& op) const {
        dynamic_voxelize(op, elements(0), run.valid_shape(node.outputs[0])[0], out_integers(0), threads());
    }
};

/// A value as the caller gets it: float32 or int32, rows cut to the valid ones, entries of lists beyond their count zero.
template <class T>
Tensor output_tensor(const Run<T>& run, ValueId id) {
    const Value& value = run.network.graph.values[std::size_t(id)];
    const Shape shape = run.valid_shape(id);
    const std::int64_t count = shape.numel();
    Tensor result(shape, value.dtype);
    const auto copy = [&](auto* to, const auto* from) {
        using Element = std::remove_reference_t<decltype(*to)>;
        std::transform(from, from + count, to, [](auto x) { return Element(x); });
        if (value.count == no_value || value.is_rows || shape.rank() < 2 || count == 0) return;
        const std::int64_t an_image = count / shape[0];
        const std::int64_t an_entry = an_image / shape[1];
        for (std::int64_t image = 0; image < shape[0]; ++image) {
            std::fill(to + image * an_image + run.integers(value.count)[image] * an_entry, to + (image + 1) * an_image, Element(0));
        }
    };
    if (value.dtype == DType::i32) copy(result.template data<std::int32_t>(), run.integers(id));
    else copy(result.template data<float>(), static_cast<const T*>(run.data[std::size_t(id)]));
    return result;
}

template <class T>
class ReferencePlan final : public Plan {
public:
    ReferencePlan(std::shared_ptr<const Network<T>> network, const InputSize& size) : network_(std::move(network)), shapes_(infer_shapes(network_->graph, size)) {
        const Graph& graph = network_->graph;
        MemoryRequest request;
        for (std::size_t id = 0; id < graph.values.size(); ++id) request.value_bytes.push_back(bytes_of(ValueId(id)));
        for (const Node& node : graph.nodes) request.scratch_bytes.push_back(std::visit(Scratch<T>{node, shapes_, network_->threads}, node.operation));
        for (const ValueId id : graph.inputs) {
            if (std::is_same_v<T, float> || graph.values[std::size_t(id)].dtype == DType::i32) request.value_bytes[std::size_t(id)] = 0;  // read where they are
        }
        places_ = plan_memory(graph, request);
        for (std::size_t id = 0; id < graph.nodes.size(); ++id) {
            const Node& node = graph.nodes[id];
            Step step{node.name, describe(node.operation), "plain loops", "the reference has no other", request.scratch_bytes[id], cost_of(graph, node, shapes_).macs};
            for (const ValueId out : node.outputs) step.bytes += request.value_bytes[std::size_t(out)];
            steps_.push_back(std::move(step));
        }
    }

    MemoryReport memory() const override { return {places_.peak, places_.sum_of_values, network_->parameter_bytes}; }
    const std::vector<Step>& steps() const override { return steps_; }

    std::vector<Tensor> run(std::byte* arena, PlanState* /*state*/, OutputMemory& /*memory*/, const std::vector<Tensor>& inputs, Profile* profile) const override {
        const Graph& graph = network_->graph;
        Run<T> run{*network_, shapes_, std::vector<void*>(graph.values.size())};
        for (std::size_t id = 0; id < graph.values.size(); ++id) {
            if (places_.value_offset[id] != MemoryPlan::nowhere) run.data[id] = arena + places_.value_offset[id];
        }
        for (std::size_t i = 0; i < inputs.size(); ++i) place_input(run, graph.inputs[i], inputs[i]);
        if (profile != nullptr) profile->nanoseconds.assign(graph.nodes.size(), 0);
        for (std::size_t id = 0; id < graph.nodes.size(); ++id) {
            const auto begin = std::chrono::steady_clock::now();
            std::byte* scratch = places_.scratch_offset[id] == MemoryPlan::nowhere ? nullptr : arena + places_.scratch_offset[id];
            std::visit(Runner<T>{run, graph.nodes[id], network_->parameters[id], scratch}, graph.nodes[id].operation);
            if (profile != nullptr) profile->nanoseconds[id] = std::chrono::duration<double, std::nano>(std::chrono::steady_clock::now() - begin).count();
        }
        std::vector<Tensor> outputs;
        for (const auto& [name, id] : graph.outputs) outputs.push_back(output_tensor(run, id));
        return outputs;
    }

private:
    std::size_t bytes_of(ValueId id) const {
        const std::int64_t count = shapes_[std::size_t(id)].numel();
        constexpr std::int64_t most = std::int64_t(1) << 48;
        const Value& value = network_->graph.values[std::size_t(id)];
        if (count > most) {
            throw BackendError("reference: \"" + network_->graph.nodes[std::size_t(value.producer)].name + "\" gives " + to_string(shapes_[std::size_t(id)]) + ", more than any memory holds; use smaller pictures");
        }
        return std::size_t(count) * (value.dtype == DType::i32 ? sizeof(std::int32_t) : sizeof(T));
    }

    static void place_input(Run<T>& run, ValueId id, const Tensor& tensor) {
        if (std::is_same_v<T, float> || tensor.dtype() == DType::i32) {
            run.data[std::size_t(id)] = const_cast<void*>(tensor.raw());  // no operation writes its inputs
        } else {
            std::copy(tensor.data<float>(), tensor.data<float>() + tensor.numel(), static_cast<T*>(run.data[std::size_t(id)]));
        }
    }

    std::shared_ptr<const Network<T>> network_;
    std::vector<Shape> shapes_;
    MemoryPlan places_;
    std::vector<Step> steps_;
};

template <class T>
class ReferenceExecutable final : public Executable {
public:
    explicit ReferenceExecutable(std::shared_ptr<const Network<T>> network) : network_(std::move(network)) {}
    const Graph& graph() const override { return network_->graph; }
    std::shared_ptr<const Plan> plan(const InputSize& size) const override { return std::make_shared<ReferencePlan<T>>(network_, size); }

private:
    std::shared_ptr<const Network<T>> network_;
};

}  // namespace regulus::reference

namespace regulus {

template <class T>
std::string BasicReferenceBackend<T>::name() const {
    return std::is_same_v<T, float> ? "reference" : "reference (double)";
}

template <class T>
std::shared_ptr<const Executable> BasicReferenceBackend<T>::compile(const Graph& graph, const Weights& weights, const CompileOptions& options) const {
    const std::vector<std::vector<Tensor>> bound = bind_weights(graph, weights);
    std::map<std::string, Tensor> tensors;  // by name, because the passes move parameters between nodes
    for (std::size_t id = 0; id < graph.nodes.size(); ++id) {
        for (std::size_t i = 0; i < bound[id].size(); ++i) tensors.emplace(graph.nodes[id].parameters[i].name, bound[id][i]);
    }
    auto network = std::make_shared<reference::Network<T>>();
    network->graph = with_outputs(graph, options.extra_outputs);
    if (options_.optimize) network->graph = optimize(std::move(network->graph));
    network->threads = reference::threads_of(options.threads);
    reference::bind(*network, tensors);
    return std::make_shared<reference::ReferenceExecutable<T>>(std::move(network));
}

#if defined(REGULUS_COMPILED)
template class BasicReferenceBackend<float>;
template class BasicReferenceBackend<double>;
#endif

}  // namespace regulus
