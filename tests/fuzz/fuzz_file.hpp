#pragma once
// What the fuzz targets of checkpoints share: using everything that a reader hands out.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>

#include <regulus/core/error.hpp>
#include <regulus/weights/read_weights.hpp>

namespace regulus::fuzz {

/// Opens, checks that what is promised holds, and touches the bytes handed out. Errors other than Error are crashes. The bytes lie in a block of exactly
/// their size, where the sanitizer sees any step beyond them; behind a mapping's end lie zeros.
inline void read_everything(const std::uint8_t* bytes, std::size_t size) {
    static const std::string path = "fuzzed";
    try {
        const CheckpointFile file = inspect_checkpoint(MappedFile::copy_of(bytes, size, path));
        volatile std::uint8_t sink = 0;
        for (const TensorGroup& group : file.groups) {
            for (const TensorRecord& record : group.tensors) {
                if (!record.refusal.empty() || !record.element) continue;
                if (record.shape.numel() > (1 << 24)) continue;  // repeated elements: read_weights has a budget for all of them together
                try {
                    const Tensor tensor = file.load(record);
                    if (!(tensor.shape() == record.shape) || tensor.dtype() != *record.element) std::abort();
                    const std::uint8_t* const data = static_cast<const std::uint8_t*>(tensor.raw());
                    const std::size_t step = 1 + tensor.bytes() / 64;
                    for (std::size_t i = 0; i < tensor.bytes(); i += step) sink = static_cast<std::uint8_t>(sink + data[i]);
                    if (tensor.bytes() != 0) sink = static_cast<std::uint8_t>(sink + data[tensor.bytes() - 1]);
                } catch (const FileError&) {}
            }
        }
        const Weights weights = read_weights(file);
        for (const Weights::Entry& entry : weights.entries()) {
            if (weights.find(entry.name) != &entry.tensor) std::abort();
        }
    } catch (const FileError& error) {
        if (std::strstr(error.what(), path.c_str()) == nullptr) std::abort();  // every refusal names the file
    }
}

}  // namespace regulus::fuzz
