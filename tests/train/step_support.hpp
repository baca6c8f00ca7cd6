#pragma once
// What steps of whole detectors beside other programs share: pictures, boxes, weights, norms of gradients.
#include <algorithm>
#include <cmath>
#include <iterator>
#include <string>
#include <vector>

#include <regulus/converters/seeded_weights.hpp>
#include <regulus/train/detector_teacher.hpp>
#include <regulus/zoo/zoo.hpp>

#include "reference/graph_support.hpp"

namespace regulus::testing {

constexpr int step_pictures = 2, step_height = 128, step_width = 160;

/// The pictures and boxes of torch_detectors.py, detectron2_detectors.py and mmdet_detectors.py; labels, masks and the rest are for the caller to fill in.
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

/// A truth's mask as one ring, as detectron2_detectors.py and mmdet_detectors.py draw it into its box.
inline train::TruthMask ring_in(const float* corners) {
    const double x1 = double(corners[0]), y1 = double(corners[1]), x2 = double(corners[2]), y2 = double(corners[3]), xm = (x1 + x2) / 2, ym = (y1 + 2 * y2) / 3;
    return {{{x1, y1, x2, y1, x2, ym, xm, ym, xm, y2, x1, y2}}, {}};
}

/// With labels and bitmaps, as torch_detectors.py and mmdet_detectors.py have them. Labels begin with `first`.
inline train::TrainingBatch masked_batch(int first) {
    constexpr int height = step_height, width = step_width;
    train::TrainingBatch batch = step_batch();
    for (int n = 0; n < step_pictures; ++n) {
        train::PictureTruth& picture = batch.truths[std::size_t(n)];
        const int labels[] = {n, 16, 43};
        for (int i = 0; i < 3; ++i) {
            picture.truth.labels.data<std::int32_t>()[i] = first + labels[i];
            std::int64_t corners[4];
            for (int k = 0; k < 4; ++k) corners[k] = std::int64_t(std::nearbyint(picture.truth.boxes.data<float>()[4 * i + k]));
            const auto [x1, y1, x2, y2] = corners;
            BitMask bitmap{height, width, std::vector<std::uint8_t>(height * width, 0)};
            for (std::int64_t y = 0; y < height; ++y) {
                for (std::int64_t x = 0; x < width; ++x) {
                    bitmap.bits[std::size_t(y * width + x)] = (y >= y1 && y < (y1 + 2 * y2) / 3 && x >= x1 && x < x2) || (y >= y1 && y < y2 && x >= x1 && x < (x1 + x2) / 2) ? 1 : 0;
                }
            }
            picture.masks.push_back({{}, rle_encode(bitmap)});
        }
    }
    return batch;
}

/// Seeded weights, a tenth of them in the layers that tell scores, deltas and offsets: losses of the order of 1, places near where they would be.
inline Weights step_weights(const Graph& graph, const std::string& code_base) {
    const Weights weights = seeded_weights(graph, code_base);
    const char* const ends[] = {"logits.weight", "deltas.weight", "offset.weight"};
    Weights scaled;
    for (const Weights::Entry& entry : weights.entries()) {
        const bool last = std::any_of(std::begin(ends), std::end(ends), [&](const char* end) { return entry.name.find(end) != std::string::npos; });
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
