#pragma once
// Replaces the global operator new of a test program by one that counts and, where a test asks for it, fails. Included by one file of the program.
#include <malloc.h>

#include <atomic>
#include <cstddef>
#include <cstdlib>
#include <new>

namespace regulus::testing {

/// What operator new has handed out in this program.
struct CountedMemory {
    std::atomic<long> allocations_left{-1};  // after so many an allocation fails; negative: none does
    std::atomic<long> allocations{0};        // so far
    std::atomic<long> blocks{0};             // not yet released
    std::atomic<std::size_t> bytes{0};       // in them
    std::atomic<std::size_t> peak_bytes{0};  // the most that `bytes` has been

    void* allocate(std::size_t wanted, std::size_t alignment) {
        if (allocations_left.load(std::memory_order_relaxed) >= 0 && allocations_left.fetch_sub(1) == 0) return nullptr;
        void* const memory = alignment <= alignof(std::max_align_t) ? std::malloc(wanted == 0 ? 1 : wanted) : std::aligned_alloc(alignment, (wanted + alignment - 1) / alignment * alignment);
        if (memory == nullptr) return nullptr;
        ++allocations;
        ++blocks;
        const std::size_t size = ::malloc_usable_size(memory), now = bytes += size;
        for (std::size_t before = peak_bytes; now > before && !peak_bytes.compare_exchange_weak(before, now);) {}
        return memory;
    }

    void* allocate_or_throw(std::size_t wanted, std::size_t alignment) {
        if (void* const memory = allocate(wanted, alignment)) return memory;
        throw std::bad_alloc();
    }

    void release(void* memory) noexcept {
        if (memory == nullptr) return;
        --blocks;
        bytes -= ::malloc_usable_size(memory);
        std::free(memory);
    }
};

inline constinit CountedMemory counted_memory;

/// How far the heap rises above where it stands now while `work` runs, in bytes.
template <class Work>
std::size_t heap_of(Work&& work) {
    const std::size_t before = counted_memory.bytes;
    counted_memory.peak_bytes = before;
    work();
    return counted_memory.peak_bytes - before;
}

}  // namespace regulus::testing

void* operator new(std::size_t bytes) { return regulus::testing::counted_memory.allocate_or_throw(bytes, 0); }
void* operator new(std::size_t bytes, std::align_val_t alignment) { return regulus::testing::counted_memory.allocate_or_throw(bytes, std::size_t(alignment)); }
void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept { return regulus::testing::counted_memory.allocate(bytes, 0); }
void* operator new(std::size_t bytes, std::align_val_t alignment, const std::nothrow_t&) noexcept { return regulus::testing::counted_memory.allocate(bytes, std::size_t(alignment)); }
void operator delete(void* memory) noexcept { regulus::testing::counted_memory.release(memory); }
void operator delete(void* memory, std::size_t) noexcept { regulus::testing::counted_memory.release(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { regulus::testing::counted_memory.release(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { regulus::testing::counted_memory.release(memory); }
void operator delete(void* memory, const std::nothrow_t&) noexcept { regulus::testing::counted_memory.release(memory); }
void operator delete(void* memory, std::align_val_t, const std::nothrow_t&) noexcept { regulus::testing::counted_memory.release(memory); }
