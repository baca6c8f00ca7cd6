#pragma once
// Which classifier and which weights the user means.
#include <string>
#include <vector>

#include <regulus/weights/read_weights.hpp>
#include <regulus/zoo/classifiers.hpp>

namespace tool {

/// A classifier with weights that fit it.
struct LoadedClassifier {
    const regulus::ClassifierSpec* model = nullptr;
    regulus::Weights weights;  // as read; not yet under our names
    regulus::Graph graph;      // of the model, with as many classes as the head of the weights, or without a head as they are
    std::int64_t classes = 0;
    std::string note;          // what the user should be told; empty: nothing

    /// Facts for these weights: the user's class names (a file of --labels), if there are any, go before those of the file. Throws regulus::ArgumentError when
    /// their count is another than that of the classes.
    regulus::ClassifierFacts facts_with(const std::string& labels);
};

/// From --model and --weights. Without a model: the one whose published file has the name of this file, else those whose parameters the file fits, if all of
/// them see pictures alike. A head of another number of classes than the published one (a checkpoint that was trained on) is taken as it is, and noted.
/// `weights` may be "seeded" or "seeded:SALT". Throws regulus::ArgumentError when it stays open which network is meant, and for a backbone without a head unless
/// `headless_too`: then the graph has none either, and no classes. `reading`: which group of a file, trained weights or their average.
LoadedClassifier load_classifier(const std::string& model, const std::string& weights, bool headless_too = false, const regulus::ReadOptions& reading = {});

/// Weights under our names without a classifier's head, for a detector's backbone.
regulus::Weights without_classifier(const regulus::Weights& ours);

/// The same of a classifier's file of any layout, with or without its head, however it saw pictures. Throws as load_classifier.
regulus::Weights load_backbone(const std::string& weights);

/// The lines of a text file; empty ones at the end do not count. Throws regulus::FileError, also for a file without lines.
std::vector<std::string> read_lines(const std::string& path);

}  // namespace tool
