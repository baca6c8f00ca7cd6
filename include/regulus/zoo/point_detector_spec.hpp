#pragma once
// What a detector of point clouds is besides its layers.
#include <array>
#include <string>
#include <vector>

#include <regulus/core/error.hpp>
#include <regulus/graph/graph.hpp>

namespace regulus {

/// In which frame the boxes were described that a network was trained on.
enum class BoxConvention : std::uint8_t {
    length_first,  // mmdetection3d 1.x: length, width, height; yaw counter-clockwise from +x
    width_first,   // before 1.0: width, length, height; yaw clockwise from -y. Its heads are rewritten when weights are read
};

/// How a detector of point clouds was trained to see and to speak.
struct PointDetectorFacts {
    std::vector<std::string> class_names;
    std::array<float, 6> range{};       ///< minimum x y z, maximum x y z, metres: points outside are left out
    std::string point_columns;          ///< what a point's numbers are: "x y z seconds" (since the key frame, of earlier sweeps), "x y z reflectance"
    int sweeps = 0;                     ///< earlier sweeps that the training added to the key frame, at most
    BoxConvention boxes = BoxConvention::length_first;  ///< of the checkpoint

    /// The class's name, or "class 7".
    std::string class_name(int label) const {
        return label >= 0 && std::size_t(label) < class_names.size() ? class_names[std::size_t(label)] : "class " + std::to_string(label);
    }
};

/// A detector of point clouds that can be asked for by name.
struct PointDetectorSpec {
    std::string name;                  ///< "<code base>/<published config name>"
    std::vector<std::string> aliases;  ///< other spellings, without the code base
    std::string code_base;             ///< whose parameter names its checkpoints have
    std::string architecture;          ///< for people
    Graph (*record)() = nullptr;
    PointDetectorFacts facts;
    std::string licence;
    std::string checkpoint;            ///< published file name; empty when none is known
    double map = 0;                    ///< published, percent; Lyft: the private leaderboard's score; 0: none known
    double nds = 0;                    ///< published nuScenes detection score, percent
    std::string data;                  ///< what it was trained and judged on
};

/// The recorded graph, named after the model. Throws ArgumentError for an entry without a recording function.
inline Graph recorded(const PointDetectorSpec& model) {
    if (model.record == nullptr) throw ArgumentError("zoo: " + model.name + " has no recording function");
    Graph graph = model.record();
    graph.name = model.name;
    return graph;
}

}  // namespace regulus
