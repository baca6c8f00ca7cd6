#pragma once
// Suppression of oriented boxes, labels in parallel; results are those of kernels::rotated_nms.
#include <regulus/cpu/parallel.hpp>
#include <regulus/graph/kernels/rotated_nms.hpp>

namespace regulus::cpu {

/// What rotated_nms() needs besides its arguments, for lists of `candidates` boxes together.
struct RotatedNmsScratch {
    kernels::Ranked3d<float>* ranked;
    kernels::RotatedBox* kept;  // a label's begin where its candidates do
    std::int32_t* begins;       // of the labels among the ranked

    static std::size_t bytes(std::int64_t candidates) {
        return std::size_t(candidates) * (sizeof(kernels::Ranked3d<float>) + sizeof(kernels::RotatedBox)) + std::size_t(candidates + 2) / 2 * 2 * sizeof(std::int32_t);
    }
    /// From bytes(candidates) bytes aligned to 8.
    RotatedNmsScratch(void* memory, std::int64_t candidates)
        : ranked(static_cast<kernels::Ranked3d<float>*>(memory)), kept(reinterpret_cast<kernels::RotatedBox*>(ranked + candidates)), begins(reinterpret_cast<std::int32_t*>(kept + candidates)) {}
};

/// ops::RotatedNms of one cloud.
inline std::int32_t rotated_nms(const ops::RotatedNms& op, const kernels::CandidateList3d<float>* lists, std::size_t list_count, const RotatedNmsScratch& scratch, float* boxes, float* scores,
                                std::int32_t* labels) {
    const std::int64_t candidates = kernels::rank_candidates(op, lists, list_count, scratch.ranked);
    const std::int64_t most = kernels::RotatedNmsScratch<float>::kept_of_label(candidates, op.limit);
    std::int64_t groups = 0;
    for (std::int64_t begin = 0; begin < candidates; begin = kernels::label_end(scratch.ranked, begin, candidates)) scratch.begins[groups++] = std::int32_t(begin);
    scratch.begins[groups] = std::int32_t(candidates);
    parallel_for_dynamic(groups, [&](std::int64_t group) {
        const std::int64_t begin = scratch.begins[group];
        kernels::suppress_label(op, scratch.ranked, begin, scratch.begins[group + 1], most, scratch.kept + begin);
    });
    return kernels::write_kept(op, scratch.ranked, kernels::gather_kept(scratch.ranked, candidates), boxes, scores, labels);
}

}  // namespace regulus::cpu
