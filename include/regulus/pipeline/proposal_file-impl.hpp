#pragma once
#include <algorithm>
#include <bit>
#include <charconv>
#include <memory>
#include <numeric>
#include <vector>

#include <regulus/core/error.hpp>
#include <regulus/core/mapped_file.hpp>
#include <regulus/pipeline/proposal_file.hpp>
#include <regulus/weights/pickle.hpp>

namespace regulus {

namespace detail::proposal_file {

struct Reader {
    std::string path;
    Pickle pickle;

    [[noreturn]] void refuse(const std::string& what) const { throw FileError("proposals: " + path + ": " + what); }

    const PickleNode& list(const char* name, const char* old_name) const {
        const PickleNode& root = pickle[pickle.root];
        const PickleNode* found = pickle.find(root, name);
        if (found == nullptr) found = pickle.find(root, old_name);
        if (found == nullptr || found->kind != PickleKind::list) refuse(std::string("must be a pickled dict with a list \"") + name + "\"");
        return *found;
    }

    std::int64_t id(const PickleNode& node) const {
        std::int64_t value = node.integer;
        if (node.kind == PickleKind::text) {
            const auto [end, error] = std::from_chars(node.text.data(), node.text.data() + node.text.size(), value);
            if (error != std::errc() || end != node.text.data() + node.text.size()) refuse("an id is no whole number");
        } else if (node.kind != PickleKind::integer) {
            refuse("an id is no whole number");
        }
        return value;
    }

    /// Elements of an array in C order.
    std::vector<float> numbers(const PickleNode& node, int rank, const std::string& who) const {
        const PickleArray* const array = node.kind == PickleKind::array ? &pickle.arrays[std::size_t(node.integer)] : nullptr;
        if (array == nullptr || !array->complete || array->type == nullptr || array->shape.rank() != rank || (rank == 2 && array->shape[1] != 4) || (array->type->held != DType::f32 && array->type->held != DType::f64)) {
            refuse(who + " must be an array of float32 or float64, " + (rank == 2 ? "[boxes, 4]" : "[boxes]"));
        }
        const std::int64_t rows = array->shape[0], columns = rank == 2 ? 4 : 1;
        std::vector<float> result;
        result.reserve(std::size_t(rows * columns));
        const auto* const bytes = reinterpret_cast<const std::uint8_t*>(array->data.data());
        for (std::int64_t i = 0; i < rows * columns; ++i) {
            const std::size_t at = std::size_t(array->fortran ? i % columns * rows + i / columns : i), size = array->type->size;
            std::uint64_t bits = 0;
            for (std::size_t b = 0; b < size; ++b) bits |= std::uint64_t(bytes[at * size + (array->big_endian ? size - 1 - b : b)]) << (8 * b);
            result.push_back(size == 4 ? std::bit_cast<float>(std::uint32_t(bits)) : float(std::bit_cast<double>(bits)));
        }
        return result;
    }
};

/// A file of a hundred thousand pictures needs more values than a checkpoint may. They grow with its size, so that a small file cannot ask for much, and end at
/// what some 250,000 pictures need (64 values of 56 bytes each).
inline PickleLimits limits(std::size_t file_size) {
    PickleLimits result;
    for (std::size_t* const limit : {&result.opcodes, &result.memo, &result.copies}) *limit = std::max(*limit, std::min<std::size_t>(file_size / 4, 16'000'000));
    return result;
}

}  // namespace detail::proposal_file

REGULUS_INLINE std::map<std::int64_t, ProposalList> read_proposals(const std::string& path) {
    const std::shared_ptr<const MappedFile> bytes = MappedFile::open(path);
    const detail::proposal_file::Reader file{path, detail::read_pickle(bytes->data(), bytes->size(), 0, 0, "proposals: " + path, detail::PickleDialect::plain, detail::proposal_file::limits(bytes->size()))};
    const detail::PickleNode &ids = file.list("ids", "indexes"), &boxes = file.list("boxes", "boxes"), &scores = file.list("objectness_logits", "scores");
    if (boxes.items.size() != ids.items.size() || scores.items.size() != ids.items.size()) file.refuse("\"ids\", \"boxes\" and the scores must be lists of equal length");
    const detail::PickleNode* const mode = file.pickle.find(file.pickle[file.pickle.root], "bbox_mode");
    if (mode != nullptr && (mode->kind != detail::PickleKind::integer || mode->integer < 0 || mode->integer > 1)) file.refuse("\"bbox_mode\" must be 0 (x1 y1 x2 y2) or 1 (x y width height)");
    const bool sizes = mode != nullptr && mode->integer == 1;

    std::map<std::int64_t, ProposalList> result;
    std::size_t total = 0;
    for (std::size_t i = 0; i < ids.items.size(); ++i) {
        const std::int64_t id = file.id(file.pickle[ids.items[i]]);
        const std::string who = " of picture " + std::to_string(id);
        const std::vector<float> corners = file.numbers(file.pickle[boxes.items[i]], 2, "the boxes" + who), score = file.numbers(file.pickle[scores.items[i]], 1, "the scores" + who);
        if (4 * score.size() != corners.size()) file.refuse("picture " + std::to_string(id) + " has " + std::to_string(corners.size() / 4) + " boxes and " + std::to_string(score.size()) + " scores");
        total += corners.size();
        if (total > bytes->size()) file.refuse("the same boxes stand for many pictures");  // a small file must not become a large one
        std::vector<std::size_t> order(score.size());
        std::iota(order.begin(), order.end(), std::size_t(0));
        std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return score[a] > score[b] || (score[b] != score[b] && score[a] == score[a]); });
        ProposalList list;
        for (const std::size_t k : order) {
            const float* const box = corners.data() + 4 * k;
            list.push_back({box[0], box[1], sizes ? box[0] + box[2] : box[2], sizes ? box[1] + box[3] : box[3]});
        }
        if (!result.emplace(id, std::move(list)).second) file.refuse("two lists are of picture " + std::to_string(id));
    }
    return result;
}

}  // namespace regulus
