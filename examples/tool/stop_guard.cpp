#include "stop_guard.hpp"

#include <ctime>

namespace tool {

namespace {

std::atomic<bool> stop_asked{false};

sigset_t stop_signals() {
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    return signals;
}

/// Ends the program as if nobody had waited for the signal.
void end_by(int number, const sigset_t& signals) {
    ::signal(number, SIG_DFL);
    ::raise(number);
    pthread_sigmask(SIG_UNBLOCK, &signals, nullptr);
}

}  // namespace

StopGuard::StopGuard() {
    stop_asked = false;
    const sigset_t signals = stop_signals();
    pthread_sigmask(SIG_BLOCK, &signals, &before_);
    waiter_ = std::thread([this, signals] {
        while (!over_) {
            const timespec a_while{0, 50'000'000};
            const int number = sigtimedwait(&signals, nullptr, &a_while);
            if (number > 0 && stop_asked.exchange(true)) end_by(number, signals);
        }
    });
}

StopGuard::~StopGuard() {
    over_ = true;
    waiter_.join();
    pthread_sigmask(SIG_SETMASK, &before_, nullptr);
}

bool StopGuard::asked() { return stop_asked; }

}  // namespace tool
