#pragma once
// The parameters that a network begins to learn from, by each code base's rules.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <regulus/core/config.hpp>
#include <regulus/core/random_numbers.hpp>
#include <regulus/graph/graph.hpp>
#include <regulus/train/parameter.hpp>
#include <regulus/weights/weights.hpp>

namespace regulus::train {

/// How the elements of a parameter begin.
struct Initialisation {
    enum class Law : std::uint8_t {
        constant,  ///< all are `value`
        normal,    ///< mean 0, deviation `value`
        uniform,   ///< in [-value, value)
    };
    Law law = Law::constant;
    double value = 0;

    friend bool operator==(const Initialisation&, const Initialisation&) = default;
};

/// A parameter of a graph, and how it begins.
struct InitialParameter {
    std::string name;
    Shape shape;
    LearnedParameter::Kind kind = LearnedParameter::Kind::weight;
    Initialisation initialisation;
};

/// The rules of `code_base` for each parameter of a graph, in the order of their first use. Classifiers: pycls, mmpretrain, torchvision, timm. Detectors: mmdetection,
/// mmdetection3d, detectron2, torchvision; their backbones begin as without pretraining. Layers are known by the names of models/names.hpp; of others a convolution
/// begins as the backbone's do, a linear layer as the classifier's. Throws ArgumentError for another code base.
std::vector<InitialParameter> initial_parameters(const Graph& graph, const std::string& code_base);

/// Random parameters by these rules. The numbers of a parameter depend on `seed` and its name only: every machine and every number of threads gives the same bits.
/// `threads` 0: as many as OpenMP has. Throws as initial_parameters.
Weights initial_weights(const Graph& graph, const std::string& code_base, std::uint64_t seed, int threads = 0);

/// Copies of `weights`; random ones by these rules for the parameters whose names begin with one of `anew`, whatever `weights` have there: a new head on a pretrained backbone.
///     initial_weights(graph, "pycls", seed, weights, {"classifier."})
/// Throws WeightError that lists every name of the others that is missing, unexpected, misshapen or no floating-point tensor, and as initial_parameters.
Weights initial_weights(const Graph& graph, const std::string& code_base, std::uint64_t seed, const Weights& weights, const std::vector<std::string>& anew, int threads = 0);

}  // namespace regulus::train

#if !defined(REGULUS_COMPILED)
#include <regulus/train/initialise-impl.hpp>
#endif
