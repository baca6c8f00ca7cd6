#pragma once
#include <regulus/models/classifier.hpp>
#include <regulus/zoo/classifiers.hpp>

namespace regulus {

REGULUS_INLINE std::vector<ClassifierNetwork> regnetx_networks() {
    return {
        {"RegNetX-200MF", [] { return recorded<Classifier<RegNet<regnetx_200mf>>>(); }},
        {"RegNetX-400MF", [] { return recorded<Classifier<RegNet<regnetx_400mf>>>(); }},
        {"RegNetX-600MF", [] { return recorded<Classifier<RegNet<regnetx_600mf>>>(); }},
        {"RegNetX-800MF", [] { return recorded<Classifier<RegNet<regnetx_800mf>>>(); }},
        {"RegNetX-1.6GF", [] { return recorded<Classifier<RegNet<regnetx_1_6gf>>>(); }},
        {"RegNetX-3.2GF", [] { return recorded<Classifier<RegNet<regnetx_3_2gf>>>(); }},
        {"RegNetX-4.0GF", [] { return recorded<Classifier<RegNet<regnetx_4_0gf>>>(); }},
        {"RegNetX-6.4GF", [] { return recorded<Classifier<RegNet<regnetx_6_4gf>>>(); }},
        {"RegNetX-8.0GF", [] { return recorded<Classifier<RegNet<regnetx_8_0gf>>>(); }},
        {"RegNetX-12GF", [] { return recorded<Classifier<RegNet<regnetx_12gf>>>(); }},
        {"RegNetX-16GF", [] { return recorded<Classifier<RegNet<regnetx_16gf>>>(); }},
        {"RegNetX-32GF", [] { return recorded<Classifier<RegNet<regnetx_32gf>>>(); }},
        {"RegNetX-400MF-tv", [] { return recorded<Classifier<RegNet<regnetx_400mf_tv>>>(); }},
    };
}

}  // namespace regulus
