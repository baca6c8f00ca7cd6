#pragma once
// Work over the elements of many tensors, shared by threads. Used by the -impl files.
#include <algorithm>
#include <cstdint>
#include <vector>
#if defined(_OPENMP)
#include <omp.h>
#endif

namespace regulus::train::detail {

/// Elements [begin, end) of tensor `tensor`.
struct Block {
    std::size_t tensor = 0;
    std::int64_t begin = 0, end = 0;
};

/// Blocks of at most 16384 elements: where one ends does not depend on the number of threads.
inline void add_blocks(std::vector<Block>& blocks, std::size_t tensor, std::int64_t count) {
    constexpr std::int64_t size = 16384;
    for (std::int64_t begin = 0; begin < count; begin += size) blocks.push_back({tensor, begin, std::min(begin + size, count)});
}

/// Calls body(i) for 0 .. count - 1, each once. It must not throw. `threads` 0: as many as OpenMP has.
template <class Body>
void for_each_index(std::int64_t count, int threads, const Body& body) {
#if defined(_OPENMP)
    if (threads <= 0) threads = omp_get_max_threads();
#pragma omp parallel for schedule(static) num_threads(threads) if (threads > 1 && count > 1)
#endif
    for (std::int64_t i = 0; i < count; ++i) body(i);
    (void)threads;
}

/// Calls body(i) for every block, as for_each_index.
template <class Body>
void for_each_block(const std::vector<Block>& blocks, int threads, const Body& body) {
    for_each_index(std::int64_t(blocks.size()), threads, [&](std::int64_t i) { body(std::size_t(i)); });
}

}  // namespace regulus::train::detail
