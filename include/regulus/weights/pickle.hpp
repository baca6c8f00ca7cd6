#pragma once
// Python pickles as inert values. A pickle is a program for a small stack machine; this one knows how to lay out dicts, tensors and NumPy
// arrays and nothing else: a class or function that the file names is kept as a name, calling it makes an opaque value.
#include <cstddef>
#include <cstdint>
#include <string>

#include <regulus/core/config.hpp>
#include <regulus/weights/pickle_values.hpp>

namespace regulus::detail {

/// Runs the machine on bytes[begin, size) of a file until STOP. Offsets in errors count from bytes[0] plus `base`; `who` names the file, and the record
/// in it. Throws FileError for broken programs, exceeded limits, impossible tensors and calls of functions that only an attack needs.
REGULUS_INLINE Pickle read_pickle(const std::uint8_t* bytes, std::size_t size, std::size_t begin, std::uint64_t base, const std::string& who, PickleDialect dialect, const PickleLimits& limits = {});

}  // namespace regulus::detail

#if !defined(REGULUS_COMPILED)
#include <regulus/weights/pickle-impl.hpp>
#endif
