#pragma once
// The best scores of a map: keys, selection by radix, order by counting, results. Keys are unique, so every step has one outcome whatever the threads' order.
#include <regulus/cuda/kernels/storage.hpp>
#include <regulus/graph/kernels/boxes.hpp>

namespace regulus::cuda {

/// A score's bits order as the score does when it is not negative; 0 says that there is none.
REGULUS_HOST_DEVICE inline std::uint32_t score_key(float score) { return score >= 0 ? bits_of(score + 0.f) + 1 : 0; }
REGULUS_HOST_DEVICE inline float key_score(std::uint32_t key) { return float_of(key - 1); }
/// Greater: the better score, then the lower index. 0 for key 0.
REGULUS_HOST_DEVICE inline std::uint64_t ranked_key(std::uint32_t key, std::uint32_t index) { return key == 0 ? 0 : (std::uint64_t(key) << 32) | (0xFFFFFFFFu - index); }
REGULUS_HOST_DEVICE inline std::uint32_t index_of(std::uint64_t ranked) { return 0xFFFFFFFFu - std::uint32_t(ranked); }

/// The key of each entry of a score map: sigmoid(logit) when it exceeds the threshold; of `classes` channels the best when there are more than one.
struct ScoreKeys {
    Elements logits;
    std::uint32_t* keys;
    std::uint32_t entries;  // of all images, a group of classes each
    std::int32_t classes;
    float threshold;
    REGULUS_HOST_DEVICE std::uint32_t size() const { return entries; }
    REGULUS_HOST_DEVICE void operator()(std::uint32_t i) const {
        if (classes == 1) {
            const float score = kernels::sigmoid(logits[i]);
            keys[i] = score > threshold ? score_key(score) : 0;
            return;
        }
        float best = -std::numeric_limits<float>::infinity();
        for (std::int32_t c = 0; c < classes; ++c) {
            const float logit = logits[std::int64_t(i) * classes + c];
            best = logit > best ? logit : best;
        }
        keys[i] = score_key(kernels::sigmoid(best));
    }
};

/// The `limit` greatest of an image's `total` keys, in no order: ranked_key of each into `picked`, how many into `found`. One block an image: a radix
/// selection, eight bits a round over 64-bit ranked keys, which ends when a digit's bucket fits whole; then the gathering. With `keep_order` and room for all,
/// the ranked keys order by index alone. Shared memory: `shared_bytes`.
struct SelectTop {
    static constexpr unsigned threads = 1024;
    static constexpr std::int32_t rounds = 8;
    static constexpr std::size_t shared_bytes = 256 * 4 + 32;
    const std::uint32_t* keys;
    std::uint64_t* picked;  // [n, limit]
    std::int32_t* found;    // [n]
    std::uint32_t total, limit;
    bool keep_order;

    struct State {
        std::uint64_t prefix;     // the digits so far
        std::uint32_t remaining;  // how many of those with this prefix are still wanted
        std::uint32_t shift;      // of the prefix
        std::uint32_t settled, taken;
    };
    REGULUS_HOST_DEVICE std::int32_t phases(const Thread&) const { return 3 * rounds + 3; }
    REGULUS_HOST_DEVICE void run(std::int32_t phase, const Thread& thread) const {
        std::uint32_t* const buckets = thread.shared_as<std::uint32_t>();
        State& state = *thread.shared_as<State>(256 * 4);
        const std::uint32_t* const own = keys + std::int64_t(thread.block) * total;
        const std::uint32_t first = std::uint32_t(thread.index), step = std::uint32_t(thread.count);
        if (phase == 3 * rounds) {
            if (thread.index == 0) state.taken = 0;
        } else if (phase == 3 * rounds + 1) {
            for (std::uint32_t i = first; i < total; i += step) {
                const std::uint64_t key = ranked_key(own[i], i);
                if (key == 0 || (state.shift < 64 && (key >> state.shift) < state.prefix)) continue;
                picked[std::int64_t(thread.block) * limit + atomic_add(&state.taken, 1)] = keep_order && total <= limit ? ranked_key(1, i) : key;
            }
        } else if (phase == 3 * rounds + 2) {
            if (thread.index == 0) found[thread.block] = std::int32_t(state.taken);
        } else {
            const std::int32_t round = phase / 3, part = phase % 3;
            if (round == 0 && part == 0 && thread.index == 0) state = {0, limit, 64, total <= limit ? 1u : 0u, 0};
            if (part == 0) {
                for (std::uint32_t b = first; b < 256; b += step) buckets[b] = 0;
                return;
            }
            if (state.settled != 0) return;
            const std::uint32_t shift = 56 - 8 * std::uint32_t(round);
            if (part == 1) {
                for (std::uint32_t i = first; i < total; i += step) {
                    const std::uint64_t key = ranked_key(own[i], i);
                    if (key != 0 && (state.shift >= 64 || (key >> state.shift) == state.prefix)) atomic_add(buckets + ((key >> shift) & 255), 1);
                }
                return;
            }
            if (thread.index == 0) choose(buckets, shift, state);
        }
    }

private:
    /// The bucket that holds the last wanted key. When all keys are wanted the prefix goes down to zero and takes them all.
    REGULUS_HOST_DEVICE static void choose(const std::uint32_t* buckets, std::uint32_t shift, State& state) {
        std::uint32_t bucket = 255;
        while (bucket > 0 && buckets[bucket] < state.remaining) state.remaining -= buckets[bucket--];
        state.settled = buckets[bucket] <= state.remaining ? 1 : 0;
        state.prefix = (state.shift >= 64 ? 0 : state.prefix << 8) | bucket;
        state.shift = shift;
    }
};

/// Order by counting: each of the found[n] keys goes where the number of greater ones says.
struct OrderKeys {
    const std::uint64_t* keys;  // [images, bound]
    const std::int32_t* found;
    std::uint64_t* ordered;     // [images, bound]
    std::uint32_t images, bound;
    REGULUS_HOST_DEVICE std::uint32_t size() const { return images * bound; }
    REGULUS_HOST_DEVICE void operator()(std::uint32_t i) const {
        const std::uint32_t image = i / bound;
        const std::uint32_t count = std::uint32_t(found[image]);
        if (i % bound >= count) return;
        const std::uint64_t* const own = keys + std::int64_t(image) * bound;
        const std::uint64_t key = own[i % bound];
        std::uint32_t greater = 0;
        for (std::uint32_t k = 0; k < count; ++k) greater += own[k] > key ? 1 : 0;
        ordered[std::int64_t(image) * bound + greater] = key;
    }
};

/// Scores and indices of the ordered keys; zeros beyond them.
struct WriteTop {
    const std::uint64_t* ordered;
    const std::int32_t* found;
    float* scores;
    std::int32_t* index;
    std::int32_t* count;
    std::uint32_t images, bound;
    REGULUS_HOST_DEVICE std::uint32_t size() const { return images * bound; }
    REGULUS_HOST_DEVICE void operator()(std::uint32_t i) const {
        const std::uint32_t image = i / bound;
        const bool valid = i % bound < std::uint32_t(found[image]);
        const std::uint64_t key = valid ? ordered[i] : 0;
        scores[i] = valid ? key_score(std::uint32_t(key >> 32)) : 0.f;
        index[i] = valid ? std::int32_t(index_of(key)) : 0;
        if (i % bound == 0) count[image] = found[image];
    }
};

/// The entries above the threshold of the ordered anchors: by anchor, then class. One block an image; each thread takes neighbouring anchors, so that their
/// entries stand where the counts before them say. Shared memory: an integer a thread.
struct ExpandAnchors {
    static constexpr unsigned threads = 256;
    static constexpr std::size_t shared_bytes = threads * 4;
    Elements logits;
    const std::uint64_t* ordered;  // [images, bound]
    const std::int32_t* found;
    float* scores;        // [images, bound * classes]
    std::int32_t* index;
    std::int32_t* count;
    std::int64_t logits_an_image;
    std::uint32_t bound;
    std::int32_t classes;
    float threshold;
    REGULUS_HOST_DEVICE std::int32_t phases(const Thread&) const { return 3; }
    REGULUS_HOST_DEVICE void run(std::int32_t phase, const Thread& thread) const {
        std::int32_t* const before = thread.shared_as<std::int32_t>();
        const Share share = share_of(thread, found[thread.block]);
        if (phase == 1) {
            if (thread.index == 0) count[thread.block] = sum_before(before, thread.count);
            return;
        }
        const std::int64_t room = std::int64_t(bound) * classes, base = thread.block * room;
        std::int64_t at = phase == 0 ? 0 : before[thread.index];
        for (std::int64_t i = share.first; i < share.last; ++i) {
            const std::int64_t anchor = index_of(ordered[std::int64_t(thread.block) * bound + i]);
            for (std::int32_t c = 0; c < classes; ++c) {
                const float score = kernels::sigmoid(logits[thread.block * logits_an_image + anchor * classes + c]);
                if (!(score > threshold)) continue;
                if (phase == 2) {
                    scores[base + at] = score;
                    index[base + at] = std::int32_t(anchor * classes + c);
                }
                ++at;
            }
        }
        if (phase == 0) {
            before[thread.index] = std::int32_t(at);
            return;
        }
        if (thread.index != thread.count - 1) return;  // its entries are the last
        for (; at < room; ++at) {
            scores[base + at] = 0;
            index[base + at] = 0;
        }
    }
};

}  // namespace regulus::cuda
