#pragma once
// A detector of a model type.
#include <regulus/models/recorded.hpp>
#include <regulus/pipeline/any_detector.hpp>

namespace regulus {

/// AnyDetector for a model that is a type:
///
///     Detector<MaskRcnn<RegNet<regnetx_3_2gf>>> detector{CpuBackend{}, read_weights("mask_rcnn.pth")};
///     for (const Detection& d : detector(read_image("street.jpg"))) std::cout << d << '\n';
///
/// How pictures are prepared and what classes are called comes from the weights' file if it is Regulus's own, else from Model::facts() if
/// the type has it, else the defaults of ModelFacts. Throws as AnyDetector does.
template <class Model>
class Detector : public AnyDetector {
public:
    Detector(const Backend& backend, const Weights& weights, const CompileOptions& options = {})
        : AnyDetector(backend, recorded<Model>(), weights, facts_of<Model>(), options) {}
    Detector(const Backend& backend, const Weights& weights, const ModelFacts& facts, const CompileOptions& options = {})
        : AnyDetector(backend, recorded<Model>(), weights, facts, options) {}
};

}  // namespace regulus
