#pragma once
// Several maps of falling resolution, as backbones give them and feature pyramids return them.
#include <array>

#include <regulus/graph/handles.hpp>

namespace regulus {

/// Channels per level, finest first: what a neck declares.
template <int... Channels>
struct Widths {
    static constexpr int count = sizeof...(Channels);
};

/// The maps of a backbone's stages, finest first. Level i is [n, Channels_i, ceil(H / s), ceil(W / s)], s = FinestStride * 2^i.
template <int FinestStride, int... Channels>
struct StageMaps {
    static constexpr int count = sizeof...(Channels);
    static constexpr int finest_stride = FinestStride;
    static constexpr std::array<int, sizeof...(Channels)> channels{Channels...};

    Graph* graph = nullptr;
    std::array<ValueId, sizeof...(Channels)> ids{};

    /// Level 0 is the finest.
    template <int Level>
    auto level() const {
        static_assert(Level >= 0 && Level < count, "StageMaps: there is no such level; levels count from 0 (finest)");
        return Feature<channels[Level], (FinestStride << Level)>{graph, ids[Level]};
    }
};

/// The maps of a feature pyramid, finest first: equal channels, strides FinestStride * 2^i.
template <int Channels, int FinestStride, int Levels>
struct Pyramid {
    static constexpr int channels = Channels;
    static constexpr int finest_stride = FinestStride;
    static constexpr int count = Levels;

    Graph* graph = nullptr;
    std::array<ValueId, Levels> ids{};

    /// Level 0 is the finest.
    template <int Level>
    auto level() const {
        static_assert(Level >= 0 && Level < Levels, "Pyramid: there is no such level; levels count from 0 (finest)");
        return Feature<Channels, (FinestStride << Level)>{graph, ids[Level]};
    }
};

/// Levels that a neck declares against levels that it is given.
template <int DeclaredLevels, int GivenLevels>
struct SameLevels {
    static_assert(DeclaredLevels == GivenLevels, "levels: the layer declares another number of levels than it is given (declared == given is printed here)");
    static constexpr bool agree = DeclaredLevels == GivenLevels;
};

/// Levels that a layer needs against levels that a pyramid has.
template <int NeededLevels, int GivenLevels>
struct EnoughLevels {
    static_assert(NeededLevels <= GivenLevels, "levels: the layer needs more levels than the pyramid has (needed <= given is printed here)");
    static constexpr bool agree = NeededLevels <= GivenLevels;
};

}  // namespace regulus
