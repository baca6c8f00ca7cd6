#pragma once
// The few places where oneDNN 2.6 and 3.x differ, and the descriptors that Regulus uses.
#include <dnnl.hpp>

#include <string>

#include <regulus/core/shape.hpp>
#include <regulus/graph/operations.hpp>

namespace regulus::cpu {

using MemoryDesc = dnnl::memory::desc;

/// The one engine of the process; creating it is cheap but not free.
inline dnnl::engine& engine() {
    static dnnl::engine instance(dnnl::engine::kind::cpu, 0);
    return instance;
}

/// oneDNN keeps primitives that it generated; the library's default of 1,024 entries is cut so that changing picture sizes
/// cannot pile them up. Called once per process by the first compile().
inline void bound_primitive_cache() {
    static const bool done = [] {
        dnnl::set_primitive_cache_capacity(512);
        return true;
    }();
    (void)done;
}

/// [n, c, h, w] stored as n, h, w, c.
inline MemoryDesc nhwc(std::int64_t n, std::int64_t c, std::int64_t h, std::int64_t w) {
    return MemoryDesc({n, c, h, w}, dnnl::memory::data_type::f32, dnnl::memory::format_tag::nhwc);
}

inline MemoryDesc vector_of(std::int64_t size) { return MemoryDesc({size}, dnnl::memory::data_type::f32, dnnl::memory::format_tag::a); }
inline MemoryDesc matrix(std::int64_t rows, std::int64_t columns) { return MemoryDesc({rows, columns}, dnnl::memory::data_type::f32, dnnl::memory::format_tag::ab); }

/// Post-operations in the order in which Regulus defines them: sum with what dst holds, then the activation. The scratchpad is ours.
inline dnnl::primitive_attr attributes(bool adds_to_dst, Activation activation) {
    dnnl::post_ops post;
    if (adds_to_dst) post.append_sum(1.f);
    if (activation != Activation::none) {
        const auto algorithm = activation == Activation::relu ? dnnl::algorithm::eltwise_relu : dnnl::algorithm::eltwise_logistic;
#if DNNL_VERSION_MAJOR >= 3
        post.append_eltwise(algorithm, 0.f, 0.f);
#else
        post.append_eltwise(1.f, algorithm, 0.f, 0.f);
#endif
    }
    dnnl::primitive_attr attr;
    attr.set_scratchpad_mode(dnnl::scratchpad_mode::user);
    attr.set_post_ops(post);
    return attr;
}

/// Throws dnnl::error when no implementation takes it.
inline dnnl::convolution_forward::primitive_desc convolution(const ops::Conv2d& op, const MemoryDesc& src, const MemoryDesc& weights, const MemoryDesc& dst) {
    const dnnl::memory::dims strides{op.stride, op.stride}, dilates{op.dilation - 1, op.dilation - 1}, padding{op.padding, op.padding};
    const dnnl::primitive_attr attr = attributes(op.residual, op.activation);
#if DNNL_VERSION_MAJOR >= 3
    return dnnl::convolution_forward::primitive_desc(engine(), dnnl::prop_kind::forward_inference, dnnl::algorithm::convolution_direct, src, weights, vector_of(op.out_channels), dst, strides,
                                                     dilates, padding, padding, attr);
#else
    const dnnl::convolution_forward::desc desc(dnnl::prop_kind::forward_inference, dnnl::algorithm::convolution_direct, src, weights, vector_of(op.out_channels), dst, strides, dilates, padding,
                                               padding);
    return dnnl::convolution_forward::primitive_desc(desc, attr, engine());
#endif
}

inline dnnl::inner_product_forward::primitive_desc inner_product(Activation activation, const MemoryDesc& src, const MemoryDesc& weights, const MemoryDesc& bias, const MemoryDesc& dst) {
    const dnnl::primitive_attr attr = attributes(false, activation);
#if DNNL_VERSION_MAJOR >= 3
    return dnnl::inner_product_forward::primitive_desc(engine(), dnnl::prop_kind::forward_inference, src, weights, bias, dst, attr);
#else
    const dnnl::inner_product_forward::desc desc(dnnl::prop_kind::forward_inference, src, weights, bias, dst);
    return dnnl::inner_product_forward::primitive_desc(desc, attr, engine());
#endif
}

}  // namespace regulus::cpu
