#pragma once
#include <algorithm>
#include <cmath>

#include <regulus/pipeline/proposals.hpp>

namespace regulus {

REGULUS_INLINE int proposal_limit(const Graph& graph) {
    for (const ValueId id : graph.inputs) {
        const auto& input = std::get<ops::Input>(graph.nodes[std::size_t(graph.values[std::size_t(id)].producer)].operation);
        if (input.role == ops::Input::Role::proposals) return input.limit;
    }
    return 0;
}

REGULUS_INLINE std::array<Tensor, 2> prepare_proposals(std::span<const ProposalList> lists, const PreparedBatch& batch, int limit) {
    const std::int64_t n = batch.image_info.shape()[0];
    if (std::int64_t(lists.size()) != n) throw ShapeError("proposals: expected a list for each of " + std::to_string(n) + " pictures, got " + std::to_string(lists.size()));
    Tensor boxes = Tensor::zeros(Shape{n * limit, 4}), counts = Tensor::zeros(Shape{n}, DType::i32);
    float* to = boxes.data<float>();
    for (std::size_t i = 0; i < lists.size(); ++i) {
        const float* info = batch.image_info.data<float>() + 4 * i;
        std::int32_t& count = counts.data<std::int32_t>()[i];
        for (std::size_t k = 0; k < lists[i].size(); ++k) {
            std::array<float, 4> box = lists[i][k];
            for (std::size_t j = 0; j < 4; ++j) {
                if (!std::isfinite(box[j])) throw ArgumentError("proposals: box " + std::to_string(k) + " of picture " + std::to_string(i) + " is not finite");
                box[j] = std::clamp(box[j] * info[j % 2 == 0 ? 3 : 2], 0.f, info[j % 2 == 0 ? 1 : 0]);
            }
            if (count == limit || !(box[2] > box[0]) || !(box[3] > box[1])) continue;
            to = std::copy(box.begin(), box.end(), to);
            ++count;
        }
    }
    return {boxes, counts};
}

}  // namespace regulus
