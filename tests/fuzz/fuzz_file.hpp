#pragma once
// What the fuzz targets share: bytes as a file, and using everything that a reader hands out.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <regulus/core/error.hpp>
#include <regulus/weights/read_weights.hpp>

namespace regulus::fuzz {

/// Path of a file in memory that holds the bytes; the same descriptor serves every call.
inline std::string memory_file(const std::uint8_t* bytes, std::size_t size) {
    static const int fd = ::memfd_create("regulus", 0);
    if (fd < 0 || ::ftruncate(fd, 0) != 0 || ::pwrite(fd, bytes, size, 0) != static_cast<ssize_t>(size)) std::abort();
    return "/proc/self/fd/" + std::to_string(fd);
}

/// Opens, checks that what is promised holds, and touches every byte handed out. Errors other than Error are crashes.
inline void read_everything(const std::uint8_t* bytes, std::size_t size) {
    const std::string path = memory_file(bytes, size);
    try {
        const CheckpointFile file = inspect_checkpoint(path);
        volatile std::uint8_t sink = 0;
        for (const TensorGroup& group : file.groups) {
            for (const TensorRecord& record : group.tensors) {
                if (!record.refusal.empty() || !record.element) continue;
                if (record.shape.numel() > (1 << 24)) continue;  // repeated elements: read_weights has a budget for all of them together
                try {
                    const Tensor tensor = file.load(record);
                    if (!(tensor.shape() == record.shape) || tensor.dtype() != *record.element) std::abort();
                    const std::uint8_t* const data = static_cast<const std::uint8_t*>(tensor.raw());
                    for (std::size_t i = 0; i < tensor.bytes(); i += 61) sink = static_cast<std::uint8_t>(sink + data[i]);
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
