#pragma once
#include <regulus/evaluate/lyft_results.hpp>

#include <algorithm>
#include <cmath>
#include <unordered_map>
#include <unordered_set>

#include <regulus/core/atomic_file.hpp>
#include <regulus/core/utf8.hpp>
#include <regulus/evaluate/json_boxes.hpp>
#include <regulus/evaluate/json_numbers.hpp>
#include <regulus/evaluate/lyft_check.hpp>
#include <regulus/evaluate/text_words.hpp>

namespace regulus {
namespace evaluate_detail {

inline void require_lyft_box(const LyftBox& box, std::size_t place, const std::string& token, const char* who) {
    const std::string problem = lyft_box_problem(box);
    if (!problem.empty()) throw ArgumentError(std::string(who) + ": box " + std::to_string(place) + " of sample " + token + ": " + problem);
}

inline std::string lyft_prediction_string(const LyftSample& sample) {
    std::string text;
    for (std::size_t i = 0; i < sample.boxes.size(); ++i) {
        const LyftBox& box = sample.boxes[i];
        require_lyft_box(box, i, sample.sample_token, "lyft_csv");
        if (box.name.find_first_of(" \t\r\n,\"") != std::string::npos)
            throw ArgumentError("lyft_csv: box " + std::to_string(i) + " of sample " + sample.sample_token + ": the class name holds white space, a comma or a quote");
        for (const double number : {box.score, box.translation[0], box.translation[1], box.translation[2], box.size[0], box.size[1], box.size[2], lyft_csv_yaw(box.rotation)}) {
            if (!text.empty()) text += ' ';
            append_number(text, number);
        }
        text += ' ' + box.name;
    }
    return text;
}

template <class Put>
void put_lyft_csv(std::span<const LyftSample> samples, std::span<const std::string> ids, Put&& put) {
    put("Id,PredictionString\n");
    const auto check_id = [](const std::string& id) {
        if (id.empty() || id.find_first_of(" \t\r\n,\"") != std::string::npos) throw ArgumentError("lyft_csv: an id is empty or holds white space, a comma or a quote: " + id.substr(0, 100));
    };
    std::unordered_map<std::string_view, const LyftSample*> of_token;
    for (const LyftSample& sample : samples) {
        if (!of_token.emplace(sample.sample_token, &sample).second) throw ArgumentError("lyft_csv: the sample " + sample.sample_token + " is there twice");
        if (!ids.empty()) continue;
        check_id(sample.sample_token);
        put(sample.sample_token + ',' + lyft_prediction_string(sample) + '\n');
    }
    for (const std::string& id : ids) {
        check_id(id);
        const auto sample = of_token.find(id);
        put(id + ',' + (sample == of_token.end() ? "" : lyft_prediction_string(*sample->second)) + '\n');
        if (sample != of_token.end()) of_token.erase(sample);
    }
    if (!ids.empty() && !of_token.empty()) throw ArgumentError("lyft_csv: " + std::to_string(of_token.size()) + " samples are not among the ids, one is " + std::string(of_token.begin()->first));
}

template <class Put>
void put_lyft_json(std::span<const LyftSample> samples, bool scored, Put&& put) {
    put("{\"results\":{");
    std::unordered_set<std::string_view> seen;
    for (const LyftSample& sample : samples) {
        if (!seen.insert(sample.sample_token).second) throw ArgumentError("lyft_json: the sample " + sample.sample_token + " is there twice");
        put((seen.size() == 1 ? "\n" : ",\n") + lyft_sample_json(sample, scored));
    }
    put("\n}}\n");
}

/// Heading, then an id and the rest of the line to take().
template <class Take>
void each_lyft_line(std::string_view text, const std::string& who, Take&& take) {
    if (invalid_utf8_at(text) != text.size()) throw FileError(who + ": the text is not UTF-8");
    TextLines lines(text, who);
    std::string_view line;
    if (!lines.next(line) || line != "Id,PredictionString") throw FileError(who + ": the first line must be Id,PredictionString");
    std::unordered_set<std::string_view> seen;
    while (lines.next(line)) {
        if (line.empty()) continue;
        const std::size_t comma = line.find(',');
        if (comma == std::string_view::npos || comma == 0) lines.fail("expected an id, a comma and a prediction string");
        if (!is_printable(line)) lines.fail("there are control characters");
        const std::string_view id = line.substr(0, comma);
        if (!seen.insert(id).second) lines.fail("the id " + std::string(id.substr(0, 100)) + " is there twice");
        take(id, line.substr(comma + 1), lines);
    }
}

inline LyftBox lyft_box(const BoxElement& element, bool scored) {
    LyftBox box;
    box.translation = element.numbers<3>("translation");
    box.size = element.size("size");
    box.rotation = element.numbers<4>("rotation");
    box.name = element.text("name");
    if (box.name.empty()) element.refuse("name", "a class");
    if (scored) box.score = element.number("score");
    return box;
}

}  // namespace evaluate_detail

REGULUS_INLINE double lyft_csv_yaw(const std::array<double, 4>& rotation) {
    double squares = 0;
    for (const double v : rotation) squares += v * v;
    if (!(squares > 0)) return 0;
    const auto [w, x, y, z] = rotation;
    return std::atan2(2 * (w * z - x * y) / squares, 1 - 2 * (y * y + z * z) / squares);
}

REGULUS_INLINE std::string lyft_csv(std::span<const LyftSample> samples, std::span<const std::string> ids) {
    std::string text;
    evaluate_detail::put_lyft_csv(samples, ids, [&](const std::string& piece) { text += piece; });
    return text;
}

REGULUS_INLINE void write_lyft_csv(const std::string& path, std::span<const LyftSample> samples, std::span<const std::string> ids) {
    AtomicFile file(path);
    evaluate_detail::put_lyft_csv(samples, ids, [&](const std::string& piece) { file.write(piece); });
    file.commit();
}

REGULUS_INLINE std::vector<std::string> read_lyft_ids(const std::string& path) {
    const auto file = MappedFile::open(path);
    std::vector<std::string> ids;
    evaluate_detail::each_lyft_line(evaluate_detail::whole_text(*file), "read_lyft_ids: " + path, [&](std::string_view id, std::string_view, const auto&) { ids.emplace_back(id); });
    return ids;
}

REGULUS_INLINE std::vector<LyftSample> parse_lyft_csv(std::string_view text, const std::string& who) {
    using namespace evaluate_detail;
    std::vector<LyftSample> samples;
    each_lyft_line(text, who, [&](std::string_view id, std::string_view line, const TextLines& lines) {
        const std::vector<std::string_view> words = words_of(line);
        if (words.size() % 9 != 0) lines.fail("a prediction string has 9 words a box (score x y z w l h yaw class), this one has " + std::to_string(words.size()));
        LyftSample& sample = samples.emplace_back();
        sample.sample_token = id;
        for (std::size_t i = 0; i < words.size(); i += 9) {
            std::array<double, 8> v = {};
            for (std::size_t k = 0; k < 8; ++k) {
                if (!parse_number(words[i + k], v[k]) || (k >= 4 && k < 7 && !(v[k] > 0)))
                    lines.fail("box " + std::to_string(i / 9) + ": expected score x y z w l h yaw class with finite numbers not beyond 1e12 and sizes above 0, got " + std::string(words[i + k].substr(0, 40)));
            }
            sample.boxes.push_back({{v[1], v[2], v[3]}, {v[4], v[5], v[6]}, {std::cos(v[7] / 2), 0, 0, std::sin(v[7] / 2)}, std::string(words[i + 8]), v[0]});
        }
    });
    return samples;
}

REGULUS_INLINE std::vector<LyftSample> read_lyft_csv(const std::string& path) {
    const auto file = MappedFile::open(path);
    return parse_lyft_csv(evaluate_detail::whole_text(*file), "read_lyft_csv: " + path);
}

REGULUS_INLINE std::string lyft_sample_json(const LyftSample& sample, bool scored) {
    using namespace evaluate_detail;
    const auto numbers = [](const char* name, const auto& values) {
        std::string text = ",\"" + std::string(name) + "\":";
        char before = '[';
        for (const double v : values) {
            text += before;
            append_number(text, v);
            before = ',';
        }
        return text + ']';
    };
    const std::string token = json_quote(sample.sample_token);
    std::string text = token + ":[";
    for (std::size_t i = 0; i < sample.boxes.size(); ++i) {
        const LyftBox& box = sample.boxes[i];
        require_lyft_box(box, i, sample.sample_token, "lyft_json");
        text += (i == 0 ? "{\"sample_token\":" : ",{\"sample_token\":") + token + numbers("translation", box.translation) + numbers("size", box.size) +
                numbers("rotation", box.rotation) + ",\"name\":" + json_quote(box.name);
        if (scored) {
            text += ",\"score\":";
            append_number(text, box.score);
        }
        text += '}';
    }
    return text + ']';
}

REGULUS_INLINE std::string lyft_json(std::span<const LyftSample> samples, bool scored) {
    std::string text;
    evaluate_detail::put_lyft_json(samples, scored, [&](const std::string& piece) { text += piece; });
    return text;
}

REGULUS_INLINE void write_lyft_json(const std::string& path, std::span<const LyftSample> samples, bool scored) {
    AtomicFile file(path);
    evaluate_detail::put_lyft_json(samples, scored, [&](const std::string& piece) { file.write(piece); });
    file.commit();
}

REGULUS_INLINE std::vector<LyftSample> parse_lyft_json(std::string_view text, const std::string& who, bool scored) {
    using namespace evaluate_detail;
    std::vector<LyftSample> samples;
    std::unordered_map<std::string, std::size_t> places;
    JsonCursor cursor(text, who);
    const auto first = text.find_first_not_of(" \t\r\n");
    if (first != std::string_view::npos && text[first] == '[') {
        cursor.array("boxes", [&](std::size_t index, std::string_view element_text) {
            const BoxElement element(element_text, who + ": box " + std::to_string(index));
            const std::string& token = element.text("sample_token");
            const auto place = places.emplace(token, samples.size());
            if (place.second) samples.push_back({token, {}});
            samples[place.first->second].boxes.push_back(lyft_box(element, scored));
        });
        cursor.end();
        return samples;
    }
    bool found = false;
    cursor.object([&](const std::string& name, std::size_t offset) {
        if (name != "results") {
            cursor.value(json_quote(name.substr(0, 200)));
            return;
        }
        if (found) cursor.fail(offset, "the object has \"results\" twice");
        found = true;
        cursor.object([&](const std::string& token, std::size_t at) {
            if (!places.emplace(token, samples.size()).second) cursor.fail(at, "\"results\" has " + json_quote(token.substr(0, 200)) + " twice");
            samples.push_back({token, {}});
            const std::string of_sample = who + ": sample " + token.substr(0, 200) + " box ";
            cursor.array("boxes of a sample", [&](std::size_t index, std::string_view element_text) {
                const BoxElement element(element_text, of_sample + std::to_string(index));
                if (element.text("sample_token") != token) element.refuse("sample_token", json_quote(token) + ", under which the box stands");
                samples.back().boxes.push_back(lyft_box(element, scored));
            });
        });
    });
    cursor.end();
    if (!found) throw FileError(who + ": lacks \"results\": boxes stand in {\"results\": {sample token: [boxes]}} or in one array");
    return samples;
}

REGULUS_INLINE std::vector<LyftSample> read_lyft_json(const std::string& path, bool scored) {
    const auto file = MappedFile::open(path);
    return parse_lyft_json(evaluate_detail::whole_text(*file), "read_lyft_json: " + path, scored);
}

}  // namespace regulus
