#pragma once
// Graphs whose number of regions the test chooses. The picture's channels are score logit, dx, dy, dw, dh and features; 1x1 convolutions with
// weights 0 and 1 hand them out exactly, so that both backends see the same scores, ties included.
#include "compare.hpp"

namespace regulus::testing {

struct Scene {
    static constexpr int features = 6;
    static constexpr int channels = 5 + features;

    Graph graph;
    ValueId image = no_value, info = no_value, logits = no_value, deltas = no_value;

    Scene() {
        graph.name = "scene";
        image = record::image_input(graph, channels);
        info = record::image_info_input(graph);
        logits = select("select.logits", 1);
        deltas = select("select.deltas", 4);
    }
    Scene(const Scene&) = delete;

    Scope scope() { return Scope(graph); }

    /// One anchor a cell, twelve pixels wide and eight high, at every pixel of the picture.
    static ops::DecodeAnchors one_anchor() {
        ops::DecodeAnchors op;
        op.anchors = {{-6.f, -4.f, 6.f, 4.f}};
        return op;
    }

    /// Maps of 9, 10, 11, ... channels would not do: RoIAlign's levels have one width.
    std::vector<ValueId> pyramid(int levels, int width) {
        std::vector<ValueId> maps;
        for (int level = 0; level < levels; ++level) {
            ops::Conv2d op;
            op.in_channels = channels;
            op.out_channels = width;
            op.stride = 1 << level;
            maps.push_back(record::conv2d(scope() / indexed("level", level), op, image));
        }
        return maps;
    }

    /// The scene's `rois` out of a pyramid of three levels and ten channels, size x size each.
    ValueId aligned(const std::vector<ValueId>& rois, int size) {
        ops::RoiAlign align;
        align.strides = {1, 2, 4};
        align.size = size;
        align.finest_scale = 4.f;
        return record::roi_align(scope() / "align", align, pyramid(3, 10), rois[0], rois[3]);
    }

    /// Boxes of all cells whose logit is positive, at most `limit` an image; suppression takes what overlaps by more than `iou`.
    std::vector<ValueId> rois(int limit, float iou = 1.f, ops::DecodeAnchors decode = one_anchor()) {
        const Candidates candidates = record::anchor_candidates(scope() / "rois", ops::TopK{limit, 0.5f}, std::move(decode), logits, deltas, info);
        ops::Nms op;
        op.limit = limit;
        op.iou_threshold = iou;
        return record::nms(scope() / "rois.nms", op, {candidates});
    }

    /// Pictures with `counts[i]` positive scores each, spread over the picture, all different.
    static std::vector<Tensor> inputs(const std::vector<int>& counts, int height, int width, std::uint64_t seed = 1) {
        const std::int64_t images = std::int64_t(counts.size()), area = std::int64_t(height) * width;
        Tensor picture = random_tensor(Shape{images, channels, height, width}, seed);
        for (std::int64_t image = 0; image < images; ++image) {
            float* scores = picture.data<float>() + image * channels * area;
            std::fill(scores, scores + area, -9.f);
            // Multiples of a number without common factor visit every cell once.
            for (std::int64_t i = 0; i < counts[std::size_t(image)]; ++i) scores[(i * 7919 + 13 * image) % area] = 0.5f + 2.f * float((i * 31) % 101 + 1) / 102.f;
        }
        return {picture, full_pictures({int(images), height, width})};
    }

    Weights weights(std::uint64_t salt = 0) const {
        Weights weights;
        const Weights random = random_weights(graph, salt);
        for (const Weights::Entry& entry : random.entries()) {
            Tensor tensor = entry.tensor;
            if (entry.name.compare(0, 7, "select.") == 0) {
                tensor = Tensor::zeros(entry.tensor.shape());
                const std::int64_t first = entry.name == "select.logits.weight" ? 0 : 1;
                for (std::int64_t i = 0; i < tensor.shape()[0]; ++i) tensor.data<float>()[i * channels + first + i] = 1.f;
            }
            weights.add(entry.name, tensor);
        }
        return weights;
    }

private:
    ValueId select(const char* name, int out) {
        ops::Conv2d op;
        op.in_channels = channels;
        op.out_channels = out;
        return record::conv2d(scope() / name, op, image);
    }
};

}  // namespace regulus::testing
