#pragma once
#include <cmath>
#include <limits>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <regulus/core/error.hpp>
#include <regulus/train/blocks.hpp>
#include <regulus/train/optimiser.hpp>

namespace regulus::train {

namespace detail {

inline bool learns(const LearnedParameter& parameter) { return parameter.kind != LearnedParameter::Kind::statistic && !parameter.gradient.empty(); }

inline void need_learnable(const char* who, const LearnedParameter& parameter) {
    const Tensor &value = parameter.value, &gradient = parameter.gradient;
    if (value.dtype() == DType::f32 && gradient.dtype() == DType::f32 && value.shape() == gradient.shape()) return;
    throw ShapeError(std::string(who) + ": \"" + parameter.name + "\" is " + name_of(value.dtype()) + " " + to_string(value.shape()) + ", its gradient " + name_of(gradient.dtype()) + " " +
                     to_string(gradient.shape()) + "; both must be float32 of one shape");
}

inline void need_in_range(const char* what, double value, double least, double below) {
    if (value >= least && value < below) return;
    throw ArgumentError(std::string("optimiser: ") + what + " must be at least " + std::to_string(least) + " and less than " + std::to_string(below) + ", got " + std::to_string(value));
}

inline const char* name_of(const OptimiserSettings& settings) { return std::holds_alternative<Sgd>(settings) ? "sgd" : "adamw"; }

/// The elements of a parameter that a step moves. Pointers of what the settings do not keep are null.
struct MovedElements {
    float* value;
    const float* gradient;
    float* first;
    float* second;
    std::int64_t count;
};

inline void sgd_step(const MovedElements& x, double momentum, bool nesterov, double decay, double rate) {
    if (x.first == nullptr) {
        for (std::int64_t i = 0; i < x.count; ++i) x.value[i] = float(double(x.value[i]) - rate * (double(x.gradient[i]) + decay * double(x.value[i])));
        return;
    }
    const double drawn = nesterov ? 1 : 0, along = nesterov ? momentum : 1;  // shares of d and of v
    for (std::int64_t i = 0; i < x.count; ++i) {
        const double d = double(x.gradient[i]) + decay * double(x.value[i]);
        x.first[i] = float(momentum * double(x.first[i]) + d);
        x.value[i] = float(double(x.value[i]) - rate * (drawn * d + along * double(x.first[i])));
    }
}

inline void adamw_step(const MovedElements& x, const AdamW& adam, double decay, double rate, double first_correction, double second_correction) {
    const double shrink = 1 - rate * decay, step = rate / first_correction, root = std::sqrt(second_correction);
    for (std::int64_t i = 0; i < x.count; ++i) {
        const double g = double(x.gradient[i]);
        x.first[i] = float(adam.beta1 * double(x.first[i]) + (1 - adam.beta1) * g);
        x.second[i] = float(adam.beta2 * double(x.second[i]) + (1 - adam.beta2) * g * g);
        x.value[i] = float(shrink * double(x.value[i]) - step * double(x.first[i]) / (std::sqrt(double(x.second[i])) / root + adam.epsilon));
    }
}

}  // namespace detail

REGULUS_INLINE Optimiser::Optimiser(const OptimiserSettings& settings, int threads) : settings_(settings), threads_(threads) {
    constexpr double no_limit = std::numeric_limits<double>::infinity();
    if (threads < 0) throw ArgumentError("optimiser: the number of threads must not be negative, got " + std::to_string(threads));
    const double decay = std::visit([](const auto& of) { return of.decay.amount; }, settings);
    detail::need_in_range("the weight decay", decay, 0, no_limit);
    if (const Sgd* sgd = std::get_if<Sgd>(&settings)) {
        detail::need_in_range("the momentum", sgd->momentum, 0, 1);
        if (sgd->nesterov && sgd->momentum == 0) throw ArgumentError("optimiser: Nesterov's rule needs a momentum that is not 0");
    } else {
        const AdamW& adam = std::get<AdamW>(settings);
        detail::need_in_range("beta1", adam.beta1, 0, 1);
        detail::need_in_range("beta2", adam.beta2, 0, 1);
        detail::need_in_range("epsilon", adam.epsilon, 0, no_limit);
    }
}

REGULUS_INLINE void Optimiser::step(std::span<LearnedParameter> parameters, double learning_rate, std::optional<double> momentum) {
    if (!(learning_rate >= 0 && std::isfinite(learning_rate))) throw ArgumentError("optimiser: the learning rate must be finite and not negative, got " + std::to_string(learning_rate));
    OptimiserSettings settings = settings_;  // of this step
    Sgd* const sgd = std::get_if<Sgd>(&settings);
    const bool keeps = sgd == nullptr || sgd->momentum != 0;
    if (momentum) {
        detail::need_in_range("the momentum", *momentum, 0, 1);
        if (!keeps) throw ArgumentError("optimiser: it keeps no momentum, a step cannot have one");
        (sgd != nullptr ? sgd->momentum : std::get<AdamW>(settings).beta1) = *momentum;
    }
    std::set<std::string> names;
    std::map<std::string, Kept> fresh;  // of parameters that move for the first time
    for (const LearnedParameter& parameter : parameters) {
        if (!detail::learns(parameter)) continue;
        detail::need_learnable("optimiser", parameter);
        if (!names.insert(parameter.name).second) throw ArgumentError("optimiser: two parameters are called \"" + parameter.name + "\"");
        if (!keeps) continue;
        const Shape& shape = parameter.value.shape();
        const auto known = kept_.find(parameter.name);
        if (known == kept_.end()) {
            fresh[parameter.name] = {Tensor::zeros(shape), sgd != nullptr ? Tensor() : Tensor::zeros(shape), 0};
        } else if (known->second.first.shape() != shape) {
            throw ShapeError("optimiser: \"" + parameter.name + "\" is " + to_string(shape) + ", it was " + to_string(known->second.first.shape()) + " before");
        }
    }
    kept_.merge(fresh);

    struct Moved {
        LearnedParameter* parameter;
        Kept* kept;
    };
    std::vector<Moved> moved;
    std::vector<detail::Block> blocks;
    for (LearnedParameter& parameter : parameters) {
        if (!detail::learns(parameter)) continue;
        detail::add_blocks(blocks, moved.size(), parameter.value.numel());
        moved.push_back({&parameter, keeps ? &kept_.at(parameter.name) : nullptr});
    }
    for (const Moved& of : moved) {
        if (of.kept != nullptr) ++of.kept->steps;
    }
    detail::for_each_block(blocks, threads_, [&](std::size_t i) {
        const detail::Block& block = blocks[i];
        const Moved& of = moved[block.tensor];
        const auto from = [&](Tensor& tensor) { return tensor.empty() ? nullptr : tensor.data<float>() + block.begin; };
        const detail::MovedElements elements{from(of.parameter->value), from(of.parameter->gradient), of.kept != nullptr ? from(of.kept->first) : nullptr,
                                             of.kept != nullptr ? from(of.kept->second) : nullptr, block.end - block.begin};
        if (sgd != nullptr) {
            detail::sgd_step(elements, sgd->momentum, sgd->nesterov, sgd->decay.of(of.parameter->kind), learning_rate);
        } else {
            const AdamW& adam = std::get<AdamW>(settings);
            const double steps = double(of.kept->steps);
            detail::adamw_step(elements, adam, adam.decay.of(of.parameter->kind), learning_rate, 1 - std::pow(adam.beta1, steps), 1 - std::pow(adam.beta2, steps));
        }
    });
}

REGULUS_INLINE Weights Optimiser::state() const {
    Weights state;
    state.source = "optimiser";
    state.metadata["regulus.optimiser"] = detail::name_of(settings_);
    for (const auto& [name, kept] : kept_) {
        if (std::holds_alternative<Sgd>(settings_)) {
            state.add("momentum/" + name, kept.first.clone());
            continue;
        }
        Tensor steps(Shape{1}, DType::i64);
        *steps.data<std::int64_t>() = kept.steps;
        state.add("first/" + name, kept.first.clone());
        state.add("second/" + name, kept.second.clone());
        state.add("steps/" + name, std::move(steps));
    }
    return state;
}

REGULUS_INLINE void Optimiser::restore(std::span<const LearnedParameter> parameters, const Weights& state) {
    const auto named = state.metadata.find("regulus.optimiser");
    if (named == state.metadata.end() || named->second != detail::name_of(settings_)) {
        throw WeightError("optimiser: " + state.source + " is the state of " + (named == state.metadata.end() ? std::string("no optimiser") : named->second) + ", this is " + detail::name_of(settings_));
    }
    const bool is_sgd = std::holds_alternative<Sgd>(settings_);
    if (is_sgd && std::get<Sgd>(settings_).momentum == 0 && !state.empty()) throw WeightError("optimiser: " + state.source + " has momentum, this optimiser uses none");
    std::map<std::string, Kept> kept;
    std::size_t taken = 0;
    for (const LearnedParameter& parameter : parameters) {
        const auto find = [&](const char* part, const Shape& shape, DType dtype) {
            const Tensor* tensor = state.find(part + parameter.name);
            if (tensor == nullptr) throw WeightError("optimiser: " + state.source + " lacks \"" + part + parameter.name + "\"");
            if (tensor->shape() != shape || tensor->dtype() != dtype) {
                throw WeightError("optimiser: \"" + (part + parameter.name) + "\" of " + state.source + " is " + regulus::name_of(tensor->dtype()) + " " + to_string(tensor->shape()) + ", needed is " +
                                  regulus::name_of(dtype) + " " + to_string(shape));
            }
            ++taken;
            return tensor->clone();
        };
        const Shape& shape = parameter.value.shape();
        if (is_sgd) {
            if (state.find("momentum/" + parameter.name) != nullptr) kept[parameter.name] = {find("momentum/", shape, DType::f32), Tensor(), 1};
        } else if (state.find("first/" + parameter.name) != nullptr) {
            Kept& of = kept[parameter.name];
            of = {find("first/", shape, DType::f32), find("second/", shape, DType::f32), *find("steps/", Shape{1}, DType::i64).data<std::int64_t>()};
            if (of.steps < 1) throw WeightError("optimiser: \"steps/" + parameter.name + "\" of " + state.source + " must be positive, it is " + std::to_string(of.steps));
        }
    }
    if (taken != state.size()) {
        for (const Weights::Entry& entry : state.entries()) {
            const std::size_t slash = entry.name.find('/');
            const std::string name = slash == std::string::npos ? "" : entry.name.substr(slash + 1);
            if (kept.find(name) == kept.end() || (is_sgd && entry.name != "momentum/" + name)) throw WeightError("optimiser: " + state.source + " has \"" + entry.name + "\", which is of no parameter here");
        }
        throw WeightError("optimiser: " + state.source + " has " + std::to_string(state.size()) + " tensors, of which " + std::to_string(taken) + " are of parameters here");
    }
    kept_ = std::move(kept);
}

REGULUS_INLINE double clip_gradients(std::span<LearnedParameter> parameters, double max_norm, int threads) {
    if (!(max_norm > 0)) throw ArgumentError("clip_gradients: max_norm must be positive, got " + std::to_string(max_norm));
    std::vector<float*> gradients;
    std::vector<detail::Block> blocks;
    for (LearnedParameter& parameter : parameters) {
        if (!detail::learns(parameter)) continue;
        detail::need_learnable("clip_gradients", parameter);
        detail::add_blocks(blocks, gradients.size(), parameter.gradient.numel());
        gradients.push_back(parameter.gradient.data<float>());
    }
    std::vector<double> sums(blocks.size(), 0);
    detail::for_each_block(blocks, threads, [&](std::size_t i) {
        const float* const gradient = gradients[blocks[i].tensor];
        double sum = 0;
        for (std::int64_t k = blocks[i].begin; k < blocks[i].end; ++k) sum += double(gradient[k]) * double(gradient[k]);
        sums[i] = sum;
    });
    double square = 0;
    for (const double sum : sums) square += sum;
    const double norm = std::sqrt(square), factor = max_norm / (norm + 1e-6);
    if (!std::isfinite(norm)) throw ArgumentError("clip_gradients: the gradients' norm is " + std::to_string(norm) + "; the training diverges, try a smaller learning rate");
    if (factor >= 1) return norm;
    detail::for_each_block(blocks, threads, [&](std::size_t i) {
        float* const gradient = gradients[blocks[i].tensor];
        for (std::int64_t k = blocks[i].begin; k < blocks[i].end; ++k) gradient[k] = float(factor * double(gradient[k]));
    });
    return norm;
}

}  // namespace regulus::train
