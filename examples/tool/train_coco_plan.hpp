#pragma once
// What a run of `regulus train coco` is, before it begins.
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <regulus/evaluate/panoptic_quality.hpp>
#include <regulus/train/detector_recipe.hpp>
#include <regulus/train/detector_teacher.hpp>
#include <regulus/zoo/zoo.hpp>

#include "train_run.hpp"

namespace tool {

/// What the user chooses.
struct CocoOptions {
    std::string model, weights, rule, norms, optimiser = "sgd";
    std::string images, annotations, val_images, val_annotations, panoptic, segments;
    std::vector<std::string> frozen;
    std::int64_t epochs = 0, iterations = 0, batch = 0, at_once = 0, save_every = 0;
    double learning_rate = 0, weight_decay = -1, clip = -1;
    RunOptions run;
};

/// Annotated pictures in a folder.
struct CocoPictures {
    std::string folder;
    std::vector<std::int64_t> category_ids;  // of each of the model's classes; below zero: the annotations have none
};

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
    CocoPictures pictures, validation;
    regulus::CocoDataset validation_set;
    std::vector<regulus::PictureSize> sizes;  // of truths->pictures()
    std::vector<int> mirrored;                // of a keypoint head: for each point the one in its place in a mirror
    std::map<std::int64_t, regulus::PanopticAnnotation> panoptic;  // of a semantic head: by picture
    std::vector<std::int64_t> stuff_ids;                           // the same: the category of each label
    regulus::SegmentReader segments;
    Course course;
    double peak = 0;
    bool has_boxes = false, has_masks = false;
};

/// Reads annotations and weights. Throws regulus::Error for what cannot be read or does not fit; nothing is written.
CocoPlan make_coco_plan(const CocoOptions& options);

}  // namespace tool
