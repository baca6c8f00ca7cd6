#pragma once
#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include <regulus/core/error.hpp>
#include <regulus/train/precise_norms.hpp>

namespace regulus::train {

namespace detail {

/// Running statistics that are those of the last batch alone for a while, and then what they were.
class BatchStatistics {
public:
    explicit BatchStatistics(Learner& learner) : learner_(learner), momentum_(learner.norm_momentum()) {
        for (LearnedParameter& parameter : learner.parameters()) {
            if (parameter.kind == LearnedParameter::Kind::statistic) kept_.emplace_back(&parameter, parameter.value.clone());
        }
        learner.set_norm_momentum(1);
    }
    ~BatchStatistics() {
        for (auto& [parameter, before] : kept_) std::copy_n(before.data<float>(), before.numel(), parameter->value.data<float>());
        learner_.set_norm_momentum(momentum_);
    }
    BatchStatistics(const BatchStatistics&) = delete;
    BatchStatistics& operator=(const BatchStatistics&) = delete;

private:
    Learner& learner_;
    double momentum_;
    std::vector<std::pair<LearnedParameter*, Tensor>> kept_;
};

}  // namespace detail

REGULUS_INLINE Weights precise_norms(Learner& learner, std::int64_t batches, const std::function<void(std::int64_t)>& look) {
    if (batches < 1) throw ArgumentError("precise_norms: statistics need one batch at least, got " + std::to_string(batches));
    const detail::BatchStatistics of_batches(learner);
    std::vector<std::vector<double>> sums;  // of each parameter that is a statistic
    for (std::int64_t batch = 0; batch < batches; ++batch) {
        look(batch);
        std::size_t which = 0;
        for (const LearnedParameter& parameter : learner.parameters()) {
            if (parameter.kind != LearnedParameter::Kind::statistic) continue;
            if (batch == 0) sums.emplace_back(std::size_t(parameter.value.numel()));
            std::vector<double>& sum = sums[which++];
            for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += double(parameter.value.data<float>()[i]);
        }
    }
    Weights weights;
    std::size_t which = 0;
    for (const LearnedParameter& parameter : learner.parameters()) {
        Tensor value = parameter.value.clone();
        if (parameter.kind == LearnedParameter::Kind::statistic) {
            const std::vector<double>& sum = sums[which++];
            std::transform(sum.begin(), sum.end(), value.data<float>(), [&](double all) { return float(all / double(batches)); });
        }
        weights.add(parameter.name, std::move(value));
    }
    return weights;
}

}  // namespace regulus::train
