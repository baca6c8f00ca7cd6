#pragma once
// From a model type to its graph.
#include <regulus/graph/record.hpp>

namespace regulus {

/// Records a model. `Model` is a type with `static constexpr settings` and `void operator()(const Scope&, const ImageInput<3>&,
/// settings) const`, which sets the graph's outputs. A model that takes point clouds has `static constexpr int point_features` and gets
/// Points<point_features> instead of pictures. A user's type derived from a model may shadow `settings`:
///
///     struct Parts : MaskRcnn<RegNet<regnetx_200mf>, 64, 5> { static constexpr RcnnSettings settings{.anchor_scale = 3}; };
///     const Graph graph = recorded<Parts>();
///
/// Throws ArgumentError when the settings do not fit the sizes in the type.
template <class Model>
Graph recorded(std::string name = Model::kind) {
    Graph graph;
    graph.name = std::move(name);
    if constexpr (requires { Model::point_features; }) {
        const std::vector<ValueId> cloud = record::points_input(graph, Model::point_features);
        Model{}(Scope(graph), Points<Model::point_features>{&graph, cloud[0], cloud[1]}, Model::settings);
    } else {
        ImageInput<3> input{{&graph, record::image_input(graph, 3)}, no_value};
        if constexpr (Model::needs_image_info) input.info = record::image_info_input(graph);
        Model{}(Scope(graph), input, Model::settings);
    }
    return graph;
}

/// A model as mmdetection 2 runs it, which published numbers were made with; the same parameters (as_mmdetection2 of each model's settings says what
/// differs): recorded<AsMmdetection2<RetinaNet<RegNet<regnetx_800mf>>>>().
template <class Model>
struct AsMmdetection2 : Model {
    static constexpr auto settings = as_mmdetection2(Model::settings);
};

/// Whether the graph of a detector gives boxes in pixels of the original picture; otherwise they are network pixels, to be
/// divided by the resize factors afterwards.
template <class Model>
inline constexpr bool boxes_in_original_pixels = Model::rescales(Model::settings);

}  // namespace regulus
