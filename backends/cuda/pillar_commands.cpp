// Commands from points to a canvas, and from a dense 3D head to oriented boxes.
#include <algorithm>
#include <cmath>

#include <regulus/cuda/commands.hpp>

namespace regulus::cuda {

namespace {

struct PillarCommands {
    const NodeContext& context;

    template <class Op>
    Command operator()(const Op&) const { return {}; }

    Command operator()(const ops::Voxelize& op) const {
        const std::int64_t bound = context.shape(context.in(0))[0], clouds = context.shape(context.in(1))[0], rows = context.shape(context.out(1))[0], grid = kernels::voxel_grid_cells(op);
        if (grid * std::max<std::int64_t>(clouds, 1) >= std::int64_t(1) << 31) context.refuse("its grids have 2^31 cells or more; use larger voxels or a smaller batch");
        Pieces pieces;
        const std::size_t cell_of = pieces.take(bound, 4), first_at = pieces.take(clouds * grid, 4), voxel_at = pieces.take(clouds * grid, 4), rank = pieces.take(bound, 4),
                          points_of = pieces.take(rows, 4), segment = pieces.take(rows, 4), cursor = pieces.take(rows, 4), members = pieces.take(bound, 4);
        Command command{"voxelize", "own kernels", pieces.total(), {}};
        command.enqueue = [=, in = context.node().inputs, out = context.node().outputs](const Addresses& at, Queue& queue) {
            const VoxelWork work{at.value<const float>(in[0]), at.value<const std::int32_t>(in[1]), at.scratch_at<std::int32_t>(cell_of), at.scratch_at<std::int32_t>(first_at),
                                 at.scratch_at<std::int32_t>(voxel_at), at.scratch_at<std::int32_t>(rank), at.scratch_at<std::uint32_t>(points_of), at.scratch_at<std::int32_t>(segment),
                                 at.scratch_at<std::uint32_t>(cursor), at.scratch_at<std::int32_t>(members), at.value<std::int32_t>(out[0]), at.value<std::int32_t>(out[1]),
                                 at.value<std::int32_t>(out[2]), at.value<std::int32_t>(out[3]), at.value<std::int32_t>(out[4]), std::int32_t(clouds), std::int32_t(bound), std::int32_t(rows),
                                 std::int32_t(grid), op};
            queue.fill(at.scratch + first_at, 0x7F, std::size_t(clouds * grid) * 4);
            queue.fill(at.scratch + points_of, 0, std::size_t(rows) * 4);
            queue.fill(at.address(out[0]), 0xFF, std::size_t(bound) * 4);
            queue.fill(at.address(out[3]), 0xFF, std::size_t(rows) * 12);
            queue.each(FindCells{work});
            if (clouds > 0) queue.blocks(NumberVoxels{work}, 1);
            queue.each(CountPoints{work});
            queue.blocks(PlaceVoxels{work}, 1);
            queue.each(GatherPoints{work});
            queue.each(StorePoints{work});
        };
        return command;
    }

    Command operator()(const ops::DynamicVoxelize& op) const {
        const std::int64_t bound = context.shape(context.in(0))[0], clouds = context.shape(context.in(1))[0];
        return {"find_every_cell", "own kernel", 0, [=, grid = op.grid, in = context.node().inputs, out = context.out()](const Addresses& at, Queue& queue) {
                    queue.each(FindEveryCell{at.value<const float>(in[0]), at.value<const std::int32_t>(in[1]), at.value<std::int32_t>(out), std::int32_t(clouds), std::int32_t(bound), grid});
                }};
    }

    Command operator()(const ops::EncodePillars& op) const {
        const std::size_t layers = op.units.size();
        if (layers > std::size_t(EncodingPillars<float>::most_layers)) context.refuse("it has more than 4 layers");
        struct Layer {
            DevicePointer weight, scale, shift;
        };
        std::vector<Layer> pointers;
        for (std::size_t layer = 0; layer < layers; ++layer) {
            const auto numbers = [&](std::size_t i) { return context.bound()[5 * layer + i].data<float>(); };
            const auto folded = [&](bool scale) {
                std::vector<float> result(static_cast<std::size_t>(op.units[layer]));
                for (std::size_t o = 0; o < result.size(); ++o) {
                    const double factor = double(numbers(1)[o]) / std::sqrt(double(numbers(4)[o]) + op.norm_eps);
                    result[o] = scale ? float(factor) : float(double(numbers(2)[o]) - double(numbers(3)[o]) * factor);
                }
                return result;
            };
            const std::string key = context.key(("pillars " + std::to_string(layer) + " ").c_str());
            const Tensor& weight = context.bound()[5 * layer];
            pointers.push_back({context.compiled.weights->floats(key + "weight", Storage::f32, [&] { return std::vector<float>(weight.data<float>(), weight.data<float>() + weight.numel()); }),
                                context.compiled.weights->floats(key + "scale", Storage::f32, [&] { return folded(true); }),
                                context.compiled.weights->floats(key + "shift", Storage::f32, [&] { return folded(false); })});
        }
        std::int64_t width = op.decorated();
        for (const int unit : op.units) width = std::max<std::int64_t>(width, unit);
        const std::int64_t rows = context.shape(context.out())[0], clouds = context.shape(context.in(5))[0];
        EncodingPillars<float> sizes{};
        sizes.width = std::int32_t(width);
        sizes.voxels = op.voxels;
        const std::size_t most = context.compiled.device->shared_bytes();
        if (sizes.shared_bytes() > most) {
            context.refuse("a voxel's rows take " + std::to_string(sizes.shared_bytes()) + " bytes of shared memory, a block has " + std::to_string(most) + " on this device");
        }
        return {"encode_pillars", "own kernel", 0, [=, in = context.node().inputs, out = context.out(), storage = context.storage(context.out())](const Addresses& at, Queue& queue) {
                    with_storage(storage, [&](auto tag) {
                        using T = decltype(tag);
                        EncodingPillars<T> kernel{};
                        kernel.points = at.value<const float>(in[0]);
                        kernel.order = at.value<const std::int32_t>(in[1]);
                        kernel.first = at.value<const std::int32_t>(in[2]);
                        kernel.number = at.value<const std::int32_t>(in[3]);
                        kernel.cells = at.value<const std::int32_t>(in[4]);
                        kernel.counts = at.value<const std::int32_t>(in[5]);
                        kernel.dst = at.value<T>(out);
                        for (std::size_t layer = 0; layer < layers; ++layer) {
                            kernel.weight[layer] = reinterpret_cast<const float*>(pointers[layer].weight);
                            kernel.scale[layer] = reinterpret_cast<const float*>(pointers[layer].scale);
                            kernel.shift[layer] = reinterpret_cast<const float*>(pointers[layer].shift);
                            kernel.units[layer] = op.units[layer];
                        }
                        kernel.layers = std::int32_t(layers);
                        kernel.clouds = std::int32_t(clouds);
                        kernel.decorated = op.decorated();
                        kernel.width = std::int32_t(width);
                        kernel.voxels = op.voxels;
                        kernel.cluster_center = op.cluster_center;
                        kernel.voxel_center = op.voxel_center;
                        kernel.distance = op.distance;
                        kernel.legacy = op.legacy;
                        kernel.average = op.average;
                        queue.blocks(kernel, rows, kernel.shared_bytes());
                    });
                }};
    }

    Command operator()(const ops::ScatterPillars& op) const {
        const Shape dst = context.shape(context.out());
        const std::int64_t cells = dst[0] * dst[2] * dst[3];
        Pieces pieces;
        pieces.take(cells, 4);
        Command command{"scatter_pillars", "own kernels", pieces.total(), {}};
        command.enqueue = [=, rows = context.shape(context.in(0))[0], in = context.node().inputs, out = context.out(), storage = context.storage(context.out())](const Addresses& at, Queue& queue) {
            queue.fill(at.scratch, 0x7F, std::size_t(cells) * 4);
            queue.fill(at.address(out), 0, std::size_t(dst.numel()) * size_of(storage));
            const ClaimCells claims{at.value<const std::int32_t>(in[1]), at.value<const std::int32_t>(in[2]), at.scratch_at<std::int32_t>(0), std::int32_t(dst[0]), op.height, op.width, std::uint32_t(rows)};
            queue.each(claims);
            with_storage(storage, [&](auto tag) {
                using T = decltype(tag);
                queue.each(ScatteringPillars<T>{claims, at.value<const T>(in[0]), at.value<T>(out), std::uint32_t(op.channels)});
            });
        };
        return command;
    }

    Command operator()(const ops::DecodeBoxes3d& op) const {
        const ops::AnchorGrid3d& grid = op.anchors;
        std::vector<float> numbers;
        for (const auto& range : grid.ranges) numbers.insert(numbers.end(), range.begin(), range.end());
        for (const auto& size : grid.sizes) numbers.insert(numbers.end(), size.begin(), size.end());
        numbers.insert(numbers.end(), grid.rotations.begin(), grid.rotations.end());
        std::string key = "anchors3d";
        for (const float x : numbers) key += "," + std::to_string(bits_of(x));
        const DevicePointer anchors = context.compiled.weights->floats(key, Storage::f32, [&] { return numbers; });
        const MapSize map = context.map(context.in(0));
        const Shape list = context.shape(context.in(2));
        const std::uint32_t ranges = std::uint32_t(grid.ranges.size()), sizes = std::uint32_t(grid.sizes.size()), rotations = std::uint32_t(grid.rotations.size());
        return {"decode_boxes3d", "own kernel", 0,
                [=, classes = op.classes, code = op.code, scale = grid.scale, placement = grid.placement, in = context.node().inputs, out = context.node().outputs,
                 delta_storage = context.storage(context.in(0)), direction_storage = context.storage(context.in(1))](const Addresses& at, Queue& queue) {
                    const float* const table = reinterpret_cast<const float*>(anchors);
                    queue.each(DecodingBoxes3d{{at.value<const void>(in[0]), delta_storage}, {at.value<const void>(in[1]), direction_storage}, table, table + 6 * ranges, table + 6 * ranges + 3 * sizes,
                                               at.value<const std::int32_t>(in[2]), at.value<const std::int32_t>(in[3]), at.value<float>(out[0]), at.value<std::int32_t>(out[1]),
                                               at.value<std::int32_t>(out[2]), std::uint32_t(list[0]), std::uint32_t(list[1]), map.h, map.w, sizes * rotations, rotations, ranges, classes, code, scale,
                                               placement});
                }};
    }

    /// The lists of a suppression: how many there are, and where their ranks begin.
    ListSet lists_of(int lists, int code, std::size_t inputs) const {
        if (lists > ListSet::most) context.refuse("it has more than 16 lists");
        const std::int64_t images = context.shape(context.in(0))[0];
        std::int64_t bound = 0;
        ListSet set{};
        set.lists = lists;
        set.code = code;
        for (std::size_t list = 0; list < std::size_t(lists); ++list) {
            bound += context.shape(context.in(inputs * list))[1];
            set.first[list + 1] = std::uint32_t(bound);
        }
        if (bound * std::max<std::int64_t>(images, 1) >= std::int64_t(1) << 31) context.refuse("it would order 2^31 candidates or more");
        return set;
    }
    /// The same with the addresses of a run; inputs of a list: boxes, scores, labels, directions (with five), count.
    static void place_lists(ListSet& set, const Addresses& at, const std::vector<ValueId>& in, std::size_t inputs) {
        for (std::size_t list = 0; list < std::size_t(set.lists); ++list) {
            set.boxes[list] = at.value<const float>(in[inputs * list]);
            set.scores[list] = at.value<const float>(in[inputs * list + 1]);
            set.labels[list] = at.value<const std::int32_t>(in[inputs * list + 2]);
            if (inputs == 5) set.directions[list] = at.value<const std::int32_t>(in[inputs * list + 3]);
            set.counts[list] = at.value<const std::int32_t>(in[inputs * list + inputs - 1]);
        }
    }
    /// Nothing is found.
    static void none_found(const Addresses& at, Queue& queue, const std::vector<ValueId>& out, std::int32_t images, int limit, int code) {
        const std::size_t rows = std::size_t(images) * std::size_t(std::max(limit, 0));
        queue.fill(at.address(out[0]), 0, rows * std::size_t(code) * 4);
        queue.fill(at.address(out[1]), 0, rows * 4);
        queue.fill(at.address(out[2]), 0, rows * 4);
        queue.fill(at.address(out[3]), 0, std::size_t(images) * 4);
    }

    Command operator()(const ops::RotatedNms& op) const {
        const std::int32_t images = std::int32_t(context.shape(context.in(0))[0]);
        const ListSet shape = lists_of(op.lists, op.code, 5);
        const std::int64_t bound = shape.bound(), rows = std::int64_t(images) * op.limit;
        Pieces pieces;
        const std::size_t keys = pieces.take(bound * images, 8), order = pieces.take(bound * images, 4), kept = pieces.take(bound * images, 4), kept_count = pieces.take(images, 4),
                          boxes = pieces.take(rows * op.code, 4), scores = pieces.take(rows, 4), labels = pieces.take(rows, 4), found = pieces.take(images, 4);
        Command command{"rotated nms, 32 candidates at a time", "own kernels", pieces.total(), {}};
        command.enqueue = [=, in = context.node().inputs, out = context.node().outputs](const Addresses& at, Queue& queue) {
            if (op.limit <= 0 || bound == 0) return none_found(at, queue, out, images, op.limit, op.code);
            ListSet set = shape;
            place_lists(set, at, in, 5);
            queue.each(CandidateKeys{set, at.scratch_at<std::uint64_t>(keys), at.scratch_at<std::int32_t>(order), images, -1.f});
            queue.each(OrderByLabel{set, at.scratch_at<const std::uint64_t>(keys), at.scratch_at<std::int32_t>(order), images});
            queue.blocks(GreedyRotatedNms{set, at.scratch_at<const std::int32_t>(order), at.scratch_at<std::int32_t>(kept), at.scratch_at<std::int32_t>(kept_count), op.iou_threshold, op.limit, op.rotated,
                                          op.suppress_equal},
                         images);
            queue.each(WriteOriented{set, at.scratch_at<const std::int32_t>(kept), at.scratch_at<const std::int32_t>(kept_count), at.scratch_at<float>(boxes), at.scratch_at<float>(scores),
                                     at.scratch_at<std::int32_t>(labels), at.scratch_at<std::int32_t>(found), images, op.limit, op.direction_offset, op.direction_limit_offset});
            queue.each(PackRows{at.scratch_at<const float>(boxes), at.scratch_at<const float>(scores), at.scratch_at<const std::int32_t>(labels), at.scratch_at<const std::int32_t>(found),
                                at.value<float>(out[0]), at.value<float>(out[1]), at.value<std::int32_t>(out[2]), at.value<std::int32_t>(out[3]), images, op.limit, op.code});
        };
        return command;
    }

    Command operator()(const ops::CircleNms& op) const {
        const std::int32_t images = std::int32_t(context.shape(context.in(0))[0]);
        const ListSet shape = lists_of(op.lists, op.code, 4);
        const std::int64_t bound = shape.bound(), rows = std::int64_t(images) * op.limit;
        Pieces pieces;
        const std::size_t keys = pieces.take(bound * images, 8), order = pieces.take(bound * images, 4), boxes = pieces.take(rows * op.code, 4), scores = pieces.take(rows, 4),
                          labels = pieces.take(rows, 4), found = pieces.take(images, 4);
        Command command{"circle nms, 64 candidates at a time", "own kernels", pieces.total(), {}};
        command.enqueue = [=, in = context.node().inputs, out = context.node().outputs](const Addresses& at, Queue& queue) {
            if (op.limit <= 0 || bound == 0) return none_found(at, queue, out, images, op.limit, op.code);
            ListSet set = shape;
            place_lists(set, at, in, 4);
            queue.each(CandidateKeys{set, at.scratch_at<std::uint64_t>(keys), at.scratch_at<std::int32_t>(order), images, -1.f});
            queue.each(OrderCandidates{set, at.scratch_at<const std::uint64_t>(keys), at.scratch_at<std::int32_t>(order), images});
            queue.blocks(GreedyCircleNms{set, at.scratch_at<const std::int32_t>(order), at.scratch_at<float>(boxes), at.scratch_at<float>(scores), at.scratch_at<std::int32_t>(labels),
                                         at.scratch_at<std::int32_t>(found), op.limit, op.squared_radius},
                         images);
            queue.each(PackRows{at.scratch_at<const float>(boxes), at.scratch_at<const float>(scores), at.scratch_at<const std::int32_t>(labels), at.scratch_at<const std::int32_t>(found),
                                at.value<float>(out[0]), at.value<float>(out[1]), at.value<std::int32_t>(out[2]), at.value<std::int32_t>(out[3]), images, op.limit, op.code});
        };
        return command;
    }
};

}  // namespace

Command pillar_command(const NodeContext& context) { return std::visit(PillarCommands{context}, context.node().operation); }

}  // namespace regulus::cuda
