#pragma once
// What the evaluations share: items (pictures, batches of them, frames) looked at one after the other, by all processes of mpirun, kept in a journal.
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "command.hpp"
#include "eval_journal.hpp"
#include "eval_ranks.hpp"

namespace tool {

/// `regulus eval imagenet`; each evaluation of its own file adds itself so.
void add_eval_imagenet(CLI::App& eval, Outcome& outcome);
/// `regulus eval lvis`.
void add_eval_lvis(CLI::App& eval, Outcome& outcome);
/// `regulus eval proposals`.
void add_eval_proposals(CLI::App& eval, Outcome& outcome);
/// `regulus eval voc`.
void add_eval_voc(CLI::App& eval, Outcome& outcome);
/// `regulus eval cityscapes`.
void add_eval_cityscapes(CLI::App& eval, Outcome& outcome);
/// `regulus eval panoptic`.
void add_eval_panoptic(CLI::App& eval, Outcome& outcome);

/// "1 picture", "3 pictures", "2 classes".
std::string count_of(std::size_t count, const std::string& what);

/// CRC-32 and length, for identities.
std::string text_identity(const std::string& text);
/// The same of a file's bytes, the shipped weights for "", and seeded weights as they are asked for. Throws regulus::FileError.
std::string file_identity(const std::string& path);

/// The threads that one of the processes on this machine should use: `asked` if not 0, else its share of the machine.
int threads_of_rank(int asked, const Ranks& ranks);

/// What is to be done.
struct EvalItems {
    std::vector<std::int64_t> ids;  // of the items, distinct
    std::string noun = "picture";   // what the user sees counted
    std::function<std::size_t(std::size_t)> weight;  // how many of them an item is; none: one
    std::function<std::string(std::size_t)> name;    // an item's name for the progress bar and for messages
    Ranks::Work work;                                // called on every rank; an exception's text becomes a failed outcome
    std::function<void(std::size_t, const std::string&)> heard;  // rank 0, the row of each item as it arrives or is found in the journal; may be none
    bool skip_broken = false;                        // failed items are told, counted and left out
    std::string skip_hint;                           // what the user is told about going on after a failure
    std::string json;                                // the results file, whose journal is FILE.journal; empty: no journal
    std::string identity;                            // what the journal belongs to; rank 0's counts
};

/// What was done.
struct EvalRows {
    std::map<std::int64_t, std::string> rows;  // by id: the order in which items were finished leaves no trace
    std::size_t skipped = 0;
    std::unique_ptr<Journal> journal;

    /// Writes the results file, if one was asked for, and drops the journal. Throws regulus::FileError.
    void write(const std::string& json, const std::string& text) const;
};

/// Joins the processes, calls prepare, and looks at every one of items() that the journal lacks. What prepare throws is trouble that all ranks hear of; items() is
/// called after it all the same. Gives nothing on other ranks than 0, and, with the exit code 130, when the user interrupts. Throws regulus::Error for trouble on a
/// rank, regulus::FileError for a failed item that is not to be skipped.
std::optional<EvalRows> run_items(const std::function<void(const Ranks&)>& prepare, const std::function<EvalItems()>& items, Outcome& outcome);

}  // namespace tool
