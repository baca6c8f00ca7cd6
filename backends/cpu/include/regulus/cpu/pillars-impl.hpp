#pragma once
// From points to a canvas, and from the maps of a dense 3D head to boxes.
#include <vector>

#include <regulus/cpu/detection-impl.hpp>
#include <regulus/cpu/encode_pillars-impl.hpp>
#include <regulus/cpu/maps-impl.hpp>
#include <regulus/cpu/rotated_nms-impl.hpp>
#include <regulus/cpu/voxelize-impl.hpp>
#include <regulus/graph/kernels/boxes3d.hpp>
#include <regulus/graph/kernels/circle_nms.hpp>
#include <regulus/graph/kernels/scatter_pillars.hpp>

namespace regulus::cpu {

class VoxelizeKernel final : public Kernel {
public:
    explicit VoxelizeKernel(const NodeContext& context)
        : op_(std::get<ops::Voxelize>(context.node.operation)), bound_(context.shape(context.in(0))[0]), clouds_(context.shape(context.in(1))[0]), points_(context.place(context.in(0))),
          counts_(context.place(context.in(1))) {
        for (std::size_t i = 0; i < 5; ++i) out_[i] = context.place(context.out(i));
        name = "voxelize";
        reason = "cells by all threads, their order by one";
    }
    std::size_t scratch_bytes() const override { return kernels::voxelize_scratch(op_, bound_); }

    void run(const Run& run) const override {
        voxelize(op_, run.floats(points_), bound_, run.integers(counts_), clouds_, {run.integers(out_[0]), run.integers(out_[1]), run.integers(out_[2]), run.integers(out_[3])},
                          run.integers(out_[4]), run.at(scratch));
    }

private:
    ops::Voxelize op_;
    std::int64_t bound_, clouds_;
    Place points_, counts_, out_[5];
};

class EncodePillarsKernel final : public Kernel {
public:
    explicit EncodePillarsKernel(const NodeContext& context)
        : net_(PillarNetWeights::make(std::get<ops::EncodePillars>(context.node.operation), context.bound)), rows_(context.rows_of(context.out(0))), threads_(thread_count(0)) {
        for (std::size_t i = 0; i < 5; ++i) in_[i] = context.place(context.in(i));
        dst_ = context.place(context.out(0));
        name = "pillar net";
        reason = net_.op.average ? "plain loops: averages" : "own kernel: stored points and one empty slot a pillar, per-pillar parts once";
    }
    std::size_t scratch_bytes() const override { return PillarScratch::bytes(net_.op, threads_); }

    void run(const Run& run) const override {
        const PillarRows pillars{run.floats(in_[0]), run.integers(in_[1]), run.integers(in_[2]), run.integers(in_[3]), run.integers(in_[4])};
        encode_pillars(net_, pillars, rows_(run), run.floats(dst_), run.at(scratch), threads_);
    }

private:
    PillarNetWeights net_;
    RowCount rows_;
    int threads_;  // the plan's team
    Place in_[5], dst_;
};

inline std::unique_ptr<Kernel> make_dynamic_voxelize(const NodeContext& context) {
    return std::make_unique<FunctionKernel>("dynamic voxelize", [op = std::get<ops::DynamicVoxelize>(context.node.operation), rows = context.rows_of(context.out(0)), points = context.place(context.in(0)),
                                                                 dst = context.place(context.out(0))](const Run& run) {
        parallel_slices(rows(run), [&](std::int64_t first, std::int64_t count) {
            kernels::dynamic_voxelize(op.grid, run.floats(points) + first * op.grid.features, count, run.integers(dst) + 3 * first);
        });
    });
}

/// Pixels of the NHWC canvas: zero, then the pillars'.
inline std::unique_ptr<Kernel> make_scatter_pillars(const NodeContext& context) {
    const Shape map = context.shape(context.out(0));
    return std::make_unique<FunctionKernel>("scatter nhwc", [=, op = std::get<ops::ScatterPillars>(context.node.operation), pillars = context.place(context.in(0)), cells = context.place(context.in(1)),
                                                             counts = context.place(context.in(2)), dst = context.place(context.out(0))](const Run& run) {
        const std::int64_t an_image = map[1] * map[2] * map[3];
        parallel_slices(map[0] * an_image, [&](std::int64_t first, std::int64_t count) { std::memset(run.floats(dst) + first, 0, std::size_t(count) * sizeof(float)); });
        for (std::int64_t image = 0, first = 0; image < map[0]; first += run.integers(counts)[image++]) {
            kernels::place_pillars(op, run.floats(pillars) + first * op.channels, run.integers(cells) + 3 * first, run.integers(counts)[image], std::int64_t(1), std::int64_t(op.channels),
                                   run.floats(dst) + image * an_image);
        }
    });
}

inline std::unique_ptr<Kernel> make_decode_boxes3d(const NodeContext& context) {
    const Shape map = context.shape(context.in(0)), list = context.shape(context.in(2));
    return std::make_unique<FunctionKernel>("decode_boxes3d", [=, op = std::get<ops::DecodeBoxes3d>(context.node.operation), deltas = context.place(context.in(0)),
                                                               directions = context.place(context.in(1)), index = context.place(context.in(2)), count = context.place(context.in(3)),
                                                               boxes = context.place(context.out(0)), labels = context.place(context.out(1)), bins = context.place(context.out(2))](const Run& run) {
        const std::int64_t area = map[2] * map[3], direction_channels = 2 * std::int64_t(op.anchors.per_cell()), k = list[1];
        for (std::int64_t image = 0; image < map[0]; ++image) {
            kernels::decode_boxes3d<float>(op, {run.floats(deltas) + image * map[1] * area, 1, map[1]}, {run.floats(directions) + image * direction_channels * area, 1, direction_channels}, map[2], map[3],
                                           run.integers(index) + image * k, run.integers(count)[image], run.floats(boxes) + image * k * op.code, run.integers(labels) + image * k,
                                           run.integers(bins) + image * k);
        }
    });
}

/// A suppression of 3D boxes.
class Suppression3dKernel : public SuppressionKernel {
protected:
    using SuppressionKernel::SuppressionKernel;
    using Candidates = kernels::CandidateList3d<float>;

    /// The lists of a cloud, in this kernel's scratch memory.
    Candidates* candidates(const Run& run, std::int64_t cloud) const {
        auto* const lists = static_cast<Candidates*>(run.at(scratch));
        for (std::size_t i = 0; i < lists_.size(); ++i) {
            const List& list = lists_[i];
            const std::int64_t at = cloud * list.bound;
            lists[i] = {run.floats(list.boxes) + at * code_, run.floats(list.scores) + at, run.integers(list.labels) + at, nullptr, run.integers(list.count)[cloud]};
        }
        return lists;
    }
    std::size_t candidates_bytes() const { return lists_.size() * sizeof(Candidates); }
    void* behind_candidates(const Run& run) const { return static_cast<Candidates*>(run.at(scratch)) + lists_.size(); }
};

class RotatedNmsKernel final : public Suppression3dKernel {
public:
    explicit RotatedNmsKernel(const NodeContext& context) : RotatedNmsKernel(context, std::get<ops::RotatedNms>(context.node.operation)) {}
    std::size_t scratch_bytes() const override { return RotatedNmsScratch::bytes(candidates_) + candidates_bytes(); }

    void run(const Run& run) const override {
        const RotatedNmsScratch memory(behind_candidates(run), candidates_);
        keep_of_each(run, [&](std::int64_t cloud, const Kept& kept) {
            Candidates* const lists = candidates(run, cloud);
            for (std::size_t i = 0; i < lists_.size(); ++i) lists[i].directions = run.integers(lists_[i].directions) + cloud * lists_[i].bound;
            return rotated_nms(op_, lists, lists_.size(), memory, kept.boxes, kept.scores, kept.labels);
        });
    }

private:
    RotatedNmsKernel(const NodeContext& context, const ops::RotatedNms& op) : Suppression3dKernel(context, op.code, true), op_(op) {
        name = "rotated nms";
        reason = "greedy, labels in parallel";
    }
    ops::RotatedNms op_;
};

class CircleNmsKernel final : public Suppression3dKernel {
public:
    explicit CircleNmsKernel(const NodeContext& context) : CircleNmsKernel(context, std::get<ops::CircleNms>(context.node.operation)) {}
    std::size_t scratch_bytes() const override { return std::size_t(candidates_) * sizeof(kernels::Ranked3d<float>) + candidates_bytes(); }

    void run(const Run& run) const override {
        auto* const ranked = static_cast<kernels::Ranked3d<float>*>(behind_candidates(run));
        keep_of_each(run, [&](std::int64_t cloud, const Kept& kept) { return kernels::circle_nms(op_, candidates(run, cloud), lists_.size(), ranked, kept.boxes, kept.scores, kept.labels); });
    }

private:
    CircleNmsKernel(const NodeContext& context, const ops::CircleNms& op) : Suppression3dKernel(context, op.code, false), op_(op) {
        name = "circle nms";
        reason = "greedy";
    }
    ops::CircleNms op_;
};

}  // namespace regulus::cpu
