#pragma once
// Ctrl-C in the middle of long work.
#include <atomic>
#include <thread>

#include <signal.h>

namespace tool {

/// While it lives, Ctrl-C (and SIGTERM) asks for an end instead of ending the program; a second one does end it. It must be made before any other thread.
///
/// A thread of its own waits for the signals, all others block them: no handler may run in the middle of a product. Programs with handlers died of a spoilt heap in
/// dnnl_sgemm of oneDNN 2.6, once in ten stops: its products of great depth seem to have their stack pointer in a buffer on the heap, where the kernel then puts what a handler needs.
class StopGuard {
public:
    StopGuard();
    ~StopGuard();
    StopGuard(const StopGuard&) = delete;
    StopGuard& operator=(const StopGuard&) = delete;

    static bool asked();

private:
    sigset_t before_{};
    std::atomic<bool> over_{false};
    std::thread waiter_;
};

}  // namespace tool
