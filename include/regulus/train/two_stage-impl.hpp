#pragma once
#include <algorithm>
#include <cstddef>
#include <utility>

#include <regulus/core/error.hpp>
#include <regulus/graph/kernels/nms.hpp>
#include <regulus/graph/kernels/proposals.hpp>
#include <regulus/graph/passes.hpp>
#include <regulus/train/dense_loss-impl.hpp>
#include <regulus/train/two_stage.hpp>

namespace regulus::train {

REGULUS_INLINE std::vector<Tensor> dense_proposals(const std::vector<ops::DecodeAnchors>& levels, const std::vector<DenseMaps>& maps, const Tensor& image_info, const ProposalRules& rules) {
    constexpr const char* who = "dense_proposals";
    const std::int64_t pictures = image_info.shape().rank() == 2 ? image_info.shape()[0] : 0;
    detail::need_dense(who, levels, maps, pictures);
    detail::need_shape(who, "image_info", image_info, Shape{pictures, 4}, DType::f32);
    if (rules.candidates < 1 || rules.limit < 1) {
        throw ArgumentError(std::string(who) + ": " + std::to_string(rules.limit) + " proposals of " + std::to_string(rules.candidates) + " candidates a level; both must be positive");
    }
    ops::Nms suppress;
    suppress.lists = int(levels.size());
    suppress.iou_threshold = rules.iou_threshold;
    suppress.limit = rules.limit;
    suppress.min_size = rules.min_size;

    struct Found {
        std::vector<float> boxes, scores;
        std::vector<std::int32_t> labels;
    };
    std::vector<Tensor> proposals;
    for (std::int64_t picture = 0; picture < pictures; ++picture) {
        const kernels::Picture<float> info = kernels::load_picture(image_info.data<float>() + 4 * picture);
        std::vector<Found> found(levels.size());
        std::vector<kernels::CandidateList<float>> lists;
        std::int64_t candidates = 0;
        for (std::size_t level = 0; level < levels.size(); ++level) {
            const Shape& shape = maps[level].logits.shape();
            const std::int64_t total = shape[1] * shape[2] * shape[3], most = std::min<std::int64_t>(rules.candidates, total);
            const ops::TopK best{rules.candidates};
            std::vector<kernels::Scored<float>> pool(kernels::top_k_scratch(total, rules.candidates));
            std::vector<std::int32_t> index(std::size_t(most), 0);
            found[level] = {std::vector<float>(std::size_t(4 * most)), std::vector<float>(std::size_t(most)), std::vector<std::int32_t>(std::size_t(most))};
            const std::int32_t count = kernels::top_k(best, maps[level].logits.data<float>() + picture * total, shape[1], shape[2], shape[3], pool.data(), found[level].scores.data(), index.data());
            const std::int64_t area = shape[2] * shape[3];
            kernels::decode_anchors(levels[level], maps[level].deltas.data<float>() + picture * maps[level].deltas.shape()[1] * area, area, 1, shape[3], index.data(), count, info, found[level].boxes.data(),
                                    found[level].labels.data());
            std::fill(found[level].labels.begin(), found[level].labels.end(), std::int32_t(level));  // suppression keeps levels apart
            lists.push_back({found[level].boxes.data(), found[level].scores.data(), found[level].labels.data(), count});
            candidates += count;
        }
        std::vector<std::byte> scratch(kernels::NmsScratch<float>::bytes(candidates, rules.limit));
        Found kept{std::vector<float>(std::size_t(4 * std::int64_t(rules.limit))), std::vector<float>(std::size_t(rules.limit)), std::vector<std::int32_t>(std::size_t(rules.limit))};
        const std::int32_t count = kernels::nms(suppress, lists.data(), lists.size(), kernels::NmsScratch<float>(scratch.data(), candidates), kept.boxes.data(), kept.scores.data(), kept.labels.data());
        Tensor& boxes = proposals.emplace_back(Shape{count, 4}, DType::f32);
        std::copy_n(kept.boxes.data(), 4 * std::ptrdiff_t(count), boxes.data<float>());
    }
    return proposals;
}

REGULUS_INLINE Graph two_stage_graph(Graph detector, int regions, int mask_regions) {
    std::vector<std::string> outputs;
    for (const auto& entry : dense_graph(detector, "rpn_logits", "rpn_deltas").outputs) outputs.push_back(entry.first);
    outputs.insert(outputs.end(), {"class_logits", "box_regression"});
    if (mask_regions > 0) outputs.push_back("mask_logits");
    Graph graph = with_given_proposals(std::move(detector), regions);
    if (mask_regions > 0) graph = with_given_boxes(std::move(graph), mask_regions);
    graph.outputs.clear();
    return remove_idle_inputs(remove_dead(with_outputs(std::move(graph), outputs)));
}

REGULUS_INLINE void put_gradient(std::vector<Tensor>& gradients, const Outputs& outputs, const std::string& name, const Tensor& gradient) {
    for (std::size_t i = 0; i < outputs.entries().size() && i < gradients.size(); ++i) {
        if (outputs.entries()[i].first != name) continue;
        gradients[i] = gradient;
        return;
    }
    throw ArgumentError("put_gradient: there is no output " + name);
}

}  // namespace regulus::train
