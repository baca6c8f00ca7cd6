#pragma once
#include <algorithm>
#include <cmath>
#include <utility>
#include <variant>
#if defined(_OPENMP)
#include <omp.h>
#endif

#include <regulus/core/error.hpp>
#include <regulus/graph/kernels/proposals.hpp>
#include <regulus/graph/passes.hpp>
#include <regulus/train/assign-impl.hpp>
#include <regulus/train/dense_loss.hpp>
#include <regulus/train/losses-impl.hpp>
#include <regulus/train/sampling-impl.hpp>

namespace regulus::train {

namespace detail {

/// Cells of a picture's level that hold anchors worth learning from: those of the padded picture.
inline std::int64_t cells_inside(float side, int pad_divisor, int stride, std::int64_t cells) {
    if (pad_divisor == 0) return cells;
    const double padded = std::ceil(double(side) / pad_divisor) * pad_divisor;
    return std::int64_t(std::min(double(cells), std::ceil(padded / stride)));
}

inline void need_dense(const char* who, const std::vector<ops::DecodeAnchors>& levels, const std::vector<DenseMaps>& maps, std::int64_t pictures) {
    if (levels.empty() || levels.size() != maps.size() || pictures == 0) {
        throw ShapeError(std::string(who) + ": anchors of " + std::to_string(levels.size()) + " levels, maps of " + std::to_string(maps.size()) + " and " + std::to_string(pictures) +
                         " pictures; give as many anchors as maps, and a picture");
    }
    for (std::size_t level = 0; level < levels.size(); ++level) {
        const std::int64_t anchors = std::int64_t(levels[level].anchors.size()), classes = levels[level].classes;
        if (levels[level].stride < 1 || classes < 1 || classes != levels.front().classes) {
            throw ArgumentError(std::string(who) + ": level " + std::to_string(level) + " has stride " + std::to_string(levels[level].stride) + " and " + std::to_string(classes) +
                                " classes; both must be positive, and the classes those of the first level");
        }
        const Shape& shape = maps[level].logits.shape();
        if (shape.rank() != 4) throw ShapeError(std::string(who) + ": logits must be [pictures, channels, height, width], got " + to_string(shape));
        need_shape(who, "logits", maps[level].logits, Shape{pictures, anchors * classes, shape[2], shape[3]}, DType::f32);
        need_shape(who, "deltas", maps[level].deltas, Shape{pictures, anchors * 4, shape[2], shape[3]}, DType::f32);
    }
}

/// The divisor of each picture's sums.
inline std::vector<double> normalisers(const DenseTraining& training, const std::vector<SampledBoxes>& samples) {
    double objects = 0, background = 0, objects_of_each = 0, background_of_each = 0;
    std::vector<double> own;
    for (const SampledBoxes& sample : samples) {
        const double yes = double(sample.positives.size()), no = double(sample.negatives.size());
        objects += yes, background += no;
        objects_of_each += std::max(yes, 1.0), background_of_each += std::max(no, 1.0);
        own.push_back(std::max(yes, 1.0) * double(samples.size()));
    }
    const auto all = [&](double value) { return std::vector<double>(samples.size(), value); };
    switch (training.normaliser) {
        case Normaliser::objects_of_each: return all(objects_of_each);
        case Normaliser::objects_of_all: return all(std::max(objects, 1.0));
        case Normaliser::moving_objects: return all(training.moving_share * training.moving_average + (1 - training.moving_share) * std::max(objects, 1.0));
        case Normaliser::own_objects: return own;
        case Normaliser::sampled_of_each: return all(objects_of_each + background_of_each);
        case Normaliser::sampled_of_all: return all(std::max(objects + background, 1.0));
        case Normaliser::sampling_size: break;
    }
    return all(double(training.sampling.count) * double(samples.size()));
}

}  // namespace detail

REGULUS_INLINE std::vector<std::int32_t> dense_assignment(const std::vector<ops::DecodeAnchors>& levels, const std::vector<DenseMaps>& maps, const float* image_info, const Truth2d& truth,
                                                          const DenseTraining& training) {
    detail::need_dense("dense_assignment", levels, maps, maps.empty() || maps.front().logits.shape().rank() == 0 ? 0 : maps.front().logits.shape()[0]);
    if (training.pad_divisor < 0) throw ArgumentError("dense_assignment: pad_divisor must be >= 0, got " + std::to_string(training.pad_divisor));
    const kernels::Picture<float> picture = kernels::load_picture(image_info);
    std::vector<float> corners;
    std::vector<std::uint8_t> takes_part;
    for (std::size_t level = 0; level < levels.size(); ++level) {
        const std::int64_t height = maps[level].logits.shape()[2], width = maps[level].logits.shape()[3];
        const std::int64_t rows = detail::cells_inside(picture.height, training.pad_divisor, levels[level].stride, height);
        const std::int64_t columns = detail::cells_inside(picture.width, training.pad_divisor, levels[level].stride, width);
        for (std::int64_t cell = 0; cell < height * width; ++cell) {
            for (std::size_t a = 0; a < levels[level].anchors.size(); ++a) {
                const kernels::Box<float> box = kernels::anchor_box<float>(levels[level], width, cell, std::int64_t(a));
                const float edge = training.border;
                const bool inside = edge < 0 || (box.x1 >= -edge && box.y1 >= -edge && box.x2 < picture.width + edge && box.y2 < picture.height + edge);
                corners.insert(corners.end(), {box.x1, box.y1, box.x2, box.y2});
                takes_part.push_back(inside && cell / width < rows && cell % width < columns ? 1 : 0);
            }
        }
    }
    const Tensor anchors(Shape{std::int64_t(takes_part.size()), 4}, DType::f32, corners.data(), nullptr);
    return assign_boxes(anchors, truth, training.assigner, takes_part);
}

REGULUS_INLINE DenseLoss dense_loss(const std::vector<ops::DecodeAnchors>& levels, const std::vector<DenseMaps>& maps, const Tensor& image_info, const std::vector<Truth2d>& truths,
                                    const DenseTraining& training, std::uint64_t seed) {
    constexpr const char* who = "dense_loss";
    const std::int64_t pictures = std::int64_t(truths.size());
    detail::need_dense(who, levels, maps, pictures);
    detail::need_shape(who, "image_info", image_info, Shape{pictures, 4}, DType::f32);
    const std::int32_t classes = levels.front().classes;
    for (std::int64_t picture = 0; picture < pictures; ++picture) {
        const float* const info = image_info.data<float>() + 4 * picture;
        if (!(info[0] > 0 && info[1] > 0 && std::isfinite(info[0]) && std::isfinite(info[1]))) {
            throw ArgumentError(std::string(who) + ": picture " + std::to_string(picture) + " has the size " + std::to_string(info[0]) + " x " + std::to_string(info[1]) + "; image_info is what preprocess() gives");
        }
    }
    if (!(training.beta >= 0)) throw ArgumentError(std::string(who) + ": beta must be >= 0, got " + std::to_string(training.beta));

    DenseLoss loss;
    std::vector<std::vector<std::int32_t>> assigned, labels;  // of each picture's anchors; labels: class, -1 or left_out
    std::vector<SampledBoxes> samples;
    for (std::int64_t picture = 0; picture < pictures; ++picture) {
        const Truth2d& truth = truths[std::size_t(picture)];
        detail::need_truth(who, truth, training.objectness ? INT32_MAX : classes);
        assigned.push_back(dense_assignment(levels, maps, image_info.data<float>() + 4 * picture, truth, training));
        samples.push_back(sample_boxes(assigned.back(), training.sampling, seed, std::uint64_t(picture)));
        std::vector<std::int32_t>& own = labels.emplace_back(assigned.back().size(), detail::left_out);
        for (const std::int64_t i : samples.back().negatives) own[std::size_t(i)] = -1;
        for (const std::int64_t i : samples.back().positives) own[std::size_t(i)] = training.objectness ? 0 : truth.labels.data<std::int32_t>()[assigned.back()[std::size_t(i)]];
        loss.positives += std::int64_t(samples.back().positives.size());
        loss.negatives += std::int64_t(samples.back().negatives.size());
    }
    const std::vector<double> normaliser = detail::normalisers(training, samples);
    loss.normaliser = normaliser.front();
    detail::need_positive(who, "the normaliser", loss.normaliser);

    std::int64_t first = 0;  // anchor of the level
    std::vector<std::size_t> next(std::size_t(pictures), 0);  // of each picture's samples
    for (std::size_t level = 0; level < levels.size(); ++level) {
        const Shape& shape = maps[level].logits.shape();
        const std::int64_t anchors = std::int64_t(levels[level].anchors.size()), channels = shape[1], width = shape[3], area = shape[2] * shape[3];
        loss.gradient.push_back({Tensor(shape, DType::f32), Tensor::zeros(maps[level].deltas.shape())});

        std::vector<double> sums(std::size_t(pictures * channels));
        const auto term_of = [&](double logit, bool yes) { return training.focal_scores ? detail::focal_term(logit, yes, training.focal) : detail::binary_term(logit, yes ? 1.0 : 0.0); };
        const float* const logits = maps[level].logits.data<float>();
        float* const by_logits = loss.gradient.back().logits.data<float>();
#if defined(_OPENMP)
#pragma omp parallel for schedule(dynamic, 1) num_threads(training.threads > 0 ? training.threads : omp_get_max_threads())
#endif
        for (std::int64_t plane = 0; plane < pictures * channels; ++plane) {
            const std::size_t picture = std::size_t(plane / channels);
            const std::int64_t anchor = plane % channels / classes;
            sums[std::size_t(plane)] = detail::plane_loss(logits + plane * area, labels[picture].data() + first + anchor, area, anchors, std::int32_t(plane % classes),
                                                          training.classification / normaliser[picture], by_logits + plane * area, term_of);
        }
        for (const double sum : sums) loss.classification += sum;

        const float* const deltas = maps[level].deltas.data<float>();
        float* const by_deltas = loss.gradient.back().deltas.data<float>();
        for (std::int64_t picture = 0; picture < pictures; ++picture) {
            const double weight = training.boxes / normaliser[std::size_t(picture)];
            const std::vector<std::int64_t>& positives = samples[std::size_t(picture)].positives;
            for (std::size_t& i = next[std::size_t(picture)]; i < positives.size() && positives[i] < first + area * anchors; ++i) {
                const std::int64_t cell = (positives[i] - first) / anchors, anchor = (positives[i] - first) % anchors;
                const float* const truth = truths[std::size_t(picture)].boxes.data<float>() + 4 * assigned[std::size_t(picture)][std::size_t(positives[i])];
                float target[4];
                kernels::encode_box(levels[level].coder, kernels::anchor_box<float>(levels[level], width, cell, anchor), kernels::load_box(truth), target);
                for (std::int64_t k = 0; k < 4; ++k) {
                    const std::int64_t at = (picture * 4 * anchors + 4 * anchor + k) * area + cell;
                    const detail::Term term = detail::smooth_l1_term(double(deltas[at]) - double(target[k]), training.beta);
                    loss.boxes += weight * term.value;
                    by_deltas[at] = float(weight * term.slope);
                }
            }
        }
        first += area * anchors;
    }
    return loss;
}

REGULUS_INLINE std::vector<ops::DecodeAnchors> dense_levels(const Graph& graph, const std::string& deltas) {
    std::vector<ops::DecodeAnchors> levels;
    for (const Node& node : graph.nodes) {
        const auto* decode = std::get_if<ops::DecodeAnchors>(&node.operation);
        if (decode != nullptr && graph.values[std::size_t(node.inputs[0])].label == deltas + "." + std::to_string(levels.size())) levels.push_back(*decode);
    }
    if (levels.empty()) throw ArgumentError("dense_levels: " + graph.name + " decodes no anchors by values labelled " + deltas + ".0, " + deltas + ".1, ...");
    return levels;
}

namespace detail {

/// The part of a recorded detector that gives the values labelled name.0, name.1, ... of all these names, level by level.
inline Graph graph_of_levels(Graph detector, const std::vector<std::string>& names) {
    detector.outputs.clear();
    std::vector<std::string> labels;
    std::string first;  // level's labels
    for (int level = 0; detector.find_label(names.front() + "." + std::to_string(level)) != no_value; ++level) {
        for (const std::string& name : names) labels.push_back(name + "." + std::to_string(level));
    }
    for (const std::string& name : names) first += name + ".0, ";
    if (labels.empty()) throw ArgumentError("dense_graph: " + detector.name + " has no values labelled " + first + "...");
    return remove_idle_inputs(remove_dead(with_outputs(std::move(detector), labels)));
}

}  // namespace detail

REGULUS_INLINE Graph dense_graph(Graph detector, const std::string& logits, const std::string& deltas) { return detail::graph_of_levels(std::move(detector), {logits, deltas}); }

REGULUS_INLINE std::vector<DenseMaps> dense_maps(const Outputs& outputs, const std::string& logits, const std::string& deltas) {
    const auto find = [&](const std::string& name, std::size_t level) -> const Tensor* {
        for (const auto& entry : outputs.entries()) {
            if (entry.first == name + "." + std::to_string(level)) return &entry.second;
        }
        return nullptr;
    };
    std::vector<DenseMaps> maps;
    while (const Tensor* map = find(logits, maps.size())) {
        const Tensor* beside = find(deltas, maps.size());
        if (beside == nullptr) throw ArgumentError("dense_maps: there is an output " + logits + "." + std::to_string(maps.size()) + ", but no " + deltas + "." + std::to_string(maps.size()));
        maps.push_back({*map, *beside});
    }
    if (maps.empty()) throw ArgumentError("dense_maps: there is no output " + logits + ".0; record the maps as the graph's outputs");
    return maps;
}

REGULUS_INLINE std::vector<Tensor> in_order_of(const Outputs& outputs, const std::vector<DenseMaps>& maps, const std::string& logits, const std::string& deltas) {
    std::vector<Tensor> ordered;
    for (const auto& entry : outputs.entries()) {
        ordered.emplace_back();
        for (std::size_t level = 0; level < maps.size(); ++level) {
            if (entry.first == logits + "." + std::to_string(level)) ordered.back() = maps[level].logits;
            if (entry.first == deltas + "." + std::to_string(level)) ordered.back() = maps[level].deltas;
        }
    }
    return ordered;
}

}  // namespace regulus::train
