#include "eval_ranks.hpp"

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <exception>
#include <mutex>
#include <thread>
#include <utility>

#include <regulus/core/error.hpp>

#if defined(REGULUS_TOOL_MPI)
#define OMPI_SKIP_MPICXX
#define MPICH_SKIP_MPICXX
#include <mpi.h>
#endif

namespace tool {

namespace {

/// Processes that the launcher says there are; 0: no launcher.
int launched() {
    for (const char* name : {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "MPI_LOCALNRANKS"}) {
        if (const char* value = std::getenv(name)) return std::atoi(value);
    }
    return 0;
}

}  // namespace

#if defined(REGULUS_TOOL_MPI)

namespace {

constexpr int tag_outcome = 1, tag_order = 2;

/// A worker's message: index (-1: ready), '!' for a failure or ' ', text.
std::string pack(std::int64_t index, bool failed, const std::string& text) {
    std::string message(sizeof index + 1, failed ? '!' : ' ');
    std::memcpy(message.data(), &index, sizeof index);
    return message + text;
}

void send_order(int rank, std::int64_t index) { MPI_Send(&index, 1, MPI_INT64_T, rank, tag_order, MPI_COMM_WORLD); }

}  // namespace

Ranks::Ranks() {
    if (launched() == 0) return;
    int provided = 0;
    MPI_Init_thread(nullptr, nullptr, MPI_THREAD_FUNNELED, &provided);
    started_ = true;
    MPI_Comm_rank(MPI_COMM_WORLD, &rank_);
    MPI_Comm_size(MPI_COMM_WORLD, &size_);
    MPI_Comm machine;
    MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &machine);
    MPI_Comm_size(machine, &local_);
    MPI_Comm_free(&machine);
}

Ranks::~Ranks() {
    if (!started_) return;
    if (std::uncaught_exceptions() > 0 && size_ > 1 && rank_ != 0) MPI_Abort(MPI_COMM_WORLD, 2);
    MPI_Finalize();
}

namespace {

void work_for_rank_0(const std::string& problem, const Ranks::Work& work) {
    std::string message = pack(-1, !problem.empty(), problem);
    for (;;) {
        MPI_Send(message.data(), int(message.size()), MPI_BYTE, 0, tag_outcome, MPI_COMM_WORLD);
        std::int64_t index = -1;
        MPI_Recv(&index, 1, MPI_INT64_T, 0, tag_order, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
        if (index < 0) return;
        const PictureOutcome outcome = work(std::size_t(index));
        message = pack(index, outcome.failed, outcome.text);
    }
}

/// Rank 0: its main thread speaks with the others, a second thread works as they do.
class Office {
public:
    Office(const std::vector<std::size_t>& todo, int ranks) : todo_(todo.begin(), todo.end()), others_(ranks - 1) {}

    std::string run(const std::string& problem, const Ranks::Work& work, const Ranks::Arrived& arrived) {
        problem_ = problem;
        stop_ = !problem.empty();
        std::thread worker([&] { work_here(work); });
        std::exception_ptr thrown;
        while (others_ > 0 || !worker_done_) {
            const bool moved = hear_others(arrived, thrown);
            const bool local = hear_own(arrived, thrown);
            if (!moved && !local) std::this_thread::sleep_for(std::chrono::microseconds(500));  // no spinning: the cores belong to the networks
        }
        worker.join();
        hear_own(arrived, thrown);
        if (thrown) std::rethrow_exception(thrown);
        return problem_;
    }

private:
    std::int64_t next() {
        const std::lock_guard lock(mutex_);
        if (stop_ || todo_.empty()) return -1;
        const std::int64_t index = std::int64_t(todo_.front());
        todo_.pop_front();
        return index;
    }

    void work_here(const Ranks::Work& work) {
        for (std::int64_t index = next(); index >= 0; index = next()) {
            PictureOutcome outcome = work(std::size_t(index));
            const std::lock_guard lock(mutex_);
            own_.push_back(std::move(outcome));
        }
        worker_done_ = true;
    }

    void take(PictureOutcome outcome, const Ranks::Arrived& arrived, std::exception_ptr& thrown) {
        try {
            if (!thrown && !arrived(std::move(outcome))) stop_ = true;
        } catch (...) {
            thrown = std::current_exception();
            stop_ = true;
        }
    }

    bool hear_others(const Ranks::Arrived& arrived, std::exception_ptr& thrown) {
        int there = 0;
        MPI_Status status;
        MPI_Iprobe(MPI_ANY_SOURCE, tag_outcome, MPI_COMM_WORLD, &there, &status);
        if (there == 0) return false;
        int size = 0;
        MPI_Get_count(&status, MPI_BYTE, &size);
        std::string message(std::size_t(size), '\0');
        MPI_Recv(message.data(), size, MPI_BYTE, status.MPI_SOURCE, tag_outcome, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
        std::int64_t index = -1;
        std::memcpy(&index, message.data(), sizeof index);
        const bool failed = message[sizeof index] == '!';
        std::string text = message.substr(sizeof index + 1);
        if (index < 0 && failed) {
            if (problem_.empty()) problem_ = "rank " + std::to_string(status.MPI_SOURCE) + ": " + text;
            stop_ = true;
        }
        if (index >= 0) take({std::size_t(index), failed, std::move(text)}, arrived, thrown);
        const std::int64_t order = next();
        if (order < 0) --others_;
        send_order(status.MPI_SOURCE, order);
        return true;
    }

    bool hear_own(const Ranks::Arrived& arrived, std::exception_ptr& thrown) {
        std::deque<PictureOutcome> outcomes;
        {
            const std::lock_guard lock(mutex_);
            outcomes.swap(own_);
        }
        for (PictureOutcome& outcome : outcomes) take(std::move(outcome), arrived, thrown);
        return !outcomes.empty();
    }

    std::mutex mutex_;  // of todo_ and own_
    std::deque<std::size_t> todo_;
    std::deque<PictureOutcome> own_;
    std::atomic<bool> stop_ = false;
    std::atomic<bool> worker_done_ = false;
    int others_;
    std::string problem_;
};

}  // namespace

#else

Ranks::Ranks() {
    if (launched() > 1) throw regulus::ArgumentError("eval: started by mpirun, but this build lacks MPI; configure it with -DREGULUS_MPI=ON (Debian: libopenmpi-dev)");
}
Ranks::~Ranks() = default;

#endif

std::string Ranks::share(const std::string& problem, const std::vector<std::size_t>& todo, const Work& work, const Arrived& arrived) {
#if defined(REGULUS_TOOL_MPI)
    if (size_ > 1 && rank_ != 0) {
        work_for_rank_0(problem, work);
        return "";
    }
    if (size_ > 1) return Office(todo, size_).run(problem, work, arrived);
#endif
    if (!problem.empty()) return problem;
    for (const std::size_t index : todo) {
        if (!arrived(work(index))) break;
    }
    return "";
}

}  // namespace tool
