#pragma once
// From points to a canvas, and from the canvas's gradient back to the parameters of the pillar net.
#include <string>

#include <regulus/graph/kernels/gather_pillars.hpp>
#include <regulus/reference/learning_kernel.hpp>
#include <regulus/reference/learning_norm.hpp>
#include <regulus/reference/pillars.hpp>

namespace regulus::reference {

using train::integers;

inline std::int64_t sum_of(const std::int32_t* counts, std::int64_t clouds) {
    std::int64_t sum = 0;
    for (std::int64_t i = 0; i < clouds; ++i) sum += counts[i];
    return sum;
}

/// Which cell a point lies in has no gradient.
class VoxelizeLearning final : public NodeKernel<ops::Voxelize> {
public:
    using NodeKernel::NodeKernel;

    std::size_t scratch_bytes() const override { return kernels::voxelize_scratch(op_, in_[0][0]); }
    void forward(const Arguments& arguments) override {
        float* const* const to = arguments.outputs.data();
        kernels::voxelize(op_, arguments.inputs[0], in_[0][0], integers(arguments.inputs[1]), in_[1][0], {integers(to[0]), integers(to[1]), integers(to[2]), integers(to[3])}, integers(to[4]),
                          arguments.scratch);
    }
    void backward(const Arguments&) override {}
};

/// The pillar net over all slots of all pillars, those without a point too, in double; the way back makes everything anew. Points have no gradient (zeros, where somebody
/// asks); rows behind the last pillar are zeros.
class EncodePillarsLearning final : public NodeKernel<ops::EncodePillars> {
public:
    EncodePillarsLearning(const Node& node, const std::vector<Shape>& inputs, const std::vector<Shape>& outputs, const train::LearningRules& rules)
        : NodeKernel(std::get<ops::EncodePillars>(node.operation), inputs, outputs, rules), name_(node.name) {}

    bool backward_reads_inputs() const override { return true; }
    std::size_t scratch_bytes() const override {
        std::int64_t doubles = 2 * slot_bound() * widest(), in = op_.decorated();
        for (const int unit : op_.units) {
            doubles += slot_bound() * (in + unit) + 3 * std::int64_t(unit);
            in = 2 * std::int64_t(unit);
        }
        return std::size_t(doubles) * sizeof(double) + std::size_t(threads_ * per_pillar() * op_.decorated()) * sizeof(float);
    }

    void forward(const Arguments& arguments) override {
        const std::int64_t pillars = pillars_of(arguments);
        train::need_pillar_variance("reference", name_, pillars * per_pillar(), op_.units.size(), rules_);
        std::fill_n(arguments.outputs[0] + pillars * op_.units.back(), (in_[4][0] - pillars) * op_.units.back(), 0.f);
        const std::vector<Layer> layers = evaluate(arguments, pillars);
        if (pillars > 0) move_statistics(layers, double(pillars * per_pillar()), arguments.norm_momentum);
        parallel_for(threads_, pillars, [&](int, std::int64_t pillar) {
            for (std::int64_t o = 0; o < op_.units.back(); ++o) arguments.outputs[0][pillar * op_.units.back() + o] = float(pooled(arguments, layers.back(), pillar, o));
        });
    }

    void backward(const Arguments& arguments) override {
        if (arguments.input_gradients[0] != nullptr) std::fill_n(arguments.input_gradients[0], in_[0].numel(), 0.f);
        const std::int64_t pillars = pillars_of(arguments), slots = pillars * per_pillar();
        const std::vector<Layer> layers = evaluate(arguments, pillars);
        double* const gradient = layers.back().end;                      // [slots, unit] by a layer's values, then by its sums
        double* const by_rows = gradient + slot_bound() * widest();      // [slots, in]
        std::fill_n(gradient, slots * op_.units.back(), 0.0);
        for (std::int64_t pillar = 0; pillar < pillars; ++pillar) {
            for (std::int64_t o = 0; o < op_.units.back(); ++o) spread(arguments, layers.back(), pillar, o, double(arguments.output_gradients[0][pillar * op_.units.back() + o]), gradient);
        }
        for (std::size_t which = layers.size(); which-- > 0;) {
            const Layer& layer = layers[which];
            through_norm(arguments, layer, slots, gradient);
            to_weight(arguments, layer, slots, gradient);
            if (which == 0) break;
            const Layer& before = layers[which - 1];
            parallel_for(threads_, slots, [&](int, std::int64_t slot) {
                for (std::int64_t i = 0; i < layer.in; ++i) {
                    double sum = 0;
                    for (std::int64_t o = 0; o < layer.unit; ++o) sum += gradient[slot * layer.unit + o] * double(layer.parameters[0][o * layer.in + i]);
                    by_rows[slot * layer.in + i] = sum;
                }
            });
            for (std::int64_t slot = 0; slot < slots; ++slot) std::copy_n(by_rows + slot * layer.in, before.unit, gradient + slot * before.unit);
            for (std::int64_t pillar = 0; pillar < pillars; ++pillar) {
                for (std::int64_t o = 0; o < before.unit; ++o) {
                    double of_all = 0;  // what stands beside every slot's own values
                    for (std::int64_t slot = pillar * per_pillar(); slot < (pillar + 1) * per_pillar(); ++slot) of_all += by_rows[slot * layer.in + before.unit + o];
                    spread(arguments, before, pillar, o, of_all, gradient);
                }
            }
        }
    }

private:
    /// A layer and what it made of the slots.
    struct Layer {
        std::size_t number;
        std::int64_t in, unit;
        double* rows;              // [slots, in]
        double* sums;              // [slots, unit]: rows . weight^T
        Moments* moments;          // [unit]
        double* end;
        float* const* parameters;  // weight [unit, in], the norm's weight, bias, running mean, running variance

        double normed(std::int64_t slot, std::int64_t o) const { return (sums[slot * unit + o] - moments[o].mean) * moments[o].factor; }
        double value(std::int64_t slot, std::int64_t o) const {
            const double shifted = normed(slot, o) * double(parameters[1][o]) + double(parameters[2][o]);
            return shifted < 0 ? 0 : shifted;
        }
    };

    std::int64_t per_pillar() const { return op_.voxels.max_points; }
    std::int64_t slot_bound() const { return in_[4][0] * per_pillar(); }
    std::int64_t pillars_of(const Arguments& arguments) const { return sum_of(integers(arguments.inputs[5]), in_[5][0]); }
    std::int64_t points_of(const Arguments& arguments, std::int64_t pillar) const { return integers(arguments.inputs[3])[pillar]; }
    std::int64_t widest() const { return std::max<std::int64_t>(kernels::pillar_row_width(op_), op_.units.back()); }

    std::vector<Layer> evaluate(const Arguments& arguments, std::int64_t pillars) const {
        const std::int64_t slots = pillars * per_pillar();
        std::vector<Layer> layers;
        double* memory = reinterpret_cast<double*>(arguments.scratch);
        for (std::size_t which = 0; which < op_.units.size(); ++which) {
            Layer layer{which, which == 0 ? op_.decorated() : 2 * std::int64_t(op_.units[which - 1]), op_.units[which], memory, nullptr, nullptr, nullptr, arguments.parameters.data() + 5 * which};
            layer.sums = layer.rows + slot_bound() * layer.in;
            layer.moments = reinterpret_cast<Moments*>(layer.sums + slot_bound() * layer.unit);
            memory = layer.end = layer.sums + slot_bound() * layer.unit + 3 * layer.unit;
            layers.push_back(layer);
        }
        decorate(arguments, pillars, layers.front().rows, reinterpret_cast<float*>(memory + 2 * slot_bound() * widest()));
        for (std::size_t which = 0; which < layers.size(); ++which) {
            const Layer& layer = layers[which];
            if (which > 0) hand_on(arguments, layers[which - 1], pillars, layer.rows);
            parallel_for(threads_, slots, [&](int, std::int64_t slot) {
                for (std::int64_t o = 0; o < layer.unit; ++o) {
                    double sum = 0;
                    for (std::int64_t i = 0; i < layer.in; ++i) sum += layer.rows[slot * layer.in + i] * double(layer.parameters[0][o * layer.in + i]);
                    layer.sums[slot * layer.unit + o] = sum;
                }
            });
            parallel_for(threads_, layer.unit, [&](int, std::int64_t o) { layer.moments[o] = moments_for(layer, slots, o); });
        }
        return layers;
    }

    static_assert(sizeof(Moments) == 3 * sizeof(double));
    Moments moments_for(const Layer& layer, std::int64_t slots, std::int64_t o) const {
        if (!rules_.stored(layer.number)) return moments_of(layer.sums + o, slots, layer.unit, 1, op_.norm_eps);
        const double variance = double(layer.parameters[4][o]);
        return {double(layer.parameters[3][o]), variance, 1 / std::sqrt(variance + op_.norm_eps)};
    }

    /// Slots without a point are zeros.
    void decorate(const Arguments& arguments, std::int64_t pillars, double* rows, float* scratch) const {
        const std::int64_t width = op_.decorated(), all = per_pillar() * width;
        parallel_for(threads_, pillars, [&](int thread, std::int64_t pillar) {
            float* const own = scratch + thread * all;
            std::fill_n(own, all, 0.f);
            kernels::decorate_pillar(op_, arguments.inputs[0], integers(arguments.inputs[1]) + integers(arguments.inputs[2])[pillar], points_of(arguments, pillar), integers(arguments.inputs[4]) + 3 * pillar,
                                     own, width, std::int64_t(1));
            std::copy_n(own, all, rows + pillar * all);
        });
    }

    /// The first slot with the greatest value; a NaN is greater than all.
    std::int64_t greatest(const Layer& layer, std::int64_t pillar, std::int64_t o) const {
        std::int64_t found = pillar * per_pillar();
        for (std::int64_t slot = found; slot < (pillar + 1) * per_pillar(); ++slot) {
            const double value = layer.value(slot, o), best = layer.value(found, o);
            if (value > best || (value != value && best == best)) found = slot;
        }
        return found;
    }

    double pooled(const Arguments& arguments, const Layer& layer, std::int64_t pillar, std::int64_t o) const {
        if (!op_.average) return layer.value(greatest(layer, pillar, o), o);
        double sum = 0;
        for (std::int64_t slot = pillar * per_pillar(); slot < (pillar + 1) * per_pillar(); ++slot) sum += layer.value(slot, o);
        return sum / double(std::max<std::int64_t>(points_of(arguments, pillar), 1));
    }

    /// The way back of pooled(): adds to gradient [slots, unit].
    void spread(const Arguments& arguments, const Layer& layer, std::int64_t pillar, std::int64_t o, double of_all, double* gradient) const {
        if (!op_.average) {
            gradient[greatest(layer, pillar, o) * layer.unit + o] += of_all;
            return;
        }
        for (std::int64_t slot = pillar * per_pillar(); slot < (pillar + 1) * per_pillar(); ++slot) gradient[slot * layer.unit + o] += of_all / double(std::max<std::int64_t>(points_of(arguments, pillar), 1));
    }

    /// rows [slots, 2 unit]: each slot's own values, and those of all beside them.
    void hand_on(const Arguments& arguments, const Layer& layer, std::int64_t pillars, double* rows) const {
        parallel_for(threads_, pillars, [&](int, std::int64_t pillar) {
            for (std::int64_t o = 0; o < layer.unit; ++o) {
                const double of_all = pooled(arguments, layer, pillar, o);
                for (std::int64_t slot = pillar * per_pillar(); slot < (pillar + 1) * per_pillar(); ++slot) {
                    rows[slot * 2 * layer.unit + o] = layer.value(slot, o);
                    rows[(slot * 2 + 1) * layer.unit + o] = of_all;
                }
            }
        });
    }

    void move_statistics(const std::vector<Layer>& layers, double count, double momentum) const {
        for (const Layer& layer : layers) {
            if (rules_.stored(layer.number)) continue;
            for (std::int64_t o = 0; o < layer.unit; ++o) {
                const auto move = [&](float& running, double towards) { running = float((1 - momentum) * double(running) + momentum * towards); };
                move(layer.parameters[3][o], layer.moments[o].mean);
                move(layer.parameters[4][o], layer.moments[o].variance * count / (count - 1));
            }
        }
    }

    /// From the gradient by a layer's values to the one by its sums, in place; what the norm learns is added.
    void through_norm(const Arguments& arguments, const Layer& layer, std::int64_t slots, double* gradient) const {
        float *const by_weight = parameter_gradient(arguments, 5 * layer.number + 1), *const by_bias = parameter_gradient(arguments, 5 * layer.number + 2);
        parallel_for(threads_, layer.unit, [&](int, std::int64_t o) {
            double sum = 0, product = 0;
            for (std::int64_t slot = 0; slot < slots; ++slot) {
                double& own = gradient[slot * layer.unit + o];
                if (!(layer.value(slot, o) > 0)) own = 0;
                sum += own;
                product += own * layer.normed(slot, o);
            }
            if (by_weight != nullptr) by_weight[o] = float(double(by_weight[o]) + product);
            if (by_bias != nullptr) by_bias[o] = float(double(by_bias[o]) + sum);
            const double scale = double(layer.parameters[1][o]) * layer.moments[o].factor;
            for (std::int64_t slot = 0; slot < slots; ++slot) {
                const double lost = rules_.stored(layer.number) ? 0 : (sum + layer.normed(slot, o) * product) / double(slots);
                gradient[slot * layer.unit + o] = scale * (gradient[slot * layer.unit + o] - lost);
            }
        });
    }

    void to_weight(const Arguments& arguments, const Layer& layer, std::int64_t slots, const double* gradient) const {
        float* const by_weight = parameter_gradient(arguments, 5 * layer.number);
        if (by_weight == nullptr) return;
        parallel_for(threads_, layer.unit * layer.in, [&](int, std::int64_t pair) {
            double sum = 0;
            for (std::int64_t slot = 0; slot < slots; ++slot) sum += gradient[slot * layer.unit + pair / layer.in] * layer.rows[slot * layer.in + pair % layer.in];
            by_weight[pair] = float(double(by_weight[pair]) + sum);
        });
    }

    std::string name_;
};

/// A pillar takes the gradient of its cell of the canvas.
class ScatterPillarsLearning final : public NodeKernel<ops::ScatterPillars> {
public:
    using NodeKernel::NodeKernel;

    bool backward_reads_inputs() const override { return true; }
    std::size_t scratch_bytes() const override { return std::size_t(area()) * sizeof(std::int32_t); }

    void forward(const Arguments& arguments) override { scatter_pillars<float>(op_, arguments.inputs[0], integers(arguments.inputs[1]), integers(arguments.inputs[2]), out(arguments)); }

    void backward(const Arguments& arguments) override {
        float* const to = arguments.input_gradients[0];
        if (to == nullptr) return;
        const std::int32_t *const cells = integers(arguments.inputs[1]), *const counts = integers(arguments.inputs[2]);
        std::int64_t first = 0;
        for (std::int64_t cloud = 0; cloud < out_[0][0]; first += counts[cloud++]) {
            kernels::gather_pillars(op_, arguments.output_gradients[0] + cloud * op_.channels * area(), cells + 3 * first, counts[cloud], area(), std::int64_t(1),
                                    reinterpret_cast<std::int32_t*>(arguments.scratch), to + first * op_.channels);
        }
        std::fill(to + first * op_.channels, to + in_[0].numel(), 0.f);
    }

private:
    std::int64_t area() const { return std::int64_t(op_.height) * op_.width; }
};

}  // namespace regulus::reference
