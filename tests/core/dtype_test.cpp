#include <regulus/core/dtype.hpp>

#include <doctest/doctest.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>

using namespace regulus;

namespace {

std::uint32_t bits_of(float value) { return std::bit_cast<std::uint32_t>(value); }

/// The value that a 16-bit pattern stands for, by the definition of IEEE 754: sign, `exponent_bits` of exponent, the rest mantissa. Finite patterns only.
double value_of(std::uint16_t pattern, int exponent_bits) {
    const int mantissa_bits = 15 - exponent_bits;
    const int bias = (1 << (exponent_bits - 1)) - 1;
    const int exponent = (pattern & 0x7FFF) >> mantissa_bits;
    const int mantissa = pattern & ((1 << mantissa_bits) - 1);
    const double magnitude = exponent == 0 ? std::ldexp(mantissa, 1 - bias - mantissa_bits) : std::ldexp(mantissa + (1 << mantissa_bits), exponent - bias - mantissa_bits);
    return (pattern & 0x8000) != 0 ? -magnitude : magnitude;
}

/// Every float between two neighbouring finite 16-bit numbers goes to the nearer one, the middle to the even one. Checking the middle and the floats
/// beside it checks them all, as the conversion is monotonic between them. `infinity` is the pattern of infinity. Returns how many patterns fail.
template <class Narrow>
int misrounded(Narrow narrow, int exponent_bits, std::uint16_t infinity) {
    int wrong = 0;
    for (std::uint16_t low = 0; low < infinity; ++low) {
        const std::uint16_t high = std::uint16_t(low + 1);
        // beyond the largest number the next one would have been, without a bound on the exponent, as far away as the one before
        const double below = value_of(low, exponent_bits);
        const double above = high == infinity ? 2 * below - value_of(std::uint16_t(low - 1), exponent_bits) : value_of(high, exponent_bits);
        const float middle = float((below + above) / 2);
        const std::uint16_t even = (low & 1) == 0 ? low : high;
        wrong += narrow(middle) != even;
        wrong += narrow(std::nextafter(middle, 0.0f)) != low;
        wrong += narrow(std::nextafter(middle, std::numeric_limits<float>::infinity())) != high;
        wrong += narrow(-middle) != (even | 0x8000);
    }
    return wrong;
}

}  // namespace

static_assert(dtype_of<float> == DType::f32 && dtype_of<double> == DType::f64 && dtype_of<bool> == DType::boolean);
static_assert(dtype_of<std::uint8_t> == DType::u8 && dtype_of<std::int8_t> == DType::i8 && dtype_of<std::int16_t> == DType::i16);
static_assert(dtype_of<std::int32_t> == DType::i32 && dtype_of<std::int64_t> == DType::i64);
static_assert(dtype_of<std::uint16_t> == DType::u16 && dtype_of<std::uint32_t> == DType::u32 && dtype_of<std::uint64_t> == DType::u64);
static_assert(float_to_half(1.0f) == 0x3C00 && half_to_float(0xC000) == -2.0f && float_to_bfloat16(1.0f) == 0x3F80, "the conversions work in constants");

TEST_CASE("dtype: sizes are those of the C++ types") {
    const auto agrees = []<class T>(T) { return size_of(dtype_of<T>) == sizeof(T); };
    CHECK(agrees(float{}));
    CHECK(agrees(double{}));
    CHECK(agrees(std::uint8_t{}));
    CHECK(agrees(std::int8_t{}));
    CHECK(agrees(std::uint16_t{}));
    CHECK(agrees(std::int16_t{}));
    CHECK(agrees(std::uint32_t{}));
    CHECK(agrees(std::int32_t{}));
    CHECK(agrees(std::uint64_t{}));
    CHECK(agrees(std::int64_t{}));
    CHECK(agrees(bool{}));
    CHECK(size_of(DType::f16) == 2);
    CHECK(size_of(DType::bf16) == 2);
}

TEST_CASE("dtype: names are those of NumPy and PyTorch") {
    CHECK(std::string(name_of(DType::f32)) == "float32");
    CHECK(std::string(name_of(DType::f16)) == "float16");
    CHECK(std::string(name_of(DType::bf16)) == "bfloat16");
    CHECK(std::string(name_of(DType::i64)) == "int64");
    CHECK(std::string(name_of(DType::u8)) == "uint8");
    CHECK(std::string(name_of(DType::boolean)) == "bool");
}

TEST_CASE("half: every finite pattern widens to its value") {
    int wrong = 0;
    for (std::uint32_t pattern = 0; pattern < 0x10000; ++pattern) {
        if ((pattern & 0x7C00) == 0x7C00) continue;
        const float value = half_to_float(std::uint16_t(pattern));
        wrong += double(value) != value_of(std::uint16_t(pattern), 5) || std::signbit(value) != ((pattern & 0x8000) != 0);
    }
    CHECK(wrong == 0);
}

TEST_CASE("half: infinities and NaNs widen with sign and payload") {
    CHECK(half_to_float(0x7C00) == std::numeric_limits<float>::infinity());
    CHECK(half_to_float(0xFC00) == -std::numeric_limits<float>::infinity());
    int wrong = 0;
    for (std::uint32_t payload = 1; payload < 0x400; ++payload) {
        wrong += bits_of(half_to_float(std::uint16_t(0x7C00 | payload))) != (0x7F800000u | payload << 13);
        wrong += bits_of(half_to_float(std::uint16_t(0xFC00 | payload))) != (0xFF800000u | payload << 13);
    }
    CHECK(wrong == 0);
}

TEST_CASE("half: what widens comes back") {
    int wrong = 0;
    for (std::uint32_t pattern = 0; pattern < 0x10000; ++pattern) {
        const bool nan = (pattern & 0x7C00) == 0x7C00 && (pattern & 0x3FF) != 0;
        const std::uint32_t expected = nan ? pattern | 0x200 : pattern;  // a signalling NaN comes back quiet
        wrong += float_to_half(half_to_float(std::uint16_t(pattern))) != expected;
    }
    CHECK(wrong == 0);
}

TEST_CASE("half: floats round to the nearest, ties to even") { CHECK(misrounded(float_to_half, 5, 0x7C00) == 0); }

TEST_CASE("half: the ends of the range") {
    CHECK(float_to_half(65504.0f) == 0x7BFF);
    CHECK(float_to_half(65519.99f) == 0x7BFF);
    CHECK(float_to_half(65520.0f) == 0x7C00);
    CHECK(float_to_half(std::numeric_limits<float>::max()) == 0x7C00);
    CHECK(float_to_half(-std::numeric_limits<float>::infinity()) == 0xFC00);
    CHECK(float_to_half(std::numeric_limits<float>::denorm_min()) == 0);
    CHECK(float_to_half(-0.0f) == 0x8000);
    CHECK(std::isnan(half_to_float(float_to_half(std::numeric_limits<float>::quiet_NaN()))));
    const float smallest_payload = std::bit_cast<float>(0x7F800001u);  // its payload lies below what a half can keep
    CHECK(std::isnan(half_to_float(float_to_half(smallest_payload))));
}

TEST_CASE("bfloat16: every finite pattern widens to its value, and all comes back") {
    int wrong = 0;
    for (std::uint32_t pattern = 0; pattern < 0x10000; ++pattern) {
        const bool special = (pattern & 0x7F80) == 0x7F80;
        const bool nan = special && (pattern & 0x7F) != 0;
        const float value = bfloat16_to_float(std::uint16_t(pattern));
        if (!special) wrong += double(value) != value_of(std::uint16_t(pattern), 8);
        wrong += std::isnan(value) != nan;
        wrong += float_to_bfloat16(value) != (nan ? pattern | 0x40 : pattern);
    }
    CHECK(wrong == 0);
}

TEST_CASE("bfloat16: floats round to the nearest, ties to even") { CHECK(misrounded(float_to_bfloat16, 8, 0x7F80) == 0); }

TEST_CASE("bfloat16: a NaN stays a NaN when all its payload is cut off") {
    CHECK(std::isnan(bfloat16_to_float(float_to_bfloat16(std::bit_cast<float>(0x7F800001u)))));
    CHECK(std::isnan(bfloat16_to_float(float_to_bfloat16(std::bit_cast<float>(0xFFFFFFFFu)))));
    CHECK(float_to_bfloat16(std::numeric_limits<float>::max()) == 0x7F80);
}
