#pragma once
// The element types of checkpoint files under the names that each format gives them.
#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include <regulus/core/dtype.hpp>

namespace regulus::detail {

struct ElementType {
    std::string_view name;      ///< as PyTorch says it
    std::string_view storage;   ///< PyTorch's typed storage, without "Storage"; "" if it has none
    std::string_view safe;      ///< safetensors; "" if it has none
    std::string_view numpy;     ///< kind and size of NumPy's descr; "" if it has none
    std::uint8_t size;          ///< bytes
    std::optional<DType> held;  ///< what Regulus keeps it in
    bool quantised = false;
};

inline constexpr std::array<ElementType, 29> element_types = {{
    {"float32", "Float", "F32", "f4", 4, DType::f32},
    {"int64", "Long", "I64", "i8", 8, DType::i64},
    {"float16", "Half", "F16", "f2", 2, DType::f16},
    {"bfloat16", "BFloat16", "BF16", "", 2, DType::bf16},
    {"float64", "Double", "F64", "f8", 8, DType::f64},
    {"uint8", "Byte", "U8", "u1", 1, DType::u8},
    {"int8", "Char", "I8", "i1", 1, DType::i8},
    {"int16", "Short", "I16", "i2", 2, DType::i16},
    {"int32", "Int", "I32", "i4", 4, DType::i32},
    {"bool", "Bool", "BOOL", "b1", 1, DType::boolean},
    {"uint16", "", "U16", "u2", 2, DType::u16},
    {"uint32", "", "U32", "u4", 4, DType::u32},
    {"uint64", "", "U64", "u8", 8, DType::u64},
    {"complex64", "ComplexFloat", "C64", "c8", 8, std::nullopt},
    {"complex128", "ComplexDouble", "", "c16", 16, std::nullopt},
    {"float8_e4m3fn", "", "F8_E4M3", "", 1, std::nullopt},
    {"float8_e5m2", "", "F8_E5M2", "", 1, std::nullopt},
    {"float8_e4m3fnuz", "", "F8_E4M3FNUZ", "", 1, std::nullopt},
    {"float8_e5m2fnuz", "", "F8_E5M2FNUZ", "", 1, std::nullopt},
    {"float8_e8m0fnu", "", "F8_E8M0", "", 1, std::nullopt},
    {"float128", "", "", "f16", 16, std::nullopt},
    {"complex32", "ComplexHalf", "", "", 4, std::nullopt},
    {"qint8", "QInt8", "", "", 1, std::nullopt, true},
    {"quint8", "QUInt8", "", "", 1, std::nullopt, true},
    {"qint32", "QInt32", "", "", 4, std::nullopt, true},
    {"quint4x2", "QUInt4x2", "", "", 1, std::nullopt, true},
    {"quint2x4", "QUInt2x4", "", "", 1, std::nullopt, true},
    {"complex256", "", "", "c32", 32, std::nullopt},
    {"untyped", "Untyped", "", "", 1, std::nullopt},
}};

/// The type whose `field` equals `text`, or nullptr.
constexpr const ElementType* find_element(std::string_view ElementType::*field, std::string_view text) noexcept {
    if (text.empty()) return nullptr;
    for (const ElementType& type : element_types) {
        if (type.*field == text) return &type;
    }
    return nullptr;
}

/// "FloatStorage" of PyTorch; nullptr when unknown.
constexpr const ElementType* find_torch_storage(std::string_view name) noexcept {
    constexpr std::string_view suffix = "Storage";
    if (name.size() <= suffix.size() || name.substr(name.size() - suffix.size()) != suffix) return nullptr;
    return find_element(&ElementType::storage, name.substr(0, name.size() - suffix.size()));
}

}  // namespace regulus::detail
