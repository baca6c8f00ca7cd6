#pragma once
// Which group of a checkpoint holds the weights, by the conventions of the programs that write such files.
#include <cstddef>
#include <cstdint>

#include <regulus/core/config.hpp>
#include <regulus/weights/checkpoint.hpp>

namespace regulus {

/// Which copy of the weights to take when a file also keeps their moving average.
enum class EmaChoice : std::uint8_t {
    published,  ///< what the program that wrote the file evaluates with
    never,      ///< the trained weights themselves
    always,     ///< the moving average; FileError if there is none
};

namespace detail {
/// Index into file.groups, or CheckpointFile::no_group.
REGULUS_INLINE std::size_t choose_group(const CheckpointFile& file, EmaChoice ema);
}  // namespace detail

}  // namespace regulus

#if !defined(REGULUS_COMPILED)
#include <regulus/weights/choose_group-impl.hpp>
#endif
