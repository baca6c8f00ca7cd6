#pragma once
// Pictures shared among the processes of `mpirun`, or done by this one alone.
#include <cstddef>
#include <functional>
#include <string>
#include <vector>

namespace tool {

/// What became of one picture: its rows, or why it has none.
struct PictureOutcome {
    std::size_t index = 0;
    bool failed = false;
    std::string text;
};

/// The processes of this run. Under mpirun (OpenMPI, MPICH, Slurm's srun) MPI is started; else it is left alone.
class Ranks {
public:
    /// Throws regulus::ArgumentError under an mpirun of several processes when this build lacks MPI.
    Ranks();
    ~Ranks();
    Ranks(const Ranks&) = delete;
    Ranks& operator=(const Ranks&) = delete;

    int rank() const noexcept { return rank_; }
    int size() const noexcept { return size_; }
    int on_this_machine() const noexcept { return local_; }

    using Work = std::function<PictureOutcome(std::size_t)>;
    /// Called by rank 0 alone, one at a time; false ends the run early.
    using Arrived = std::function<bool(PictureOutcome&&)>;

    /// Hands the indices of `todo` (rank 0's list counts) to whoever is idle. Every rank calls it; a rank that could not get ready says why in `problem`, which
    /// ends the run on all. Returns rank 0's sentence about such a problem, else "".
    std::string share(const std::string& problem, const std::vector<std::size_t>& todo, const Work& work, const Arrived& arrived);

private:
    int rank_ = 0, size_ = 1, local_ = 1;
    [[maybe_unused]] bool started_ = false;  // by MPI, where there is MPI
};

}  // namespace tool
