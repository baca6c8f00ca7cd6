#pragma once
// Judging many pictures with several threads. Used by the -impl files.
#include <cstdint>
#include <exception>
#if defined(_OPENMP)
#include <omp.h>
#endif

namespace regulus::evaluate_detail {

/// Calls body(i, thread) for 0 <= i < count; the exception of the least i that threw goes on. A thread takes `grain` of them at once.
template <class Body>
void for_each_in_parallel(std::int64_t count, int threads, Body&& body, int grain = 16) {
    std::exception_ptr error;
    std::int64_t first_failed = count;
#if defined(_OPENMP)
#pragma omp parallel for schedule(dynamic, grain) num_threads(threads) if (threads > 1)
#endif
    for (std::int64_t i = 0; i < count; ++i) {
        try {
#if defined(_OPENMP)
            body(i, omp_get_thread_num());
#else
            body(i, 0);
#endif
        } catch (...) {
#if defined(_OPENMP)
#pragma omp critical(regulus_evaluate)
#endif
            if (i < first_failed) {
                first_failed = i;
                error = std::current_exception();
            }
        }
    }
    (void)threads, (void)grain;
    if (error) std::rethrow_exception(error);
}

/// `threads`, or as many as OpenMP has when it is 0.
inline int threads_or_all(int threads) {
#if defined(_OPENMP)
    return threads > 0 ? threads : omp_get_max_threads();
#else
    return threads > 0 ? threads : 1;
#endif
}

}  // namespace regulus::evaluate_detail
