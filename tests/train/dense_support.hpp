#pragma once
// The cases of data_files/train/dense_loss.safetensors.
#include <cmath>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include <regulus/train/dense_loss.hpp>
#include <regulus/weights/read_weights.hpp>

namespace regulus::testing {

inline Tensor integers(const std::vector<std::int32_t>& values) {
    Tensor tensor(Shape{std::int64_t(values.size())}, DType::i32);
    std::copy(values.begin(), values.end(), tensor.data<std::int32_t>());
    return tensor;
}

/// A file of tensors that a script beside it made.
struct TrainFile {
    Weights tensors;
    explicit TrainFile(const std::string& name) : tensors(read_weights(std::string(REGULUS_TEST_DATA) + "/train/" + name + ".safetensors")) {}

    const Tensor& at(const std::string& name) const {
        const Tensor* found = tensors.find(name);
        REQUIRE_MESSAGE(found != nullptr, name);
        return *found;
    }
};

/// Pictures, truths and maps of a head with two levels of six anchors and two classes.
struct DenseCase {
    TrainFile file{"dense_loss"};
    std::vector<ops::DecodeAnchors> levels;
    std::vector<train::DenseMaps> maps;
    std::vector<train::Truth2d> truths;

    /// An objectness head has every second of the score channels.
    explicit DenseCase(bool objectness) {
        for (const std::string level : {"0", "1"}) {
            ops::DecodeAnchors& decode = levels.emplace_back();
            decode.stride = level == "0" ? 16 : 32;
            decode.classes = objectness ? 1 : 2;
            const Tensor& base = file.at("base" + level);
            for (std::int64_t i = 0; i < base.shape()[0]; ++i) std::copy_n(base.data<float>() + 4 * i, 4, decode.anchors.emplace_back().begin());
            const Tensor& logits = file.at("logits" + level);
            Tensor every_second(Shape{logits.shape()[0], logits.shape()[1] / 2, logits.shape()[2], logits.shape()[3]}, DType::f32);
            const std::int64_t area = logits.shape()[2] * logits.shape()[3];
            for (std::int64_t i = 0; i < every_second.numel(); ++i) every_second.data<float>()[i] = logits.data<float>()[i / area * 2 * area + i % area];
            maps.push_back({objectness ? every_second : logits, file.at("deltas" + level)});
        }
        for (const std::string picture : {"0", "1", "2", "3"}) truths.push_back({file.at("boxes" + picture), file.at("labels" + picture), file.at("ignored" + picture)});
    }
    const Tensor& info() const { return file.at("image_info"); }
};

}  // namespace regulus::testing
