#pragma once
#include <regulus/core/large_pages.hpp>

#include <cstdint>
#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace regulus::detail {

REGULUS_INLINE void advise_large_pages([[maybe_unused]] void* memory, [[maybe_unused]] std::size_t size) noexcept {
#if defined(__linux__) && defined(MADV_HUGEPAGE)
    constexpr std::uintptr_t page = std::uintptr_t{2} << 20;
    const std::uintptr_t first = (reinterpret_cast<std::uintptr_t>(memory) + page - 1) / page * page, last = (reinterpret_cast<std::uintptr_t>(memory) + size) / page * page;
    if (first < last) madvise(reinterpret_cast<void*>(first), last - first, MADV_HUGEPAGE);  // advice: that it is refused harms nothing
#endif
}

}  // namespace regulus::detail
