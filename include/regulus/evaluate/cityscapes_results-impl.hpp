#pragma once
#include <regulus/evaluate/cityscapes_results.hpp>

#include <set>
#include <utility>

#include <regulus/core/error.hpp>
#include <regulus/core/mapped_file.hpp>
#include <regulus/data/label_map.hpp>
#include <regulus/evaluate/cityscapes_evaluation-impl.hpp>
#include <regulus/evaluate/json_boxes.hpp>
#include <regulus/evaluate/json_numbers.hpp>
#include <regulus/evaluate/text_words.hpp>

namespace regulus {
namespace evaluate_detail {

/// Whether the path stays where it begins.
inline bool is_inner_path(std::string_view path) {
    if (path.empty() || path.front() == '/' || !is_printable(path)) return false;
    while (!path.empty()) {
        const std::size_t slash = std::min(path.find('/'), path.size());
        if (path.substr(0, slash) == "..") return false;
        path.remove_prefix(std::min(slash + 1, path.size()));
    }
    return true;
}

}  // namespace evaluate_detail

REGULUS_INLINE std::vector<CityscapesResult> parse_cityscapes_results(std::string_view text, const std::string& who) {
    using namespace evaluate_detail;
    TextLines lines(text, who);
    std::vector<CityscapesResult> results;
    std::set<std::string> seen;
    for (std::string_view line; lines.next(line);) {
        const std::vector<std::string_view> words = words_of(line);
        if (words.empty()) continue;
        if (words.size() != 3) lines.fail("expected a mask's file, a label and a confidence");
        CityscapesResult result{std::string(words[0]), 0, 0};
        if (!is_inner_path(words[0])) lines.fail("the mask's file must lie in the text's folder or below");
        if (!seen.insert(result.file).second) lines.fail("the mask's file is there twice");
        double label = 0;
        if (!parse_number(words[1], label) || label != std::floor(label) || label < -1 || label > 33) lines.fail("the label must be a whole number of -1 .. 33");
        if (!parse_number(words[2], result.confidence)) lines.fail("the confidence must be a number, not beyond 1e12");
        result.label = std::int64_t(label);
        results.push_back(std::move(result));
    }
    return results;
}

REGULUS_INLINE std::vector<CityscapesInstance> read_cityscapes_results(const std::string& path) {
    const auto file = MappedFile::open(path);
    const std::size_t slash = path.rfind('/');
    const std::string folder = slash == std::string::npos ? "" : path.substr(0, slash + 1);
    std::vector<CityscapesInstance> instances;
    for (CityscapesResult& result : parse_cityscapes_results(evaluate_detail::whole_text(*file), "read_cityscapes_results: " + path)) {
        if (evaluate_detail::cityscapes_place(result.label) < 0) continue;  // its mask need not be there
        const SegmentMap map = read_label_map(folder + result.file);
        BitMask mask{map.height, map.width, {}};
        mask.bits.reserve(map.ids.size());
        for (const std::uint32_t value : map.ids) mask.bits.push_back(value != 0);
        instances.push_back({result.label, result.confidence, rle_encode(mask)});
    }
    return instances;
}

REGULUS_INLINE std::string cityscapes_result_line(const CityscapesResult& result) {
    std::string text = result.file + ' ' + std::to_string(result.label) + ' ';
    evaluate_detail::append_number(text, result.confidence);
    return text + '\n';
}

REGULUS_INLINE SegmentMap cityscapes_mask(const Rle& mask) {
    const BitMask bits = rle_decode(mask);
    SegmentMap map{bits.height, bits.width, {}};
    map.ids.reserve(bits.bits.size());
    for (const std::uint8_t bit : bits.bits) map.ids.push_back(bit != 0 ? 255 : 0);
    return map;
}

}  // namespace regulus
