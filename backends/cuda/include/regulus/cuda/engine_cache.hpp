#pragma once
// Which of cuDNN's engines was the fastest for a problem, in memory and in a file that several programs share.
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>

namespace regulus::cuda {

/// A proposal of cuDNN's heuristics: its place among all of them, and the engine's number, which must be the same when it is taken again.
struct EngineChoice {
    std::int64_t place = 0, engine = 0;  // engine -1: our own kernel
    friend bool operator==(const EngineChoice&, const EngineChoice&) = default;
};

/// Members may be called by several threads. The file is lines of text: a head, then machine, problem, place and engine, between tabs.
class EngineCache {
public:
    static constexpr std::size_t most_bytes = std::size_t(16) << 20, most_entries = 65536;

    /// Reads what `path` has (empty: no file). `machine` names GPU, compute capability and version of cuDNN; entries of others are kept and not used. A file that
    /// cannot be read, or has anything but entries, counts as empty: note() says why.
    EngineCache(std::string path, std::string machine);

    std::optional<EngineChoice> find(const std::string& problem) const;
    void keep(const std::string& problem, const EngineChoice& choice);
    /// Writes the file when something was kept since: what it has now and our own, in one step. Never throws; note() says why it could not.
    void save() noexcept;
    std::string note() const;

private:
    using Entries = std::map<std::string, EngineChoice>;  // by machine, tab, problem
    bool read(Entries& entries, std::string& why) const;
    std::string key(const std::string& problem) const { return machine_ + '\t' + problem; }

    std::string path_, machine_;
    mutable std::mutex mutex_;
    Entries entries_, fresh_;
    std::string note_;
};

}  // namespace regulus::cuda
