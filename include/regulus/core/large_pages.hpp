#pragma once
// Large pages for large memory.
#include <cstddef>

#include <regulus/core/config.hpp>

namespace regulus::detail {

/// Asks the system for large pages (2 MiB on x86-64) within memory that was just allocated, so that walking over it misses fewer address translations.
/// Whole pages only: no memory beyond [memory, memory + size) is ever taken. Does nothing for little memory and where the system has no such advice.
void advise_large_pages(void* memory, std::size_t size) noexcept;

}  // namespace regulus::detail

#if !defined(REGULUS_COMPILED)
#include <regulus/core/large_pages-impl.hpp>
#endif
