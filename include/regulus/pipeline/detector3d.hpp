#pragma once
// From a point cloud to oriented boxes.
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <regulus/data/point_cloud.hpp>
#include <regulus/graph/program.hpp>
#include <regulus/models/recorded.hpp>
#include <regulus/pipeline/detection3d.hpp>
#include <regulus/zoo/point_detector_spec.hpp>

namespace regulus {

/// The facts that a model's type states in a static member `facts()`; none without one.
template <class Model>
PointDetectorFacts point_facts_of() {
    if constexpr (requires { PointDetectorFacts(Model::facts()); }) return Model::facts();
    else return {};
}

/// The points of several clouds as the inputs of a program: points [p, features], p rounded up so that a program keeps few plans, and point_count [n].
/// Throws ArgumentError for no clouds, for clouds with another number of features, and for more than 2^28 points.
std::vector<Tensor> point_inputs(std::span<const PointCloud> clouds, int features);

/// Finds objects in point clouds, for a model chosen at run time. Copies share the compiled program; a const detector may be called by several threads at once.
class AnyDetector3d {
public:
    /// `weights` may have the names of any code base that converters/ knows. Heads trained on boxes width first (facts.boxes) are rewritten.
    /// Throws WeightError when weights and graph differ, BackendError for what the backend cannot do, ArgumentError for a graph that does not take points.
    AnyDetector3d(const Backend& backend, const Graph& graph, const Weights& weights, const PointDetectorFacts& facts, const CompileOptions& options = {});

    /// The same for an entry of the zoo: AnyDetector3d(CpuBackend{}, find_point_detector(point_detectors(), "mmdetection3d/hv_..."), weights).
    AnyDetector3d(const Backend& backend, const PointDetectorSpec& model, const Weights& weights, const CompileOptions& options = {})
        : AnyDetector3d(backend, recorded(model), weights, model.facts, options) {}

    /// One cloud; its points have as many numbers as the network was trained with (facts().point_columns), in the frame of the key sweep. Points that are
    /// outside the range or not finite are left out. Throws as point_inputs does, BackendError over the memory budget.
    DetectionList3d operator()(const PointCloud& cloud) const;
    /// Clouds of any sizes as one batch.
    std::vector<DetectionList3d> operator()(std::span<const PointCloud> clouds) const;

    /// Makes the plan for one cloud of up to `points` points, so that the first call finds it.
    void prepare(std::size_t points, int clouds = 1) const;

    const PointDetectorFacts& facts() const;
    const Program& program() const;

private:
    struct State;
    std::shared_ptr<State> state_;
};

/// AnyDetector3d for a model that is a type.
template <class Model>
class Detector3d : public AnyDetector3d {
public:
    Detector3d(const Backend& backend, const Weights& weights, const CompileOptions& options = {})
        : AnyDetector3d(backend, recorded<Model>(), weights, point_facts_of<Model>(), options) {}
    Detector3d(const Backend& backend, const Weights& weights, const PointDetectorFacts& facts, const CompileOptions& options = {})
        : AnyDetector3d(backend, recorded<Model>(), weights, facts, options) {}
};

}  // namespace regulus

#if !defined(REGULUS_COMPILED)
#include <regulus/pipeline/detector3d-impl.hpp>
#endif
