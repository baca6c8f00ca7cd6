// Whole classifiers on one and on eight crops of 224 x 224 pixels.
#include <string>

#include <regulus/models/classifier.hpp>

#include "support/bench.hpp"

namespace {

using namespace regulus;
using namespace regulus::bench;

template <class Backbone>
void bench_classifier(const std::string& name) {
    for (const int n : {1, 8}) bench_model(sized("classifier/" + name + "/n:" + std::to_string(n), 224, 224), [] { return recorded<Classifier<Backbone>>(); }, InputSize{n, 224, 224});
}

const bool registered = [] {
    bench_classifier<RegNet<regnetx_400mf>>("regnetx_400mf");
    bench_classifier<RegNet<regnetx_1_6gf>>("regnetx_1.6gf");
    bench_classifier<RegNet<regnetx_3_2gf>>("regnetx_3.2gf");
    bench_classifier<RegNet<regnetx_8_0gf>>("regnetx_8.0gf");
    bench_classifier<RegNet<regnetx_12gf>>("regnetx_12gf");
    bench_classifier<RegNet<regnety_8_0gf>>("regnety_8.0gf");
    return true;
}();

}  // namespace
