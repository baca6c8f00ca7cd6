// Commands from score maps to boxes and regions. Counts stay on the device; buffers are as large as the bounds.
#include <algorithm>

#include <regulus/cuda/commands.hpp>

namespace regulus::cuda {

namespace {

struct DetectionCommands {
    const NodeContext& context;

    template <class Op>
    Command operator()(const Op&) const { return {}; }

    Command operator()(const ops::TopK& op) const {
        const MapSize map = context.map(context.in(0));
        const std::uint32_t total = map.h * map.w * map.c / std::uint32_t(op.classes), limit = std::uint32_t(std::min<std::int64_t>(std::max(op.limit, 0), total)), images = map.n;
        Pieces pieces;
        const std::size_t keys = pieces.take(std::int64_t(images) * total, 4), picked = pieces.take(std::int64_t(images) * limit, 8), ordered = pieces.take(std::int64_t(images) * limit, 8),
                          found = pieces.take(images, 4);
        Command command{op.classes > 1 ? "top anchors by radix selection" : "top_k by radix selection", "own kernels", pieces.total(), {}};
        command.enqueue = [=, logits = context.in(0), storage = context.storage(context.in(0)), scores = context.out(0), index = context.out(1), count = context.out(2)](const Addresses& at, Queue& queue) {
            const Elements src{at.value<const void>(logits), storage};
            if (limit == 0) {
                queue.fill(at.address(count), 0, std::size_t(images) * 4);
                return;
            }
            queue.each(ScoreKeys{src, at.scratch_at<std::uint32_t>(keys), images * total, op.classes, op.threshold});
            queue.blocks(SelectTop{at.scratch_at<std::uint32_t>(keys), at.scratch_at<std::uint64_t>(picked), at.scratch_at<std::int32_t>(found), total, limit, op.classes > 1}, images);
            queue.each(OrderKeys{at.scratch_at<std::uint64_t>(picked), at.scratch_at<std::int32_t>(found), at.scratch_at<std::uint64_t>(ordered), images, limit});
            if (op.classes == 1) {
                queue.each(WriteTop{at.scratch_at<std::uint64_t>(ordered), at.scratch_at<std::int32_t>(found), at.value<float>(scores), at.value<std::int32_t>(index), at.value<std::int32_t>(count),
                                    images, limit});
            } else {
                queue.blocks(ExpandAnchors{src, at.scratch_at<std::uint64_t>(ordered), at.scratch_at<std::int32_t>(found), at.value<float>(scores), at.value<std::int32_t>(index),
                                           at.value<std::int32_t>(count), std::int64_t(total) * op.classes, limit, op.classes, op.threshold},
                             images);
            }
        };
        return command;
    }

    Command operator()(const ops::DecodeAnchors& op) const {
        const DevicePointer anchors = context.compiled.weights->floats(anchors_key(op), Storage::f32, [&] {
            std::vector<float> numbers;
            for (const auto& anchor : op.anchors) numbers.insert(numbers.end(), anchor.begin(), anchor.end());
            return numbers;
        });
        const MapSize map = context.map(context.in(0));
        const Shape list = context.shape(context.in(1));
        struct Fixed {
            std::uint32_t anchors;
            std::int32_t stride, classes, label_offset;
            ops::BoxCoder coder;
            bool rescale;
        };
        const Fixed fixed{std::uint32_t(op.anchors.size()), op.stride, op.classes, op.label_offset, op.coder, op.rescale};
        return {"decode_anchors", "own kernel", 0,
                [=, deltas = context.in(0), storage = context.storage(context.in(0)), index = context.in(1), count = context.in(2), info = context.in(3), boxes = context.out(0),
                 labels = context.out(1)](const Addresses& at, Queue& queue) {
                    queue.each(DecodingAnchors{{at.value<const void>(deltas), storage}, reinterpret_cast<const float*>(anchors), at.value<const std::int32_t>(index), at.value<const std::int32_t>(count),
                                               at.value<const float>(info), at.value<float>(boxes), at.value<std::int32_t>(labels), std::uint32_t(list[0]), std::uint32_t(list[1]), fixed.anchors, map.h, map.w,
                                               fixed.stride, fixed.classes, fixed.label_offset, fixed.coder, fixed.rescale});
                }};
    }

    Command operator()(const ops::Nms& op) const {
        if (op.lists > ListSet::most) context.refuse("it has more than 16 lists");
        const std::int32_t images = std::int32_t(context.shape(context.in(0))[0]);
        std::int64_t bound = 0;
        ListSet shape{};
        shape.lists = op.lists;
        shape.code = 4;
        for (std::size_t list = 0; list < std::size_t(op.lists); ++list) {
            bound += context.shape(context.in(4 * list))[1];
            shape.first[list + 1] = std::uint32_t(bound);
        }
        if (bound * images >= std::int64_t(1) << 31) context.refuse("it would order 2^31 candidates or more");
        Pieces pieces;
        const std::size_t keys = pieces.take(bound * images, 8), order = pieces.take(bound * images, 4), boxes = pieces.take(std::int64_t(images) * op.limit * 4, 4),
                          scores = pieces.take(std::int64_t(images) * op.limit, 4), labels = pieces.take(std::int64_t(images) * op.limit, 4), found = pieces.take(images, 4);
        Command command{"nms, 64 candidates at a time", "own kernels", pieces.total(), {}};
        command.enqueue = [=, in = context.node().inputs, out = context.node().outputs](const Addresses& at, Queue& queue) {
            ListSet set = shape;
            for (std::size_t list = 0; list < std::size_t(op.lists); ++list) {
                set.boxes[list] = at.value<const float>(in[4 * list]);
                set.scores[list] = at.value<const float>(in[4 * list + 1]);
                set.labels[list] = at.value<const std::int32_t>(in[4 * list + 2]);
                set.counts[list] = at.value<const std::int32_t>(in[4 * list + 3]);
            }
            if (op.limit <= 0 || bound == 0) {
                const std::size_t rows = std::size_t(images) * std::size_t(std::max(op.limit, 0));
                for (std::size_t i = 0; i < 3; ++i) queue.fill(at.address(out[i]), 0, rows * (i == 0 ? 16 : 4));
                queue.fill(at.address(out[3]), 0, std::size_t(images) * 4);
                return;
            }
            queue.each(CandidateKeys{set, at.scratch_at<std::uint64_t>(keys), at.scratch_at<std::int32_t>(order), images, op.min_size});
            queue.each(OrderCandidates{set, at.scratch_at<const std::uint64_t>(keys), at.scratch_at<std::int32_t>(order), images});
            queue.blocks(GreedyNms{set, at.scratch_at<const std::int32_t>(order), at.scratch_at<float>(boxes), at.scratch_at<float>(scores), at.scratch_at<std::int32_t>(labels),
                                   at.scratch_at<std::int32_t>(found), op.limit, op.iou_threshold},
                         images);
            queue.each(PackRows{at.scratch_at<const float>(boxes), at.scratch_at<const float>(scores), at.scratch_at<const std::int32_t>(labels), at.scratch_at<const std::int32_t>(found),
                                at.value<float>(out[0]), at.value<float>(out[1]), at.value<std::int32_t>(out[2]), at.value<std::int32_t>(out[3]), images, op.limit, 4});
        };
        return command;
    }

    Command operator()(const ops::RoiAlign& op) const {
        const std::size_t levels = op.strides.size();
        if (levels > std::size_t(PoolingRegions<float>::most_levels)) context.refuse("it has more than 8 levels");
        std::vector<MapSize> maps;
        for (std::size_t level = 0; level < levels; ++level) maps.push_back(context.map(context.in(level)));
        const Shape dst = context.shape(context.out());
        if (dst.numel() >= std::int64_t(1) << 31) context.refuse("it gives 2^31 elements or more");
        return {"roi_align", "own kernel", 0, [=, in = context.node().inputs, out = context.out(), storage = context.storage(context.out())](const Addresses& at, Queue& queue) {
                    with_storage(storage, [&](auto tag) {
                        using T = decltype(tag);
                        PoolingRegions<T> kernel{};
                        for (std::size_t level = 0; level < levels; ++level) {
                            kernel.maps[level] = at.value<const T>(in[level]);
                            kernel.heights[level] = maps[level].h;
                            kernel.widths[level] = maps[level].w;
                            kernel.strides[level] = op.strides[level];
                        }
                        kernel.boxes = at.value<const float>(in[levels]);
                        kernel.counts = at.value<const std::int32_t>(in[levels + 1]);
                        kernel.dst = at.value<T>(out);
                        kernel.levels = std::int32_t(levels);
                        kernel.images = std::int32_t(maps[0].n);
                        kernel.side = op.size;
                        kernel.sampling_ratio = op.sampling_ratio;
                        kernel.rows = std::uint32_t(dst[0]);
                        kernel.channels = std::uint32_t(dst[1]);
                        kernel.finest_scale = op.finest_scale;
                        kernel.rule = op.rule;
                        kernel.aligned = op.aligned;
                        queue.each(kernel);
                    });
                }};
    }

    Command operator()(const ops::ClassCandidates& op) const {
        const Shape list = context.shape(context.out(0));
        return {"find_candidates", "own kernel", 0,
                [=, probabilities = context.in(0), probability_storage = context.storage(context.in(0)), deltas = context.in(1), delta_storage = context.storage(context.in(1)), boxes = context.in(2),
                 counts = context.in(3), info = context.in(4), out = context.node().outputs](const Addresses& at, Queue& queue) {
                    queue.blocks(FindingCandidates{{at.value<const void>(probabilities), probability_storage}, {at.value<const void>(deltas), delta_storage}, at.value<const float>(boxes),
                                                   at.value<const std::int32_t>(counts), at.value<const float>(info), at.value<float>(out[0]), at.value<float>(out[1]), at.value<std::int32_t>(out[2]),
                                                   at.value<std::int32_t>(out[3]), list[1], op.classes, op.threshold, op.class_agnostic, op.coder, op.rescale},
                                 list[0]);
                }};
    }

    Command operator()(const ops::RefineBoxes& op) const {
        const std::uint32_t rows = std::uint32_t(context.shape(context.out())[0]);
        const std::int32_t images = std::int32_t(context.shape(context.in(2))[0]);
        return {"refine_boxes", "own kernel", 0, [=, in = context.node().inputs, storage = context.storage(context.in(1)), dst = context.out()](const Addresses& at, Queue& queue) {
                    queue.each(RefiningBoxes{at.value<const float>(in[0]), {at.value<const void>(in[1]), storage}, at.value<const std::int32_t>(in[2]), at.value<const float>(in[3]), at.value<float>(dst),
                                             images, rows, op.coder});
                }};
    }

    Command operator()(const ops::ScaleBoxes&) const {
        const std::uint32_t rows = std::uint32_t(context.shape(context.out())[0]);
        const std::int32_t images = std::int32_t(context.shape(context.in(1))[0]);
        return {"scale_boxes", "own kernel", 0, [=, in = context.node().inputs, dst = context.out()](const Addresses& at, Queue& queue) {
                    queue.each(ScalingBoxes{at.value<const float>(in[0]), at.value<const std::int32_t>(in[1]), at.value<const float>(in[2]), at.value<float>(dst), images, rows});
                }};
    }

    Command operator()(const ops::SelectChannel& op) const {
        const Shape src = context.shape(context.in(0));
        return {"select_channel", "own kernel", 0, [=, in = context.node().inputs, storage = context.storage(context.in(0)), dst = context.out()](const Addresses& at, Queue& queue) {
                    queue.each(SelectingChannel{{at.value<const void>(in[0]), storage}, at.value<const std::int32_t>(in[1]), at.value<float>(dst), std::uint32_t(src[0]), std::uint32_t(src[2] * src[3]),
                                                std::int32_t(src[1]), op.activation});
                }};
    }

    static std::string anchors_key(const ops::DecodeAnchors& op) {
        std::string key = "anchors";
        for (const auto& anchor : op.anchors) {
            for (const float x : anchor) key += "," + std::to_string(bits_of(x));
        }
        return key;
    }
};

}  // namespace

Command detection_command(const NodeContext& context) { return std::visit(DetectionCommands{context}, context.node().operation); }

}  // namespace regulus::cuda
