#pragma once
// Which group of a checkpoint holds the weights, by the conventions of the programs that write such files.
#include <cstddef>

#include <regulus/core/config.hpp>
#include <regulus/weights/checkpoint_file.hpp>

namespace regulus {

namespace detail {
/// Index into file.groups, or CheckpointFile::no_group.
REGULUS_INLINE std::size_t choose_group(const CheckpointFile& file, EmaChoice ema);
}  // namespace detail

}  // namespace regulus

#if !defined(REGULUS_COMPILED)
#include <regulus/weights/choose_group-impl.hpp>
#endif
