#pragma once
// What a checkpoint file holds, before anything of it is used: layout, groups, tensors, metadata. Nothing in a file is ever executed.
#include <memory>
#include <string>

#include <regulus/core/config.hpp>
#include <regulus/core/mapped_file.hpp>
#include <regulus/weights/checkpoint_file.hpp>

namespace regulus {

/// Opens torch zip and legacy files, plain pickles of NumPy arrays (detectron2, Caffe2), safetensors, .npz and .npy.
/// Headers, names, shapes and bounds of every tensor are checked here; element bytes and their checksums in load().
/// Costs the mapping and a few hundred bytes a tensor; only what a layout keeps in another form is unpacked here: arrays as text (Python 3's pickles of
/// protocol 2), at most as many bytes as the file has, and compressed .npz, at most 16 times as many and 64 MiB.
/// Throws FileError naming the file and the offset or tensor.
REGULUS_INLINE CheckpointFile inspect_checkpoint(const std::string& path);

/// The same of a file that is open already, or of bytes in memory (MappedFile::copy_of). Tensors read from it keep it open.
REGULUS_INLINE CheckpointFile inspect_checkpoint(std::shared_ptr<const MappedFile> file);

}  // namespace regulus

#if !defined(REGULUS_COMPILED)
#include <regulus/weights/checkpoint-impl.hpp>
#endif
