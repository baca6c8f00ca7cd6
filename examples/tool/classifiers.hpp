#pragma once
// Which classifier and which weights the user means.
#include <string>

#include <regulus/weights/weights.hpp>
#include <regulus/zoo/classifiers.hpp>

namespace tool {

/// A classifier with weights that fit it.
struct LoadedClassifier {
    const regulus::ClassifierSpec* model = nullptr;
    regulus::Weights weights;  // as read; not yet under our names
};

/// From --model and --weights. Without a model: the one whose published file has the name of this file, else those whose parameters the file fits, if all of
/// them see pictures alike. `weights` may be "seeded" or "seeded:SALT". Throws regulus::ArgumentError when it stays open which network is meant.
LoadedClassifier load_classifier(const std::string& model, const std::string& weights);

/// Names of classes, one a line; empty lines at the end do not count. Throws regulus::FileError.
std::vector<std::string> read_labels(const std::string& path);

}  // namespace tool
