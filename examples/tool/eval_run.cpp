#include "eval_run.hpp"

#include <algorithm>
#include <cstdio>
#include <thread>

#include <regulus/core/error.hpp>
#include <regulus/data/file.hpp>
#include <regulus/weights/crc32.hpp>

#include "models.hpp"
#include "pictures.hpp"
#include "stop_guard.hpp"
#include "terminal.hpp"

namespace tool {

namespace {

std::string identity_of(const std::uint8_t* data, std::size_t size) {
    char text[48];
    std::snprintf(text, sizeof text, "%08x/%zu", unsigned(regulus::detail::crc32(data, size)), size);
    return text;
}

}  // namespace

std::string count_of(std::size_t count, const std::string& what) {
    if (count == 1) return "1 " + what;
    return std::to_string(count) + " " + what + (what.back() == 's' ? "es" : "s");
}

std::string text_identity(const std::string& text) { return identity_of(reinterpret_cast<const std::uint8_t*>(text.data()), text.size()); }

std::string file_identity(const std::string& path) {
    if (path == "seeded" || path.rfind("seeded:", 0) == 0) return path;
    const auto bytes = regulus::read_file(path.empty() ? shipped_weights() : path, std::int64_t(1) << 34);
    return identity_of(bytes.data(), bytes.size());
}

int threads_of_rank(int asked, const Ranks& ranks) {
    return asked != 0 ? asked : std::max(1, int(std::thread::hardware_concurrency()) / std::max(1, ranks.on_this_machine()));
}

void EvalRows::write(const std::string& json, const std::string& text) const {
    if (json.empty()) return;
    regulus::write_file(json, text);
    if (journal) journal->remove();
}

namespace {

/// `trouble`: why this rank is not ready, or "".
std::optional<EvalRows> share(const EvalItems& items, Ranks& ranks, const std::string& trouble) {
    const auto weight = [&](std::size_t i) { return items.weight ? items.weight(i) : std::size_t(1); };
    std::size_t total = 0;
    for (std::size_t i = 0; i < items.ids.size(); ++i) total += weight(i);

    std::string problem = trouble;
    EvalRows result;
    std::vector<std::size_t> todo;
    std::size_t left = 0;  // what `todo` weighs
    if (ranks.rank() == 0 && problem.empty()) {
        try {
            if (!items.json.empty()) {
                require_writable(items.json);
                result.journal = std::make_unique<Journal>(items.json + ".journal", items.identity);
                result.rows = result.journal->done();
            }
            for (std::size_t i = 0; i < items.ids.size(); ++i) {
                const auto done = result.rows.find(items.ids[i]);
                if (done == result.rows.end()) todo.push_back(i), left += weight(i);
                else if (items.heard) items.heard(i, done->second);
            }
        } catch (const std::exception& error) {
            problem = error.what();
        }
        if (!result.rows.empty()) talk("continuing: " + std::to_string(total - left) + " of " + count_of(total, items.noun) + " are done already\n");
    }
    const auto work = [&](std::size_t i) -> PictureOutcome {
        try {
            return items.work(i);
        } catch (const std::exception& error) {
            return {i, true, error.what()};
        }
    };
    std::string broken;
    std::size_t finished = 0, finished_items = 0;
    Progress progress(left);
    progress.show(0, "");
    const auto arrived = [&](PictureOutcome&& outcome) {
        const std::int64_t id = items.ids[outcome.index];
        if (outcome.failed) {
            progress.clear();
            if (!items.skip_broken) {
                if (broken.empty()) broken = outcome.text;
                return false;
            }
            ++result.skipped;
            talk("skipped " + items.name(outcome.index) + ": " + outcome.text + "\n");
        } else {
            if (items.heard) progress.clear(), items.heard(outcome.index, outcome.text);
            if (result.journal) result.journal->add(id, outcome.text);
            result.rows[id] = std::move(outcome.text);
        }
        ++finished_items;
        progress.show(finished += weight(outcome.index), items.name(outcome.index));
        return !StopGuard::asked();
    };
    problem = ranks.share(problem, todo, work, arrived);
    progress.clear();
    if (ranks.rank() != 0) return std::nullopt;
    if (!problem.empty()) throw regulus::Error(problem);
    const std::string resume = result.journal ? "; the same command goes on from " + items.json + ".journal" : "";
    if (!broken.empty()) throw regulus::FileError(broken + " (" + items.skip_hint + resume + ")");
    if (finished_items < todo.size()) {
        talk("interrupted after " + std::to_string(total - left + finished) + " of " + count_of(total, items.noun) + resume + "\n");
        return std::nullopt;
    }
    return result;
}

}  // namespace

std::optional<EvalRows> run_items(const std::function<void(const Ranks&)>& prepare, const std::function<EvalItems()>& items, Outcome& outcome) {
    Ranks ranks;
    std::optional<StopGuard> guard;
    if (ranks.size() == 1) guard.emplace();
    std::string trouble;
    try {
        prepare(ranks);
    } catch (const std::exception& error) {
        trouble = error.what();
    }
    std::optional<EvalRows> finished = share(items(), ranks, trouble);
    if (ranks.rank() == 0 && !finished) outcome.exit_code = 130;
    return finished;
}

}  // namespace tool
