#pragma once
// The files of a golden case, read: what was run, and what came out.
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include <regulus/core/config.hpp>
#include <regulus/data/image.hpp>
#include <regulus/weights/weights.hpp>

namespace regulus {

/// Elements of a tensor that the peer stored: all of them, or a sample.
struct GoldenTensor {
    std::string name;
    std::vector<std::int64_t> index;  ///< flat positions in the C-ordered array; empty: all elements in order
    std::vector<std::int64_t> rows{};  ///< or numbers of rows; empty: all
    Tensor value;                     ///< float32, or integers
    double std = 0;                   ///< of the whole array; 0: not stored
};

/// A segment of a peer's panoptic result.
struct GoldenSegment {
    std::int64_t id = 0;
    bool is_thing = false;
    std::int64_t label = 0;
    double score = 0;       ///< of a thing
    std::int64_t area = 0;  ///< of stuff
};

struct GoldenCase {
    std::string folder;
    std::string zoo;                          ///< the model's name in the zoo
    std::uint64_t salt = 0;
    Weights state;                            ///< under the peer's names: seeded, scaled, overridden
    std::vector<Image> images;
    std::int64_t long_side = 0;               ///< limits of the test size; 0: the model's own
    std::int64_t short_side = 0;
    std::int64_t proposals = 0;               ///< kept per picture; 0: as many as the model's own
    std::vector<GoldenTensor> expected;       ///< in the order of their names
    std::vector<std::vector<GoldenSegment>> segments;  ///< of each picture; empty unless the model has a semantic head

    const GoldenTensor* find(const std::string& name) const;
    /// As find; throws FileError when the case lacks it.
    const GoldenTensor& at(const std::string& name) const;
};

/// Reads a case. Throws FileError naming the file and what is wrong with it.
GoldenCase read_golden_case(const std::string& folder);

}  // namespace regulus

#if !defined(REGULUS_COMPILED)
#include <regulus/pipeline/golden_case-impl.hpp>
#endif
