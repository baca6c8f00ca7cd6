#pragma once
// Learning kernels of convolutions, transposed convolutions and linear layers: oneDNN's three directions of each.
#include <algorithm>
#include <cstring>
#include <unordered_map>
#include <utility>

#include <regulus/cpu/learning_matrices-impl.hpp>
#include <regulus/cpu/matrix-impl.hpp>
#include <regulus/train/learning_backend.hpp>

namespace regulus::cpu {

/// The descriptors of one direction each, made the way oneDNN 2.6 and 3.x want them. Convolution and transposed convolution take a geometry, linear layers none.
struct Window {
    dnnl::memory::dims strides, dilates, padding;
};

template <class Forward, class BackwardData, class BackwardWeights>
struct WindowedDirections {
    using forward = Forward;
    using backward_data = BackwardData;
    using backward_weights = BackwardWeights;
    dnnl::algorithm algorithm;
    Window window;

    typename Forward::primitive_desc make_forward(const MemoryDesc& src, const MemoryDesc& weights, const MemoryDesc& bias, const MemoryDesc& dst, const dnnl::primitive_attr& attr) const {
#if DNNL_VERSION_MAJOR >= 3
        return {engine(), dnnl::prop_kind::forward_training, algorithm, src, weights, bias, dst, window.strides, window.dilates, window.padding, window.padding, attr};
#else
        return {{dnnl::prop_kind::forward_training, algorithm, src, weights, bias, dst, window.strides, window.dilates, window.padding, window.padding}, attr, engine()};
#endif
    }
    typename BackwardData::primitive_desc make_backward_data(const MemoryDesc& src, const MemoryDesc& weights, const MemoryDesc& dst, const typename Forward::primitive_desc& hint,
                                                             const dnnl::primitive_attr& attr) const {
#if DNNL_VERSION_MAJOR >= 3
        return {engine(), algorithm, src, weights, dst, window.strides, window.dilates, window.padding, window.padding, hint, attr};
#else
        return {{algorithm, src, weights, dst, window.strides, window.dilates, window.padding, window.padding}, attr, engine(), hint};
#endif
    }
    typename BackwardWeights::primitive_desc make_backward_weights(const MemoryDesc& src, const MemoryDesc& weights, const MemoryDesc& bias, const MemoryDesc& dst,
                                                                   const typename Forward::primitive_desc& hint, const dnnl::primitive_attr& attr) const {
#if DNNL_VERSION_MAJOR >= 3
        return {engine(), algorithm, src, weights, bias, dst, window.strides, window.dilates, window.padding, window.padding, hint, attr};
#else
        return {{algorithm, src, weights, bias, dst, window.strides, window.dilates, window.padding, window.padding}, attr, engine(), hint};
#endif
    }
};

using ConvolutionDirections = WindowedDirections<dnnl::convolution_forward, dnnl::convolution_backward_data, dnnl::convolution_backward_weights>;
using DeconvolutionDirections = WindowedDirections<dnnl::deconvolution_forward, dnnl::deconvolution_backward_data, dnnl::deconvolution_backward_weights>;

struct LinearDirections {
    using forward = dnnl::inner_product_forward;
    using backward_data = dnnl::inner_product_backward_data;
    using backward_weights = dnnl::inner_product_backward_weights;

    forward::primitive_desc make_forward(const MemoryDesc& src, const MemoryDesc& weights, const MemoryDesc& bias, const MemoryDesc& dst, const dnnl::primitive_attr& attr) const {
#if DNNL_VERSION_MAJOR >= 3
        return {engine(), dnnl::prop_kind::forward_training, src, weights, bias, dst, attr};
#else
        return {{dnnl::prop_kind::forward_training, src, weights, bias, dst}, attr, engine()};
#endif
    }
    backward_data::primitive_desc make_backward_data(const MemoryDesc& src, const MemoryDesc& weights, const MemoryDesc& dst, const forward::primitive_desc& hint, const dnnl::primitive_attr& attr) const {
#if DNNL_VERSION_MAJOR >= 3
        return {engine(), src, weights, dst, hint, attr};
#else
        return {{src, weights, dst}, attr, engine(), hint};
#endif
    }
    backward_weights::primitive_desc make_backward_weights(const MemoryDesc& src, const MemoryDesc& weights, const MemoryDesc& bias, const MemoryDesc& dst, const forward::primitive_desc& hint,
                                                           const dnnl::primitive_attr& attr) const {
#if DNNL_VERSION_MAJOR >= 3
        return {engine(), src, weights, bias, dst, hint, attr};
#else
        return {{src, weights, bias, dst}, attr, engine(), hint};
#endif
    }
};

/// What an operation looks like to oneDNN: maps channels-last, the weight as the graph stores it, and the same with the layout left open (where another one is worth the way into it).
struct ProductDescs {
    MemoryDesc src, dst, stored, open;
    std::int64_t out = 0;  // elements of the bias
    bool bias = false;
    Activation activation = Activation::none;
};

/// dst = activation(product(src, weight) + bias). Weights go into oneDNN's layout in each call: they change between calls.
template <class Directions>
class ProductForward : public train::LearningKernel {
public:
    ProductForward(const Directions& directions, const ProductDescs& descs, std::int64_t dst_elements, int threads)
        : activation_(descs.activation), bias_(descs.bias), dst_elements_(dst_elements), threads_(threads), weight_elements_(std::int64_t(descs.stored.get_size() / sizeof(float))), out_(descs.out) {
        const auto forward = directions.make_forward(descs.src, descs.open, bias_of(descs), descs.dst, attributes(false, descs.activation));
        forward_ = {typename Directions::forward(forward), descs.stored, forward.weights_desc(), forward.scratchpad_desc()};
        src_ = dnnl::memory(descs.src, engine(), nullptr);
        dst_ = dnnl::memory(descs.dst, engine(), nullptr);
        if (bias_) bias_memory_ = dnnl::memory(bias_of(descs), engine(), nullptr);
        stored_ = dnnl::memory(descs.stored, engine(), nullptr);
    }

    std::size_t scratch_bytes() const override { return forward_.bytes(); }
    bool backward_reads_inputs() const override { return true; }
    bool backward_reads_outputs() const override { return activation_ != Activation::none; }

    void forward(const train::LearningArguments& arguments) override {
        const ThreadScope scope(threads_);
        Scratch scratch{arguments.scratch};
        set(src_, arguments.inputs[0]);
        set(dst_, arguments.outputs[0]);
        set(stored_, arguments.parameters[0]);
        run(forward_, scratch, with_bias(DNNL_ARG_BIAS, bias_ ? arguments.parameters[1] : nullptr, {{DNNL_ARG_SRC, src_}, {DNNL_ARG_WEIGHTS, weights_for(forward_, scratch)}, {DNNL_ARG_DST, dst_}}));
    }

protected:
    struct Direction {
        dnnl::primitive primitive;
        MemoryDesc stored, wanted, scratchpad;
        bool reorders() const { return !(stored == wanted); }
        std::size_t bytes() const { return rounded(reorders() ? wanted.get_size() : 0) + rounded(scratchpad.get_size()); }
    };
    /// Hands out pieces of a call's scratch.
    struct Scratch {
        std::byte* next;
        void* take(std::size_t bytes) {
            void* const piece = next;
            next += rounded(bytes);
            return piece;
        }
    };
    static std::size_t rounded(std::size_t bytes) { return (bytes + 63) / 64 * 64; }
    static MemoryDesc bias_of(const ProductDescs& descs) { return descs.bias ? vector_of(descs.out) : MemoryDesc(); }
    static void set(dnnl::memory& memory, const float* data) { memory.set_data_handle(const_cast<float*>(data)); }
    using Arguments = std::unordered_map<int, dnnl::memory>;
    Arguments with_bias(int which, const float* data, Arguments arguments) {
        if (!bias_) return arguments;
        set(bias_memory_, data);
        arguments.emplace(which, bias_memory_);
        return arguments;
    }

    /// The stored weight as a direction wants it.
    dnnl::memory weights_for(const Direction& direction, Scratch& scratch) {
        if (!direction.reorders()) return stored_;
        dnnl::memory wanted(direction.wanted, engine(), scratch.take(direction.wanted.get_size()));
        dnnl::reorder(stored_, wanted).execute(stream_, stored_, wanted);
        return wanted;
    }

    void run(const Direction& direction, Scratch& scratch, Arguments arguments) {
        arguments.emplace(DNNL_ARG_SCRATCHPAD, dnnl::memory(direction.scratchpad, engine(), scratch.take(direction.scratchpad.get_size())));
        direction.primitive.execute(stream_, arguments);
        stream_.wait();
    }

    Activation activation_;
    bool bias_;
    std::int64_t dst_elements_;
    int threads_;
    std::int64_t weight_elements_, out_;
    Direction forward_;
    dnnl::memory src_, dst_, bias_memory_, stored_;
    dnnl::stream stream_{engine()};
};

/// Back by oneDNN's primitives.
template <class Directions>
class ProductKernel final : public ProductForward<Directions> {
    using Base = ProductForward<Directions>;
    using typename Base::Direction, typename Base::Scratch;

public:
    ProductKernel(const Directions& directions, const ProductDescs& descs, std::int64_t dst_elements, int threads) : Base(directions, descs, dst_elements, threads) {
        const dnnl::primitive_attr plain = attributes(false, Activation::none);
        const auto hint = directions.make_forward(descs.src, descs.open, this->bias_of(descs), descs.dst, plain);
        const auto data = directions.make_backward_data(descs.src, descs.open, descs.dst, hint, plain);
        const auto weights = directions.make_backward_weights(descs.src, descs.open, this->bias_of(descs), descs.dst, hint, plain);
        data_ = {typename Directions::backward_data(data), descs.stored, data.weights_desc(), data.scratchpad_desc()};
        weights_ = {typename Directions::backward_weights(weights), descs.stored, weights.diff_weights_desc(), weights.scratchpad_desc()};
    }

    std::size_t scratch_bytes() const override { return std::max({this->forward_.bytes(), data_.bytes(), weights_.bytes() + weight_bytes() + bias_bytes()}); }

    void backward(const train::LearningArguments& arguments) override {
        const ThreadScope scope(this->threads_);
        float* const gradient = arguments.output_gradients[0];
        through_activation(this->activation_, arguments.outputs[0], gradient, this->dst_elements_);
        this->set(this->dst_, gradient);
        if (arguments.parameter_gradients[0] != nullptr) learn(arguments);
        if (arguments.input_gradients[0] != nullptr) {
            Scratch scratch{arguments.scratch};
            this->set(this->src_, arguments.input_gradients[0]);
            this->set(this->stored_, arguments.parameters[0]);
            this->run(data_, scratch, {{DNNL_ARG_DIFF_SRC, this->src_}, {DNNL_ARG_WEIGHTS, this->weights_for(data_, scratch)}, {DNNL_ARG_DIFF_DST, this->dst_}});
        }
    }

private:
    std::size_t weight_bytes() const { return this->rounded(std::size_t(this->weight_elements_) * sizeof(float)); }
    std::size_t bias_bytes() const { return this->rounded(std::size_t(this->out_) * sizeof(float)); }

    /// Adds the gradients of weight and bias.
    void learn(const train::LearningArguments& arguments) {
        Scratch scratch{arguments.scratch};
        this->set(this->src_, arguments.inputs[0]);
        float* const fresh = static_cast<float*>(scratch.take(weight_bytes()));
        float* const fresh_bias = static_cast<float*>(scratch.take(bias_bytes()));
        this->set(this->stored_, fresh);
        dnnl::memory made = this->stored_;
        if (weights_.reorders()) made = dnnl::memory(weights_.wanted, engine(), scratch.take(weights_.wanted.get_size()));
        this->run(weights_, scratch, this->with_bias(DNNL_ARG_DIFF_BIAS, fresh_bias, {{DNNL_ARG_SRC, this->src_}, {DNNL_ARG_DIFF_WEIGHTS, made}, {DNNL_ARG_DIFF_DST, this->dst_}}));
        if (weights_.reorders()) {
            dnnl::reorder(made, this->stored_).execute(this->stream_, made, this->stored_);
            this->stream_.wait();
        }
        add_into(fresh, arguments.parameter_gradients[0], this->weight_elements_);
        if (this->bias_ && arguments.parameter_gradients[1] != nullptr) add_into(fresh_bias, arguments.parameter_gradients[1], this->out_);
    }

    Direction data_, weights_;
};

/// A convolution whose windows are single pixels: its gradients are products of matrices, which read weights as they are stored and add to their gradients where these lie;
/// oneDNN's primitives for them want layouts of their own.
class PixelConvThatLearns final : public ProductForward<ConvolutionDirections> {
public:
    PixelConvThatLearns(const ops::Conv2d& op, const ConvolutionDirections& directions, const ProductDescs& descs, const Shape& in, const Shape& out, int threads)
        : ProductForward(directions, descs, out.numel(), threads), stride_(op.stride), in_channels_(op.in_channels), images_(in[0]), height_(in[2]), width_(in[3]), out_height_(out[2]), out_width_(out[3]) {}

    std::size_t scratch_bytes() const override { return std::max(ProductForward::scratch_bytes(), stride_ == 1 ? 0 : std::size_t(pixels() * in_channels_) * sizeof(float)); }

    void backward(const train::LearningArguments& arguments) override {
        const ThreadScope scope(threads_);
        float* const gradient = arguments.output_gradients[0];
        float* const compact = reinterpret_cast<float*>(arguments.scratch);  // where windows skip pixels: those that they read
        through_activation(activation_, arguments.outputs[0], gradient, dst_elements_);
        if (float* const to_weight = arguments.parameter_gradients[0]; to_weight != nullptr) {
            if (stride_ != 1) gather(arguments.inputs[0], compact);
            PlainProduct{true, false, out_, in_channels_, pixels(), gradient, out_, stride_ == 1 ? arguments.inputs[0] : compact, in_channels_, 1.f, to_weight, in_channels_}.run();
            if (bias_ && arguments.parameter_gradients[1] != nullptr) add_pixel_sums(gradient, pixels(), out_, arguments.parameter_gradients[1]);
        }
        if (float* const to_src = arguments.input_gradients[0]; to_src != nullptr) {
            PlainProduct{false, false, pixels(), in_channels_, out_, gradient, out_, arguments.parameters[0], in_channels_, 0.f, stride_ == 1 ? to_src : compact, in_channels_}.run();
            if (stride_ != 1) spread(compact, to_src);
        }
    }

private:
    std::int64_t pixels() const { return images_ * out_height_ * out_width_; }
    std::size_t pixel_bytes() const { return std::size_t(in_channels_) * sizeof(float); }
    /// Where the window of the output pixel 0 of a line (these count through all images) reads.
    std::int64_t line_start(std::int64_t line) const { return (line / out_height_ * height_ + line % out_height_ * stride_) * width_ * in_channels_; }

    void gather(const float* src, float* compact) const {
        parallel_for(images_ * out_height_, [&](std::int64_t line) {
            const float* from = src + line_start(line);
            float* to = compact + line * out_width_ * in_channels_;
            for (std::int64_t x = 0; x < out_width_; ++x, from += stride_ * in_channels_, to += in_channels_) std::memcpy(to, from, pixel_bytes());
        });
    }
    /// The other pixels have no gradient.
    void spread(const float* compact, float* to_src) const {
        parallel_for(images_ * height_, [&](std::int64_t line) {
            const std::int64_t image = line / height_, y = line % height_;
            float* const to = to_src + line * width_ * in_channels_;
            std::memset(to, 0, std::size_t(width_) * pixel_bytes());
            if (y % stride_ != 0 || y / stride_ >= out_height_) return;
            const float* from = compact + (image * out_height_ + y / stride_) * out_width_ * in_channels_;
            for (std::int64_t x = 0; x < out_width_; ++x, from += in_channels_) std::memcpy(to + x * stride_ * in_channels_, from, pixel_bytes());
        });
    }

    int stride_;
    std::int64_t in_channels_, images_, height_, width_, out_height_, out_width_;
};

inline std::unique_ptr<train::LearningKernel> convolution_that_learns(const ops::Conv2d& op, const Shape& in, const Shape& out, int threads) {
    using Tag = dnnl::memory::format_tag;
    constexpr auto f32 = dnnl::memory::data_type::f32;
    const ConvolutionDirections directions{dnnl::algorithm::convolution_direct, {{op.stride, op.stride}, {op.dilation - 1, op.dilation - 1}, {op.padding, op.padding}}};
    const dnnl::memory::dims dims = op.groups == 1 ? dnnl::memory::dims{op.out_channels, op.in_channels, op.kernel, op.kernel}
                                                   : dnnl::memory::dims{op.groups, op.out_channels / op.groups, op.in_channels / op.groups, op.kernel, op.kernel};
    const ProductDescs descs{nhwc(in[0], in[1], in[2], in[3]), nhwc(out[0], out[1], out[2], out[3]), MemoryDesc(dims, f32, op.groups == 1 ? Tag::oihw : Tag::goihw), MemoryDesc(dims, f32, Tag::any),
                             op.out_channels, op.bias, op.activation};
    if (is_matrix_product(op)) return std::make_unique<PixelConvThatLearns>(op, directions, descs, in, out, threads);
    return std::make_unique<ProductKernel<ConvolutionDirections>>(directions, descs, out.numel(), threads);
}

inline std::unique_ptr<train::LearningKernel> convolution_that_learns(const ops::ConvTranspose2d& op, const Shape& in, const Shape& out, int threads) {
    using Tag = dnnl::memory::format_tag;
    constexpr auto f32 = dnnl::memory::data_type::f32;
    const DeconvolutionDirections directions{dnnl::algorithm::deconvolution_direct, {{op.stride, op.stride}, {0, 0}, {op.padding, op.padding}}};
    const dnnl::memory::dims dims{op.out_channels, op.in_channels, op.kernel, op.kernel};
    const ProductDescs descs{nhwc(in[0], in[1], in[2], in[3]), nhwc(out[0], out[1], out[2], out[3]), MemoryDesc(dims, f32, Tag::iohw), MemoryDesc(dims, f32, Tag::any), op.out_channels, op.bias,
                             op.activation};
    return std::make_unique<ProductKernel<DeconvolutionDirections>>(directions, descs, out.numel(), threads);
}

inline std::unique_ptr<train::LearningKernel> linear_that_learns(const ops::Linear& op, const Shape& in, const Shape& out, int threads) {
    using Tag = dnnl::memory::format_tag;
    constexpr auto f32 = dnnl::memory::data_type::f32;
    const bool map = in.rank() == 4 && in[2] * in[3] != 1;  // a map of one pixel is a row
    const dnnl::memory::dims dims = map ? dnnl::memory::dims{op.out_features, in[1], in[2], in[3]} : dnnl::memory::dims{op.out_features, op.in_features};
    const ProductDescs descs{map ? nhwc(in[0], in[1], in[2], in[3]) : matrix(in[0], op.in_features), matrix(out[0], op.out_features), MemoryDesc(dims, f32, map ? Tag::oihw : Tag::oi),
                             MemoryDesc(dims, f32, map ? Tag::any : Tag::oi), op.out_features, op.bias, op.activation};
    return std::make_unique<ProductKernel<LinearDirections>>(LinearDirections{}, descs, out.numel(), threads);
}

}  // namespace regulus::cpu
