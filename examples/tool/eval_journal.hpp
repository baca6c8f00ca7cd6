#pragma once
// What an evaluation has done so far, kept beside its results file, so that an interrupted run goes on where it stopped.
#include <cstdint>
#include <map>
#include <string>

namespace tool {

/// A text file; each line is the CRC-32 of the rest in 8 hex digits, a blank, and the rest: first the evaluation's identity, then "IMAGE_ID ROWS" for
/// each finished picture. Lines are written in one piece; a torn last one is dropped when the file is opened again.
class Journal {
public:
    /// Opens or begins the file and keeps it locked. Throws regulus::FileError when it cannot, when another run holds it, when it is of another
    /// evaluation than `identity` says, or when a line other than the last is damaged.
    Journal(const std::string& path, const std::string& identity);
    ~Journal();
    Journal(const Journal&) = delete;
    Journal& operator=(const Journal&) = delete;

    /// Rows of results by image id, as found in the file.
    const std::map<std::int64_t, std::string>& done() const noexcept { return done_; }
    /// `rows` has no line break.
    void add(std::int64_t image_id, const std::string& rows);
    /// Deletes the file: the evaluation is complete.
    void remove();

private:
    void append(const std::string& text);

    std::string path_;
    int fd_ = -1;
    std::map<std::int64_t, std::string> done_;
};

}  // namespace tool
