// A classifier as a type: several pictures as one batch, their five most probable classes, and the mean of each channel of the last stage as a feature
// vector, of which the angle between two pictures is made. Header-only: include, link dnnl, jpeg and png, run.
#include <cmath>
#include <iomanip>
#include <iostream>
#include <vector>

#include <regulus/cpu.hpp>
#include <regulus/models/classifier.hpp>
#include <regulus/pipeline/classifier.hpp>
#include <regulus/weights/read_weights.hpp>

using Network = regulus::Classifier<regulus::RegNet<regulus::regnetx_3_2gf>>;

int main(int argc, char** argv) {
    if (argc < 3) {
        std::cerr << "usage: classify WEIGHTS PICTURE...     WEIGHTS: RegNetX-3.2GF_dds_8gpu.pyth of pycls, or the same network's file of another program\n";
        return 2;
    }
    try {
        // Pictures are prepared as pycls does it; another program's weights want a ClassifierFacts of their own as third argument.
        const regulus::ImageClassifier<Network> classify{regulus::CpuBackend{}, regulus::read_weights(argv[1]), regulus::CompileOptions{.extra_outputs = {"pooled"}}};
        std::vector<regulus::Image> pictures;
        for (int i = 2; i < argc; ++i) pictures.push_back(regulus::read_classify_image(argv[i], classify.facts().preprocessing));

        const std::vector<regulus::Classification> found = classify(pictures);  // one batch, whatever their sizes
        std::cout << std::fixed << std::setprecision(2);
        for (std::size_t i = 0; i < found.size(); ++i) {
            std::cout << argv[i + 2] << '\n';
            for (const regulus::ClassScore& c : found[i].top(5)) std::cout << "  " << std::setw(6) << 100 * c.probability << " %  " << c.name << '\n';
        }

        const regulus::Outputs outputs = classify.features(pictures);
        const regulus::Tensor& pooled = outputs["pooled"];  // [n, 1008, 1, 1]
        const std::size_t channels = std::size_t(pooled.shape()[1]);
        const auto dot = [&](std::size_t a, std::size_t b) {
            double sum = 0;
            for (std::size_t c = 0; c < channels; ++c) sum += double(pooled.data<float>()[a * channels + c]) * double(pooled.data<float>()[b * channels + c]);
            return sum;
        };
        for (std::size_t i = 1; i < pictures.size(); ++i) std::cout << argv[2] << " and " << argv[i + 2] << ": cosine " << dot(0, i) / std::sqrt(dot(0, 0) * dot(i, i)) << '\n';
    } catch (const regulus::Error& error) {
        std::cerr << error.what() << '\n';
        return 2;
    }
}
