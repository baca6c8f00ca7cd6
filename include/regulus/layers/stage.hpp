#pragma once
// A run of residual blocks of one resolution.
#include <type_traits>

#include <regulus/graph/handles.hpp>

namespace regulus {

/// First, then Rest depth - 1 times: blocks "b1", "b2", ... A loop, so that compile time does not grow with depth.
/// Block 1 is labelled PREFIX.b1 and the stage's output PREFIX, where PREFIX is the last part of the scope ("s1").
template <class First, class Rest>
struct Stage {
    int depth = 1;

    template <int C, int S>
    auto operator()(const Scope& scope, Feature<C, S> x) const {
        const std::string prefix = scope.name().substr(scope.name().rfind('.') + 1);
        auto y = labelled(First{}(scope / "b1", x), prefix + ".b1");
        static_assert(std::is_same_v<decltype(y), decltype(Rest{}(scope, y))>,
                      "Stage: the blocks after the first must keep channels and stride; give them In == Out and stride 1");
        for (int i = 2; i <= depth; ++i) y = Rest{}(scope / indexed("b", i), y);
        return labelled(y, prefix);
    }
};

}  // namespace regulus
