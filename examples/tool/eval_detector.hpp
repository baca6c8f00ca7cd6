#pragma once
// What the evaluations of detectors share: a detector run over the pictures of a data set, and its results as rows in COCO's format.
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <regulus/evaluate/coco_evaluation.hpp>

#include "eval_run.hpp"
#include "given_proposals.hpp"
#include "picture_detector.hpp"

namespace regulus {
struct ModelSpec;
}

namespace tool {

/// What the user chooses.
struct DetectorOptions {
    std::string model, weights, images, annotations, proposals, results, json;
    std::string device = "cpu";
    std::string precision = "f32";
    double score = 0;
    int mmdetection = 3;
    std::vector<std::int64_t> augment;
    int threads = 0;
    bool skip_broken = false;
};

/// --model, --weights, --images and all that says how a detector runs; --annotations, --results, --json and --score are each command's own.
void add_detector_options(CLI::App& command, DetectorOptions& options);

/// Whether a file is judged alone (--results). Throws regulus::ArgumentError when a detector is asked for besides, or neither is.
bool judges_file(const DetectorOptions& options);

struct EvalPicture {
    std::int64_t id = 0;
    std::string name;  // as the annotations have it
    std::string path;
};

/// A data set's pictures and what is to find objects on them.
struct DetectorRun {
    std::vector<EvalPicture> pictures;
    std::optional<PictureDetector> detector;
    GivenProposals given;
    std::string identity;
};

/// The pictures that COCO annotations list, in the folder of --images. Throws regulus::ArgumentError when there are none or one has no file_name.
std::vector<EvalPicture> pictures_of(const DetectorOptions& options, const regulus::CocoDataset& dataset);

/// A detector for `pictures`. `check` sees the model before it is compiled; `command` begins the identity of the journal ("regulus eval 1"), truth is what the
/// identity says of the annotations.
DetectorRun prepare_detector(const DetectorOptions& options, const Ranks& ranks, std::vector<EvalPicture> pictures, const std::string& command, const std::string& truth,
                             const std::function<void(const regulus::ModelSpec&)>& check = nullptr);

/// Every picture of the run; rows(found, i) is a line of text about picture i.
EvalItems items_of(const DetectorOptions& options, const DetectorRun& run, std::function<std::string(const regulus::DetectionList&, std::size_t)> rows);

/// The data set's category id of each class of the model, by name; -1 for a class that the data set lacks. Throws regulus::ArgumentError when the model lacks one of
/// the categories.
std::vector<std::int64_t> match_categories(const regulus::ModelFacts& facts, const std::vector<regulus::CocoCategory>& categories, const std::string& model);

/// A picture's rows of a COCO results file on one line: those of `score` and of a category.
std::string rows_of(const regulus::DetectionList& found, std::int64_t image_id, float score, const std::vector<std::int64_t>& categories);

/// The text of the results file.
std::string results_of(const EvalRows& finished);

/// What of the results the annotations can judge; says what they cannot. Throws regulus::ArgumentError when that is all.
std::vector<regulus::CocoKind> kinds_to_judge(const regulus::CocoDataset& dataset, std::span<const regulus::CocoDetection> results);

}  // namespace tool
