#include <regulus/cuda/cudnn.hpp>

#include <algorithm>
#include <array>
#include <span>

namespace regulus::cuda {

using namespace constants;

namespace {

/// Tensors of the fused graph by their unique ids.
enum Id : std::int64_t { id_src = 1, id_weight, id_dst, id_bias, id_residual, id_between };

struct Failure {
    std::string what;
};

/// Makes descriptors and keeps them for their destruction. A call that fails throws Failure.
class Builder {
public:
    Builder(const CudnnApi& api, std::vector<Opaque>& owned) : api_(api), owned_(owned) {}

    Opaque make(Descriptor kind) {
        Opaque descriptor = nullptr;
        check(api_.create_descriptor(kind, &descriptor), "making a descriptor");
        owned_.push_back(descriptor);
        return descriptor;
    }
    void set(Opaque descriptor, Attribute attribute, Type type, std::int64_t count, const void* values) { check(api_.set_attribute(descriptor, attribute, type, count, values), "setting an attribute"); }
    void set_int64s(Opaque descriptor, Attribute attribute, const std::vector<std::int64_t>& values) { set(descriptor, attribute, type_int64, std::int64_t(values.size()), values.data()); }
    void set_int64(Opaque descriptor, Attribute attribute, std::int64_t value) { set(descriptor, attribute, type_int64, 1, &value); }
    void set_enum(Opaque descriptor, Attribute attribute, Type type, int value) { set(descriptor, attribute, type, 1, &value); }
    void set_descriptor(Opaque descriptor, Attribute attribute, Opaque value) { set(descriptor, attribute, type_descriptor, 1, &value); }
    void set_float(Opaque descriptor, Attribute attribute, float value) { set(descriptor, attribute, type_float, 1, &value); }
    void finalize(Opaque descriptor, const char* what) { check(api_.finalize(descriptor), what); }

    /// A tensor of four sizes; `sizes` and `steps` in the order n, c, h, w.
    Opaque tensor(std::int64_t id, DataType type, const std::vector<std::int64_t>& sizes, const std::vector<std::int64_t>& steps, bool is_virtual) {
        const Opaque descriptor = make(Descriptor::tensor);
        set_enum(descriptor, tensor_type, type_data_type, type);
        set_int64s(descriptor, tensor_sizes, sizes);
        set_int64s(descriptor, tensor_steps, steps);
        set_int64(descriptor, tensor_id, id);
        set_int64(descriptor, tensor_alignment, 16);
        if (is_virtual) set(descriptor, tensor_virtual, type_boolean, 1, &is_virtual);
        finalize(descriptor, "describing a tensor");
        return descriptor;
    }
    /// dst = mode(src) or mode(src, other).
    Opaque pointwise(PointwiseMode mode, Opaque src, Opaque other, Opaque dst) {
        const Opaque descriptor = make(Descriptor::pointwise);
        set_enum(descriptor, pointwise_mode, type_pointwise_mode, mode);
        set_enum(descriptor, pointwise_math, type_data_type, data_float);
        finalize(descriptor, "describing a pointwise step");
        const Opaque operation = make(pointwise_operation);
        set_descriptor(operation, operation_pointwise, descriptor);
        set_descriptor(operation, operation_src, src);
        if (other != nullptr) set_descriptor(operation, operation_other, other);
        set_descriptor(operation, operation_dst, dst);
        finalize(operation, "describing a pointwise step");
        return operation;
    }
    void check(int status, const char* what) {
        if (status != success) throw Failure{std::string(what) + ": " + api_.error_text(status)};
    }

private:
    const CudnnApi& api_;
    std::vector<Opaque>& owned_;
};

DataType data_type(Storage storage) { return storage == Storage::f32 ? data_float : storage == Storage::f16 ? data_half : data_bfloat16; }

std::vector<std::int64_t> nhwc_steps(std::int64_t c, std::int64_t h, std::int64_t w) { return {h * w * c, 1, w * c, c}; }

/// The operation graph; its tensors carry the ids above.
Opaque describe_graph(Builder& builder, Opaque handle, const ConvolutionProblem& p) {
    const DataType type = data_type(p.storage);
    const std::int64_t in_group = p.in / p.groups;
    const std::vector<std::int64_t> dst_sizes{p.n, p.out, p.out_h, p.out_w}, dst_steps = nhwc_steps(p.out, p.out_h, p.out_w);
    const Opaque src = builder.tensor(id_src, type, {p.n, p.in, p.h, p.w}, nhwc_steps(p.in, p.h, p.w), false);
    const Opaque weight = builder.tensor(id_weight, type, {p.out, in_group, p.kernel, p.kernel}, nhwc_steps(in_group, p.kernel, p.kernel), false);

    const int steps = int(p.residual) + int(p.bias) + int(p.activation != Activation::none);
    std::int64_t next = id_between;
    int left = steps;
    // What a step gives: a virtual float32 tensor, or the result itself when it is the last.
    const auto result = [&] { return left == 0 ? builder.tensor(id_dst, type, dst_sizes, dst_steps, false) : builder.tensor(next++, data_float, dst_sizes, dst_steps, true); };

    const Opaque convolution = builder.make(Descriptor::convolution);
    builder.set_enum(convolution, convolution_type, type_data_type, data_float);
    builder.set_enum(convolution, convolution_mode, type_convolution_mode, cross_correlation);
    builder.set_int64(convolution, convolution_axes, 2);
    builder.set_int64s(convolution, convolution_dilations, {p.dilation, p.dilation});
    builder.set_int64s(convolution, convolution_strides, {p.stride, p.stride});
    builder.set_int64s(convolution, convolution_pre_paddings, {p.padding, p.padding});
    builder.set_int64s(convolution, convolution_post_paddings, {p.padding, p.padding});
    builder.finalize(convolution, "describing the convolution");

    Opaque value = result();
    std::vector<Opaque> operations;
    const Opaque forward = builder.make(convolution_forward);
    builder.set_float(forward, forward_alpha, 1.f);
    builder.set_float(forward, forward_beta, 0.f);
    builder.set_descriptor(forward, forward_convolution, convolution);
    builder.set_descriptor(forward, forward_src, src);
    builder.set_descriptor(forward, forward_weight, weight);
    builder.set_descriptor(forward, forward_dst, value);
    builder.finalize(forward, "describing the convolution");
    operations.push_back(forward);

    const auto step = [&](PointwiseMode mode, Opaque other) {
        --left;
        const Opaque dst = result();
        operations.push_back(builder.pointwise(mode, value, other, dst));
        value = dst;
    };
    if (p.residual) step(mode_add, builder.tensor(id_residual, type, dst_sizes, dst_steps, false));
    if (p.bias) step(mode_add, builder.tensor(id_bias, type, {1, p.out, 1, 1}, {p.out, 1, p.out, p.out}, false));
    if (p.activation != Activation::none) step(p.activation == Activation::relu ? mode_relu : mode_sigmoid, nullptr);

    const Opaque graph = builder.make(operation_graph);
    builder.set(graph, graph_handle, type_handle, 1, &handle);
    builder.set(graph, graph_operations, type_descriptor, std::int64_t(operations.size()), operations.data());
    builder.finalize(graph, "finalizing the operation graph");
    return graph;
}

/// Whether an engine with these notes keeps the rules.
bool admissible(std::span<const int> notes, const ConvolutionProblem& p) {
    for (const int note : notes) {
        if (note == note_nondeterministic || note == note_reduced_reduction || note == note_fft || note < 0 || note >= note_count) return false;
        if (note == note_winograd_6x6 || note == note_winograd_13x13) return false;  // their transforms lose digits
        if (p.storage == Storage::f32 && (note == note_winograd || note == note_winograd_4x4)) return false;
        if (p.storage == Storage::f32 && !p.tf32 && (note == note_tensor_core || note == note_down_convert)) return false;
    }
    return true;
}

}  // namespace

CudnnConvolution::~CudnnConvolution() {
    for (std::size_t i = descriptors_.size(); i-- > 0;) device_->libraries().cudnn.destroy_descriptor(descriptors_[i]);
}

std::shared_ptr<const CudnnConvolution> CudnnConvolution::find(std::shared_ptr<const Device> device, Opaque handle, const ConvolutionProblem& problem, std::size_t workspace_limit,
                                                               std::string& why_not, Selection* selection) {
    const CudnnApi& api = device->libraries().cudnn;
    std::shared_ptr<CudnnConvolution> found(new CudnnConvolution(std::move(device)));
    found->bias_ = problem.bias;
    found->residual_ = problem.residual;
    int refused = 0, failed = 0, large = 0;
    const bool times = selection != nullptr && !selection->wanted && selection->milliseconds;
    struct Candidate {
        Opaque plan;
        std::size_t workspace;
        EngineChoice choice;
    };
    std::optional<Candidate> first, best;  // first: admissible, in the order of the heuristics
    const auto take = [&](const Candidate& candidate) {
        found->plan_ = candidate.plan;
        found->workspace_ = candidate.workspace;
        found->name_ = "cudnn engine " + std::to_string(candidate.choice.engine);
    };
    std::int64_t place = -1;
    std::vector<std::int64_t> timed;  // engines
    bool done = false;
    try {
        Builder builder(api, found->descriptors_);
        const Opaque graph = describe_graph(builder, handle, problem);
        for (const HeuristicsMode mode : {heuristics_instant, heuristics_fallback}) {
            const Opaque heuristics = builder.make(engine_heuristics);
            builder.set_descriptor(heuristics, heuristics_graph, graph);
            builder.set_enum(heuristics, heuristics_mode, type_heuristics_mode, mode);
            if (api.finalize(heuristics) != success) continue;
            std::int64_t count = 0;
            if (api.get_attribute(heuristics, heuristics_results, type_descriptor, 0, &count, nullptr) != success || count <= 0) continue;
            std::vector<Opaque> configs;
            for (std::int64_t i = 0; i < count; ++i) configs.push_back(builder.make(engine_config));
            std::int64_t given = 0;
            builder.check(api.get_attribute(heuristics, heuristics_results, type_descriptor, count, &given, configs.data()), "reading the heuristics");
            for (std::size_t i = 0; i < std::size_t(std::min(given, count)) && !done; ++i) {
                ++place;
                Opaque chosen = builder.make(engine);
                std::int64_t one = 0;
                std::array<int, note_count> notes{};
                std::int64_t note_total = 0, index = -1;
                builder.check(api.get_attribute(configs[i], config_engine, type_descriptor, 1, &one, &chosen), "reading an engine");
                builder.check(api.get_attribute(chosen, engine_notes, type_numerical_note, note_count, &note_total, notes.data()), "reading an engine's notes");
                if (note_total > note_count || !admissible({notes.data(), std::size_t(std::max<std::int64_t>(note_total, 0))}, problem)) {  // more notes than we know: a newer cuDNN
                    ++refused;
                    continue;
                }
                const Opaque plan = builder.make(execution_plan);
                builder.set(plan, plan_handle, type_handle, 1, &handle);
                builder.set_descriptor(plan, plan_config, configs[i]);
                if (api.finalize(plan) != success) {
                    ++failed;
                    continue;
                }
                std::int64_t bytes = 0;
                builder.check(api.get_attribute(plan, plan_workspace, type_int64, 1, &one, &bytes), "reading a plan's workspace");
                if (bytes < 0 || std::size_t(bytes) > workspace_limit) {
                    ++large;
                    continue;
                }
                if (api.get_attribute(chosen, engine_index, type_int64, 1, &one, &index) != success || index < 0) {
                    ++failed;
                    continue;
                }
                const Candidate candidate{plan, std::size_t(bytes), {place, index}};
                if (!first) first = candidate;
                if (times) {
                    if (std::count(timed.begin(), timed.end(), index) >= most_of_engine) continue;
                    timed.push_back(index);
                    take(candidate);
                    const double milliseconds = selection->milliseconds(*found);
                    if (milliseconds >= 0 && (!best || milliseconds < selection->best)) {
                        best = candidate;
                        selection->best = milliseconds;
                    }
                    done = ++selection->timed >= most_timed;
                } else if (selection == nullptr || !selection->wanted) {
                    done = true;
                } else if (candidate.choice == *selection->wanted) {
                    best = candidate;
                    done = true;
                }
            }
            if (done) break;
        }
        if (first) {
            const Candidate& taken = best ? *best : *first;
            take(taken);
            if (selection != nullptr) selection->taken = taken.choice;
            return found;
        }
        why_not = "cuDNN has no engine (" + std::to_string(refused) + " break the rules of precision or repeatability, " + std::to_string(failed) + " do not fit, " + std::to_string(large) +
                  " need too much workspace)";
    } catch (const Failure& failure) {
        why_not = "cuDNN refuses, " + failure.what;
    }
    return nullptr;
}

std::string ConvolutionProblem::key() const {
    std::string key = name_of(storage);
    if (storage == Storage::f32 && tf32) key += " tf32";
    for (const std::int64_t number : {n, h, w, in, out_h, out_w, out, std::int64_t(kernel), std::int64_t(stride), std::int64_t(padding), std::int64_t(dilation), std::int64_t(groups)}) {
        key += ' ' + std::to_string(number);
    }
    return key + (bias ? " bias" : "") + (residual ? " residual" : "") + (activation == Activation::none ? "" : activation == Activation::relu ? " relu" : " sigmoid");
}

void CudnnConvolution::execute(Opaque handle, const Buffers& buffers) const {
    const CudnnApi& api = device_->libraries().cudnn;
    std::vector<std::int64_t> ids{id_src, id_weight, id_dst};
    std::vector<DevicePointer> pointers{buffers.src, buffers.weight, buffers.dst};
    if (bias_) {
        ids.push_back(id_bias);
        pointers.push_back(buffers.bias);
    }
    if (residual_) {
        ids.push_back(id_residual);
        pointers.push_back(buffers.residual);
    }
    std::vector<Opaque> owned;
    std::string trouble;
    try {
        Builder builder(api, owned);
        const Opaque pack = builder.make(variant_pack);
        builder.set_int64s(pack, pack_ids, ids);
        builder.set(pack, pack_pointers, type_void_pointer, std::int64_t(pointers.size()), pointers.data());
        builder.set(pack, pack_workspace, type_void_pointer, 1, &buffers.workspace);
        builder.finalize(pack, "naming the buffers");
        const std::lock_guard lock(mutex_);
        builder.check(api.execute(handle, plan_, pack), "executing");
    } catch (const Failure& failure) {
        trouble = failure.what;
    }
    for (const Opaque descriptor : owned) api.destroy_descriptor(descriptor);
    if (!trouble.empty()) throw BackendError("cuda: " + name_ + " failed, " + trouble);
}

}  // namespace regulus::cuda
