#pragma once
// Element types of tensors, and the conversions of the 16-bit floats.
#include <bit>
#include <cstddef>
#include <cstdint>

namespace regulus {

enum class DType : std::uint8_t { f32, f64, f16, bf16, u8, i8, i16, i32, i64, boolean, u16, u32, u64 };

/// Bytes of one element.
constexpr std::size_t size_of(DType dtype) noexcept {
    switch (dtype) {
        case DType::f64: case DType::i64: case DType::u64: return 8;
        case DType::f32: case DType::i32: case DType::u32: return 4;
        case DType::f16: case DType::bf16: case DType::i16: case DType::u16: return 2;
        case DType::u8: case DType::i8: case DType::boolean: return 1;
    }
    return 0;
}

/// The name as in NumPy and PyTorch: "float32", "int64", "bool".
constexpr const char* name_of(DType dtype) noexcept {
    switch (dtype) {
        case DType::f32: return "float32";
        case DType::f64: return "float64";
        case DType::f16: return "float16";
        case DType::bf16: return "bfloat16";
        case DType::u8: return "uint8";
        case DType::i8: return "int8";
        case DType::i16: return "int16";
        case DType::i32: return "int32";
        case DType::i64: return "int64";
        case DType::boolean: return "bool";
        case DType::u16: return "uint16";
        case DType::u32: return "uint32";
        case DType::u64: return "uint64";
    }
    return "unknown";
}

template <class T> struct DTypeOf;
template <> struct DTypeOf<float> { static constexpr DType value = DType::f32; };
template <> struct DTypeOf<double> { static constexpr DType value = DType::f64; };
template <> struct DTypeOf<std::uint8_t> { static constexpr DType value = DType::u8; };
template <> struct DTypeOf<std::int8_t> { static constexpr DType value = DType::i8; };
template <> struct DTypeOf<std::int16_t> { static constexpr DType value = DType::i16; };
template <> struct DTypeOf<std::int32_t> { static constexpr DType value = DType::i32; };
template <> struct DTypeOf<std::int64_t> { static constexpr DType value = DType::i64; };
template <> struct DTypeOf<std::uint16_t> { static constexpr DType value = DType::u16; };
template <> struct DTypeOf<std::uint32_t> { static constexpr DType value = DType::u32; };
template <> struct DTypeOf<std::uint64_t> { static constexpr DType value = DType::u64; };
template <> struct DTypeOf<bool> { static constexpr DType value = DType::boolean; };
template <class T> inline constexpr DType dtype_of = DTypeOf<T>::value;

/// IEEE half to float, exact; NaN payloads survive.
constexpr float half_to_float(std::uint16_t half) noexcept {
    const std::uint32_t sign = std::uint32_t(half & 0x8000u) << 16;
    const std::uint32_t exponent = (half >> 10) & 0x1Fu;
    std::uint32_t mantissa = half & 0x3FFu;
    if (exponent == 0x1F) return std::bit_cast<float>(sign | 0x7F800000u | (mantissa << 13));
    if (exponent != 0) return std::bit_cast<float>(sign | ((exponent + 112) << 23) | (mantissa << 13));
    if (mantissa == 0) return std::bit_cast<float>(sign);
    std::uint32_t shifted = 113;
    while ((mantissa & 0x400u) == 0) { mantissa <<= 1; --shifted; }
    return std::bit_cast<float>(sign | (shifted << 23) | ((mantissa & 0x3FFu) << 13));
}

/// Float to IEEE half, rounded to nearest even; overflow gives infinity.
constexpr std::uint16_t float_to_half(float value) noexcept {
    const std::uint32_t bits = std::bit_cast<std::uint32_t>(value);
    const std::uint16_t sign = std::uint16_t((bits >> 16) & 0x8000u);
    const std::uint32_t magnitude = bits & 0x7FFFFFFFu;
    if (magnitude > 0x7F800000u) return std::uint16_t(sign | 0x7E00u | ((magnitude >> 13) & 0x1FFu));
    if (magnitude >= 0x47800000u) return std::uint16_t(sign | 0x7C00u);
    if (magnitude < 0x33000000u) return sign;
    const std::uint32_t exponent = magnitude >> 23;
    const std::uint32_t mantissa = (magnitude & 0x7FFFFFu) | 0x800000u;
    const std::uint32_t shift = exponent < 113 ? 126 - exponent : 13;  // subnormal halves lose more bits
    const std::uint32_t kept = mantissa >> shift;
    const std::uint32_t rest = mantissa & ((1u << shift) - 1);
    const std::uint32_t tie = 1u << (shift - 1);
    const std::uint32_t rounded = kept + (rest > tie || (rest == tie && (kept & 1)) ? 1 : 0);
    const std::uint32_t base = exponent < 113 ? 0 : (exponent - 113) << 10;
    return std::uint16_t(sign | (base + rounded));  // the hidden bit of `kept` adds the missing exponent step
}

/// bfloat16 to float, exact.
constexpr float bfloat16_to_float(std::uint16_t value) noexcept { return std::bit_cast<float>(std::uint32_t(value) << 16); }

/// Float to bfloat16, rounded to nearest even.
constexpr std::uint16_t float_to_bfloat16(float value) noexcept {
    const std::uint32_t bits = std::bit_cast<std::uint32_t>(value);
    if ((bits & 0x7FFFFFFFu) > 0x7F800000u) return std::uint16_t((bits >> 16) | 0x40u);
    return std::uint16_t((bits + 0x7FFFu + ((bits >> 16) & 1u)) >> 16);
}

}  // namespace regulus
