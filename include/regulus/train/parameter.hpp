#pragma once
// A parameter that learns: what a learner keeps, an optimiser changes and a snapshot stores.
#include <cstdint>
#include <string>

#include <regulus/core/tensor.hpp>

namespace regulus::train {

/// A parameter of a learner.
struct LearnedParameter {
    enum class Kind : std::uint8_t {
        weight,       ///< of a convolution or linear layer
        bias,         ///< of a convolution or linear layer
        norm_weight,  ///< of a batch or group norm
        norm_bias,
        statistic,  ///< running mean or variance: moved by a forward pass, never by an optimiser
    };
    std::string name;
    Kind kind = Kind::weight;
    Tensor value;     ///< float32
    Tensor gradient;  ///< of the same shape; empty for statistics and for what is frozen
};

}  // namespace regulus::train
