#pragma once
// Threads: OpenMP's pool, which oneDNN uses too.
#if defined(_OPENMP)
#include <omp.h>
#endif
#include <algorithm>
#include <cstdint>

namespace regulus::cpu {

/// How many threads a request means; 0 asks for all that OpenMP offers.
inline int thread_count(int requested) {
#if defined(_OPENMP)
    return requested > 0 ? requested : std::max(1, omp_get_max_threads());
#else
    (void)requested;
    return 1;
#endif
}

/// Sets the calling thread's OpenMP team size for a scope, and puts the old one back.
class ThreadScope {
public:
    explicit ThreadScope(int threads) {
#if defined(_OPENMP)
        before_ = omp_get_max_threads();
        omp_set_num_threads(threads);
#else
        (void)threads;
#endif
    }
    ~ThreadScope() {
#if defined(_OPENMP)
        omp_set_num_threads(before_);
#endif
    }
    ThreadScope(const ThreadScope&) = delete;
    ThreadScope& operator=(const ThreadScope&) = delete;

private:
    [[maybe_unused]] int before_ = 1;
};

/// body(i) for i in [0, count), spread over the team in equal contiguous parts. body must not throw.
template <class Body>
void parallel_for(std::int64_t count, const Body& body) {
#if defined(_OPENMP)
#pragma omp parallel for schedule(static) if (count > 1)
#endif
    for (std::int64_t i = 0; i < count; ++i) body(i);
}

/// body(thread, i) for i in [0, count), handed out as the team's threads become free; thread < threads says whose own memory to use. body must not throw.
template <class Body>
void parallel_tasks(int threads, std::int64_t count, const Body& body) {
#if defined(_OPENMP)
#pragma omp parallel for schedule(dynamic) num_threads(threads) if (count > 1)
    for (std::int64_t i = 0; i < count; ++i) body(omp_get_thread_num(), i);
#else
    (void)threads;
    for (std::int64_t i = 0; i < count; ++i) body(0, i);
#endif
}

/// parallel_for with parts handed out as threads become free, for work of uneven size.
template <class Body>
void parallel_for_dynamic(std::int64_t count, const Body& body) {
#if defined(_OPENMP)
#pragma omp parallel for schedule(dynamic) if (count > 1)
#endif
    for (std::int64_t i = 0; i < count; ++i) body(i);
}

}  // namespace regulus::cpu
