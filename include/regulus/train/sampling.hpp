#pragma once
// A random choice of boxes to learn from: few objects among much background.
#include <cstdint>
#include <vector>

#include <regulus/core/config.hpp>

namespace regulus::train {

/// How many boxes of a picture are learnt from.
struct Sampling {
    std::int64_t count = 0;       // objects and background together; 0: all that are not left out
    double positive_share = 0.5;  // of them are objects at most; background fills the rest as far as there is any
};

/// Numbers of boxes, rising.
struct SampledBoxes {
    std::vector<std::int64_t> positives, negatives;
};

/// Chooses among assigned boxes (assign_boxes) without replacement, every subset as likely as another. The same seed and stream choose the same boxes; give each
/// step a seed and each picture of it a stream. Throws ArgumentError for a negative count and for a share outside 0 .. 1.
SampledBoxes sample_boxes(const std::vector<std::int32_t>& assigned, const Sampling& sampling, std::uint64_t seed, std::uint64_t stream);

}  // namespace regulus::train

#if !defined(REGULUS_COMPILED)
#include <regulus/train/sampling-impl.hpp>
#endif
