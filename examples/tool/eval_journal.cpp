#include "eval_journal.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>

#include <regulus/core/error.hpp>
#include <regulus/weights/crc32.hpp>

namespace tool {

namespace {

std::string checksum(const std::string& text) {
    char digits[9];
    std::snprintf(digits, sizeof digits, "%08x", unsigned(regulus::detail::crc32(reinterpret_cast<const std::uint8_t*>(text.data()), text.size())));
    return digits;
}

std::string read_all(int fd, const std::string& path) {
    std::string text;
    char buffer[1 << 16];
    for (;;) {
        const ssize_t count = read(fd, buffer, sizeof buffer);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) throw regulus::FileError("eval: " + path + ": " + std::strerror(errno));
        if (count == 0) return text;
        text.append(buffer, std::size_t(count));
    }
}

}  // namespace

Journal::Journal(const std::string& path, const std::string& identity) : path_(path) {
    fd_ = open(path.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (fd_ < 0) throw regulus::FileError("eval: " + path + ": " + std::strerror(errno));
    try {
        if (flock(fd_, LOCK_EX | LOCK_NB) != 0) throw regulus::FileError("eval: " + path + " is in use by another run; wait for it or name another results file");
        const std::string text = read_all(fd_, path);
        std::size_t whole = 0;  // bytes of good lines
        bool first = true;
        while (whole < text.size()) {
            const std::size_t end = text.find('\n', whole);
            const bool last = end == std::string::npos || end + 1 == text.size();
            const std::string line = text.substr(whole, end == std::string::npos ? end : end - whole);
            const bool good = end != std::string::npos && line.size() > 9 && line[8] == ' ' && checksum(line.substr(9)) == line.substr(0, 8);
            if (!good && last) break;
            if (!good) throw regulus::FileError("eval: " + path + " is damaged at byte " + std::to_string(whole) + " (or no journal of an evaluation); delete it to begin anew");
            const std::string rest = line.substr(9);
            if (first && rest != identity) throw regulus::FileError("eval: " + path + " is of an evaluation with other model, weights, pictures or options; delete it to begin anew, or name another results file");
            if (!first) {
                std::int64_t id = 0;
                const auto [at, error] = std::from_chars(rest.data(), rest.data() + rest.size(), id);
                if (error != std::errc() || at == rest.data() + rest.size() || *at != ' ') throw regulus::FileError("eval: " + path + " has a line without a picture's id; delete it to begin anew");
                done_[id] = std::string(at + 1, rest.data() + rest.size());
            }
            first = false;
            whole = end + 1;
        }
        if (whole < text.size() && ftruncate(fd_, off_t(whole)) != 0) throw regulus::FileError("eval: " + path + ": " + std::strerror(errno));
        if (first) append(identity);
    } catch (...) {
        close(fd_);
        throw;
    }
}

Journal::~Journal() { close(fd_); }

void Journal::add(std::int64_t image_id, const std::string& rows) { append(std::to_string(image_id) + " " + rows); }

void Journal::append(const std::string& text) {
    const std::string line = checksum(text) + " " + text + "\n";
    std::size_t written = 0;
    while (written < line.size()) {
        const ssize_t count = write(fd_, line.data() + written, line.size() - written);
        if (count < 0 && errno == EINTR) continue;
        if (count <= 0) throw regulus::FileError("eval: " + path_ + ": " + std::strerror(errno));
        written += std::size_t(count);
    }
}

void Journal::remove() { unlink(path_.c_str()); }

}  // namespace tool
