#pragma once
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <set>

#include <regulus/converters/seeded_weights.hpp>
#include <regulus/core/json.hpp>
#include <regulus/data/file.hpp>
#include <regulus/data/image_file.hpp>
#include <regulus/pipeline/golden_case.hpp>
#include <regulus/weights/read_weights.hpp>

namespace regulus {

namespace detail::golden {

/// case.json with complaints that name it.
struct CaseJson {
    std::string path;
    Json root;

    [[noreturn]] void refuse(const std::string& what) const { throw FileError("golden case: " + path + ": " + what); }

    const Json& member(const Json& object, const char* key) const {
        const Json* found = object.find(key);
        if (found == nullptr) refuse(std::string("there is no \"") + key + "\"");
        return *found;
    }
    const std::string& text(const Json& json, const char* key) const {
        if (json.text() == nullptr) refuse(std::string("\"") + key + "\" must be text");
        return *json.text();
    }
    const Json::Array& array(const Json& json, const char* key) const {
        if (json.array() == nullptr) refuse(std::string("\"") + key + "\" must be an array");
        return *json.array();
    }
    double number(const Json& json, const char* key) const {
        if (json.real() != nullptr) return *json.real();
        if (json.integer() == nullptr) refuse(std::string("\"") + key + "\" must hold numbers");
        return double(*json.integer());
    }
    std::int64_t size(const Json& json, const char* key) const {
        if (json.integer() == nullptr || *json.integer() < 0 || *json.integer() > (std::int64_t(1) << 32)) refuse(std::string("\"") + key + "\" must hold sizes");
        return *json.integer();
    }
};

inline std::string text_of(const std::vector<std::uint8_t>& bytes) { return std::string(bytes.begin(), bytes.end()); }

inline CaseJson case_json(const std::string& folder) {
    const std::string path = folder + "/case.json";
    return {path, parse_json(text_of(read_file(path, std::int64_t(1) << 26)), path)};
}

/// The picture: beside the case or in a folder above it.
inline Image find_picture(const std::string& folder, const std::string& name) {
    if (!name.empty() && name.front() == '/') return read_image(name);
    std::string at = folder;
    for (int up = 0; up < 8; ++up, at += "/..") {
        const std::string path = at + "/" + name;
        std::vector<std::uint8_t> bytes;
        try {
            bytes = read_file(path, PictureLimits{}.max_file_bytes);
        } catch (const FileError&) {  // not here: one folder up
            continue;
        }
        return decode_image(bytes, path);
    }
    throw FileError("golden case: the picture " + name + " is neither in " + folder + " nor in a folder above it");
}

/// The peer's state dict: the rule's values, times `scaled`, unless overridden.
inline Weights state_dict(const CaseJson& json, const std::string& folder, std::uint64_t salt) {
    const Weights overrides = read_weights(folder + "/overrides.safetensors");
    std::map<std::string, double> scaled;
    if (const Json* object = json.root.find("scaled"); object != nullptr && object->object() != nullptr) {
        for (const auto& [name, factor] : *object->object()) scaled[name] = json.number(factor, "scaled");
    }
    Weights state;
    state.source = json.path;
    std::set<std::string> overridden;
    for (const Json& entry : json.array(json.member(json.root, "state_dict"), "state_dict")) {
        const Json::Array& parts = json.array(entry, "state_dict");
        if (parts.size() < 2) json.refuse("an entry of \"state_dict\" must be [name, shape, dtype]");
        const std::string& name = json.text(parts[0], "state_dict");
        if (const Tensor* tensor = overrides.find(name)) {
            overridden.insert(name);
            state.add(name, *tensor);
            continue;
        }
        Shape shape;
        for (const Json& size : json.array(parts[1], "state_dict")) shape.push_back(json.size(size, "state_dict"));
        if (shape.numel() > (std::int64_t(1) << 31)) json.refuse("\"" + name + "\" " + to_string(shape) + " is too large");
        Tensor tensor = seeded_tensor(name, shape, salt);
        if (const auto factor = scaled.find(name); factor != scaled.end() && tensor.dtype() == DType::f32) {
            for (std::int64_t i = 0; i < tensor.numel(); ++i) tensor.data<float>()[i] *= float(factor->second);
        }
        state.add(name, std::move(tensor));
    }
    for (const auto& entry : overrides.entries()) {
        if (overridden.count(entry.name) == 0) throw FileError("golden case: " + folder + "/overrides.safetensors: \"" + entry.name + "\" is not in the state dict");
    }
    return state;
}

inline std::vector<std::int64_t> integers(const Tensor& tensor, const std::string& name) {
    std::vector<std::int64_t> result;
    const std::int64_t count = tensor.numel();
    for (std::int64_t i = 0; i < count; ++i) {
        switch (tensor.dtype()) {
            case DType::i32: result.push_back(static_cast<const std::int32_t*>(tensor.raw())[i]); break;
            case DType::i16: result.push_back(static_cast<const std::int16_t*>(tensor.raw())[i]); break;
            case DType::i64: result.push_back(static_cast<const std::int64_t*>(tensor.raw())[i]); break;
            case DType::u8: result.push_back(static_cast<const std::uint8_t*>(tensor.raw())[i]); break;
            default: throw FileError("golden case: \"" + name + "\" must hold integers, not " + name_of(tensor.dtype()));
        }
    }
    return result;
}

/// detectron2's names of nodes to those that our models' labels have: res2 is C2 (a RegNet's s1 as well), p3 is P3, a ResNet's stem includes the pooling,
/// the regions of a cascade's stages are counted by calls, proposals come with logits.
inline void rename_detectron2_nodes(std::vector<GoldenTensor>& expected) {
    const auto has = [&](const char* wanted) { return std::any_of(expected.begin(), expected.end(), [&](const GoldenTensor& tensor) { return tensor.name == wanted; }); };
    const bool resnet = has("res2"), cascade = has("stage0.class_logits");
    for (GoldenTensor& tensor : expected) {
        std::string& name = tensor.name;
        if (name == "stem" && resnet) name = "stem_pool";
        if (name.size() == 4 && name.compare(0, 3, "res") == 0) name = "C" + name.substr(3);
        if (name.size() == 2 && name[0] == 's' && name[1] >= '1' && name[1] <= '4') name = {'C', char(name[1] + 1)};
        if (name.compare(0, 14, "roi_feats.call") == 0) name = "stage" + name.substr(14) + ".roi_feats";
        if (name == "roi_feats" && cascade) name = "stage0.roi_feats";
        if (name.size() == 2 && name[0] == 'p') name = "P" + name.substr(1);
        if (name == "sem_seg_logits_stride4") name = "semantic_logits";
        if (name.compare(0, 16, "proposal_logits.") != 0 || tensor.value.dtype() != DType::f32) continue;
        name = "proposal_scores." + name.substr(16);
        Tensor scores(tensor.value.shape(), DType::f32);
        for (std::int64_t i = 0; i < scores.numel(); ++i) scores.data<float>()[i] = float(1 / (1 + std::exp(-double(tensor.value.data<float>()[i]))));
        tensor.value = std::move(scores);
    }
}

/// The background is the first class of torchvision's R-CNNs and the last of ours; boxes and masks we have of objects only. The first `first` entries of axis 1
/// of an array of this shape go to the axis' end, or are left out.
inline void move_background(GoldenTensor& tensor, const Shape& shape, std::int64_t first, bool keep) {
    const std::int64_t columns = shape[1], after = shape.numel() / std::max<std::int64_t>(shape[0] * columns, 1), left = keep ? columns : columns - first;
    std::vector<std::int64_t> index;
    std::vector<float> values;
    for (std::int64_t k = 0; k < tensor.value.numel(); ++k) {
        const std::int64_t at = tensor.index.empty() ? k : tensor.index[std::size_t(k)];
        const std::int64_t row = at / (columns * after), column = at / after % columns;
        if (column < first && !keep) continue;
        index.push_back((row * left + (column + columns - first) % columns) * after + at % after);
        values.push_back(tensor.value.data<float>()[k]);
    }
    tensor.index = std::move(index);
    tensor.value = Tensor(Shape{std::int64_t(values.size())}, DType::f32);
    std::copy(values.begin(), values.end(), tensor.value.data<float>());
}

/// torchvision's points say that they are visible, 1 always, where ours have a score: it has those in a tensor of their own.
inline void score_keypoints(GoldenTensor& points, const std::vector<GoldenTensor>& expected) {
    const auto scores = std::find_if(expected.begin(), expected.end(), [&](const GoldenTensor& tensor) { return tensor.name == "keypoints_scores" + points.name.substr(9); });
    if (scores == expected.end() || scores->value.dtype() != DType::f32 || 3 * scores->value.numel() != points.value.numel()) return;
    points.value = points.value.clone();
    for (std::int64_t i = 0; i < scores->value.numel(); ++i) points.value.data<float>()[3 * i + 2] = scores->value.data<float>()[i];
}

/// torchvision's names of nodes to those that our models' labels have; the R-CNNs' classes in our order.
inline void rename_torchvision_nodes(const CaseJson& json, std::vector<GoldenTensor>& expected) {
    const bool rcnn = std::any_of(expected.begin(), expected.end(), [](const GoldenTensor& tensor) { return tensor.name == "proposals.0"; });
    const std::int64_t classes = json.size(json.member(json.root, "num_classes"), "num_classes");  // with the background
    if (rcnn && (classes < 2 || classes > 100'000)) json.refuse("\"num_classes\" of a model with a background must be 2 .. 100000");
    for (GoldenTensor& tensor : expected) {
        std::string& name = tensor.name;
        const auto begins = [&](const char* begin) { return name.rfind(begin, 0) == 0; };
        if (name == "body.conv1") name = "stem_conv";
        else if (name == "body.maxpool") name = "stem_pool";
        else if (begins("body.layer") && name.size() == 11) name = {'C', char(name[10] + 1)};
        else if (name == "fpn.pool") name = "P6";
        else if (begins("fpn.p")) name = "P" + name.substr(5);
        else if (begins("fpn.") && name.size() == 5) name = {'P', char(name[4] + (rcnn ? 2 : 3))};
        if (!rcnn) continue;
        if (begins("labels.") && tensor.value.dtype() == DType::i32) {
            tensor.value = tensor.value.clone();
            for (std::int64_t i = 0; i < tensor.value.numel(); ++i) --tensor.value.data<std::int32_t>()[i];
        }
        if (tensor.value.dtype() != DType::f32) continue;
        if (begins("keypoints.")) score_keypoints(tensor, expected);
        if (begins("class_logits")) move_background(tensor, {1, classes}, 1, true);
        if (begins("box_regression")) move_background(tensor, {1, 4 * classes}, 4, false);
        if (name == "mask_logits") move_background(tensor, {1, classes, 28, 28}, 1, false);
    }
}

inline std::vector<GoldenSegment> expected_segments(const CaseJson& json, const Json& list) {
    std::vector<GoldenSegment> segments;
    for (const Json& item : json.array(list, "panoptic_segments")) {
        GoldenSegment segment{json.size(json.member(item, "id"), "id"), false, json.size(json.member(item, "category_id"), "category_id"), 0, 0};
        const Json& kind = json.member(item, "isthing");
        if (kind.boolean() == nullptr) json.refuse("\"isthing\" must be true or false");
        segment.is_thing = *kind.boolean();
        if (segment.is_thing) segment.score = json.number(json.member(item, "score"), "score");
        else segment.area = json.size(json.member(item, "area"), "area");
        segments.push_back(segment);
    }
    return segments;
}

inline std::vector<GoldenTensor> expected_tensors(const CaseJson& json, const std::string& folder) {
    const std::string path = folder + "/expected.safetensors";
    const Weights file = read_weights(path);
    std::map<std::string, GoldenTensor> by_name;
    for (const auto& entry : file.entries()) {
        const std::size_t at = entry.name.find('@');
        GoldenTensor& tensor = by_name[entry.name.substr(0, at)];
        if (at != std::string::npos && entry.name.substr(at) == "@index") tensor.index = integers(entry.tensor, entry.name);
        else if (at != std::string::npos && entry.name.substr(at) == "@rows") tensor.rows = integers(entry.tensor, entry.name);
        else tensor.value = entry.tensor;
    }
    std::vector<GoldenTensor> result;
    const Json* samples = json.root.find("samples");
    for (auto& [name, tensor] : by_name) {
        tensor.name = name;
        if (!tensor.index.empty() && std::int64_t(tensor.index.size()) != tensor.value.numel()) throw FileError("golden case: " + path + ": \"" + name + "\" has other positions than values");
        const Json* sample = samples == nullptr ? nullptr : samples->find(name);
        if (const Json* deviation = sample == nullptr ? nullptr : sample->find("std")) tensor.std = json.number(*deviation, "samples");
        result.push_back(std::move(tensor));
    }
    return result;
}

}  // namespace detail::golden

REGULUS_INLINE const GoldenTensor* GoldenCase::find(const std::string& name) const {
    for (const GoldenTensor& tensor : expected) {
        if (tensor.name == name) return &tensor;
    }
    return nullptr;
}

REGULUS_INLINE const GoldenTensor& GoldenCase::at(const std::string& name) const {
    if (const GoldenTensor* found = find(name)) return *found;
    throw FileError("golden case: " + folder + "/expected.safetensors has no \"" + name + "\"");
}

REGULUS_INLINE GoldenCase read_golden_case(const std::string& folder) {
    using namespace detail::golden;
    const CaseJson json = case_json(folder);
    GoldenCase result;
    result.folder = folder;
    result.zoo = json.text(json.member(json.root, "zoo"), "zoo");
    result.salt = std::uint64_t(json.size(json.member(json.root, "salt"), "salt"));
    for (const Json& name : json.array(json.member(json.root, "images"), "images")) result.images.push_back(find_picture(folder, json.text(name, "images")));
    if (result.images.empty() || result.images.size() > 64) json.refuse("\"images\" must name 1 .. 64 pictures");
    if (const Json* steps = json.root.find("test_pipeline")) {
        for (const Json& step : json.array(*steps, "test_pipeline")) {
            const Json* scale = step.find("scale");
            if (scale == nullptr) continue;
            const Json::Array& sides = json.array(*scale, "scale");
            if (sides.size() != 2) json.refuse("\"scale\" must be two sizes");
            result.long_side = std::max(json.size(sides[0], "scale"), json.size(sides[1], "scale"));
            result.short_side = std::min(json.size(sides[0], "scale"), json.size(sides[1], "scale"));
        }
    }
    if (const Json* config = json.root.find("config_resolved"); config != nullptr) {  // detectron2's
        const Json& input = json.member(*config, "INPUT");
        result.short_side = json.size(json.member(input, "MIN_SIZE_TEST"), "MIN_SIZE_TEST");
        result.long_side = json.size(json.member(input, "MAX_SIZE_TEST"), "MAX_SIZE_TEST");
        const Json* model = config->find("MODEL");
        const Json* rpn = model == nullptr ? nullptr : model->find("RPN");
        if (const Json* proposals = rpn == nullptr ? nullptr : rpn->find("POST_NMS_TOPK_TEST")) result.proposals = json.size(*proposals, "POST_NMS_TOPK_TEST");
    } else if (json.root.find("lazy_model_config") != nullptr) {  // detectron2's configs in Python say nothing of pictures
        const std::string& rule = json.text(json.member(json.root, "resize"), "resize");
        const std::size_t at = rule.find("ResizeShortestEdge(");
        int short_side = 0, long_side = 0;
        if (at == std::string::npos || std::sscanf(rule.c_str() + at, "ResizeShortestEdge(%5d, max %5d)", &short_side, &long_side) != 2 || short_side < 1 || long_side < 1) json.refuse("\"resize\" must name ResizeShortestEdge(short side, max long side)");
        result.short_side = short_side;
        result.long_side = long_side;
    }
    const Json* peer = json.root.find("peer");
    const auto made_by = [&](const char* name) { return peer != nullptr && peer->text() != nullptr && *peer->text() == name; };
    const bool torchvision_detector = made_by("torchvision") && json.root.find("min_size") != nullptr;
    if (torchvision_detector) {
        result.short_side = json.size(json.member(json.root, "min_size"), "min_size");
        result.long_side = json.size(json.member(json.root, "max_size"), "max_size");
    }
    result.state = state_dict(json, folder, result.salt);
    result.expected = expected_tensors(json, folder);
    for (std::size_t i = 0; i < result.images.size(); ++i) {
        if (const Json* list = json.root.find("panoptic_segments." + std::to_string(i))) result.segments.push_back(expected_segments(json, *list));
    }
    if (made_by("detectron2")) rename_detectron2_nodes(result.expected);
    if (torchvision_detector) rename_torchvision_nodes(json, result.expected);
    return result;
}

}  // namespace regulus
