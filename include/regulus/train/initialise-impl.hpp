#pragma once
#include <cmath>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <regulus/core/error.hpp>
#include <regulus/train/blocks.hpp>
#include <regulus/train/initialise.hpp>
#include <regulus/weights/misfits.hpp>
#include <regulus/weights/to_float32.hpp>

namespace regulus::train {

namespace detail {

using Law = Initialisation::Law;

inline constexpr Initialisation zeros{Law::constant, 0}, ones{Law::constant, 1};

inline bool begins_with(std::string_view text, std::string_view prefix) { return text.substr(0, prefix.size()) == prefix; }

/// A layer's weight, as the rules look at it.
struct LayerFacts {
    std::string part;   // of the network: "backbone", "rpn", ...
    std::string layer;  // "conv1", "logits", ...
    double fan_in = 1;  // as PyTorch counts: axis 1 times the kernel's area; groups are not seen in fan_out, axes 0 and 1 of a transposed weight not exchanged
    double fan_out = 1;
    int groups = 1;
    bool is_linear = false, is_transposed = false, is_deformable = false;
};

inline LayerFacts layer_facts(const Node& node, const Parameter& weight) {
    LayerFacts facts;
    const std::string path = weight.name.substr(0, weight.name.rfind('.'));
    facts.part = path.substr(0, path.find('.'));
    facts.layer = path.substr(path.rfind('.') + 1);
    double area = 1;
    for (int axis = 2; axis < weight.shape.rank(); ++axis) area *= double(weight.shape[axis]);
    facts.fan_in = double(weight.shape[1]) * area;
    facts.fan_out = double(weight.shape[0]) * area;
    if (const auto* conv = std::get_if<ops::Conv2d>(&node.operation)) facts.groups = conv->groups;
    if (const auto* deform = std::get_if<ops::DeformConv2d>(&node.operation)) facts.groups = deform->conv.groups, facts.is_deformable = true;
    facts.is_transposed = std::holds_alternative<ops::ConvTranspose2d>(node.operation);
    facts.is_linear = weight.shape.rank() == 2;
    return facts;
}

/// A layer's weight and bias.
struct LayerLaw {
    Initialisation weight, bias = zeros;
};

inline Initialisation normal(double deviation) { return {Law::normal, deviation}; }
inline Initialisation kaiming_normal(const LayerFacts& facts) { return normal(std::sqrt(2 / facts.fan_out)); }
inline Initialisation kaiming_uniform(const LayerFacts& facts) { return {Law::uniform, std::sqrt(3 / facts.fan_in)}; }  // of slope 1: Caffe2's "xavier"
inline Initialisation xavier_uniform(const LayerFacts& facts) { return {Law::uniform, std::sqrt(6 / (facts.fan_in + facts.fan_out))}; }

/// What a layer of PyTorch has that nobody initialises.
inline LayerLaw framework(const LayerFacts& facts) {
    const Initialisation uniform{Law::uniform, 1 / std::sqrt(facts.fan_in)};
    return {uniform, uniform};
}

/// The rules of one code base.
class Rules {
public:
    Rules(const Graph& graph, const std::string& code_base) : is_resnet_(graph.find_label("stem_pool") != no_value) {
        const std::pair<const char*, Base> bases[] = {{"pycls", Base::pycls},         {"mmpretrain", Base::mmpretrain},   {"torchvision", Base::torchvision},    {"timm", Base::timm},
                                                      {"detectron2", Base::detectron2}, {"mmdetection", Base::mmdetection}, {"mmdetection3d", Base::mmdetection3d}};
        std::string known;
        for (const auto& [name, base] : bases) {
            if (code_base == name) {
                base_ = base;
                return;
            }
            known += std::string(known.empty() ? "" : ", ") + name;
        }
        throw ArgumentError("initialise: \"" + code_base + "\" has no rules here; there are those of " + known);
    }

    /// Whether the last norm of a residual branch begins with zeros, so that each block begins as its shortcut.
    bool zeroes_last_norms() const { return base_ == Base::timm || base_ == Base::mmpretrain || is_mm(); }

    LayerLaw of(const LayerFacts& facts) const {
        const std::string& part = facts.part;
        if (part == "neck") return neck(facts);
        if (part == "rpn") return {normal(0.01)};
        if (part == "head") {  // one-stage detectors: every anchor begins as background with probability 0.99
            return {normal(0.01), facts.layer == "logits" ? Initialisation{Law::constant, -std::log(99.0)} : zeros};
        }
        if (part == "box_head") return box_head(facts);
        if (part == "mask_head") return mask_head(facts);
        if (part == "keypoint_head" || part == "semantic_head") return {kaiming_normal(facts)};
        if (part == "pillar_net") return framework(facts);
        return facts.is_linear ? classifier(facts) : backbone(facts);
    }

private:
    enum class Base : std::uint8_t { pycls, mmpretrain, torchvision, timm, detectron2, mmdetection, mmdetection3d };

    bool is_mm() const { return base_ == Base::mmdetection || base_ == Base::mmdetection3d; }

    LayerLaw classifier(const LayerFacts& facts) const {
        return is_resnet_ && (base_ == Base::torchvision || base_ == Base::timm) ? framework(facts) : LayerLaw{normal(0.01)};
    }

    LayerLaw backbone(const LayerFacts& facts) const {
        if (facts.layer == "offset") return {zeros};  // taps begin where a plain convolution has them
        if (facts.is_deformable && is_mm()) return {{Law::uniform, 1 / std::sqrt(facts.fan_in * facts.groups)}};
        if (base_ == Base::mmpretrain && !is_resnet_) return framework(facts);
        if (base_ == Base::timm) return {is_resnet_ ? kaiming_normal(facts) : normal(std::sqrt(2 * facts.groups / facts.fan_out))};
        return {kaiming_normal(facts), is_mm() || base_ == Base::mmpretrain ? zeros : framework(facts).bias};
    }

    LayerLaw neck(const LayerFacts& facts) const {
        if (!is_mm()) return {kaiming_uniform(facts)};
        if (facts.is_transposed) return {kaiming_normal(facts)};
        if (base_ == Base::mmdetection3d && facts.layer[0] != 'c' && facts.layer[0] != 'p') return framework(facts);  // of SECOND's neck, no pyramid level
        return {xavier_uniform(facts)};
    }

    LayerLaw box_head(const LayerFacts& facts) const {
        if (!facts.is_linear) return {kaiming_normal(facts)};
        if (base_ == Base::torchvision) return framework(facts);
        if (facts.layer == "logits") return {normal(0.01)};
        if (facts.layer == "deltas") return {normal(0.001)};
        return {is_mm() ? xavier_uniform(facts) : kaiming_uniform(facts)};
    }

    LayerLaw mask_head(const LayerFacts& facts) const {
        if (base_ == Base::detectron2 && facts.layer == "logits") return {normal(0.001)};
        const bool predicts = facts.layer == "logits" || facts.layer == "upsample";
        return {kaiming_normal(facts), base_ == Base::torchvision && predicts ? framework(facts).bias : zeros};
    }

    bool is_resnet_;
    Base base_ = Base::pycls;
};

/// Fills tensors whose initialisation is `how`.
inline void fill(const std::vector<InitialParameter>& parameters, std::vector<Tensor>& tensors, std::uint64_t seed, int threads) {
    std::vector<Block> blocks;
    std::vector<std::uint64_t> keys;
    for (std::size_t i = 0; i < parameters.size(); ++i) {
        keys.push_back(random_key(seed, parameters[i].name));
        add_blocks(blocks, i, tensors[i].numel());
    }
    for_each_block(blocks, threads, [&](std::size_t b) {
        const Block& block = blocks[b];
        const Initialisation& how = parameters[block.tensor].initialisation;
        const std::uint64_t key = keys[block.tensor];
        float* const values = tensors[block.tensor].data<float>();
        for (std::int64_t i = block.begin; i < block.end; ++i) {
            if (how.law == Law::constant) values[i] = float(how.value);
            else if (how.law == Law::normal) values[i] = float(how.value * random_normal(key, std::uint64_t(i)));
            else values[i] = float(how.value * (2 * uniform_of(random_bits(key, std::uint64_t(i))) - 1));
        }
    });
}

}  // namespace detail

REGULUS_INLINE std::vector<InitialParameter> initial_parameters(const Graph& graph, const std::string& code_base) {
    using Kind = LearnedParameter::Kind;
    const detail::Rules rules(graph, code_base);
    std::vector<InitialParameter> parameters;
    std::set<std::string> known;
    for (const Node& node : graph.nodes) {
        const bool is_norm_node = std::holds_alternative<ops::BatchNorm>(node.operation) || std::holds_alternative<ops::GroupNorm>(node.operation);
        const Parameter* layer_weight = nullptr;
        for (const Parameter& parameter : node.parameters) {
            if (parameter.shape.rank() >= 2) layer_weight = &parameter;
            if (!known.insert(parameter.name).second) continue;  // a head shared by several levels
            const std::size_t dot = parameter.name.rfind('.');
            const std::string path = parameter.name.substr(0, dot == std::string::npos ? 0 : dot), what = parameter.name.substr(path.empty() ? 0 : dot + 1);
            const bool is_norm = is_norm_node || (path.size() >= 5 && path.compare(path.size() - 5, 5, ".norm") == 0);
            InitialParameter initial{parameter.name, parameter.shape, Kind::weight, detail::zeros};
            if (what == "running_mean" || what == "running_var") {
                initial.kind = Kind::statistic;
                initial.initialisation = what == "running_var" ? detail::ones : detail::zeros;
            } else if (is_norm) {
                initial.kind = what == "bias" ? Kind::norm_bias : Kind::norm_weight;
                const bool is_last = path.size() >= 7 && path.compare(path.size() - 7, 7, ".c.norm") == 0 && (detail::begins_with(path, "backbone.") || detail::begins_with(path, "shared_head."));
                initial.initialisation = what == "bias" || (is_last && rules.zeroes_last_norms()) ? detail::zeros : detail::ones;
            } else {
                if (layer_weight == nullptr) throw ArgumentError("initialise: no rule covers \"" + parameter.name + "\" " + to_string(parameter.shape) + " of " + graph.name);
                const detail::LayerLaw law = rules.of(detail::layer_facts(node, *layer_weight));
                initial.kind = parameter.shape.rank() >= 2 ? Kind::weight : Kind::bias;
                initial.initialisation = initial.kind == Kind::weight ? law.weight : law.bias;
            }
            parameters.push_back(std::move(initial));
        }
    }
    return parameters;
}

REGULUS_INLINE Weights initial_weights(const Graph& graph, const std::string& code_base, std::uint64_t seed, int threads) { return initial_weights(graph, code_base, seed, Weights{}, {""}, threads); }

REGULUS_INLINE Weights initial_weights(const Graph& graph, const std::string& code_base, std::uint64_t seed, const Weights& weights, const std::vector<std::string>& anew, int threads) {
    const auto begins_anew = [&](const std::string& name) {
        for (const std::string& prefix : anew) {
            if (detail::begins_with(name, prefix)) return true;
        }
        return false;
    };
    const std::vector<InitialParameter> parameters = initial_parameters(graph, code_base);
    std::vector<InitialParameter> random;
    std::vector<Tensor> random_tensors;
    regulus::detail::Misfits misfits;
    std::set<std::string> known;
    for (const InitialParameter& parameter : parameters) {
        known.insert(parameter.name);
        const Tensor* const given = weights.find(parameter.name);
        if (begins_anew(parameter.name)) {
            random.push_back(parameter);
            random_tensors.emplace_back(parameter.shape, DType::f32);
        } else if (given == nullptr) {
            misfits.missing.push_back(parameter.name + " " + to_string(parameter.shape));
        } else if (!(given->shape() == parameter.shape)) {
            misfits.misshapen.push_back(parameter.name + " is " + to_string(given->shape()) + ", the model has " + to_string(parameter.shape));
        } else if (!regulus::detail::is_float(given->dtype())) {
            misfits.misshapen.push_back(parameter.name + " holds " + name_of(given->dtype()) + ", the model needs floating point");
        }
    }
    for (const Weights::Entry& entry : weights.entries()) {
        if (known.find(entry.name) == known.end() && !begins_anew(entry.name)) misfits.unexpected.push_back(entry.name + " " + to_string(entry.tensor.shape()));
    }
    if (!misfits.empty()) throw WeightError("initialise: " + weights.source + " does not fit " + graph.name + misfits.text());
    detail::fill(random, random_tensors, seed, threads);

    Weights result;
    result.source = weights.empty() ? "random:" + std::to_string(seed) : weights.source;
    std::size_t next = 0;
    for (const InitialParameter& parameter : parameters) {
        if (begins_anew(parameter.name)) {
            result.add(parameter.name, random_tensors[next++]);
            continue;
        }
        const Tensor& given = *weights.find(parameter.name);
        result.add(parameter.name, given.dtype() == DType::f32 ? given.clone() : to_float32(given));
    }
    return result;
}

}  // namespace regulus::train
