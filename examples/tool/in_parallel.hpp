#pragma once
// Independent work shared by threads.
#include <algorithm>
#include <atomic>
#include <cstddef>
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

}  // namespace tool
