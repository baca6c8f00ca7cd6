#pragma once
// Image classification: a backbone, the mean over the last map, a linear layer.
#include <regulus/layers/linear.hpp>
#include <regulus/layers/pool.hpp>
#include <regulus/models/recorded.hpp>
#include <regulus/models/regnet.hpp>
#include <regulus/models/resnet.hpp>

namespace regulus {

/// A classifier has nothing to set.
struct ClassifierSettings {};

/// image [n, 3, H, W]  ->  logits [n, Classes] (softmax is not in the graph). Labels: "pooled" [n, c, 1, 1], "logits".
template <class Backbone, int Classes = 1000>
struct Classifier {
    static constexpr const char* kind = "classifier";
    static constexpr bool needs_image_info = false;
    static constexpr ClassifierSettings settings{};

    void operator()(const Scope& scope, const ImageInput<3>& input, const ClassifierSettings&) const {
        const auto stages = Backbone{}(scope / "backbone", input.image);
        const auto pooled = labelled(GlobalAveragePool{}(scope / "pool", stages.template level<3>()), "pooled");
        const auto logits = labelled(Linear<Backbone::channels, Classes>{}(scope / "classifier", pooled), "logits");
        scope.graph().outputs = {{"logits", logits.id}};
    }
};

}  // namespace regulus
