#pragma once
// Oriented boxes: decoding, and greedy suppression by label or by centre. The arithmetic of graph/kernels/boxes3d.hpp and rotated_iou.hpp, overlaps in double
// precision.
#include <regulus/cuda/kernels/nms.hpp>
#include <regulus/graph/kernels/rotated_nms.hpp>

namespace regulus::cuda {

struct DecodingBoxes3d {
    Elements deltas;      // [n, h, w, anchors * code]
    Elements directions;  // [n, h, w, anchors * 2]
    const float* ranges;     // [ranges, 6]
    const float* sizes;      // [sizes, 3]
    const float* rotations;
    const std::int32_t* index;
    const std::int32_t* count;
    float* boxes;
    std::int32_t* labels;
    std::int32_t* bins;
    std::uint32_t images, bound, height, width, anchors, rotation_count, range_count;
    std::int32_t classes, code;
    float scale;
    ops::AnchorGrid3d::Placement placement;
    REGULUS_HOST_DEVICE std::uint32_t size() const { return images * bound; }
    REGULUS_HOST_DEVICE void operator()(std::uint32_t i) const {
        const std::uint32_t image = i / bound;
        float* const box = boxes + std::int64_t(i) * code;
        if (i % bound >= std::uint32_t(count[image])) {
            for (std::int32_t k = 0; k < code; ++k) box[k] = 0;
            labels[i] = bins[i] = 0;
            return;
        }
        const std::uint32_t which = std::uint32_t(index[i]) / std::uint32_t(classes), anchor = which % anchors, cell = which / anchors, kind = anchor / rotation_count;
        const float* const range = ranges + 6 * (range_count == 1 ? 0 : kind);
        const kernels::Box3d<float> from{kernels::anchor_place(placement, range[0], range[3], std::int64_t(cell % width), std::int64_t(width)),
                                         kernels::anchor_place(placement, range[1], range[4], std::int64_t(cell / width), std::int64_t(height)),
                                         kernels::anchor_place(placement, range[2], range[5], std::int64_t(0), std::int64_t(1)),
                                         sizes[3 * kind] * scale,
                                         sizes[3 * kind + 1] * scale,
                                         sizes[3 * kind + 2] * scale,
                                         rotations[anchor % rotation_count]};
        const std::int64_t pixel = (std::int64_t(image) * height * width + cell) * anchors + anchor;
        float delta[7];
        for (std::int32_t k = 0; k < 7; ++k) delta[k] = deltas[pixel * code + k];
        kernels::store_box3d(kernels::decode_box3d(from, delta), box);
        for (std::int32_t k = 7; k < code; ++k) box[k] = deltas[pixel * code + k];
        labels[i] = index[i] % classes;
        bins[i] = directions[2 * pixel + 1] > directions[2 * pixel] ? 1 : 0;
    }
};

/// As OrderCandidates, but labels first.
struct OrderByLabel {
    ListSet set;
    const std::uint64_t* keys;
    std::int32_t* order;
    std::int32_t images;
    REGULUS_HOST_DEVICE std::uint32_t size() const { return std::uint32_t(images) * set.bound(); }
    REGULUS_HOST_DEVICE void operator()(std::uint32_t i) const {
        if (keys[i] == 0) return;
        const std::uint32_t image = i / set.bound();
        const std::int32_t label = set.label(set.entry(std::int32_t(image), i % set.bound()));
        const std::uint64_t* const own = keys + std::int64_t(image) * set.bound();
        std::uint32_t before = 0;
        for (std::int32_t list = 0; list < set.lists; ++list) {
            const std::uint32_t begin = set.first[list], count = std::uint32_t(set.counts[list][image]);
            const std::int32_t* const labels = set.labels[list] + std::int64_t(image) * (set.first[list + 1] - begin);
            for (std::uint32_t k = 0; k < count; ++k) {
                if (own[begin + k] != 0) before += labels[k] < label || (labels[k] == label && own[begin + k] > keys[i]) ? 1 : 0;
            }
        }
        order[std::int64_t(image) * set.bound() + before] = std::int32_t(i % set.bound());
    }
};

/// The greedy choice label by label, one block a cloud, 32 candidates at a time as in GreedyNms. Of a label at most limit + 1 are kept. `kept` takes ranks.
struct GreedyRotatedNms {
    static constexpr unsigned threads = 256;
    static constexpr std::int32_t chunk = 32;
    ListSet set;
    const std::int32_t* order;
    std::int32_t* kept;        // [n, bound]
    std::int32_t* kept_count;  // [n]
    float iou_threshold;
    std::int32_t limit;
    bool rotated, suppress_equal;

    struct Shared {
        kernels::RotatedBox box[chunk];
        std::int32_t label[chunk], rank[chunk];  // rank -1: no candidate
        std::uint32_t earlier[chunk];
        std::uint32_t gone;
        std::int32_t kept, of_label, last_label;
    };
    static constexpr std::size_t shared_bytes = sizeof(Shared);

    REGULUS_HOST_DEVICE std::int32_t phases(const Thread& thread) const { return 3 * ((set.candidates(thread.block) + chunk - 1) / chunk) + 1; }
    REGULUS_HOST_DEVICE void run(std::int32_t phase, const Thread& thread) const {
        Shared& shared = *thread.shared_as<Shared>();
        const std::int64_t base = std::int64_t(thread.block) * set.bound();
        if (phase == 0 && thread.index == 0) shared.kept = shared.of_label = shared.last_label = 0;
        if (phase == phases(thread) - 1) {
            if (thread.index == 0) kept_count[thread.block] = shared.kept;
            return;
        }
        if (phase % 3 == 0) {
            for (std::int32_t c = thread.index; c < chunk; c += thread.count) {
                const std::int32_t position = phase / 3 * chunk + c;
                const std::int32_t rank = std::uint32_t(position) < set.bound() ? order[base + position] : -1;
                shared.rank[c] = rank;
                shared.earlier[c] = 0;
                if (rank < 0) continue;
                const ListSet::Entry entry = set.entry(thread.block, std::uint32_t(rank));
                shared.box[c] = box_of(entry);
                shared.label[c] = set.label(entry);
            }
            if (thread.index == 0) shared.gone = 0;
        } else if (phase % 3 == 1) {
            const std::int32_t parts = thread.count / chunk > 0 ? thread.count / chunk : 1;
            for (std::int32_t t = thread.index; t < chunk * parts; t += thread.count) {
                const std::int32_t c = t % chunk, part = t / chunk;
                if (shared.rank[c] < 0) continue;
                bool gone = false;
                for (std::int32_t k = part; k < shared.kept && !gone; k += parts) {
                    const ListSet::Entry entry = set.entry(thread.block, std::uint32_t(kept[base + k]));
                    gone = set.label(entry) == shared.label[c] && takes_away(box_of(entry), shared.box[c]);
                }
                if (gone) atomic_or(&shared.gone, 1u << c);
                std::uint32_t earlier = 0;
                for (std::int32_t k = part; k < c; k += parts) {
                    if (shared.label[k] == shared.label[c] && takes_away(shared.box[k], shared.box[c])) earlier |= 1u << k;
                }
                if (earlier != 0) atomic_or(&shared.earlier[c], earlier);
            }
        } else if (thread.index == 0) {
            std::uint32_t stays = 0;
            for (std::int32_t c = 0; c < chunk && shared.rank[c] >= 0; ++c) {
                if (shared.kept == 0 || shared.label[c] != shared.last_label) shared.of_label = 0;  // the first of a label always stays
                shared.last_label = shared.label[c];
                if (shared.of_label > limit || (shared.gone >> c & 1) != 0 || (shared.earlier[c] & stays) != 0) continue;
                stays |= 1u << c;
                ++shared.of_label;
                kept[base + shared.kept++] = shared.rank[c];
            }
        }
    }

private:
    REGULUS_HOST_DEVICE kernels::RotatedBox box_of(const ListSet::Entry& entry) const {
        const float* const box = set.box(entry);
        return kernels::rotated_box(double(box[0]), double(box[1]), double(box[3]), double(box[4]), rotated ? double(box[6]) : 0.0);
    }
    REGULUS_HOST_DEVICE bool takes_away(const kernels::RotatedBox& first, const kernels::RotatedBox& second) const {
        const float overlap = float(kernels::rotated_iou(first, second));
        return suppress_equal ? overlap >= iou_threshold : overlap > iou_threshold;
    }
};

/// The kept boxes, cut to the limit by falling score when there are more, with their yaws' half turns: an entry of [n, bound] a call.
struct WriteOriented {
    ListSet set;
    const std::int32_t* kept;
    const std::int32_t* kept_count;
    float* boxes;  // [n, limit, code]
    float* scores;
    std::int32_t* labels;
    std::int32_t* found;
    std::int32_t images, limit;
    float direction_offset, direction_limit_offset;
    REGULUS_HOST_DEVICE std::uint32_t size() const { return std::uint32_t(images) * set.bound(); }
    REGULUS_HOST_DEVICE void operator()(std::uint32_t i) const {
        const std::int32_t image = std::int32_t(i / set.bound()), k = std::int32_t(i % set.bound()), count = kept_count[image];
        if (k == 0) found[image] = count < limit ? count : limit;
        if (k >= count) return;
        const std::int32_t* const own = kept + std::int64_t(image) * set.bound();
        const ListSet::Entry entry = set.entry(image, std::uint32_t(own[k]));
        const float score = set.score(entry);
        std::int32_t place = k;
        if (count > limit) {
            place = 0;
            for (std::int32_t other = 0; other < count; ++other) {
                const float theirs = set.score(set.entry(image, std::uint32_t(own[other])));
                place += theirs > score || (theirs == score && other < k) ? 1 : 0;
            }
        }
        if (place >= limit) return;
        const std::int64_t to = std::int64_t(image) * limit + place;
        const float* const box = set.box(entry);
        for (std::int32_t c = 0; c < set.code; ++c) boxes[to * set.code + c] = box[c];
        boxes[to * set.code + 6] = kernels::directed_yaw(box[6], direction_offset, direction_limit_offset, int(set.directions[entry.list][entry.at]));
        scores[to] = score;
        labels[to] = set.label(entry);
    }
};

/// The greedy choice among centres, whatever the labels: one block a cloud, 64 candidates at a time as in GreedyNms. The arithmetic of
/// graph/kernels/circle_nms.hpp. Kept centres are read back from `boxes` [n, limit, code]. Shared memory: `shared_bytes`.
struct GreedyCircleNms {
    static constexpr unsigned threads = 512;
    static constexpr std::int32_t chunk = 64;
    ListSet set;
    const std::int32_t* order;
    float* boxes;
    float* scores;
    std::int32_t* labels;
    std::int32_t* found;
    std::int32_t limit;
    float squared_radius;

    struct Shared {
        float x[chunk], y[chunk];
        std::uint32_t earlier[chunk][2];  // of the chunk's candidates before this one, those that lie close
        std::int32_t rank[chunk];         // -1: no candidate
        std::int32_t place[chunk];        // among the kept; -1: goes
        std::uint32_t gone[2];            // close to a box kept before
        std::int32_t kept;
    };
    static constexpr std::size_t shared_bytes = sizeof(Shared);

    REGULUS_HOST_DEVICE std::int32_t phases(const Thread& thread) const { return 4 * ((set.candidates(thread.block) + chunk - 1) / chunk) + 1; }
    REGULUS_HOST_DEVICE void run(std::int32_t phase, const Thread& thread) const {
        Shared& shared = *thread.shared_as<Shared>();
        const std::int64_t base = std::int64_t(thread.block) * limit;
        if (phase == 0 && thread.index == 0) shared.kept = 0;
        if (phase == phases(thread) - 1) {
            if (thread.index == 0) found[thread.block] = shared.kept;
            return;
        }
        const std::int32_t part = phase % 4;
        if (part == 0) {
            for (std::int32_t c = thread.index; c < chunk; c += thread.count) load(phase / 4 * chunk + c, c, thread.block, shared);
            if (thread.index < 2) shared.gone[thread.index] = 0;
        } else if (part == 1) {
            if (shared.kept < limit) compare(thread, shared, base);
        } else if (part == 2) {
            if (thread.index == 0) decide(shared);
        } else {
            for (std::int32_t c = thread.index; c < chunk; c += thread.count) {
                if (shared.place[c] < 0) continue;
                const std::int64_t to = base + shared.place[c];
                const ListSet::Entry entry = set.entry(thread.block, std::uint32_t(shared.rank[c]));
                const float* const box = set.box(entry);
                for (std::int32_t k = 0; k < set.code; ++k) boxes[to * set.code + k] = box[k];
                scores[to] = set.score(entry);
                labels[to] = set.label(entry);
            }
        }
    }

private:
    REGULUS_HOST_DEVICE void load(std::int32_t position, std::int32_t c, std::int32_t image, Shared& shared) const {
        const std::int32_t rank = std::uint32_t(position) < set.bound() ? order[std::int64_t(image) * set.bound() + position] : -1;
        shared.rank[c] = rank;
        shared.place[c] = -1;
        shared.earlier[c][0] = shared.earlier[c][1] = 0;
        if (rank < 0) return;
        const float* const box = set.box(set.entry(image, std::uint32_t(rank)));
        shared.x[c] = box[0];
        shared.y[c] = box[1];
    }
    REGULUS_HOST_DEVICE bool close(float x, float y, float other_x, float other_y) const {
        const float dx = x - other_x, dy = y - other_y;
        return dx * dx + dy * dy <= squared_radius;
    }
    REGULUS_HOST_DEVICE void compare(const Thread& thread, Shared& shared, std::int64_t base) const {
        const std::int32_t parts = thread.count / chunk > 0 ? thread.count / chunk : 1;
        for (std::int32_t t = thread.index; t < chunk * parts; t += thread.count) {
            const std::int32_t c = t % chunk, part = t / chunk;
            if (shared.rank[c] < 0) continue;
            const float x = shared.x[c], y = shared.y[c];
            bool gone = false;
            for (std::int32_t k = part; k < shared.kept && !gone; k += parts) gone = close(x, y, boxes[(base + k) * set.code], boxes[(base + k) * set.code + 1]);
            if (gone) atomic_or(&shared.gone[c / 32], 1u << (c % 32));
            std::uint32_t earlier[2] = {0, 0};
            for (std::int32_t k = part; k < c; k += parts) {
                if (close(x, y, shared.x[k], shared.y[k])) earlier[k / 32] |= 1u << (k % 32);
            }
            for (int half = 0; half < 2; ++half) {
                if (earlier[half] != 0) atomic_or(&shared.earlier[c][half], earlier[half]);
            }
        }
    }
    REGULUS_HOST_DEVICE void decide(Shared& shared) const {
        std::uint32_t stays[2] = {0, 0};
        for (std::int32_t c = 0; c < chunk && shared.rank[c] >= 0 && shared.kept < limit; ++c) {
            if ((shared.gone[c / 32] >> (c % 32) & 1) != 0 || (shared.earlier[c][0] & stays[0]) != 0 || (shared.earlier[c][1] & stays[1]) != 0) continue;
            stays[c / 32] |= 1u << (c % 32);
            shared.place[c] = shared.kept++;
        }
    }
};

}  // namespace regulus::cuda
