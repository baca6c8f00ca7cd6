#pragma once
// Builds small checkpoint files, good and hostile, opcode by opcode.
#include <bit>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <regulus/weights/bytes.hpp>
#include <regulus/weights/crc32.hpp>

#include "../support/temporary_file.hpp"

namespace regulus::testing {

using namespace std::string_literals;

template <class T> std::string little(T value) {
    std::string out;
    detail::append_little<T>(out, value);
    return out;
}

inline std::string text(std::string_view value) { return "X" + little<std::uint32_t>(static_cast<std::uint32_t>(value.size())) + std::string(value); }
inline std::string integer(std::int64_t value) { return "\x8A\x08"s + little<std::uint64_t>(static_cast<std::uint64_t>(value)); }
inline std::string global(const std::string& module, const std::string& name) { return "c" + module + "\n" + name + "\n"; }
inline std::string tuple(std::initializer_list<std::string> items) {
    std::string out = "(";
    for (const std::string& item : items) out += item;
    return out + "t";
}
inline std::string tuple_of(std::initializer_list<std::int64_t> values) {
    std::string out = "(";
    for (const std::int64_t value : values) out += integer(value);
    return out + "t";
}
inline std::string dict(std::initializer_list<std::pair<std::string, std::string>> items) {
    std::string out = "}(";
    for (const auto& [key, value] : items) out += text(key) + value;
    return out + "u";
}
inline std::string program(const std::string& body) { return "\x80\x02" + body + "."; }
inline std::string call(const std::string& module, const std::string& name, std::initializer_list<std::string> arguments) { return global(module, name) + tuple(arguments) + "R"; }

inline std::string storage(const std::string& key, std::int64_t numel, const std::string& kind = "FloatStorage") {
    return tuple({text("storage"), global("torch", kind), text(key), text("cpu"), integer(numel)}) + "Q";
}
inline std::string tensor(const std::string& of, std::int64_t offset, std::initializer_list<std::int64_t> size, std::initializer_list<std::int64_t> stride) {
    return call("torch._utils", "_rebuild_tensor_v2", {of, integer(offset), tuple_of(size), tuple_of(stride), "\x89", call("collections", "OrderedDict", {})});
}

/// What a legacy file begins with: PyTorch's magic number, the layout's version, facts of the machine.
inline std::string legacy_preamble() {
    return "\x80\x02\x8A\x0A\x6C\xFC\x9C\x46\xF9\x20\x6A\xA8\x50\x19."s + program(integer(1001)) + program(dict({{"little_endian", "\x88"}}));
}

inline std::string floats(std::initializer_list<float> values) {
    std::string out;
    for (const float value : values) out += little<std::uint32_t>(std::bit_cast<std::uint32_t>(value));
    return out;
}

using ZipItems = std::vector<std::pair<std::string, std::string>>;

/// A zip of stored entries.
inline std::string zip(const ZipItems& items) {
    std::string out, directory;
    for (const auto& [name, bytes] : items) {
        const std::string common = "\0\0\0\0\0\0\x21\0"s + little(detail::crc32(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size())) +
                                   little<std::uint32_t>(static_cast<std::uint32_t>(bytes.size())) + little<std::uint32_t>(static_cast<std::uint32_t>(bytes.size())) +
                                   little<std::uint16_t>(static_cast<std::uint16_t>(name.size())) + "\0\0"s;
        directory += "PK\1\2\x14\0\x14\0"s + common + std::string(10, '\0') + little<std::uint32_t>(static_cast<std::uint32_t>(out.size())) + name;
        out += "PK\3\4\x14\0"s + common + name + bytes;
    }
    const std::string count = little<std::uint16_t>(static_cast<std::uint16_t>(items.size()));
    return out + directory + "PK\5\6\0\0\0\0"s + count + count + little<std::uint32_t>(static_cast<std::uint32_t>(directory.size())) + little<std::uint32_t>(static_cast<std::uint32_t>(out.size())) + "\0\0"s;
}

/// A checkpoint of two storages: "0" holds 0..5, "1" holds four times 0.5.
inline ZipItems records(const std::string& pickle) {
    return {{"archive/data.pkl", pickle}, {"archive/data/0", floats({0, 1, 2, 3, 4, 5})}, {"archive/data/1", floats({0.5f, 0.5f, 0.5f, 0.5f})}, {"archive/version", "3\n"}};
}

inline std::string good_a() { return tensor(storage("0", 6), 0, {2, 3}, {3, 1}); }
inline std::string good_b() { return tensor(storage("1", 4), 0, {4}, {1}); }
inline std::string torch_zip(const std::string& body) { return zip(records(program(body))); }
inline std::string torch_zip_with(const std::string& a) { return torch_zip(dict({{"a", a}, {"b", good_b()}})); }

/// `bytes` with `replacement` written over them at `at`.
inline std::string patched(std::string bytes, std::size_t at, std::string_view replacement) { return bytes.replace(at, replacement.size(), replacement); }

inline std::string safetensors(const std::string& header, const std::string& data) { return little<std::uint64_t>(header.size()) + header + data; }

inline std::string ndarray(const std::string& descr, const std::string& order, std::initializer_list<std::int64_t> shape, const std::string& raw, bool fortran = false) {
    const std::string dtype = global("numpy", "dtype") + tuple({text(descr), "\x89", "\x88"}) + "R" + tuple({integer(3), text(order), "N", "N", "N", integer(-1), integer(-1), integer(0)}) + "b";
    const std::string bytes = "B" + little<std::uint32_t>(static_cast<std::uint32_t>(raw.size())) + raw;
    return call("numpy.core.multiarray", "_reconstruct", {global("numpy", "ndarray"), tuple_of({0}), "C\1b"}) + tuple({integer(1), tuple_of(shape), dtype, fortran ? "\x88" : "\x89", bytes}) + "b";
}

inline std::string npy(std::string header, const std::string& data) {
    header += "\n";
    return "\x93NUMPY\1\0"s + little<std::uint16_t>(static_cast<std::uint16_t>(header.size())) + header + data;
}

}  // namespace regulus::testing
