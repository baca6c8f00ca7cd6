#pragma once
// Greedy suppression on the device: keys, order by counting, blocks of candidates against the boxes kept so far, packing.
#include <regulus/cuda/kernels/boxes.hpp>
#include <regulus/cuda/kernels/top_k.hpp>

namespace regulus::cuda {

/// Orders as the float does, -0 and +0 alike; 0 for NaN.
REGULUS_HOST_DEVICE inline std::uint32_t order_key(float score) {
    if (score != score) return 0;
    const std::uint32_t bits = bits_of(score + 0.f);
    return (bits & 0x80000000u) != 0 ? ~bits : bits | 0x80000000u;
}

/// The lists that are suppressed together: list l holds the ranks [first[l], first[l + 1]) of each image.
struct ListSet {
    static constexpr int most = 16;
    const float* boxes[most];  // [n, bound, code]
    const float* scores[most];
    const std::int32_t* labels[most];
    const std::int32_t* directions[most];  // of oriented boxes
    const std::int32_t* counts[most];
    std::uint32_t first[most + 1];
    std::int32_t lists, code;

    struct Entry {
        std::int32_t list;
        std::int64_t at;  // in the list's arrays
        bool valid;
    };
    REGULUS_HOST_DEVICE std::uint32_t bound() const { return first[lists]; }
    /// How many candidates an image has.
    REGULUS_HOST_DEVICE std::int32_t candidates(std::int32_t image) const {
        std::int32_t sum = 0;
        for (std::int32_t list = 0; list < lists; ++list) sum += counts[list][image];
        return sum;
    }
    REGULUS_HOST_DEVICE Entry entry(std::int32_t image, std::uint32_t rank) const {
        std::int32_t list = 0;
        while (rank >= first[list + 1]) ++list;
        const std::uint32_t i = rank - first[list];
        return {list, std::int64_t(image) * (first[list + 1] - first[list]) + i, i < std::uint32_t(counts[list][image])};
    }
    REGULUS_HOST_DEVICE const float* box(const Entry& entry) const { return boxes[entry.list] + entry.at * code; }
    REGULUS_HOST_DEVICE float score(const Entry& entry) const { return scores[entry.list][entry.at]; }
    REGULUS_HOST_DEVICE std::int32_t label(const Entry& entry) const { return labels[entry.list][entry.at]; }
};

/// A key for every rank of every image: 0 for those that take no part.
struct CandidateKeys {
    ListSet set;
    std::uint64_t* keys;    // [n, bound]
    std::int32_t* order;    // [n, bound], becomes -1
    std::int32_t images;
    float min_size;         // negative: any
    REGULUS_HOST_DEVICE std::uint32_t size() const { return std::uint32_t(images) * set.bound(); }
    REGULUS_HOST_DEVICE void operator()(std::uint32_t i) const {
        const std::uint32_t rank = i % set.bound();
        const ListSet::Entry entry = set.entry(std::int32_t(i / set.bound()), rank);
        order[i] = -1;
        keys[i] = 0;
        if (!entry.valid) return;
        if (min_size >= 0) {
            const kernels::Box<float> box = kernels::load_box(set.box(entry));
            if (!(box.x2 - box.x1 > min_size && box.y2 - box.y1 > min_size)) return;
        }
        keys[i] = ranked_key(order_key(set.score(entry)), rank);
    }
};

/// Ranks in falling order of their keys, by counting the greater ones; lists are read up to their counts only.
struct OrderCandidates {
    ListSet set;
    const std::uint64_t* keys;
    std::int32_t* order;
    std::int32_t images;
    REGULUS_HOST_DEVICE std::uint32_t size() const { return std::uint32_t(images) * set.bound(); }
    REGULUS_HOST_DEVICE void operator()(std::uint32_t i) const {
        if (keys[i] == 0) return;
        const std::uint32_t image = i / set.bound();
        const std::uint64_t* const own = keys + std::int64_t(image) * set.bound();
        std::uint32_t greater = 0;
        for (std::int32_t list = 0; list < set.lists; ++list) {
            const std::uint32_t last = set.first[list] + std::uint32_t(set.counts[list][image]);
            for (std::uint32_t k = set.first[list]; k < last; ++k) greater += own[k] > keys[i] ? 1 : 0;
        }
        order[std::int64_t(image) * set.bound() + greater] = std::int32_t(i % set.bound());
    }
};

/// The greedy choice, one block an image, 64 candidates at a time: all threads compare them with the boxes kept so far and with each other, one thread then
/// decides in order. Kept boxes are read back from `boxes` [n, limit, 4]; IoU as in graph/kernels/nms.hpp. Shared memory: `shared_bytes`.
struct GreedyNms {
    static constexpr unsigned threads = 512;
    static constexpr std::int32_t chunk = 64;
    static constexpr std::size_t shared_bytes = chunk * (4 * 4 + 4 + 4 + 8 + 4) + 32;
    ListSet set;
    const std::int32_t* order;
    float* boxes;          // [n, limit, 4]
    float* scores;
    std::int32_t* labels;
    std::int32_t* found;
    std::int32_t limit;
    float iou_threshold;

    struct Shared {
        kernels::Box<float> box[chunk];
        float area[chunk];
        std::int32_t label[chunk];
        std::uint32_t earlier[chunk][2];  // of the chunk's candidates before this one, those that would take it away
        std::int32_t place[chunk];        // among the kept; -1: goes; -2: no candidate
        std::uint32_t gone[2];            // taken away by a box kept before
        std::int32_t kept;
        std::int32_t done;
    };
    static_assert(sizeof(Shared) <= shared_bytes);

    /// Four phases a chunk; chunks for as many candidates as the lists hold.
    REGULUS_HOST_DEVICE std::int32_t phases(const Thread& thread) const { return 4 * ((set.candidates(thread.block) + chunk - 1) / chunk) + 1; }
    REGULUS_HOST_DEVICE void run(std::int32_t phase, const Thread& thread) const {
        Shared& shared = *thread.shared_as<Shared>();
        const std::int64_t base = std::int64_t(thread.block) * limit;
        if (phase == 0 && thread.index == 0) shared.kept = shared.done = 0;
        if (phase == phases(thread) - 1) {
            if (thread.index == 0) found[thread.block] = shared.kept;
            return;
        }
        const std::int32_t part = phase % 4;
        if ((part == 1 || part == 2) && shared.done != 0) return;  // then no box of a later chunk has a place
        if (part == 0) {
            for (std::int32_t c = thread.index; c < chunk; c += thread.count) load(phase / 4 * chunk + c, c, thread.block, shared);
            if (thread.index < 2) shared.gone[thread.index] = 0;
        } else if (part == 1) {
            compare(thread, shared, base);
        } else if (part == 2) {
            if (thread.index == 0) decide(shared);
        } else {
            for (std::int32_t c = thread.index; c < chunk; c += thread.count) {
                if (shared.place[c] < 0) continue;
                const std::int64_t to = base + shared.place[c];
                const ListSet::Entry entry = set.entry(thread.block, std::uint32_t(order[std::int64_t(thread.block) * set.bound() + phase / 4 * chunk + c]));
                kernels::store_box(shared.box[c], boxes + 4 * to);
                scores[to] = set.score(entry);
                labels[to] = shared.label[c];
            }
        }
    }

private:
    REGULUS_HOST_DEVICE void load(std::int32_t position, std::int32_t c, std::int32_t image, Shared& shared) const {
        const std::int32_t rank = std::uint32_t(position) < set.bound() ? order[std::int64_t(image) * set.bound() + position] : -1;
        shared.place[c] = rank < 0 ? -2 : -1;
        shared.earlier[c][0] = shared.earlier[c][1] = 0;
        if (rank < 0) return;
        const ListSet::Entry entry = set.entry(image, std::uint32_t(rank));
        shared.box[c] = kernels::load_box(set.box(entry));
        shared.area[c] = kernels::area(shared.box[c]);
        shared.label[c] = set.label(entry);
    }
    REGULUS_HOST_DEVICE bool takes_away(const kernels::Box<float>& kept, float kept_area, const kernels::Box<float>& box, float area) const {
        const float inter = kernels::intersection(kept, box);
        if (inter == 0 && iou_threshold >= 0) return false;
        return inter / (kept_area + area - inter) > iou_threshold;
    }
    REGULUS_HOST_DEVICE void compare(const Thread& thread, Shared& shared, std::int64_t base) const {
        const std::int32_t parts = thread.count / chunk > 0 ? thread.count / chunk : 1;
        for (std::int32_t t = thread.index; t < chunk * parts; t += thread.count) {
            const std::int32_t c = t % chunk, part = t / chunk;
            if (shared.place[c] == -2) continue;
            const kernels::Box<float> box = shared.box[c];
            const float area = shared.area[c];
            bool gone = false;
            for (std::int32_t k = part; k < shared.kept && !gone; k += parts) {
                if (labels[base + k] != shared.label[c]) continue;
                const kernels::Box<float> kept = kernels::load_box(boxes + 4 * (base + k));
                gone = takes_away(kept, kernels::area(kept), box, area);
            }
            if (gone) atomic_or(&shared.gone[c / 32], 1u << (c % 32));
            std::uint32_t earlier[2] = {0, 0};
            for (std::int32_t k = part; k < c; k += parts) {
                if (shared.label[k] == shared.label[c] && takes_away(shared.box[k], shared.area[k], box, area)) earlier[k / 32] |= 1u << (k % 32);
            }
            if (earlier[0] != 0) atomic_or(&shared.earlier[c][0], earlier[0]);
            if (earlier[1] != 0) atomic_or(&shared.earlier[c][1], earlier[1]);
        }
    }
    REGULUS_HOST_DEVICE void decide(Shared& shared) const {
        std::uint32_t stays[2] = {0, 0};
        for (std::int32_t c = 0; c < chunk && shared.done == 0; ++c) {
            if (shared.place[c] == -2 || shared.kept >= limit) {
                shared.done = 1;
                break;
            }
            if ((shared.gone[c / 32] >> (c % 32) & 1) != 0 || (shared.earlier[c][0] & stays[0]) != 0 || (shared.earlier[c][1] & stays[1]) != 0) continue;
            stays[c / 32] |= 1u << (c % 32);
            shared.place[c] = shared.kept++;
        }
    }
};

/// Rows of all images, packed; zeros beyond them.
struct PackRows {
    const float* boxes;  // [n, limit, code]
    const float* scores;
    const std::int32_t* labels;
    const std::int32_t* found;
    float* packed_boxes;  // [n * limit, code]
    float* packed_scores;
    std::int32_t* packed_labels;
    std::int32_t* count;
    std::int32_t images, limit, code;
    REGULUS_HOST_DEVICE std::uint32_t size() const { return std::uint32_t(images * limit); }
    REGULUS_HOST_DEVICE void operator()(std::uint32_t row) const {
        const std::int32_t image = image_of_row(found, images, row);
        std::int64_t from = 0, before = 0;
        if (image < images) {
            for (std::int32_t i = 0; i < image; ++i) before += found[i];
            from = std::int64_t(image) * limit + (row - before);
        }
        for (std::int32_t k = 0; k < code; ++k) packed_boxes[std::int64_t(row) * code + k] = image < images ? boxes[from * code + k] : 0.f;
        packed_scores[row] = image < images ? scores[from] : 0.f;
        packed_labels[row] = image < images ? labels[from] : 0;
        if (row % std::uint32_t(limit) == 0) count[row / std::uint32_t(limit)] = found[row / std::uint32_t(limit)];
    }
};

}  // namespace regulus::cuda
