#include "terminal.hpp"

#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include <regulus/core/error.hpp>

namespace tool {

std::string coloured(int fd, Colour colour, const std::string& text) {
    const char* no_color = std::getenv("NO_COLOR");
    const char* term = std::getenv("TERM");
    const bool plain = (no_color != nullptr && *no_color != '\0') || term == nullptr || std::strcmp(term, "dumb") == 0 || isatty(fd) == 0;
    if (plain) return text;
    const char* code = colour == Colour::red ? "31" : colour == Colour::green ? "32" : colour == Colour::yellow ? "33" : "1";
    return std::string("\033[") + code + "m" + text + "\033[0m";
}

Progress::Progress(std::size_t total) : total_(total), visible_(total > 3 && isatty(STDERR_FILENO) != 0) {}

void Progress::show(std::size_t done, const std::string& what) {
    if (!visible_) return;
    constexpr std::size_t width = 30;
    const std::size_t filled = total_ == 0 ? width : done * width / total_;
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
    char rest[64] = "";
    if (done > 0 && seconds > 0) std::snprintf(rest, sizeof rest, "  %.1f/s, %.0f s left", double(done) / seconds, seconds / double(done) * double(total_ - done));
    std::fprintf(stderr, "\r\033[K[%s%s] %zu/%zu%s  %.40s", std::string(filled, '#').c_str(), std::string(width - filled, '.').c_str(), done, total_, rest, what.c_str());
    std::fflush(stderr);
    drawn_ = true;
}

void Progress::clear() {
    if (!drawn_) return;
    std::fprintf(stderr, "\r\033[K");
    std::fflush(stderr);
    drawn_ = false;
}

void print(const std::string& text) {
    const bool whole = std::fwrite(text.data(), 1, text.size(), stdout) == text.size() && std::fflush(stdout) == 0;
    if (!whole) throw regulus::FileError(std::string("write: standard output: ") + std::strerror(errno));
}

void talk(const std::string& text) {
    std::fwrite(text.data(), 1, text.size(), stderr);
}

std::string thousands(long long value) {
    const std::string digits = std::to_string(value);
    std::string text;
    for (std::size_t i = 0; i < digits.size(); ++i) {
        if (i != 0 && digits[i - 1] != '-' && (digits.size() - i) % 3 == 0) text += ',';
        text += digits[i];
    }
    return text;
}

}  // namespace tool
