#pragma once
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <string>
#include <utility>

#include <regulus/graph/kernels/nms.hpp>
#include <regulus/pipeline/any_detector-impl.hpp>
#include <regulus/pipeline/augmented.hpp>

namespace regulus {

namespace detail::augmented {

inline const AugmentedSettings& checked(const AugmentedSettings& settings) {
    const auto refuse = [](const std::string& what) { throw ArgumentError("augmented detector: " + what); };
    if (settings.short_sides.empty()) refuse("needs one short side or more, got none");
    for (const std::int64_t side : settings.short_sides) {
        if (side < 1) refuse("short sides must be >= 1, got " + std::to_string(side));
    }
    if (settings.long_side < 1) refuse("long_side must be >= 1, got " + std::to_string(settings.long_side));
    if (settings.detections < 1) refuse("detections must be >= 1, got " + std::to_string(settings.detections));
    if (!std::isfinite(settings.score_threshold) || !std::isfinite(settings.iou_threshold)) refuse("thresholds must be finite");
    return settings;
}

inline Image mirrored(const Image& image) {
    Image result(image.height, image.width);
    for (std::int64_t y = 0; y < image.height; ++y) {
        for (std::int64_t x = 0; x < image.width; ++x) std::copy_n(image.pixel(y, x), 3, result.pixel(y, image.width - 1 - x));
    }
    return result;
}

/// The boxes of all versions whose scores exceed the threshold, in pixels of the original picture and clipped to it.
struct Found {
    float threshold = 0;
    std::vector<float> boxes, scores;
    std::vector<std::int32_t> labels;

    /// Back from the version to the picture that it was made from, and from that to the original: a product each, as detectron2's transforms have them.
    void add(const DetectionList& detections, bool is_mirrored, PictureSize between, PictureSize original) {
        const PictureSize version = detections.picture;
        const std::array<float, 2> first{float(double(between.width) / double(version.width)), float(double(between.height) / double(version.height))};
        const std::array<float, 2> second{float(double(original.width) / double(between.width)), float(double(original.height) / double(between.height))};
        for (const Detection& detection : detections) {
            std::array<float, 4> box = detection.box;
            const bool finite = std::all_of(box.begin(), box.end(), [](float side) { return std::isfinite(side); });
            if (!finite || !(detection.score > threshold)) continue;
            if (is_mirrored) box[0] = float(version.width) - box[0], box[2] = float(version.width) - box[2], std::swap(box[0], box[2]);
            for (std::size_t j = 0; j < 4; ++j) box[j] = box[j] * first[j % 2] * second[j % 2];
            clip_to(box, original);
            boxes.insert(boxes.end(), box.begin(), box.end());
            scores.push_back(detection.score);
            labels.push_back(detection.label);
        }
    }
};

}  // namespace detail::augmented

REGULUS_INLINE AugmentedDetector::AugmentedDetector(const Backend& backend, const Graph& graph, const Weights& weights, const ModelFacts& facts, const AugmentedSettings& settings,
                                                    const CompileOptions& options)
    : settings_(detail::augmented::checked(settings)), detector_(backend, graph, weights, facts, options) {
    const Preprocessing& eyes = detector_.facts().preprocessing;
    if (eyes.resize_rule == ResizeRule::none || eyes.interpolation == Interpolation::torch_bilinear) {
        throw ArgumentError("augmented detector: " + graph.name + " must resize pictures of bytes, as models of detectron2 and mmdetection do");
    }
}

REGULUS_INLINE DetectionList AugmentedDetector::operator()(const Image& image) const {
    using namespace detail::augmented;
    ModelFacts facts = detector_.facts();
    check_image(image, "augmented detector");
    if (image.empty()) throw ShapeError("augmented detector: the picture has no pixels");
    const bool in_original_pixels = gives_original_pixels(detector_.program().graph());
    const Image between = resize(image, resized_size(image.size(), facts.preprocessing), facts.preprocessing.interpolation);
    Preprocessing sizes = facts.preprocessing;  // of the versions
    sizes.long_side = settings_.long_side;
    facts.preprocessing.resize_rule = ResizeRule::none;  // versions have the size that the network sees
    facts.clips_boxes = false;
    Found found{settings_.score_threshold, {}, {}, {}};
    Context context;
    for (const std::int64_t side : settings_.short_sides) {
        sizes.short_side = side;
        const Image version = resize(between, resized_size(between.size(), sizes), sizes.interpolation);
        for (const bool mirror : {false, true}) {
            if (mirror && !settings_.mirrors) continue;
            const PreparedBatch batch = preprocess(mirror ? mirrored(version) : version, facts.preprocessing);
            const Outputs outputs = detector_.program().run(context, {batch.input, batch.image_info});
            found.add(collect_detections(outputs, batch, facts, in_original_pixels)[0], mirror, between.size(), image.size());
        }
    }

    const std::int64_t candidates = std::int64_t(found.scores.size());
    const ops::Nms op{1, settings_.iou_threshold, int(std::min<std::int64_t>(settings_.detections, std::max<std::int64_t>(candidates, 1))), -1.f};
    const kernels::CandidateList<float> list{found.boxes.data(), found.scores.data(), found.labels.data(), candidates};
    std::vector<std::uint64_t> scratch(kernels::NmsScratch<float>::bytes(candidates, op.limit) / sizeof(std::uint64_t) + 1);
    std::vector<float> boxes(4 * std::size_t(op.limit)), scores(std::size_t(op.limit), 0.f);
    std::vector<std::int32_t> labels(std::size_t(op.limit), 0);
    const std::int32_t kept = kernels::nms<float>(op, &list, 1, {scratch.data(), candidates}, boxes.data(), scores.data(), labels.data());

    DetectionList result{image.size(), {}};
    for (std::size_t i = 0; i < std::size_t(kept); ++i) {
        Detection detection;
        std::copy_n(boxes.data() + 4 * i, 4, detection.box.begin());
        if (!(detection.box[2] > detection.box[0] && detection.box[3] > detection.box[1])) continue;
        detection.score = scores[i];
        detection.label = labels[i];
        detection.class_name = facts.class_name(detection.label);
        detection.category_id = facts.category_id(detection.label);
        detection.picture = image.size();
        result.items.push_back(std::move(detection));
    }
    return result;
}

}  // namespace regulus
