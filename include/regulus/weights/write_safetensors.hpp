#pragma once
// Weights to a safetensors file.
#include <string>

#include <regulus/core/config.hpp>
#include <regulus/weights/weights.hpp>

namespace regulus {

/// Writes every tensor in its own type, named in the order of `weights`, with weights.metadata as __metadata__. Element data begin at a
/// multiple of 64 bytes, wider elements first, so that a reader can view every tensor in place. The file appears whole or not at all
/// (temporary file beside it, then rename). Throws FileError when it cannot be written.
REGULUS_INLINE void write_safetensors(const std::string& path, const Weights& weights);

}  // namespace regulus

#if !defined(REGULUS_COMPILED)
#include <regulus/weights/write_safetensors-impl.hpp>
#endif
