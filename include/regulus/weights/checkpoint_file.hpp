#pragma once
// What is known of an opened checkpoint file before its tensors are read.
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <regulus/core/tensor.hpp>

namespace regulus {

namespace detail {
struct CheckpointData;
}

/// How the bytes are laid out; found by content, never by a file's suffix.
enum class CheckpointLayout : std::uint8_t { torch_zip, torch_legacy, pickle, safetensors, npz, npy };

/// "torch zip", "torch legacy", "pickle", "safetensors", "npz", "npy".
constexpr const char* name_of(CheckpointLayout layout) noexcept {
    switch (layout) {
        case CheckpointLayout::torch_zip: return "torch zip";
        case CheckpointLayout::torch_legacy: return "torch legacy";
        case CheckpointLayout::pickle: return "pickle";
        case CheckpointLayout::safetensors: return "safetensors";
        case CheckpointLayout::npz: return "npz";
        case CheckpointLayout::npy: return "npy";
    }
    return "unknown";
}

/// Which copy of the weights to take when a file also keeps their moving average.
enum class EmaChoice : std::uint8_t {
    published,  ///< what the program that wrote the file evaluates with
    never,      ///< the trained weights themselves
    always,     ///< the moving average; FileError if there is none
};

/// One tensor of a file, not yet read.
struct TensorRecord {
    std::string name;
    std::string dtype;              ///< as PyTorch and NumPy call it: "float32", "float8_e4m3fn"
    std::optional<DType> element;   ///< absent when Regulus does not hold this type (complex, 8-bit floats)
    Shape shape;
    std::string refusal;            ///< why the tensor cannot be read (quantised, sparse, no data); empty if it can

    std::uint32_t storage = 0;      ///< which storage of the file holds it; tensors may share one
    std::int64_t offset = 0;        ///< first element, counted in elements from the storage's begin
    std::vector<std::int64_t> strides;  ///< in elements, one per axis
};

/// Tensors that stand under one key of the file; "" is the top level.
struct TensorGroup {
    std::string name;
    std::vector<TensorRecord> tensors;  ///< in the file's order
};

/// An opened checkpoint. Copies share the mapped file; a const object may be used by many threads.
class CheckpointFile {
public:
    static constexpr std::size_t no_group = SIZE_MAX;

    std::string path;
    CheckpointLayout layout = CheckpointLayout::torch_zip;
    std::vector<TensorGroup> groups;
    /// The group that holds the weights by the convention of the program that wrote the file; index into groups.
    /// pycls: `ema_state` when ema_err < test_err, else `model_state`; timm: `state_dict_ema` first. no_group when no convention names it.
    std::size_t weights_group = no_group;
    /// Plain values beside the tensors, flattened: "meta.CLASSES" -> ["cat","dog"] (JSON), "meta.mmcv_version" -> 1.3.3 (bare text).
    std::vector<std::pair<std::string, std::string>> metadata;
    /// Classes and functions that the file names and Regulus does not know, sorted: kept as inert values, never run.
    std::vector<std::string> unknown_globals;
    std::uint64_t file_bytes = 0;

    /// The group of that name, or nullptr.
    const TensorGroup* find_group(const std::string& name) const {
        for (const TensorGroup& group : groups) {
            if (group.name == name) return &group;
        }
        return nullptr;
    }

    /// Reads one tensor: a view of the mapped file when it is contiguous, aligned and little-endian, else a copy in C order.
    /// Throws FileError naming file and tensor when its type is not held, its checksum is wrong, or it cannot be read.
    Tensor load(const TensorRecord& record) const;

    /// True when load() returns a view and allocates nothing.
    bool is_view(const TensorRecord& record) const;

    std::shared_ptr<detail::CheckpointData> data;  ///< mapping and storages; not for callers
};

}  // namespace regulus
