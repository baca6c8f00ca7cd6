#pragma once
// Independent work shared by threads.
#include <algorithm>
#include <atomic>
#include <cstddef>
#include <exception>
#include <thread>
#include <vector>

namespace tool {

/// Calls work(0) .. work(count - 1), shared by threads. It must not throw.
template <class Work>
void in_parallel(std::size_t count, int threads, const Work& work) {
    std::atomic<std::size_t> next{0};
    const auto loop = [&] {
        for (std::size_t i = next++; i < count; i = next++) work(i);
    };
    std::vector<std::thread> others;
    for (std::size_t t = 1; t < std::min(count, std::size_t(threads)); ++t) others.emplace_back(loop);
    loop();
    for (std::thread& other : others) other.join();
}

/// The same for work that may throw: all of it is done, then the first exception, by its number, is thrown.
template <class Work>
void in_parallel_or_throw(std::size_t count, int threads, const Work& work) {
    std::vector<std::exception_ptr> errors(count);
    in_parallel(count, threads, [&](std::size_t i) {
        try {
            work(i);
        } catch (...) {
            errors[i] = std::current_exception();
        }
    });
    for (const std::exception_ptr& error : errors) {
        if (error) std::rethrow_exception(error);
    }
}

}  // namespace tool
