#pragma once
#include <regulus/models/classifier.hpp>
#include <regulus/zoo/classifiers.hpp>

namespace regulus {

REGULUS_INLINE std::vector<ClassifierNetwork> regnety_networks() {
    return {
        {"RegNetY-200MF", [] { return recorded<Classifier<RegNet<regnety_200mf>>>(); }},
        {"RegNetY-400MF", [] { return recorded<Classifier<RegNet<regnety_400mf>>>(); }},
        {"RegNetY-600MF", [] { return recorded<Classifier<RegNet<regnety_600mf>>>(); }},
        {"RegNetY-800MF", [] { return recorded<Classifier<RegNet<regnety_800mf>>>(); }},
        {"RegNetY-1.6GF", [] { return recorded<Classifier<RegNet<regnety_1_6gf>>>(); }},
        {"RegNetY-3.2GF", [] { return recorded<Classifier<RegNet<regnety_3_2gf>>>(); }},
        {"RegNetY-4.0GF", [] { return recorded<Classifier<RegNet<regnety_4_0gf>>>(); }},
        {"RegNetY-6.4GF", [] { return recorded<Classifier<RegNet<regnety_6_4gf>>>(); }},
        {"RegNetY-8.0GF", [] { return recorded<Classifier<RegNet<regnety_8_0gf>>>(); }},
        {"RegNetY-12GF", [] { return recorded<Classifier<RegNet<regnety_12gf>>>(); }},
        {"RegNetY-16GF", [] { return recorded<Classifier<RegNet<regnety_16gf>>>(); }},
        {"RegNetY-32GF", [] { return recorded<Classifier<RegNet<regnety_32gf>>>(); }},
        {"RegNetY-800MF-tv", [] { return recorded<Classifier<RegNet<regnety_800mf_tv>>>(); }},
        {"RegNetY-8.0GF-tv", [] { return recorded<Classifier<RegNet<regnety_8_0gf_tv>>>(); }},
        {"RegNetY-64GF", [] { return recorded<Classifier<RegNet<regnety_64gf>>>(); }},
        {"RegNetY-256GF", [] { return recorded<Classifier<RegNet<regnety_256gf>>>(); }},
        {"RegNetY-128GF", [] { return recorded<Classifier<RegNet<regnety_128gf>>>(); }},
    };
}

}  // namespace regulus
