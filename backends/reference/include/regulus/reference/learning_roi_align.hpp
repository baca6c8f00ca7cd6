#pragma once
// RoIAlign that learns: each bin's gradient goes back to the pixels that its samples mix.
#include <regulus/reference/learning_kernel.hpp>
#include <regulus/reference/roi_align.hpp>

namespace regulus::reference {

/// Boxes, and how many each picture has, are kept for the way back; boxes have no gradient (zeros, where somebody asks). Rows behind the last picture's are zeros.
class RoiAlignLearning final : public NodeKernel<ops::RoiAlign> {
public:
    using NodeKernel::NodeKernel;

    std::size_t kept_bytes() const override { return std::size_t(4 * rows()) * sizeof(float) + std::size_t(images()) * sizeof(std::int32_t); }
    std::size_t scratch_bytes() const override {
        std::int64_t area = 0;
        for (std::size_t level = 0; level < op_.strides.size(); ++level) area = std::max(area, in_[level][2] * in_[level][3]);
        return std::size_t(threads_) * (samples_bytes() + std::size_t(area) * sizeof(double));
    }

    void forward(const Arguments& arguments) override {
        float* const boxes = reinterpret_cast<float*>(arguments.kept);
        std::int32_t* const counts = reinterpret_cast<std::int32_t*>(boxes + 4 * rows());
        std::copy_n(arguments.inputs[op_.strides.size()], 4 * rows(), boxes);
        std::copy_n(reinterpret_cast<const std::int32_t*>(arguments.inputs[op_.strides.size() + 1]), images(), counts);
        std::vector<View<const float>> maps;
        for (std::size_t level = 0; level < op_.strides.size(); ++level) maps.push_back(in(arguments, level));
        std::fill_n(arguments.outputs[0], out_[0].numel(), 0.f);
        roi_align<float>(op_, maps, boxes, counts, out(arguments), arguments.scratch, samples_bytes(), threads_);
    }

    void backward(const Arguments& arguments) override {
        for (std::size_t level = 0; level < op_.strides.size(); ++level) {
            if (arguments.input_gradients[level] != nullptr) to_level(arguments, level);
        }
        float* const to_boxes = arguments.input_gradients[op_.strides.size()];
        if (to_boxes != nullptr) std::fill_n(to_boxes, 4 * rows(), 0.f);
    }

private:
    std::int64_t rows() const { return out_[0][0]; }
    std::int64_t images() const { return in_[0][0]; }
    std::int64_t bins() const { return std::int64_t(op_.size) * op_.size; }
    std::size_t samples_bytes() const {
        std::int64_t height = 0, width = 0;
        for (std::size_t level = 0; level < op_.strides.size(); ++level) {
            height = std::max(height, in_[level][2]);
            width = std::max(width, in_[level][3]);
        }
        return roi_scratch<float>(op_, height, width);
    }

    void to_level(const Arguments& arguments, std::size_t level) const {
        const float* boxes = reinterpret_cast<const float*>(arguments.kept);
        const std::int32_t* counts = reinterpret_cast<const std::int32_t*>(boxes + 4 * rows());
        const std::int64_t channels = in_[level][1], area = in_[level][2] * in_[level][3];
        Arguments sums_behind_samples = arguments;
        sums_behind_samples.scratch += std::size_t(threads_) * samples_bytes();
        parallel_for(threads_, images() * channels, [&](int thread, std::int64_t plane) {
            const std::int64_t image = plane / channels, channel = plane % channels;
            double* sums = zeros(sums_behind_samples, thread, area);
            std::int64_t first = 0;
            for (std::int64_t before = 0; before < image; ++before) first += counts[before];
            for (std::int64_t row = first; row < first + counts[image]; ++row) {
                const kernels::Box<float> box = kernels::load_box(boxes + 4 * row);
                if (std::size_t(kernels::roi_level(op_, box)) != level) continue;
                add_region(box, level, arguments.output_gradients[0] + (row * channels + channel) * bins(), arguments.scratch + std::size_t(thread) * samples_bytes(), sums);
            }
            std::transform(sums, sums + area, arguments.input_gradients[level] + plane * area, [](double sum) { return float(sum); });
        });
    }

    /// Spreads the bins of one region and channel; `scratch` takes the samples of both axes.
    void add_region(const kernels::Box<float>& box, std::size_t level, const float* gradient, std::byte* scratch, double* sums) const {
        const std::int64_t height = in_[level][2], width = in_[level][3];
        const kernels::RoiAxis<float> y_axis = kernels::roi_axis(op_, op_.strides[level], box.y1, box.y2);
        const kernels::RoiAxis<float> x_axis = kernels::roi_axis(op_, op_.strides[level], box.x1, box.x2);
        auto* const y_samples = reinterpret_cast<kernels::AxisSample<float>*>(scratch);
        auto* const x_samples = y_samples + kernels::roi_axis_capacity(op_, height);
        auto* const y_begin = reinterpret_cast<std::int32_t*>(x_samples + kernels::roi_axis_capacity(op_, width));
        auto* const x_begin = y_begin + op_.size + 1;
        kernels::roi_axis_samples(op_, y_axis, height, y_samples, y_begin);
        kernels::roi_axis_samples(op_, x_axis, width, x_samples, x_begin);
        const double count = double(std::max<std::int64_t>(y_axis.samples * x_axis.samples, 1));
        for (int bin_y = 0; bin_y < op_.size; ++bin_y) {
            for (int bin_x = 0; bin_x < op_.size; ++bin_x) {
                const double share = double(*gradient++) / count;
                for (std::int32_t i = y_begin[bin_y]; i < y_begin[bin_y + 1]; ++i) {
                    for (std::int32_t j = x_begin[bin_x]; j < x_begin[bin_x + 1]; ++j) {
                        const kernels::AxisSample<float>&y = y_samples[i], &x = x_samples[j];
                        sums[y.low * width + x.low] += share * double(y.low_weight) * double(x.low_weight);
                        sums[y.low * width + x.high] += share * double(y.low_weight) * double(x.high_weight);
                        sums[y.high * width + x.low] += share * double(y.high_weight) * double(x.low_weight);
                        sums[y.high * width + x.high] += share * double(y.high_weight) * double(x.high_weight);
                    }
                }
            }
        }
    }
};

}  // namespace regulus::reference
