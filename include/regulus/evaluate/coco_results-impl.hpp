#pragma once
#include <regulus/evaluate/coco_results.hpp>

#include <cmath>

#include <regulus/core/json.hpp>
#include <regulus/data/file.hpp>
#include <regulus/evaluate/json_numbers.hpp>

namespace regulus {
namespace evaluate_detail {

inline void append_finite(std::string& text, double number, const char* what) {
    if (!std::isfinite(number)) throw ArgumentError(std::string("coco_results_json: a ") + what + " is not finite, and JSON has no such number");
    append_number(text, number);
}

}  // namespace evaluate_detail

REGULUS_INLINE std::string coco_results_json(std::span<const CocoResult> results) {
    std::string text = "[";
    const char* separator = "\n";
    for (const CocoResult& result : results) {
        text += separator;
        separator = ",\n";
        text += "{\"image_id\":";
        evaluate_detail::append_number(text, result.image_id);
        text += ",\"category_id\":";
        evaluate_detail::append_number(text, result.category_id);
        text += ",\"bbox\":";
        char before = '[';
        for (const double number : result.bbox) {
            text += before;
            evaluate_detail::append_finite(text, number, "box");
            before = ',';
        }
        text += "],\"score\":";
        if (!std::isfinite(result.score)) evaluate_detail::append_finite(text, double(result.score), "score");
        evaluate_detail::append_number(text, result.score);
        if (result.segmentation) {
            text += ",\"segmentation\":{\"size\":[";
            evaluate_detail::append_number(text, result.segmentation->height);
            text += ',';
            evaluate_detail::append_number(text, result.segmentation->width);
            text += "],\"counts\":" + json_quote(rle_to_string(*result.segmentation)) + '}';
        }
        before = '[';
        if (!result.keypoints.empty()) text += ",\"keypoints\":";
        for (const float number : result.keypoints) {
            text += before;
            if (!std::isfinite(number)) evaluate_detail::append_finite(text, double(number), "keypoint");
            evaluate_detail::append_number(text, number);
            before = ',';
        }
        if (!result.keypoints.empty()) text += ']';
        text += '}';
    }
    text += results.empty() ? "]\n" : "\n]\n";
    return text;
}

REGULUS_INLINE void write_coco_results(const std::string& path, std::span<const CocoResult> results) { write_file(path, coco_results_json(results)); }

}  // namespace regulus
