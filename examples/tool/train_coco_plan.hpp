#pragma once
// What a training on annotated pictures is, before it begins.
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <regulus/evaluate/panoptic_quality.hpp>
#include <regulus/train/detector_recipe.hpp>
#include <regulus/train/detector_teacher.hpp>
#include <regulus/zoo/zoo.hpp>

#include "given_proposals.hpp"
#include "train_run.hpp"

namespace tool {

/// Annotated pictures of a data set.
struct AnnotatedPictures {
    regulus::CocoDataset dataset;            // file names are paths
    std::vector<std::int64_t> category_ids;  // of each of the model's classes; empty: they are found by name
    std::string from;                        // for messages
    std::string identity;                    // of what stands in them
};

/// A folder of pictures, and the file that says what is on them.
struct PictureFiles {
    std::string images, annotations;
};

/// What the user chooses.
struct CocoOptions {
    std::string model, weights, rule, norms, optimiser = "sgd";
    std::function<AnnotatedPictures(const regulus::ModelSpec&)> read;
    PictureFiles validation;  // none: nothing is judged
    std::string panoptic, segments;
    std::string proposals, validation_proposals;  // of detectors that look into given boxes
    std::vector<std::string> frozen;
    std::int64_t epochs = 0, iterations = 0, batch = 0, at_once = 0, save_every = 0, precise = -1;
    double learning_rate = 0, weight_decay = -1, clip = -1, repeat_threshold = -1;
    RunOptions run;
};

/// A data set that was read from the annotations. Throws regulus::ArgumentError for a picture without a file.
AnnotatedPictures pictures_of(const PictureFiles& files, regulus::CocoDataset dataset);

/// The same of COCO's annotations.
AnnotatedPictures read_coco_pictures(const PictureFiles& files);

/// What a run is, before it begins.
struct CocoPlan {
    const regulus::ModelSpec* model = nullptr;
    regulus::Graph graph;
    regulus::Weights start;
    regulus::ModelFacts facts;  // of the result
    regulus::train::DetectorRecipe recipe;  // with the user's changes
    regulus::train::DetectorTraining training;
    std::vector<std::string> frozen;
    std::unique_ptr<regulus::train::CocoTruths> truths;
    std::vector<std::int64_t> category_ids, validation_ids;  // of each of the model's classes; below zero: the annotations have none
    regulus::CocoDataset validation_set;
    std::vector<regulus::PictureSize> sizes;  // of truths->pictures()
    std::vector<double> repeats;              // of the same: how often an epoch shows them; empty: once
    std::vector<int> mirrored;                // of a keypoint head: for each point the one in its place in a mirror
    std::map<std::int64_t, regulus::PanopticAnnotation> panoptic;  // of a semantic head: by picture
    std::vector<std::int64_t> stuff_ids;                           // the same: the category of each label
    regulus::SegmentReader segments;
    GivenProposals proposals, validation_proposals;
    Course course;
    double peak = 0;
    bool has_boxes = false, has_masks = false;
};

/// Reads annotations and weights. Throws regulus::Error for what cannot be read or does not fit; nothing is written.
CocoPlan make_coco_plan(const CocoOptions& options);

}  // namespace tool
