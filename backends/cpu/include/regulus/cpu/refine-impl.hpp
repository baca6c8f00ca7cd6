#pragma once
// What cascades need besides the other detection kernels: regions that move, and means.
#include <vector>

#include <regulus/cpu/maps-impl.hpp>
#include <regulus/graph/kernels/refine.hpp>

namespace regulus::cpu {

inline std::unique_ptr<Kernel> make_refine_boxes(const NodeContext& context) {
    const std::int64_t images = context.shape(context.in(2))[0];
    return std::make_unique<FunctionKernel>("refine_boxes", [=, op = std::get<ops::RefineBoxes>(context.node.operation), boxes = context.place(context.in(0)), deltas = context.place(context.in(1)),
                                                             counts = context.place(context.in(2)), info = context.place(context.in(3)), dst = context.place(context.out(0))](const Run& run) {
        std::int64_t first = 0;
        for (std::int64_t image = 0; image < images; ++image) {
            const std::int64_t rows = run.integers(counts)[image];
            kernels::refine_boxes(op, run.floats(boxes) + 4 * first, run.floats(deltas) + 4 * first, rows, kernels::load_picture(run.floats(info) + 4 * image), run.floats(dst) + 4 * first);
            first += rows;
        }
    });
}

inline std::unique_ptr<Kernel> make_scale_boxes(const NodeContext& context) {
    const std::int64_t images = context.shape(context.in(1))[0];
    return std::make_unique<FunctionKernel>("scale_boxes", [=, boxes = context.place(context.in(0)), counts = context.place(context.in(1)), info = context.place(context.in(2)),
                                                            dst = context.place(context.out(0))](const Run& run) {
        std::int64_t first = 0;
        for (std::int64_t image = 0; image < images; ++image) {
            const std::int64_t rows = run.integers(counts)[image];
            kernels::scale_boxes(run.floats(boxes) + 4 * first, rows, kernels::load_picture(run.floats(info) + 4 * image), run.floats(dst) + 4 * first);
            first += rows;
        }
    });
}

/// The inputs in order, summed, then divided by their number.
inline std::unique_ptr<Kernel> make_average(const NodeContext& context) {
    std::vector<Place> sources;
    for (std::size_t i = 0; i < context.node.inputs.size(); ++i) sources.push_back(context.place(context.in(i)));
    return std::make_unique<FunctionKernel>("average", [=, extent = Extent::of(context, context.out(0)), dst = context.place(context.out(0))](const Run& run) {
        parallel_slices(extent(run), [&](std::int64_t first, std::int64_t count) {
            float* to = run.floats(dst) + first;
            std::memcpy(to, run.floats(sources[0]) + first, std::size_t(count) * sizeof(float));
            for (std::size_t source = 1; source < sources.size(); ++source) accumulate(run.floats(sources[source]) + first, to, count);
            for (std::int64_t i = 0; i < count; ++i) to[i] /= float(sources.size());
        });
    });
}

}  // namespace regulus::cpu
