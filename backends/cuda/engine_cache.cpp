#include <regulus/cuda/engine_cache.hpp>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string_view>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <regulus/core/atomic_file.hpp>

namespace regulus::cuda {

namespace {

constexpr std::string_view head = "regulus engines 1\n";

/// No tab, no line's end, nothing that is not printable.
std::string plain(std::string text) {
    std::replace_if(text.begin(), text.end(), [](char c) { return c < ' ' || c == 127; }, ' ');
    return text;
}

bool parse_number(std::string_view text, std::int64_t& number) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    return error == std::errc() && end == text.data() + text.size() && number >= -1 && number < 1'000'000;
}

/// machine, problem, place, engine.
bool parse_line(std::string_view line, std::string& key, EngineChoice& choice) {
    const std::size_t problem = line.find('\t');
    const std::size_t place = problem == line.npos ? line.npos : line.find('\t', problem + 1);
    const std::size_t engine = place == line.npos ? line.npos : line.find('\t', place + 1);
    if (engine == line.npos || place > 1024) return false;
    key = std::string(line.substr(0, place));
    return parse_number(line.substr(place + 1, engine - place - 1), choice.place) && choice.place >= 0 && parse_number(line.substr(engine + 1), choice.engine);
}

}  // namespace

EngineCache::EngineCache(std::string path, std::string machine) : path_(std::move(path)), machine_(plain(std::move(machine))) {
    if (std::string why; !read(entries_, why)) {
        entries_.clear();
        note_ = "the engine cache \"" + path_ + "\" is ignored: " + why;
    }
}

bool EngineCache::read(Entries& entries, std::string& why) const {
    if (path_.empty()) return true;
    // Opened before it is looked at: another program may put a new file in its place at any time. Opening a pipe must not wait.
    const int descriptor = ::open(path_.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(descriptor < 0 ? nullptr : ::fdopen(descriptor, "rb"), std::fclose);
    if (!file) {
        if (errno == ENOENT && descriptor < 0) return true;
        why = std::strerror(errno);
        if (descriptor >= 0) ::close(descriptor);
        return false;
    }
    struct stat facts {};
    why = "it is not a file of engines";
    if (::fstat(descriptor, &facts) != 0 || !S_ISREG(facts.st_mode)) return false;
    if (std::size_t(facts.st_size) > most_bytes) {
        why = "it is larger than 16 MiB";
        return false;
    }
    std::string text(std::size_t(facts.st_size) + 1, '\0');
    text.resize(std::fread(text.data(), 1, text.size(), file.get()));
    std::string_view rest = text;
    if (!rest.starts_with(head)) return false;
    rest.remove_prefix(head.size());
    for (std::size_t number = 2; !rest.empty(); ++number) {
        const std::size_t end = rest.find('\n');
        std::string key;
        EngineChoice choice;
        if (end == rest.npos || !parse_line(rest.substr(0, end), key, choice) || entries.size() >= most_entries) {
            why = "its line " + std::to_string(number) + " is no entry";
            return false;
        }
        entries[std::move(key)] = choice;
        rest.remove_prefix(end + 1);
    }
    return true;
}

std::optional<EngineChoice> EngineCache::find(const std::string& problem) const {
    const std::lock_guard lock(mutex_);
    const auto found = entries_.find(key(problem));
    return found == entries_.end() ? std::nullopt : std::optional(found->second);
}

void EngineCache::keep(const std::string& problem, const EngineChoice& choice) {
    const std::lock_guard lock(mutex_);
    entries_[key(problem)] = fresh_[key(problem)] = choice;
}

void EngineCache::save() noexcept {
    const std::lock_guard lock(mutex_);
    if (fresh_.empty() || path_.empty()) return;
    try {
        Entries all;
        if (std::string why; !read(all, why)) all.clear();  // what another program wrote since
        for (const auto& [key, choice] : fresh_) all[key] = choice;
        std::string text(head);
        for (const auto& [key, choice] : all) text += key + '\t' + std::to_string(choice.place) + '\t' + std::to_string(choice.engine) + '\n';
        AtomicFile file(path_);
        file.write(text);
        file.commit();
        fresh_.clear();
    } catch (const std::exception& error) {
        try {
            note_ = std::string("the engine cache could not be written: ") + error.what();
        } catch (...) {  // not even memory for a note
        }
    }
}

std::string EngineCache::note() const {
    const std::lock_guard lock(mutex_);
    return note_;
}

}  // namespace regulus::cuda
