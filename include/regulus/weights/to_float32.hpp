#pragma once
// Any numeric tensor as float32.
#include <regulus/core/tensor.hpp>

namespace regulus {

namespace detail {

template <class T, class F> Tensor convert_each(const Tensor& tensor, F to_float) {
    Tensor result(tensor.shape(), DType::f32);
    const T* src = static_cast<const T*>(tensor.raw());
    float* dst = result.data<float>();
    for (std::int64_t i = 0, count = result.numel(); i < count; ++i) dst[i] = to_float(src[i]);
    return result;
}

template <class T> Tensor convert_each(const Tensor& tensor) {
    return convert_each<T>(tensor, [](T value) { return static_cast<float>(value); });
}

}  // namespace detail

/// The tensor as float32: itself (shared, no copy) if it is so already, else a new tensor. 16-bit floats convert exactly,
/// float64 and integers round to nearest even.
inline Tensor to_float32(const Tensor& tensor) {
    switch (tensor.dtype()) {
        case DType::f32: return tensor;
        case DType::f64: return detail::convert_each<double>(tensor);
        case DType::f16: return detail::convert_each<std::uint16_t>(tensor, half_to_float);
        case DType::bf16: return detail::convert_each<std::uint16_t>(tensor, bfloat16_to_float);
        case DType::u8: return detail::convert_each<std::uint8_t>(tensor);
        case DType::i8: return detail::convert_each<std::int8_t>(tensor);
        case DType::i16: return detail::convert_each<std::int16_t>(tensor);
        case DType::i32: return detail::convert_each<std::int32_t>(tensor);
        case DType::i64: return detail::convert_each<std::int64_t>(tensor);
        case DType::boolean: return detail::convert_each<std::uint8_t>(tensor, [](std::uint8_t value) { return value != 0 ? 1.0f : 0.0f; });
        case DType::u16: return detail::convert_each<std::uint16_t>(tensor);
        case DType::u32: return detail::convert_each<std::uint32_t>(tensor);
        case DType::u64: return detail::convert_each<std::uint64_t>(tensor);
    }
    throw ShapeError("to_float32: unknown element type");
}

}  // namespace regulus
