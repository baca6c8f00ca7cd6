#pragma once
// The readers behind inspect_checkpoint, one for each layout: they fill in groups, storages and metadata.
#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include <regulus/core/mapped_file.hpp>
#include <regulus/weights/bytes.hpp>
#include <regulus/weights/checkpoint_file.hpp>
#include <regulus/weights/element_types.hpp>
#include <regulus/weights/pickle.hpp>
#include <regulus/weights/zip.hpp>

namespace regulus::detail {

inline constexpr std::size_t max_records = 200'000;          // tensors of one file, counted in each group that names them
inline constexpr std::size_t max_metadata_values = 20'000;
inline constexpr std::size_t max_metadata_bytes = 16u << 20;

/// Bytes that tensors share: a record of a zip, a storage of a legacy file, an array.
struct CheckpointStorage {
    const std::uint8_t* data = nullptr;
    std::uint64_t size = 0;
    std::shared_ptr<void> owner;  ///< keeps data alive
    bool big_endian = false;
    bool has_crc = false;
    std::uint32_t crc = 0;
    std::string label;  ///< for messages
};

struct CheckpointData {
    std::shared_ptr<const MappedFile> file;
    std::vector<CheckpointStorage> storages;
    std::unique_ptr<std::atomic<bool>[]> verified;  ///< whose checksum was found right

    std::shared_ptr<void> file_owner() const { return std::const_pointer_cast<MappedFile>(file); }
};

/// Strides of a dense array in C or Fortran order.
REGULUS_INLINE std::vector<std::int64_t> dense_strides(const Shape& shape, bool fortran);

/// Checks the bytes of a zip entry that is needed at once.
REGULUS_INLINE void check_crc(const MappedFile& file, const ZipEntry& entry);

REGULUS_INLINE void read_torch_zip(CheckpointFile& out, const std::vector<ZipEntry>& entries);
REGULUS_INLINE void read_pickle_file(CheckpointFile& out);  ///< torch legacy or a plain pickle
REGULUS_INLINE void read_safetensors(CheckpointFile& out);
REGULUS_INLINE void read_npz(CheckpointFile& out, const std::vector<ZipEntry>& entries);
REGULUS_INLINE void read_npy(CheckpointFile& out);

/// Groups and metadata of a pickled checkpoint; storages of the pickle are numbered from `first_storage` on.
REGULUS_INLINE void take_pickle(CheckpointFile& out, const Pickle& pickle, std::uint32_t first_storage);

}  // namespace regulus::detail

#if !defined(REGULUS_COMPILED)
#include <regulus/weights/checkpoint_numpy-impl.hpp>
#include <regulus/weights/checkpoint_pickle-impl.hpp>
#include <regulus/weights/checkpoint_safetensors-impl.hpp>
#include <regulus/weights/checkpoint_torch-impl.hpp>
#endif
