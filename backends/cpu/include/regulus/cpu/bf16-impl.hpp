#pragma once
// bfloat16: the upper half of a float32. And which values of a graph may be kept in it.
#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

#include <regulus/cpu/simd.hpp>
#include <regulus/graph/graph.hpp>

namespace regulus::cpu {

using Bf16 = std::uint16_t;

/// The nearest bfloat16, ties to even; NaN stays NaN.
inline Bf16 bf16_of(float value) {
    const std::uint32_t bits = std::bit_cast<std::uint32_t>(value);
    const std::uint32_t rounded = bits + 0x7FFFu + ((bits >> 16) & 1u);
    return Bf16((value != value ? bits | 0x400000u : rounded) >> 16);
}

inline float float_of(Bf16 value) { return std::bit_cast<float>(std::uint32_t(value) << 16); }

/// The parts of a float32 number, whose sum it is; what NaN or infinity becomes has a NaN among them. Ties are rounded away from zero.
inline std::array<Bf16, 3> split_of(float value) {
    const auto nearest = [](float x) { return std::bit_cast<float>((std::bit_cast<std::uint32_t>(x) + 0x8000u) & 0xFFFF0000u); };
    const float first = nearest(value), second = nearest(value - first);
    return {bf16_of(first), bf16_of(second), bf16_of(value - first - second)};
}

/// Of a map in either precision.
inline std::size_t element_bytes(bool is_bf16) { return is_bf16 ? sizeof(Bf16) : sizeof(float); }

// What is written once for both.
REGULUS_ALWAYS_INLINE float as_float(float value) { return value; }
REGULUS_ALWAYS_INLINE float as_float(Bf16 value) { return float_of(value); }
REGULUS_ALWAYS_INLINE void set(float& to, float value) { to = value; }
REGULUS_ALWAYS_INLINE void set(Bf16& to, float value) { to = bf16_of(value); }

/// Whether a step multiplies matrices; in bfloat16 its inputs and its output may each be float32 or bfloat16.
inline bool multiplies_tiles(const Operation& operation) {
    if (const auto* conv = std::get_if<ops::Conv2d>(&operation)) return conv->activation != Activation::sigmoid;
    if (const auto* linear = std::get_if<ops::Linear>(&operation)) return linear->activation != Activation::sigmoid;
    const auto* deconv = std::get_if<ops::ConvTranspose2d>(&operation);
    return deconv != nullptr && deconv->kernel == deconv->stride && deconv->padding == 0 && deconv->activation != Activation::sigmoid;
}

/// How many of a step's first inputs are maps that lie in its output's precision; 0 for steps that know float32 only.
inline std::size_t maps_like_output(const Node& node) {
    const Operation& operation = node.operation;
    if (std::holds_alternative<ops::Concat>(operation)) return node.inputs.size();
    if (const auto* pool = std::get_if<ops::Pool2d>(&operation)) return pool->kind == ops::Pool2d::Kind::maximum ? 1 : 0;
    if (const auto* resize = std::get_if<ops::Resize>(&operation)) return resize->mode != ops::Resize::Mode::nearest ? 0 : resize->adds ? 2 : 1;
    if (const auto* align = std::get_if<ops::RoiAlign>(&operation)) return align->strides.size();
    return 0;
}

/// Per value whether it is kept in bfloat16: what matrix products, maxima, enlargements, concatenations and RoIAlign make and nothing else reads.
inline std::vector<bool> bf16_maps(const Graph& graph) {
    std::vector<bool> kept(graph.values.size());
    for (const Node& node : graph.nodes) kept[std::size_t(node.outputs[0])] = node.outputs.size() == 1 && (multiplies_tiles(node.operation) || maps_like_output(node) != 0);
    for (const auto& [name, id] : graph.outputs) kept[std::size_t(id)] = false;
    for (bool changed = true; changed;) {
        changed = false;
        const auto give_up = [&](ValueId id) {
            changed = changed || kept[std::size_t(id)];
            kept[std::size_t(id)] = false;
        };
        for (const Node& node : graph.nodes) {
            if (multiplies_tiles(node.operation)) continue;
            const std::size_t maps = std::min(maps_like_output(node), node.inputs.size());
            bool all = maps != 0 && kept[std::size_t(node.outputs[0])];
            for (std::size_t i = 0; i < maps; ++i) all = all && kept[std::size_t(node.inputs[i])];
            const bool reads_one = std::holds_alternative<ops::Resize>(node.operation) && maps == 1;  // of the other it needs the size
            for (std::size_t i = all ? maps : 0; i < (reads_one ? 1 : node.inputs.size()); ++i) give_up(node.inputs[i]);
            if (!all) std::for_each(node.outputs.begin(), node.outputs.end(), give_up);
        }
    }
    return kept;
}

}  // namespace regulus::cpu
