#pragma once
// What goes to the person at the terminal: colours where they are welcome, a progress bar.
#include <chrono>
#include <cstddef>
#include <string>

namespace tool {

enum class Colour { red, green, yellow, bold };

/// The text in colour if stream `fd` (1 or 2) is a terminal and neither NO_COLOR nor TERM=dumb says otherwise.
std::string coloured(int fd, Colour colour, const std::string& text);

/// A bar on stderr while many things are done; silent unless stderr is a terminal.
class Progress {
public:
    explicit Progress(std::size_t total);
    ~Progress() { clear(); }
    Progress(const Progress&) = delete;
    Progress& operator=(const Progress&) = delete;

    void show(std::size_t done, const std::string& what);
    /// Wipes the bar, so that a line can be printed.
    void clear();

private:
    std::size_t total_;
    bool visible_;
    bool drawn_ = false;
    std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

/// Writes to stdout; throws regulus::FileError when it cannot be written (a full disk, a closed pipe).
void print(const std::string& text);
/// Writes to stderr.
void talk(const std::string& text);

/// 1234567 as "1,234,567".
std::string thousands(long long value);

}  // namespace tool
