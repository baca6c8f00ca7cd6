#pragma once
// Contexts for calls from several threads.
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include <regulus/graph/program.hpp>

namespace regulus {

/// Grows to the number of calls in flight.
class ContextPool {
public:
    /// A context for one call; goes back to the pool when the call ends, also by an exception.
    class Lease {
    public:
        explicit Lease(ContextPool& pool) : pool_(pool) {
            const std::lock_guard lock(pool.mutex_);
            if (pool.idle_.empty()) {
                context_ = std::make_unique<Context>();
            } else {
                context_ = std::move(pool.idle_.back());
                pool.idle_.pop_back();
            }
        }
        Lease(const Lease&) = delete;
        Lease& operator=(const Lease&) = delete;
        ~Lease() {
            const std::lock_guard lock(pool_.mutex_);
            try {
                pool_.idle_.push_back(std::move(context_));
            } catch (...) {  // no memory for one more pointer: this context is dropped
            }
        }
        Context& operator*() const noexcept { return *context_; }

    private:
        ContextPool& pool_;
        std::unique_ptr<Context> context_;
    };

private:
    std::mutex mutex_;
    std::vector<std::unique_ptr<Context>> idle_;
};

}  // namespace regulus
