#pragma once
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <string>
#include <utility>

#include <regulus/graph/kernels/nms.hpp>
#include <regulus/graph/passes.hpp>
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
    if (settings.detections < 1 || settings.detections > 10'000) refuse("detections must be 1 .. 10000, got " + std::to_string(settings.detections));
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

/// A box of a picture on a version of it or back: a product for each of two sizes in turn, as detectron2's transforms have them.
inline std::array<float, 4> moved(std::array<float, 4> box, PictureSize from, PictureSize between, PictureSize to) {
    const auto factor = [](std::int64_t before, std::int64_t after) { return float(double(after) / double(before)); };
    for (std::size_t j = 0; j < 4; ++j) {
        box[j] *= j % 2 == 0 ? factor(from.width, between.width) : factor(from.height, between.height);
        box[j] *= j % 2 == 0 ? factor(between.width, to.width) : factor(between.height, to.height);
    }
    return box;
}

inline std::array<float, 4> mirrored(const std::array<float, 4>& box, std::int64_t width) { return {float(width) - box[2], box[1], float(width) - box[0], box[3]}; }

/// The boxes of all versions whose scores exceed the threshold, in pixels of the original picture and clipped to it.
struct Found {
    float threshold = 0;
    std::vector<float> boxes, scores;
    std::vector<std::int32_t> labels;

    void add(const DetectionList& detections, bool is_mirrored, PictureSize between, PictureSize original) {
        for (const Detection& detection : detections) {
            std::array<float, 4> box = detection.box;
            const bool finite = std::all_of(box.begin(), box.end(), [](float side) { return std::isfinite(side); });
            if (!finite || !(detection.score > threshold)) continue;
            box = moved(is_mirrored ? mirrored(box, detections.picture.width) : box, detections.picture, between, original);
            clip_to(box, original);
            boxes.insert(boxes.end(), box.begin(), box.end());
            scores.push_back(detection.score);
            labels.push_back(detection.label);
        }
    }
};

/// What a suppression within each class leaves of them.
inline DetectionList merged(const Found& found, const AugmentedSettings& settings, const ModelFacts& facts, PictureSize picture) {
    const std::int64_t candidates = std::int64_t(found.scores.size());
    const ops::Nms op{1, settings.iou_threshold, int(std::min<std::int64_t>(settings.detections, std::max<std::int64_t>(candidates, 1))), -1.f};
    const kernels::CandidateList<float> list{found.boxes.data(), found.scores.data(), found.labels.data(), candidates};
    std::vector<std::uint64_t> scratch(kernels::NmsScratch<float>::bytes(candidates, op.limit) / sizeof(std::uint64_t) + 1);
    std::vector<float> boxes(4 * std::size_t(op.limit)), scores(std::size_t(op.limit), 0.f);
    std::vector<std::int32_t> labels(std::size_t(op.limit), 0);
    const std::int32_t kept = kernels::nms<float>(op, &list, 1, {scratch.data(), candidates}, boxes.data(), scores.data(), labels.data());

    DetectionList result{picture, {}};
    for (std::size_t i = 0; i < std::size_t(kept); ++i) {
        Detection detection;
        std::copy_n(boxes.data() + 4 * i, 4, detection.box.begin());
        if (!(detection.box[2] > detection.box[0] && detection.box[3] > detection.box[1])) continue;
        detection.score = scores[i];
        detection.label = labels[i];
        detection.class_name = facts.class_name(detection.label);
        detection.category_id = facts.category_id(detection.label);
        detection.picture = picture;
        detection.mask_threshold = facts.mask_threshold;
        detection.paste_rule = facts.paste_rule;
        result.items.push_back(std::move(detection));
    }
    return result;
}

/// Calls `look` with each version and whether it is mirrored.
template <class Function>
void each_version(const Image& between, const AugmentedSettings& settings, Preprocessing sizes, const Function& look) {
    sizes.long_side = settings.long_side;
    for (const std::int64_t side : settings.short_sides) {
        sizes.short_side = side;
        const Image version = resize(between, resized_size(between.size(), sizes), sizes.interpolation);
        look(version, false);
        if (settings.mirrors) look(mirrored(version), true);
    }
}

/// What the detector works with: only boxes and masks are asked for, and masks are those of given boxes.
inline Graph for_versions(Graph graph, const AugmentedSettings& settings) {
    if (proposal_limit(graph) != 0) throw ArgumentError("augmented detector: " + graph.name + " looks into given boxes, which are those of one version");
    const auto is_other = [](const auto& output) {
        const std::string& name = output.first;
        return name != "boxes" && name != "scores" && name != "labels" && name != "count" && name != "masks";
    };
    graph.outputs.erase(std::remove_if(graph.outputs.begin(), graph.outputs.end(), is_other), graph.outputs.end());
    const bool masks = std::any_of(graph.outputs.begin(), graph.outputs.end(), [](const auto& output) { return output.first == "masks"; });
    graph = remove_dead(std::move(graph));
    return masks ? with_given_boxes(std::move(graph), settings.detections) : graph;
}

/// The inputs that with_given_boxes adds: of these objects, which are at most `limit`.
struct Given {
    Tensor boxes, labels, count;

    Given(const std::vector<Detection>& objects, std::int64_t limit) : boxes(Tensor::zeros({limit, 4}, DType::f32)), labels(Tensor::zeros({limit}, DType::i32)), count(Shape{1}, DType::i32) {
        for (std::size_t i = 0; i < objects.size(); ++i) {
            std::copy(objects[i].box.begin(), objects[i].box.end(), boxes.data<float>() + 4 * i);
            labels.data<std::int32_t>()[i] = objects[i].label;
        }
        count.data<std::int32_t>()[0] = std::int32_t(objects.size());
    }
    void add_to(std::vector<Tensor>& inputs) const { inputs.insert(inputs.end(), {boxes, labels, count}); }
};

/// Adds a version's masks of the objects to theirs.
inline void add_masks(const Tensor& masks, bool is_mirrored, std::vector<Detection>& objects) {
    const std::size_t side = std::size_t(masks.shape()[masks.shape().rank() - 1]), size = side * side;
    for (std::size_t i = 0; i < objects.size(); ++i) {
        objects[i].mask_side = int(side);
        objects[i].mask_probabilities.resize(size);
        const float* const mask = masks.data<float>() + i * size;
        for (std::size_t k = 0; k < size; ++k) objects[i].mask_probabilities[k] += mask[is_mirrored ? k - k % side + side - 1 - k % side : k];
    }
}

}  // namespace detail::augmented

REGULUS_INLINE AugmentedDetector::AugmentedDetector(const Backend& backend, const Graph& graph, const Weights& weights, const ModelFacts& facts, const AugmentedSettings& settings,
                                                    const CompileOptions& options)
    : settings_(detail::augmented::checked(settings)), detector_(backend, detail::augmented::for_versions(graph, settings), weights, facts, options) {
    const Preprocessing& eyes = detector_.facts().preprocessing;
    if (eyes.resize_rule == ResizeRule::none || eyes.interpolation == Interpolation::torch_bilinear) {
        throw ArgumentError("augmented detector: " + graph.name + " must resize pictures of bytes, as models of detectron2 and mmdetection do");
    }
}

REGULUS_INLINE bool AugmentedDetector::has_masks() const { return proposal_limit(detector_.program().graph()) != 0; }

REGULUS_INLINE DetectionList AugmentedDetector::operator()(const Image& image) const {
    using namespace detail::augmented;
    ModelFacts facts = detector_.facts();
    check_image(image, "augmented detector");
    if (image.empty()) throw ShapeError("augmented detector: the picture has no pixels");
    const bool in_original_pixels = gives_original_pixels(detector_.program().graph());
    const Image between = resize(image, resized_size(image.size(), facts.preprocessing), facts.preprocessing.interpolation);
    const Preprocessing sizes = facts.preprocessing;
    facts.preprocessing.resize_rule = ResizeRule::none;  // versions have the size that the network sees
    facts.clips_boxes = false;
    Found found{settings_.score_threshold, {}, {}, {}};
    Context context;
    const auto run = [&](const PreparedBatch& batch, const std::vector<Detection>& given) {
        std::vector<Tensor> inputs{batch.input, batch.image_info};
        if (has_masks()) Given(given, settings_.detections).add_to(inputs);
        return detector_.program().run(context, inputs);
    };
    each_version(between, settings_, sizes, [&](const Image& version, bool is_mirrored) {
        const PreparedBatch batch = preprocess(version, facts.preprocessing);
        const Outputs outputs = run(batch, {});
        Outputs boxes;  // without the masks of nothing
        for (const auto& [name, tensor] : outputs.entries()) {
            if (name != "masks") boxes.add(name, tensor);
        }
        found.add(collect_detections(boxes, batch, facts, in_original_pixels)[0], is_mirrored, between.size(), image.size());
    });

    DetectionList result = merged(found, settings_, facts, image.size());
    if (!has_masks() || result.empty()) return result;

    int versions = 0;
    each_version(between, settings_, sizes, [&](const Image& version, bool is_mirrored) {
        std::vector<Detection> given = result.items;
        for (Detection& detection : given) {
            detection.box = moved(detection.box, image.size(), between.size(), version.size());
            if (is_mirrored) detection.box = mirrored(detection.box, version.width);
        }
        add_masks(run(preprocess(version, facts.preprocessing), given)["masks"], is_mirrored, result.items);
        ++versions;
    });
    for (Detection& detection : result.items) {
        for (float& probability : detection.mask_probabilities) probability /= float(versions);
    }
    return result;
}

}  // namespace regulus
