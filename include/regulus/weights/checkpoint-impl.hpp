#pragma once
#include <regulus/weights/checkpoint.hpp>

#include <algorithm>
#include <charconv>
#include <string_view>

#include <regulus/weights/checkpoint_layouts.hpp>
#include <regulus/weights/choose_group.hpp>
#include <regulus/weights/crc32.hpp>

namespace regulus {

namespace detail {

/// Says what a file is when it is no checkpoint at all.
[[noreturn]] inline void refuse_unknown(const MappedFile& file) {
    const std::string_view head(reinterpret_cast<const char*>(file.data()), std::min<std::size_t>(file.size(), 64));
    const auto starts = [&](std::string_view text) { return head.substr(0, text.size()) == text; };
    if (head.empty()) refuse(file.path(), "is empty");
    if (starts("version https://git-lfs")) refuse(file.path(), "is a Git LFS pointer, not the checkpoint itself: fetch it with git lfs pull");
    if (starts("<!") || starts("<html") || starts("<HTML") || starts("<?xml")) refuse(file.path(), "is a web page, not a checkpoint: the download failed");
    if (starts("\x89HDF")) refuse(file.path(), "is an HDF5 file, which is not supported");
    if (starts("\x1F\x8B")) refuse(file.path(), "is compressed with gzip: unpack it first");
    if (file.size() > 262 && std::string_view(reinterpret_cast<const char*>(file.data()) + 257, 5) == "ustar") refuse(file.path(), "is a tar archive, which is not supported: unpack it, or save it again with a newer PyTorch");
    refuse(file.path(), "is no checkpoint: it begins neither like a PyTorch file, nor a pickle, safetensors, .npz or .npy");
}

inline bool looks_like_safetensors(const MappedFile& file) {
    if (file.size() < 9 || file.data()[8] != '{') return false;
    return file.data()[0] != 0x80 || load_little<std::uint32_t>(file.data() + 4) == 0;  // no pickle of a dict has zeros there, every header below 4 GB has
}

inline void read_by_content(CheckpointFile& out) {
    const MappedFile& file = *out.data->file;
    const std::string_view head(reinterpret_cast<const char*>(file.data()), std::min<std::size_t>(file.size(), 16));
    if (looks_like_safetensors(file)) return read_safetensors(out);
    if (head.substr(0, 2) == "PK") {
        const std::vector<ZipEntry> entries = read_zip_directory(file);
        if (entries.empty()) refuse(file.path(), "is an empty zip");
        const bool any_pickle = std::any_of(entries.begin(), entries.end(), [](const ZipEntry& entry) { return entry.name.find("/data.pkl") != std::string::npos; });
        const bool any_array = std::any_of(entries.begin(), entries.end(), [](const ZipEntry& entry) { return entry.name.size() > 4 && entry.name.substr(entry.name.size() - 4) == ".npy"; });
        return any_array && !any_pickle ? read_npz(out, entries) : read_torch_zip(out, entries);
    }
    if (head.substr(0, 6) == "\x93NUMPY") return read_npy(out);
    // A pickle of protocol 2 or later; at 0 and 1 a dict begins with MARK or EMPTY_DICT, an OrderedDict with GLOBAL.
    const bool pickle = head.size() >= 2 && (static_cast<std::uint8_t>(head[0]) == 0x80 || head.substr(0, 2) == "(d" || head[0] == '}' || head.substr(0, 12) == "ccollections" || head.substr(0, 8) == "ccopy_re");
    if (pickle) return read_pickle_file(out);
    refuse_unknown(file);
}

// Elements are `size` bytes each; strides in elements.
inline void copy_strided(std::uint8_t* dst, const std::uint8_t* src, const Shape& shape, const std::vector<std::int64_t>& strides, std::size_t size) {
    const int rank = shape.rank();
    std::int64_t index[Shape::max_rank] = {};
    const std::int64_t inner = rank == 0 ? 1 : shape[rank - 1];
    const std::int64_t inner_stride = rank == 0 ? 1 : strides[static_cast<std::size_t>(rank - 1)];
    std::int64_t at = 0;
    for (;;) {
        const std::uint8_t* from = src + static_cast<std::size_t>(at) * size;
        if (inner_stride == 1) {
            std::memcpy(dst, from, static_cast<std::size_t>(inner) * size);
        } else {
            for (std::int64_t i = 0; i < inner; ++i) std::memcpy(dst + static_cast<std::size_t>(i) * size, from + static_cast<std::size_t>(i * inner_stride) * size, size);
        }
        dst += static_cast<std::size_t>(inner) * size;
        int axis = rank - 2;
        for (; axis >= 0; --axis) {
            at += strides[static_cast<std::size_t>(axis)];
            if (++index[axis] < shape[axis]) break;
            at -= strides[static_cast<std::size_t>(axis)] * shape[axis];
            index[axis] = 0;
        }
        if (axis < 0) return;
    }
}

inline bool is_dense(const TensorRecord& record) {
    std::int64_t step = 1;
    for (int axis = record.shape.rank() - 1; axis >= 0; --axis) {
        if (record.shape[axis] != 1 && record.strides[static_cast<std::size_t>(axis)] != step) return false;
        step *= record.shape[axis];
    }
    return true;
}

/// A record may have been changed by the caller since inspect_checkpoint checked it.
inline void check_record(const CheckpointFile& file, const TensorRecord& record) {
    const std::string who = "tensor \"" + record.name + "\"";
    if (!record.refusal.empty()) refuse(file.path, who + " cannot be read: " + record.refusal);
    if (!record.element) refuse(file.path, who + " is of type " + record.dtype + ", which Regulus does not hold");
    const auto& storages = file.data->storages;
    bool fits = record.storage < storages.size() && record.offset >= 0 && record.strides.size() == static_cast<std::size_t>(record.shape.rank());
    std::int64_t last = record.offset;
    for (int axis = 0; fits && axis < record.shape.rank(); ++axis) {
        const std::int64_t stride = record.strides[static_cast<std::size_t>(axis)];
        std::int64_t reach = 0;
        if (record.shape[axis] == 0) return;
        fits = stride >= 0 && !__builtin_mul_overflow(record.shape[axis] - 1, stride, &reach) && !__builtin_add_overflow(last, reach, &last);
    }
    if (!fits || static_cast<std::uint64_t>(last) >= storages[record.storage].size / size_of(*record.element)) refuse(file.path, who + " reaches beyond its storage");
}

inline bool any_above_one(const std::uint8_t* bytes, std::size_t size) {
    return std::any_of(bytes, bytes + size, [](std::uint8_t byte) { return byte > 1; });
}

}  // namespace detail

REGULUS_INLINE CheckpointFile inspect_checkpoint(const std::string& path) { return inspect_checkpoint(MappedFile::open(path)); }

REGULUS_INLINE CheckpointFile inspect_checkpoint(std::shared_ptr<const MappedFile> file) {
    CheckpointFile out;
    out.path = file->path();
    out.data = std::make_shared<detail::CheckpointData>();
    out.data->file = std::move(file);
    out.file_bytes = out.data->file->size();
    detail::read_by_content(out);
    out.data->verified = std::make_unique<std::atomic<bool>[]>(out.data->storages.size());
    out.weights_group = detail::choose_group(out, EmaChoice::published);
    return out;
}

REGULUS_INLINE bool CheckpointFile::is_view(const TensorRecord& record) const {
    detail::check_record(*this, record);
    const detail::CheckpointStorage& storage = data->storages[record.storage];
    const std::size_t size = size_of(*record.element);
    const std::uint8_t* const begin = storage.data + static_cast<std::size_t>(record.offset) * size;
    if (record.shape.numel() == 0 || !detail::is_dense(record) || (storage.big_endian && size > 1) || reinterpret_cast<std::uintptr_t>(begin) % size != 0) return false;
    return *record.element != DType::boolean || !detail::any_above_one(begin, static_cast<std::size_t>(record.shape.numel()));
}

REGULUS_INLINE Tensor CheckpointFile::load(const TensorRecord& record) const {
    detail::check_record(*this, record);
    const detail::CheckpointStorage& storage = data->storages[record.storage];
    std::atomic<bool>& verified = data->verified[record.storage];
    if (storage.has_crc && !verified.load(std::memory_order_relaxed)) {
        if (detail::crc32(storage.data, static_cast<std::size_t>(storage.size)) != storage.crc) {
            detail::refuse_at(path, static_cast<std::uint64_t>(storage.data - data->file->data()), "the checksum of " + storage.label + " is wrong, tensor \"" + record.name + "\" is damaged");
        }
        verified.store(true, std::memory_order_relaxed);
    }
    const std::int64_t count = record.shape.numel();
    if (count == 0) return Tensor(record.shape, *record.element);
    const std::size_t size = size_of(*record.element);
    const std::uint8_t* const begin = storage.data + static_cast<std::size_t>(record.offset) * size;
    if (is_view(record)) return Tensor(record.shape, *record.element, begin, storage.owner);
    if (static_cast<std::uint64_t>(count) > (16 * file_bytes + (64u << 20)) / size) {
        detail::refuse(path, "tensor \"" + record.name + "\" " + to_string(record.shape) + " repeats its elements to more bytes than a file of this size may hold");
    }
    Tensor result(record.shape, *record.element);
    std::uint8_t* const dst = static_cast<std::uint8_t*>(result.raw());
    detail::copy_strided(dst, begin, record.shape, record.strides, size);
    if (storage.big_endian) {
        for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i) std::reverse(dst + i * size, dst + (i + 1) * size);
    }
    if (*record.element == DType::boolean) {
        for (std::int64_t i = 0; i < count; ++i) dst[i] = dst[i] != 0;
    }
    return result;
}

}  // namespace regulus
