#pragma once
// Loops over independent results, and the view of a value that the loops take.
#include <cstdint>

#if defined(_OPENMP)
#include <omp.h>
#endif

#include <regulus/core/shape.hpp>

namespace regulus::reference {

/// A value of the running graph: rows are cut to the valid ones.
template <class T>
struct View {
    T* data = nullptr;
    Shape shape;

    std::int64_t operator[](int axis) const noexcept { return shape[axis]; }
};

inline int threads_of(int asked) {
    if (asked > 0) return asked;
#if defined(_OPENMP)
    return omp_get_num_procs();
#else
    return 1;
#endif
}

/// Calls body(thread, i) for i in [0, count), thread in [0, threads). The body must not throw, and its result must not depend on
/// the thread.
template <class Body>
void parallel_for(int threads, std::int64_t count, const Body& body) {
#if defined(_OPENMP)
    if (threads > 1 && count > 1) {
#pragma omp parallel for num_threads(threads) schedule(dynamic)
        for (std::int64_t i = 0; i < count; ++i) body(omp_get_thread_num(), i);
        return;
    }
#endif
    (void)threads;
    for (std::int64_t i = 0; i < count; ++i) body(0, i);
}

}  // namespace regulus::reference
