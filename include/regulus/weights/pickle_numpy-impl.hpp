#pragma once
// NumPy's dtypes, arrays and scalars in pickles.
#include <algorithm>
#include <bit>

#include <regulus/core/dtype.hpp>
#include <regulus/weights/pickle_machine.hpp>

namespace regulus::detail {

REGULUS_INLINE PickleMachine::Handle PickleMachine::call_numpy(std::string_view name, Handle callable, Handle args) {
    const std::vector<Handle>& arguments = node(args).items;
    if (name == "dtype") {
        if (arguments.empty() || node(arguments[0]).kind == PickleKind::global) return opaque(callable, args);
        const PickleNode& descr = node(arguments[0]);
        if ((descr.kind != PickleKind::text && descr.kind != PickleKind::bytes) || descr.text.size() > 64) fail("a dtype without a short name");
        result_.dtypes.push_back({std::string(descr.text), false});
        const Handle result = add(PickleKind::dtype);
        node(result).integer = static_cast<std::int64_t>(result_.dtypes.size() - 1);
        return result;
    }
    if (name == "_reconstruct") {
        result_.arrays.emplace_back();
        const Handle result = add(PickleKind::array);
        node(result).integer = static_cast<std::int64_t>(result_.arrays.size() - 1);
        return result;
    }
    if (name == "_frombuffer") return array_from_buffer(arguments);
    if (name == "scalar") return scalar(callable, args);
    result_.unknown_globals.insert(std::string(node(callable).text) + "." + std::string(name));
    return opaque(callable, args);
}

// State of a dtype: (version, byte order, ...).
REGULUS_INLINE void PickleMachine::build_dtype(PickleDtype& dtype, const PickleNode& state) const {
    if (state.kind != PickleKind::tuple || state.items.size() < 2) fail("a dtype with a broken state");
    const PickleNode& order = node(state.items[1]);
    if (order.kind != PickleKind::text && order.kind != PickleKind::bytes) fail("a dtype with a broken state");
    if (order.text != "<" && order.text != ">" && order.text != "|" && order.text != "=") fail("a dtype of unknown byte order");
    dtype.big_endian = order.text == ">";
}

REGULUS_INLINE void PickleMachine::set_array_type(PickleArray& array, Handle handle) const {
    if (node(handle).kind != PickleKind::dtype) fail("an array without a dtype");
    const PickleDtype& dtype = result_.dtypes[static_cast<std::size_t>(node(handle).integer)];
    array.big_endian = dtype.big_endian;
    array.type = find_element(&ElementType::numpy, dtype.descr);
    if (array.type != nullptr) return;
    static constexpr std::string_view no_numbers = "OSUVMmac";  // objects, texts, records, times
    if (dtype.descr.empty() || no_numbers.find(dtype.descr[0]) == std::string_view::npos) fail("unknown NumPy dtype \"" + dtype.descr + "\"");
    array.refusal = "its NumPy dtype \"" + dtype.descr + "\" is not supported";
}

REGULUS_INLINE void PickleMachine::set_array_data(PickleArray& array, Handle handle) {
    const PickleNode& data = node(handle);
    if (data.kind == PickleKind::bytes) {
        array.data = data.text;
    } else if (data.kind == PickleKind::latin1 || data.kind == PickleKind::text) {
        if (data.text.size() > decode_budget_) fail("decoding arrays would take more memory than twice the file's size");
        decode_budget_ -= data.text.size();
        array.owner = std::make_shared<std::string>();
        array.owner->reserve(data.text.size() - static_cast<std::size_t>(std::count_if(data.text.begin(), data.text.end(), [](char c) { return (static_cast<std::uint8_t>(c) & 0xC0) == 0x80; })));
        for (std::size_t i = 0; i < data.text.size(); ++i) {
            const std::uint8_t first = static_cast<std::uint8_t>(data.text[i]);
            if (first < 0x80) {
                *array.owner += static_cast<char>(first);
                continue;
            }
            if (first > 0xC3) fail("the bytes of an array hold a character beyond Latin-1");
            *array.owner += static_cast<char>((first & 3) << 6 | (data.text[++i] & 0x3F));  // the text is valid UTF-8, so a second byte follows
        }
        array.data = *array.owner;
    } else {
        fail("an array without bytes");
    }
    std::uint64_t expected = 0;
    try {
        expected = static_cast<std::uint64_t>(array.shape.numel());
    } catch (const ShapeError&) { fail("an array of impossible size " + to_string(array.shape)); }
    if (expected > INT64_MAX / 64 || expected * array.type->size != array.data.size()) {
        fail("an array " + to_string(array.shape) + " of " + std::string(array.type->name) + " with " + std::to_string(array.data.size()) + " bytes");
    }
    array.complete = true;
}

// State of an array: (version, shape, dtype, Fortran order?, bytes).
REGULUS_INLINE void PickleMachine::build_array(PickleArray& array, const PickleNode& state) {
    if (state.kind != PickleKind::tuple || state.items.size() != 5) fail("an array with a broken state");
    if (array.complete || !array.refusal.empty()) fail("an array gets its state twice");
    array.shape = shape_of(state.items[1], "an array's shape");
    set_array_type(array, state.items[2]);
    const PickleNode& fortran = node(state.items[3]);
    if (fortran.kind != PickleKind::boolean && fortran.kind != PickleKind::integer) fail("an array with a broken state");
    array.fortran = fortran.integer != 0;
    if (array.refusal.empty()) set_array_data(array, state.items[4]);
}

// Protocol 5: (bytes, dtype, shape, "C" or "F").
REGULUS_INLINE PickleMachine::Handle PickleMachine::array_from_buffer(const std::vector<Handle>& args) {
    if (args.size() != 4 || node(args[3]).kind != PickleKind::text) fail("_frombuffer needs bytes, a dtype, a shape and an order");
    const std::string_view order = node(args[3]).text;
    if (order != "C" && order != "F") fail("_frombuffer with unknown order");
    PickleArray array;
    array.shape = shape_of(args[2], "an array's shape");
    set_array_type(array, args[1]);
    array.fortran = order == "F";
    if (array.refusal.empty()) set_array_data(array, args[0]);
    result_.arrays.push_back(std::move(array));
    const Handle result = add(PickleKind::array);
    node(result).integer = static_cast<std::int64_t>(result_.arrays.size() - 1);
    return result;
}

// scalar(dtype, bytes): a number where we know the type, else opaque.
REGULUS_INLINE PickleMachine::Handle PickleMachine::scalar(Handle callable, Handle args) {
    const std::vector<Handle>& arguments = node(args).items;
    if (arguments.size() != 2 || node(arguments[0]).kind != PickleKind::dtype) return opaque(callable, args);
    PickleArray array;
    set_array_type(array, arguments[0]);
    if (!array.refusal.empty() || !array.type->held || array.big_endian) return opaque(callable, args);
    set_array_data(array, arguments[1]);
    const std::uint8_t* const bytes = reinterpret_cast<const std::uint8_t*>(array.data.data());
    const Handle result = add(PickleKind::integer);
    PickleNode& value = node(result);
    const auto set_real = [&](double real) {
        value.kind = PickleKind::real;
        value.real = real;
    };
    switch (*array.type->held) {
        case DType::f64: set_real(std::bit_cast<double>(load_little<std::uint64_t>(bytes))); break;
        case DType::f32: set_real(std::bit_cast<float>(load_little<std::uint32_t>(bytes))); break;
        case DType::f16: set_real(half_to_float(load_little<std::uint16_t>(bytes))); break;
        case DType::bf16: set_real(bfloat16_to_float(load_little<std::uint16_t>(bytes))); break;
        case DType::u8: value.integer = *bytes; break;
        case DType::i8: value.integer = static_cast<std::int8_t>(*bytes); break;
        case DType::u16: value.integer = load_little<std::uint16_t>(bytes); break;
        case DType::i16: value.integer = static_cast<std::int16_t>(load_little<std::uint16_t>(bytes)); break;
        case DType::u32: value.integer = load_little<std::uint32_t>(bytes); break;
        case DType::i32: value.integer = static_cast<std::int32_t>(load_little<std::uint32_t>(bytes)); break;
        case DType::u64: case DType::i64: value.integer = static_cast<std::int64_t>(load_little<std::uint64_t>(bytes)); break;
        case DType::boolean:
            value.kind = PickleKind::boolean;
            value.integer = *bytes != 0;
            break;
    }
    return result;
}

}  // namespace regulus::detail
