#pragma once
// What steps of whole detectors beside other programs share: pictures, boxes, weights, norms of gradients.
#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include <regulus/converters/seeded_weights.hpp>
#include <regulus/train/detector_teacher.hpp>
#include <regulus/zoo/zoo.hpp>

#include "reference/graph_support.hpp"

namespace regulus::testing {

constexpr int step_pictures = 2, step_height = 128, step_width = 160;

/// The pictures and boxes of torch_detectors.py and detectron2_detectors.py; labels, masks and the rest are for the caller to fill in.
inline train::TrainingBatch step_batch() {
    train::TrainingBatch batch;
    batch.input = Tensor(Shape{step_pictures, 3, step_height, step_width}, DType::f32);
    for (std::int64_t i = 0; i < batch.input.numel(); ++i) batch.input.data<float>()[i] = float(double((i * 7919 + i / step_width * 104729) % 2003) / 1001 - 1);
    batch.image_info = whole_pictures(step_pictures, step_height, step_width);
    for (int n = 0; n < step_pictures; ++n) {
        train::PictureTruth& picture = batch.truths.emplace_back();
        picture.truth.boxes = tensor_of(Shape{3, 4}, {8.5f, 10.25f, 70.75f, 90.5f, 60.f + float(n), 30, 150.5f, 120, 20, 84, 50.5f, 110.25f - float(n)});
        picture.truth.labels = Tensor::zeros(Shape{3}, DType::i32);
    }
    return batch;
}

/// Seeded weights, a tenth of them in the layers that tell scores and deltas: losses of the order of 1.
inline Weights step_weights(const Graph& graph, const std::string& code_base) {
    const Weights weights = seeded_weights(graph, code_base);
    Weights scaled;
    for (const Weights::Entry& entry : weights.entries()) {
        const bool last = entry.name.find("logits.weight") != std::string::npos || entry.name.find("deltas.weight") != std::string::npos;
        Tensor tensor = entry.tensor.clone();
        for (std::int64_t i = 0; last && i < tensor.numel(); ++i) tensor.data<float>()[i] *= 0.1f;
        scaled.add(entry.name, tensor);
    }
    return scaled;
}

/// Of the gradients of all parameters whose names have one of these beginnings.
inline double gradient_norm(train::Learner& learner, const std::vector<std::string>& beginnings) {
    double sum = 0;
    for (const train::LearnedParameter& parameter : learner.parameters()) {
        if (parameter.gradient.empty() || std::none_of(beginnings.begin(), beginnings.end(), [&](const std::string& begin) { return parameter.name.rfind(begin, 0) == 0; })) continue;
        for (std::int64_t i = 0; i < parameter.gradient.numel(); ++i) sum += std::pow(double(parameter.gradient.data<float>()[i]), 2);
    }
    return std::sqrt(sum);
}

}  // namespace regulus::testing
