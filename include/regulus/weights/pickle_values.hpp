#pragma once
// The inert values that a pickle turns into.
#include <cstdint>
#include <deque>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <regulus/core/shape.hpp>
#include <regulus/weights/element_types.hpp>

namespace regulus::detail {

inline constexpr std::size_t max_pickle_text = 16u << 20;  // of names and metadata; array bytes are views and need no limit

/// What a pickle may ask of its reader; the defaults suit checkpoints.
struct PickleLimits {
    std::size_t opcodes = 1'000'000;
    std::size_t stack = 10'000;
    std::size_t memo = 100'000;
    std::size_t copies = 4'000'000;  ///< values copied from one container to another
};

enum class PickleKind : std::uint8_t { none, boolean, integer, big_integer, real, text, bytes, latin1, list, tuple, dict, global, object, dtype, array, storage, tensor };

/// A value; others are named by their index, so that values may be shared and may hold themselves.
struct PickleNode {
    PickleKind kind = PickleKind::none;
    union {
        std::int64_t integer = 0;  ///< integer, boolean; index of the array, storage, tensor, dtype
        double real;
    };
    std::string_view text;             ///< text (UTF-8), bytes, latin1 (bytes 128..255 as two UTF-8 bytes), big_integer; the module of a global
    std::vector<std::uint32_t> items;  ///< list, tuple: values; dict: key, value, ...; object: what was called, its arguments, its state
};

struct PickleStorage {
    std::string key;
    const ElementType* type = nullptr;
    std::int64_t numel = 0;  ///< in elements of `type`
};

struct PickleTensor {
    std::uint32_t storage = 0;
    const ElementType* type = nullptr;
    Shape shape;
    std::vector<std::int64_t> strides;
    std::int64_t offset = 0;
    std::string refusal;
};

struct PickleDtype {
    std::string descr;  ///< "f4", "O8"
    bool big_endian = false;
};

struct PickleArray {
    const ElementType* type = nullptr;
    Shape shape;
    bool fortran = false;
    bool big_endian = false;
    bool complete = false;
    std::string_view data;
    std::shared_ptr<std::string> owner;  ///< of data that had to be decoded; else they lie in the file
    std::string refusal;
};

/// Which program's persistent ids the pickle may hold.
enum class PickleDialect : std::uint8_t { plain, torch_zip, torch_legacy };

/// All values of a pickle. Its views point into the bytes given.
struct Pickle {
    std::deque<PickleNode> nodes;
    std::deque<std::string> texts;  ///< decoded ones
    std::vector<PickleStorage> storages;
    std::unordered_map<std::string, std::uint32_t> storage_of_key;
    std::vector<PickleTensor> tensors;
    std::vector<PickleDtype> dtypes;
    std::vector<PickleArray> arrays;
    std::set<std::string> unknown_globals;
    std::uint32_t root = 0;
    std::size_t end = 0;  ///< offset behind STOP

    const PickleNode& operator[](std::uint32_t handle) const { return nodes[handle]; }
    /// The value of a dict's text key (the last one counts), or nullptr.
    const PickleNode* find(const PickleNode& dict, std::string_view key) const {
        if (dict.kind != PickleKind::dict) return nullptr;
        for (std::size_t i = dict.items.size(); i >= 2; i -= 2) {
            const PickleNode& name = nodes[dict.items[i - 2]];
            if ((name.kind == PickleKind::text || name.kind == PickleKind::bytes) && name.text == key) return &nodes[dict.items[i - 1]];
        }
        return nullptr;
    }
};

}  // namespace regulus::detail
