#pragma once
// A file of weights, of any layout that the code bases around RegNet write, as named tensors.
#include <string>

#include <regulus/core/config.hpp>
#include <regulus/weights/checkpoint.hpp>
#include <regulus/weights/choose_group.hpp>
#include <regulus/weights/weights.hpp>

namespace regulus {

struct ReadOptions {
    /// Key that holds the weights ("state_dict", "model", ...); empty: chosen as CheckpointFile::weights_group says, with `ema`.
    std::string group{};
    EmaChoice ema = EmaChoice::published;
    /// Drops "module." before names (DataParallel).
    bool strip_module = true;
    /// Drops copies that are no weights: mmcv's "ema_*" buffers, Caffe2's "*_momentum" blobs.
    bool drop_copies = true;
    /// A tensor of a type that Regulus does not hold (complex, 8-bit floats): true refuses the file; false leaves the tensor out and lists
    /// it in metadata["regulus.left_out"].
    bool refuse_unsupported = false;
};

/// Reads the weights of a checkpoint. Layout is decided by content. Tensors keep their element type and are views of the mapped file
/// wherever they are contiguous and aligned: do not change the file while they live.
/// Throws FileError naming the file and the offset or tensor; nothing in the file is executed.
REGULUS_INLINE Weights read_weights(const std::string& path, const ReadOptions& options = {});

/// The same from an opened file.
REGULUS_INLINE Weights read_weights(const CheckpointFile& file, const ReadOptions& options = {});

}  // namespace regulus

#if !defined(REGULUS_COMPILED)
#include <regulus/weights/read_weights-impl.hpp>
#endif
