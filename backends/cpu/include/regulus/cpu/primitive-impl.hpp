#pragma once
// Convolutions and linear layers through oneDNN.
#include <algorithm>
#include <array>
#include <cstring>
#include <functional>
#include <map>
#include <mutex>

#include <regulus/cpu/kernel.hpp>
#include <regulus/cpu/onednn-impl.hpp>
#include <regulus/cpu/parallel.hpp>
#include <regulus/graph/bind.hpp>

namespace regulus::cpu {

/// Parameters in the layouts that kernels want, made once and shared by all plans that want the same.
class WeightStore {
public:
    /// `make` gives the plain tensor that `plain` describes; it is called only when no plan holds the layout yet.
    std::shared_ptr<dnnl::memory> get(const std::string& key, const MemoryDesc& plain, const MemoryDesc& wanted, const std::function<Tensor()>& make) {
        const std::lock_guard lock(mutex_);
        std::vector<Entry>& entries = entries_[key];
        for (const Entry& entry : entries) {
            if (entry.desc == wanted) {
                if (auto alive = entry.memory.lock()) return alive;
            }
        }
        const Tensor tensor = make();
        dnnl::memory source(plain, engine(), const_cast<void*>(tensor.raw()));
        auto memory = std::make_shared<dnnl::memory>(wanted, engine());
        dnnl::stream stream(engine());
        dnnl::reorder(source, *memory).execute(stream, source, *memory);
        stream.wait();
        entries.erase(std::remove_if(entries.begin(), entries.end(), [](const Entry& entry) { return entry.memory.expired(); }), entries.end());
        entries.push_back({wanted, memory});
        return memory;
    }

    /// Anything else that is derived from parameters; `make` is called when no plan holds it.
    template <class Derived, class Make>
    std::shared_ptr<const Derived> get(const std::string& key, const Make& make) {
        const std::lock_guard lock(mutex_);
        std::weak_ptr<const void>& slot = derived_[key];
        if (const std::shared_ptr<const void> alive = slot.lock()) return std::static_pointer_cast<const Derived>(alive);
        std::shared_ptr<const Derived> made = std::make_shared<const Derived>(make());
        slot = made;
        return made;
    }

private:
    struct Entry {
        MemoryDesc desc;
        std::weak_ptr<dnnl::memory> memory;
    };
    std::mutex mutex_;
    std::map<std::string, std::vector<Entry>> entries_;
    std::map<std::string, std::weak_ptr<const void>> derived_;
};

/// Names all parameters: nodes may share a weight and differ in the norm that is folded into it.
inline std::string parameter_key(const Node& node) {
    std::string key;
    for (const Parameter& parameter : node.parameters) key += parameter.name + " ";
    return key;
}

/// A primitive for a fixed number of rows, with its constant arguments.
struct RowsPrimitive {
    std::int64_t rows = 0;
    dnnl::primitive primitive;
    MemoryDesc src, dst, scratch;
};

/// Row counts for which primitives are made: the bound, then powers of four below it. A bound of one image's pictures needs one.
inline std::vector<std::int64_t> row_blocks(const RowCount& rows) {
    std::vector<std::int64_t> blocks{rows.bound};
    if (!rows.counted) return blocks;
    for (std::int64_t block = 256; block >= 1; block /= 4) {
        if (block < rows.bound) blocks.push_back(block);
    }
    return blocks;
}

/// Calls body(block, first row) so that the blocks cover [0, rows). With `may_repeat` the last call of a size may overlap rows
/// done before; a body that adds to what dst holds must see each row once.
template <class Body>
void cover_rows(const std::vector<RowsPrimitive>& blocks, std::int64_t rows, bool may_repeat, const Body& body) {
    std::int64_t done = 0;
    for (std::size_t which = 0; which < blocks.size() && done < rows; ++which) {
        const std::int64_t size = blocks[which].rows;
        for (; rows - done >= size; done += size) body(blocks[which], done);
        const bool worth_overlap = done >= size && 2 * (rows - done) > size;
        if (may_repeat && rows > done && (worth_overlap || (done > 0 && which + 1 == blocks.size()))) {
            body(blocks[which], rows - size);
            done = rows;
        }
    }
}

/// Shared by both kinds: arguments, scratch, rows.
class PrimitiveKernel : public Kernel {
public:
    Place src, dst, residual;
    RowCount rows;
    bool adds_to_dst = false;              // dst holds the residual when the primitive starts
    bool copies_residual = false;          // the residual lives on, so dst is filled with a copy of it first
    std::size_t residual_bytes = 0;
    std::size_t src_row_bytes = 0, dst_row_bytes = 0;
    std::vector<RowsPrimitive> blocks;
    std::shared_ptr<dnnl::memory> weights, bias;

    /// What the largest of the primitives needs.
    std::size_t scratch_bytes() const override {
        std::size_t bytes = 0;
        for (const RowsPrimitive& block : blocks) bytes = std::max(bytes, block.scratch.get_size());
        return bytes;
    }

    void run(const Run& run) const override {
        if (copies_residual) std::memcpy(run.at(dst), run.at(residual), residual_bytes);
        std::byte* const src_data = static_cast<std::byte*>(run.at(src));
        std::byte* const dst_data = static_cast<std::byte*>(run.at(dst));
        void* const scratch_data = scratch_bytes() == 0 ? nullptr : run.at(scratch);
        State& state = static_cast<State&>(*run.states[id]);
        cover_rows(blocks, rows(run), !adds_to_dst, [&](const RowsPrimitive& block, std::int64_t row) {
            Arguments& arguments = state.arguments[std::size_t(&block - blocks.data())];
            arguments.src.set_data_handle(src_data + std::size_t(row) * src_row_bytes);
            arguments.dst.set_data_handle(dst_data + std::size_t(row) * dst_row_bytes);
            if (scratch_data != nullptr) arguments.scratch.set_data_handle(scratch_data);
            const dnnl_status_t status = dnnl_primitive_execute(block.primitive.get(), state.stream.get(), int(arguments.list.size()), arguments.list.data());
            if (status != dnnl_success) throw dnnl::error(status, "a primitive could not be executed");
        });
        state.stream.wait();
    }

    std::unique_ptr<KernelState> make_state() const override {
        auto state = std::make_unique<State>();
        for (const RowsPrimitive& block : blocks) {
            state->arguments.push_back({dnnl::memory(block.src, engine(), nullptr), dnnl::memory(block.dst, engine(), nullptr), dnnl::memory(block.scratch, engine(), nullptr), {}});
            Arguments& arguments = state->arguments.back();
            arguments.list = {{{DNNL_ARG_SRC, arguments.src.get()},
                               {DNNL_ARG_WEIGHTS, weights->get()},
                               {DNNL_ARG_BIAS, bias->get()},
                               {DNNL_ARG_DST, arguments.dst.get()},
                               {DNNL_ARG_SCRATCHPAD, arguments.scratch.get()}}};
        }
        return state;
    }

private:
    /// oneDNN wants its arguments as objects; each context makes them once and moves their pointers.
    struct Arguments {
        dnnl::memory src, dst, scratch;
        std::array<dnnl_exec_arg_t, 5> list;
    };
    struct State final : KernelState {
        dnnl::stream stream{engine()};
        std::vector<Arguments> arguments;
    };
};

template <class Description>
RowsPrimitive rows_primitive(std::int64_t rows, const Description& description, dnnl::primitive primitive) {
    return {rows, std::move(primitive), description.src_desc(), description.dst_desc(), description.scratchpad_desc()};
}

/// dst = activation(conv(src) + bias [+ what dst holds]).
class ConvolutionKernel final : public PrimitiveKernel {
public:
    ConvolutionKernel(const NodeContext& context, WeightStore& store, bool residual_in_place) {
        const auto& op = std::get<ops::Conv2d>(context.node.operation);
        const Shape& in = context.shape(context.in(0));
        const Shape& out = context.shape(context.out(0));
        rows = context.rows_of(context.out(0));
        src = context.place(context.in(0));
        dst = context.place(context.out(0));
        src_row_bytes = std::size_t(in[1] * in[2] * in[3]) * sizeof(float);
        dst_row_bytes = std::size_t(out[1] * out[2] * out[3]) * sizeof(float);
        adds_to_dst = op.residual;
        copies_residual = op.residual && !residual_in_place;
        if (op.residual) residual = context.place(context.in(1));
        residual_bytes = std::size_t(out[0]) * dst_row_bytes;

        const dnnl::memory::dims dims = op.groups == 1 ? dnnl::memory::dims{op.out_channels, op.in_channels, op.kernel, op.kernel}
                                                       : dnnl::memory::dims{op.groups, op.out_channels / op.groups, op.in_channels / op.groups, op.kernel, op.kernel};
        const auto tag = op.groups == 1 ? dnnl::memory::format_tag::oihw : dnnl::memory::format_tag::goihw;
        MemoryDesc wanted(dims, dnnl::memory::data_type::f32, dnnl::memory::format_tag::any);
        for (const std::int64_t block : row_blocks(rows)) {
            const auto description = convolution(op, nhwc(block, in[1], in[2], in[3]), wanted, nhwc(block, out[1], out[2], out[3]));
            if (blocks.empty()) {
                wanted = description.weights_desc();
                name = description.impl_info_str();
            }
            blocks.push_back(rows_primitive(block, description, dnnl::convolution_forward(description)));
        }
        reason = "oneDNN's first choice for channels-last";
        const std::string key = parameter_key(context.node);
        const std::vector<Tensor>& bound = context.bound;
        weights = store.get(key, MemoryDesc(dims, dnnl::memory::data_type::f32, tag), wanted, [&] { return folded_parameters(op, bound).weight; });
        bias = store.get(key + "bias", vector_of(op.out_channels), vector_of(op.out_channels), [&] { return folded_parameters(op, bound).bias; });
    }
};

/// dst = activation(src . weight^T + bias), src rows of maps or of vectors.
class LinearKernel final : public PrimitiveKernel {
public:
    LinearKernel(const NodeContext& context, WeightStore& store) {
        const auto& op = std::get<ops::Linear>(context.node.operation);
        const Shape in = context.shape(context.in(0));
        rows = context.rows_of(context.out(0));
        src = context.place(context.in(0));
        dst = context.place(context.out(0));
        src_row_bytes = std::size_t(op.in_features) * sizeof(float);
        dst_row_bytes = std::size_t(op.out_features) * sizeof(float);
        MemoryDesc wanted({op.out_features, op.in_features}, dnnl::memory::data_type::f32, dnnl::memory::format_tag::any);
        for (const std::int64_t block : row_blocks(rows)) {
            const auto description = inner_product(op.activation, matrix(block, op.in_features), wanted, vector_of(op.out_features), matrix(block, op.out_features));
            if (blocks.empty()) {
                wanted = description.weights_desc();
                name = description.impl_info_str();
            }
            blocks.push_back(rows_primitive(block, description, dnnl::inner_product_forward(description)));
        }
        reason = "oneDNN's first choice";
        const std::vector<Tensor>& bound = context.bound;
        weights = store.get(context.node.parameters[0].name, matrix(op.out_features, op.in_features), wanted, [&] { return channels_last_columns(bound[0], in); });
        bias = store.get(context.node.parameters[0].name + "/bias", vector_of(op.out_features), vector_of(op.out_features),
                         [&] { return bias_of(op, bound); });
    }

    /// Weight and bias as kernels of rows want them, of maps or vectors of shape `in`.
    static ConvParameters parameters(const ops::Linear& op, const std::vector<Tensor>& bound, const Shape& in) {
        return {channels_last_columns(bound[0], in), bias_of(op, bound)};
    }

private:
    static Tensor bias_of(const ops::Linear& op, const std::vector<Tensor>& bound) { return op.bias ? bound[1] : Tensor::zeros(Shape{op.out_features}); }

    /// Columns in the order (h, w, c) in which maps lie; the checkpoint has (c, h, w).
    static Tensor channels_last_columns(const Tensor& weight, const Shape& in) {
        if (in.rank() != 4 || in[2] * in[3] == 1) return weight;
        const std::int64_t channels = in[1], area = in[2] * in[3], rows = weight.shape()[0];
        Tensor result(weight.shape(), DType::f32);
        const float* src = weight.data<float>();
        float* dst = result.data<float>();
        parallel_for(rows, [&](std::int64_t row) {
            for (std::int64_t c = 0; c < channels; ++c) {
                for (std::int64_t i = 0; i < area; ++i) dst[row * channels * area + i * channels + c] = src[row * channels * area + c * area + i];
            }
        });
        return result;
    }
};

}  // namespace regulus::cpu
