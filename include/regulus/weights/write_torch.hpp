#pragma once
// Weights to a PyTorch checkpoint (zip layout).
#include <cstdint>
#include <string>

#include <regulus/core/config.hpp>
#include <regulus/weights/weights.hpp>

namespace regulus {

/// How the state dict lies in the file.
enum class TorchContent : std::uint8_t {
    bare,        ///< the state dict itself, as torch.save(model.state_dict())
    state_dict,  ///< {"state_dict": ...}, as mmdetection's conversion scripts write
    with_meta,   ///< {"meta": {name: text}, "state_dict": ...} with weights.metadata as meta
};

/// Writes a file that torch.load(path, weights_only=True) opens: an OrderedDict of contiguous CPU tensors, each in its own storage.
/// The file appears whole or not at all. Throws FileError when it cannot be written, WeightError for a type that torch's
/// storages lack (uint16, uint32, uint64).
REGULUS_INLINE void write_torch(const std::string& path, const Weights& weights, TorchContent content = TorchContent::bare);

}  // namespace regulus

#if !defined(REGULUS_COMPILED)
#include <regulus/weights/write_torch-impl.hpp>
#endif
